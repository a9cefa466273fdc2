"""Dissolves and fades are found where they are, and motion and light are none."""

import os

import numpy as np
import pytest
from array_record.python import array_record_module

from tests.data import clips, transitions
from vgjax.data import array_records, gradual, scenes
from vgjax.data.__main__ import main
from vgjax.data.prepare import record


@pytest.fixture(scope="module")
def films():
  return [film for _, _, film in transitions.films(None)]


def test_most_dissolves_and_fades_are_found_and_nothing_else(films):
  found = transitions.count(films, trials=12)
  assert all(wrong == 0 for _, _, wrong in found.values()), found
  assert all(right >= done - 1 for key, (right, done, _) in found.items() if key != ("fade", 0.35)), found


@pytest.mark.parametrize("kind", transitions.KINDS)
def test_they_begin_and_end_where_they_do(films, kind):
  one, other = films[0], films[1]
  for seconds in (0.5, 1.0, 2.0):
    film, begin, end = transitions.join(one, other, seconds, kind)
    ((first, last),) = gradual.find(film, transitions.FPS)
    assert abs(first - (begin - 1)) <= 6 and abs(last - end) <= 6, (seconds, first, last, begin, end)


def test_a_film_without_has_none(films):
  still = np.repeat(films[0][:1], 120, axis=0)
  light = np.clip(still * np.linspace(0.3, 1.6, 120)[:, None, None, None], 0, 255).astype(np.uint8)
  cut = np.concatenate([films[0][:60], films[1][:60]])
  blended = cut.copy()  # as converters of frame rates make them
  blended[60] = (cut[59].astype(int) + cut[60]) // 2
  flash = films[0].copy()
  flash[60:62] = 255
  for number, film in enumerate([*films, still, light, cut, blended, flash]):
    assert gradual.find(film, transitions.FPS) == [], number


def test_a_fade_at_an_end_of_the_film_is_between_no_scenes(films):
  level = np.minimum(1, np.arange(120) / 30)[:, None, None, None]
  rising = np.rint(films[0] * level).astype(np.uint8)
  assert gradual.find(rising, transitions.FPS) == [] == gradual.find(rising[::-1], transitions.FPS)


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_short_films(films, count):
  assert gradual.find(films[0][:count], transitions.FPS) == []


def test_long_films_are_looked_at_in_pieces(films, monkeypatch):
  film = transitions.join(films[0], films[1], 1.0, "dissolve")[0]
  film = np.concatenate([film, films[2], film])
  whole = gradual.find(film, transitions.FPS)
  assert len(whole) == 2
  for chunk in (7, 30, 64):
    monkeypatch.setattr(gradual, "_CHUNK", chunk)
    assert gradual.find(film, transitions.FPS) == whole


def cameras(count):
  random = np.random.default_rng(1)
  return [transitions.camera(transitions.picture(random), random) for _ in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """One file: a scene, a dissolve of a second, a scene, a cut, a scene, a fade of a second, a scene."""
  root = tmp_path_factory.mktemp("films")
  one, two, three, four = cameras(4)
  dissolve = transitions.join(one, two, 1.0, "dissolve")[0]  # 160 frames, mixed from 40 to 64
  fade = transitions.join(three // 2, four, 1.0, "fade")[0]
  clips.write(root / "a.mp4", np.concatenate([dissolve, fade]), fps=transitions.FPS)
  return root


def test_scenes_end_where_the_next_begins_to_show(folder):
  found = scenes.split(folder / "a.mp4", 0.0, 320 / transitions.FPS)
  borders = [round(second * transitions.FPS) for scene in found for second in scene]
  assert len(borders) == 8 and borders[3] == borders[4] == 160, borders
  assert np.abs(np.array(borders) - [0, 40, 64, 160, 160, 200, 224, 320]).max() <= 6, borders


def test_prepared_clips_hold_one_scene_each(folder, tmp_path):
  words = ["--workers", "0", "--valid", "0", "--test", "0", "--size", "16", "--time", "8", "--min-time", "8"]
  assert main(["prepare", str(folder), str(tmp_path / "out"), *words, "--scene-cuts"]) == 0
  source = array_records.make(split="train", seed=0, path=str(tmp_path / "out"), time=8)
  shown = [range(first, first + 8) for first in (round(s * transitions.FPS - 0.5) for s in starts(source))]
  assert len(shown) >= 26
  for passing in (range(46, 58), range(160, 161), range(206, 218)):
    assert not [frames for frames in shown if frames.start < passing.start < frames.stop], passing


def starts(source):
  """The second at which each record begins."""
  shard = array_record_module.ArrayRecordReader(os.path.join(source.root, source.shards[0]))
  return [record.read_header(data)[0]["start"] for data in shard.read_all()]
