"""`python -m vgjax.predict` on files made here."""

import json
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

import vgjax
from tests import all_configs, tiny
from tests.data import clips
from vgjax import predict
from vgjax.data import video
from vgjax.restore import open_state
from vgjax.sample import to_uint8, with_time


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """Two frames of 16x16, grey, to two."""
  folder = tmp_path_factory.mktemp("runs") / "tiny"
  vgjax.train(vgjax.build(tiny.config(steps=2), folder))
  return folder


@pytest.fixture(scope="module")
def by_time(tmp_path_factory):
  """Trained on videos at 5 frames a second that are gone, on more devices than there are here."""
  folder = tmp_path_factory.mktemp("runs")
  all_configs.make_videos(folder / "videos", number=3, time=20)
  config = tiny.config(steps=1)
  config.data = dict(name="video_folder", path=str(folder / "videos"), time=4, fps=5.0, size=(16, 24))
  vgjax.train(vgjax.build(config, folder / "run"))
  shutil.rmtree(folder / "videos")
  saved = json.loads((folder / "run" / "config.json").read_text())
  saved["mesh"] = dict(data=64)
  (folder / "run" / "config.json").write_text(json.dumps(saved))
  return folder / "run"


def written(out, *command):
  assert predict.main([*map(str, command), "--out", str(out)]) == 0
  return read(out)


def read(out):
  return np.stack([np.asarray(Image.open(path)) for path in sorted(out.iterdir())])


def test_the_end_of_a_video_is_continued_as_the_run_samples(run, tmp_path):
  path = clips.write(tmp_path / "film.mp4", clips.numbered(9))
  made = written(tmp_path / "out", path, "--run", run, "--frames=5")
  assert made.shape == (7, 16, 16, 3)
  assert clips.number_of(made[:2]) == [7, 8], "the last frames of the film are given"

  own = vgjax.build(tiny.config(mesh=dict(data=8)), run)
  state = open_state(own)
  batch = next(iter(own.batches("test", 8)))
  given = made[None, :2, ..., :1].repeat(8, axis=0).astype(np.float32) / 127.5 - 1
  batch = with_time(batch, 7)
  hint = np.zeros(batch["hint"].shape, np.float32)
  hint[:, :2] = given
  expected = to_uint8(np.asarray(own.sample(state, batch | {"hint": hint}, jax.random.key(0))))[0]
  difference = np.abs(made[..., :1].astype(int) - expected)
  assert difference.max() <= 1 and made[2:].std() > 0


def test_frames_are_taken_at_the_rate_and_size_of_training(by_time, tmp_path):
  path = clips.write(tmp_path / "film.mp4", clips.numbered(20), fps=10)
  made = written(tmp_path / "out", path, "--run", by_time, "--at=1.2")
  assert made.shape == (4, 16, 24, 3)
  assert clips.number_of(made[:2]) == [10, 12]
  faster = written(tmp_path / "faster", path, "--run", by_time, "--at=1.2", "--fps=10", "--only_predicted")
  assert faster.shape == (2, 16, 24, 3)


def test_side_by_side_shows_what_really_follows(by_time, tmp_path):
  path = clips.write(tmp_path / "film.mp4", clips.numbered(20), fps=10)
  out = tmp_path / "out.mp4"
  command = [str(path), "--run", str(by_time), "--at=1.4", "--samples=2", "--side_by_side", "--frames=4"]
  assert predict.main([*command, "--out", str(out)]) == 0
  made = video.read_video(out)
  assert len(made) == 6 and video.probe(out).fps == pytest.approx(5)
  across = made.shape[2] // 3
  middle = made[:, made.shape[1] // 2 + 11, across // 2].mean(axis=-1)
  # 1.2 and 1.4 s are given; 1.6 and 1.8 s follow, and then the film is over.
  np.testing.assert_allclose(middle[:4] / clips.STEP, [12, 14, 16, 18], atol=0.6)
  assert middle[4:].max() < 20


def test_samples_are_files_of_their_own(run, tmp_path):
  path = clips.write(tmp_path / "film.mp4", clips.numbered(9))
  command = [str(path), "--run", str(run), "--samples=2", "--out", str(tmp_path / "out.mp4")]
  assert predict.main(command) == 0
  assert sorted(p.name for p in tmp_path.iterdir()) == ["film.mp4", "out-1.mp4", "out-2.mp4"]


def test_any_size_whole_or_in_tiles(by_time, tmp_path):
  frames = np.random.default_rng(0).integers(0, 256, (6, 21, 35, 3), np.uint8)
  (tmp_path / "in").mkdir()
  for number, frame in enumerate(frames):
    Image.fromarray(frame).save(tmp_path / "in" / f"{number}.png")
  words = [tmp_path / "in" / "*.png", "--run", by_time, "--picture_fps=5", "--size=source"]
  made = written(tmp_path / "whole", *words)
  assert made.shape == (4, 21, 35, 3)
  np.testing.assert_array_equal(made[:2], frames[-2:])
  assert written(tmp_path / "tiles", *words, "--tile=16", "--overlap=4").shape == (4, 21, 35, 3)


def test_gif(run, tmp_path):
  video.write_video(tmp_path / "film.gif", clips.numbered(6), 10)
  made = written(tmp_path / "out", tmp_path / "film.gif", "--run", run)
  assert clips.number_of(made[:2]) == [4, 5]


def test_refusals_say_what_to_do(run, by_time, tmp_path, capsys):
  def refused(*command):
    assert predict.main([str(word) for word in command]) == 1
    return capsys.readouterr().err

  path = clips.write(tmp_path / "film.mp4", clips.numbered(4))
  assert "later --at" in refused(path, "--run", run, "--at", 0.0)
  assert "ends at 0.30 s" in refused(path, "--run", run, "--at", 2)
  single = clips.write(tmp_path / "single.mp4", clips.numbered(1))
  assert "reads 2 frames" in refused(single, "--run", by_time)
  with pytest.raises(SystemExit):
    predict.main([str(path)])  # without --run
  assert "--run" in capsys.readouterr().err

  for name in ("config.json", "data.json", "checkpoints"):
    (tmp_path / "other").mkdir(exist_ok=True)
    (tmp_path / "other" / name).symlink_to(run / name)
  saved = json.loads((run / "config.json").read_text())
  other = tmp_path / "other" / "config.json"
  other.unlink()
  other.write_text(json.dumps(saved | {"task": {"name": "one_of", "tasks": {"hole": {"name": "inpaint"}}}}))
  saved["models"]["predictor"]["given"] = 0
  message = refused(path, "--run", tmp_path / "other")
  assert "config.task gives other frames" in message
  saved["task"] = {"name": "inpaint"}
  saved["models"]["predictor"]["predicted"] = 4
  other.write_text(json.dumps(saved))
  message = refused(path, "--run", tmp_path / "other")
  assert "checkpoint" in message and "predictor" in message, "another network than that of the checkpoint"
