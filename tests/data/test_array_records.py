"""Training from prepared shards: which frames, what goes with them, damaged shards."""

import pickle
import shutil

import numpy as np
import pytest

from tests.data import clips
from tests.data.test_conditions import with_sound
from vgjax.data import array_records, loader
from vgjax.data.__main__ import main
from vgjax.data.manifest import Row, write_manifest
from vgjax.errors import ConfigError, DataError

SPLITS = {"00.mp4": "train", "01.mp4": "train", "02.mp4": "train", "03.mp4": "valid", "04.mp4": "test"}


def rng(*key):
  return np.random.default_rng(key)


@pytest.fixture(scope="module", params=["raw", "h264"])
def prepared(request, tmp_path_factory):
  """Five videos of 30 frames as clips of 12, one shard a video; their names, captions and actions travel."""
  folder = tmp_path_factory.mktemp(request.param)
  rows = []
  for number, (name, split) in enumerate(SPLITS.items()):
    clips.write(folder / name, clips.numbered(30, 32, 48))
    np.save(folder / f"{number}.npy", np.arange(30))
    np.save(folder / "embedding.npy", np.arange(4, dtype=np.float64))
    rows.append(
      Row(name, label="ab"[number % 2], text=name, split=split, action=f"{number}.npy",
          embedding="embedding.npy")
    )  # fmt: skip
  write_manifest(folder / "list.jsonl", rows)
  words = ["prepare", folder, folder / "out", "--manifest", folder / "list.jsonl", "--size", 16,
           "--workers", 0, "--time", 12, "--min-time", 6, "--resize", "--shard-mb", 0.001]  # fmt: skip
  assert main([*map(str, words), *(["--raw"] if request.param == "raw" else [])]) == 0
  return folder / "out"


def make(path, split="train", **fields):
  return array_records.make(split=split, seed=0, path=str(path), **dict(time=4, size=16) | fields)


def test_examples_begin_anywhere_in_training(prepared):
  source = make(prepared, action=True)
  assert len(source) == 9  # three clips of each of three videos: 12, 12 and 6 frames
  for index in range(9):
    first = []
    for seed in range(60):
      example = source.example(index, rng(seed))
      shown = clips.number_of(example["video"])
      assert shown == list(range(shown[0], shown[0] + 4)) == example["action"].tolist()
      assert example["video"].shape == (4, 16, 16, 3) and example["video"].dtype == np.uint8
      first.append(shown[0])
    begin = index % 3 * 12
    assert set(first) == set(range(begin, begin + (3 if begin == 24 else 9)))


def test_validation_is_fixed_and_spread_evenly(prepared):
  source = make(prepared, "valid", clips_per_record=None)
  shown = [clips.number_of(source.example(i, rng(0))["video"])[0] for i in range(len(source))]
  assert shown == [clips.number_of(source.example(i, rng(9))["video"])[0] for i in range(len(source))]
  assert sorted(shown) == [1, 4, 7, 13, 16, 19, 25]
  assert sorted(shown[:3]) == [1, 13, 25]  # first one clip of every record


def test_stride_and_what_is_too_short(prepared):
  source = make(prepared, stride=3)
  assert clips.number_of(source.example(0, rng(1))["video"]) in ([0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11])
  assert len(source) == 6 and source.left_out == 3
  with pytest.raises(DataError, match=r"'train' of .* is empty. 9 records are shorter than 13 frames"):
    make(prepared, time=13)


def test_labels_texts_and_embeddings(prepared):
  source = make(prepared, labels=True, text="bytes", text_length=8)
  seen = {bytes(e["text"]).rstrip(b"\0").decode(): int(e["label"]) for e in _all(source)}
  assert seen == {"00.mp4": 0, "01.mp4": 1, "02.mp4": 0}
  example = make(prepared, text="embedding").example(0, rng(0))
  np.testing.assert_array_equal(example["text"], np.arange(4, dtype=np.float32))
  with pytest.raises(ConfigError, match="without --audio"):
    make(prepared, audio=True)


def _all(source):
  return [source.example(index, rng(0)) for index in range(len(source))]


def test_sound_goes_along_in_step(tmp_path):
  def late(seconds):
    return np.where(seconds >= 1.5, np.sin(440 * 2 * np.pi * seconds), 0) * 0.5

  for name in ("a.mkv", "b.mkv", "c.mkv"):
    with_sound(tmp_path / name, late)
  words = ["prepare", str(tmp_path), str(tmp_path / "out"), "--size", "16", "--audio", "--workers", "0"]
  assert main([*words, "--time", "whole"]) == 0
  source = make(tmp_path / "out", audio=True)
  for seed in range(10):
    example = source.example(0, rng(seed))
    assert example["audio"].shape == (4, 64) and example["has_audio"] == 1
    number = np.array(clips.number_of(example["video"]))
    loud = example["audio"].max(axis=1)
    assert (loud[number >= 16] > loud[number <= 13].max(initial=-99) + 2).all()
  with pytest.raises(ConfigError, match="stride of 1"):
    make(tmp_path / "out", audio=True, stride=2)


def test_the_crop_is_random_in_training_and_central_in_validation(tmp_path):
  ramp = np.repeat(np.arange(96, dtype=np.uint8)[None, None, :, None] * 2, 16, axis=0)
  for number in range(4):
    clips.write(tmp_path / f"{number}.mp4", np.broadcast_to(ramp, (16, 32, 96, 3)))
  words = ["prepare", str(tmp_path), str(tmp_path / "out"), "--size", "32", "--resize", "--workers", "0"]
  assert main(words) == 0
  means = [make(tmp_path / "out", size=32).example(0, rng(k))["video"].mean() for k in range(20)]
  assert np.ptp(means) > 60
  for split, crop in (("valid", "random"), ("train", "center")):
    source = make(tmp_path / "out", split, size=32, crop=crop)
    means = [source.example(0, rng(k))["video"].mean() for k in range(5)]
    assert np.ptp(means) < 1 and abs(means[0] - 95) < 4
  with pytest.raises(ConfigError, match="of different sizes"):
    make(tmp_path / "out", size=None)
  with pytest.raises(ConfigError, match="is more than the records"):
    make(tmp_path / "out", size=64)


def test_transforms_apply_to_training_only(prepared):
  flip = (dict(name="reverse", probability=1.0),)
  for split, step in (("train", -1), ("valid", 1)):
    shown = clips.number_of(make(prepared, split, transforms=flip).example(0, rng(0))["video"])
    assert np.diff(shown).tolist() == [step] * 3


def test_several_at_once_are_the_same_as_one_by_one(prepared):
  source = make(prepared, action=True)
  order = [5, 0, 8, 0, 3]
  together = source.examples(order, [rng(k) for k in range(5)])
  for place, (index, found) in enumerate(zip(order, together)):
    for key, value in source.example(index, rng(place)).items():
      np.testing.assert_array_equal(found[key], value)


def test_batches_are_the_same_with_workers_threads_and_after_a_pickle(prepared):
  source = make(prepared)
  again = pickle.loads(pickle.dumps(source))
  reference = loader.train_batches(source, batch_size=4, seed=0, num_steps=5, threads=0)
  with reference:
    wanted = [batch["video"] for batch in reference]
  for one, options in ((source, dict(threads=3)), (again, dict(workers=1))):
    with loader.train_batches(one, batch_size=4, seed=0, start_step=2, num_steps=5, **options) as batches:
      np.testing.assert_array_equal([batch["video"] for batch in batches], wanted[2:])


def test_the_card_names_the_recipe(prepared, tmp_path):
  source = make(prepared, stride=2)
  card = source.card()
  assert card["recipe"] == source.recipe["hash"] and card["stride"] == 2 and card["num_videos"] == len(source)
  assert source.fingerprint() == make(prepared, stride=2).fingerprint() != make(prepared).fingerprint()


# -- what the reader mends


def test_a_damaged_shard_is_named(prepared, tmp_path):
  out = tmp_path / "out"
  for place in (0, 9, 600):  # the mark of the record, its header, its payload
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(prepared, out)
    path = out / "train-00001.array_record"
    data = bytearray(path.read_bytes())
    data[data.index(b"VGJ1") + place] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"train-00001\.array_record.*damaged: remove the folder"):
      _all(make(out))


def test_a_shard_missing_or_cut_short_is_named(prepared, tmp_path):
  out = tmp_path / "out"
  shutil.copytree(prepared, out)
  path = out / "train-00002.array_record"
  path.write_bytes(path.read_bytes()[:1000])
  with pytest.raises(DataError, match=r"train-00002\.array_record has 1000 bytes instead of"):
    make(out)
  path.unlink()
  with pytest.raises(DataError, match=r"train-00002\.array_record is missing"):
    make(out)
  assert len(make(out, "valid"))
  (out / "recipe.json").write_text(
    (out / "recipe.json").read_text().replace('"complete": true', '"complete": false')
  )
  with pytest.raises(DataError, match="is not finished: run the same"):
    make(out)
  (out / "recipe.json").unlink()
  with pytest.raises(DataError, match=r"holds no recipe\.json.*config\.data\.path"):
    make(out)
