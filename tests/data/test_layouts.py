"""Each config of `configs/public/` reads its data set as it is laid out on disk: a small tree of it."""

from pathlib import Path

import numpy as np
import pytest

import vgjax
from tests.data import clips, layouts
from vgjax import configs
from vgjax.data import moving_mnist, video_folder
from vgjax.errors import ConfigError, DataError

CONFIGS = Path(__file__).parents[2] / "configs" / "public"


def load(name, root, **changes):
  """{split: the source of the config}, small, with one example of each read."""
  data = configs.to_plain(vgjax.load_config(CONFIGS / f"{name}.py").data)
  data |= layouts.MAKE[name](root)
  if data["name"] == "video_folder":
    data |= dict(time=4, size=16)
  fields = data | changes
  module = configs.find("data", fields.pop("name"), "config.data.name")
  sources = {split: module.make(split=split, seed=0, **fields) for split in video_folder.SPLITS}
  for source in sources.values():
    example = source.example(0, np.random.default_rng(0))
    assert len(example["video"]) == fields["time"]
    assert ("label" in example) == bool(fields.get("labels"))
  return sources


def names(source):
  return sorted({entry.name for entry in source.entries})


def test_every_config_has_its_layout():
  assert {path.stem for path in CONFIGS.glob("*.py")} == set(layouts.MAKE)


def test_ucf101(tmp_path):
  found = load("ucf101", tmp_path)
  listed = {
    split: (tmp_path / "ucfTrainTestlist" / f"{split}list01.txt").read_text().split("\n")
    for split in ("train", "test")
  }
  listed = {split: sorted(line.split()[0] for line in lines if line) for split, lines in listed.items()}
  assert names(found["test"]) == listed["test"] and len(listed["test"]) == 4
  assert sorted(names(found["train"]) + names(found["valid"])) == listed["train"]
  groups = [{name.rpartition("_")[0] for name in names(found[split])} for split in ("train", "valid")]
  assert groups[0] and groups[1] and not groups[0] & groups[1]
  assert found["train"].classes == ("Archery", "YoYo")


def test_kth(tmp_path):
  """A person is in one split, whatever the class; the list gives the test persons."""
  found = load("kth", tmp_path)
  persons = {
    split: {int(name.partition("person")[2][:2]) for name in names(of)} for split, of in found.items()
  }
  assert persons["test"] == {17, 25}
  assert persons["train"] | persons["valid"] == {1, 2, 11, 16} and not persons["train"] & persons["valid"]
  assert found["train"].example(0, np.random.default_rng(0))["video"].shape == (4, 16, 16, 1)
  assert len(found["train"]) == len(names(found["train"])) * (layouts.N // 4)


def test_bair(tmp_path):
  found = load("bair", tmp_path)
  assert names(found["test"]) == ["test/traj_0_to_255/0"]
  assert len(found["train"]) == 2 and len(found["valid"]) == 1
  shown = clips.number_of(found["test"].example(0, np.random.default_rng(0))["video"])
  assert np.diff(shown).tolist() == [1, 1, 1]


@pytest.mark.filterwarnings("ignore:Skipped 1 of the")
def test_kinetics(tmp_path):
  found = load("kinetics", tmp_path)
  assert names(found["train"]) == [
    f"train/abseiling/{n}.mp4" for n in ("--abc_000012_000022", "x_y_000104_000114")
  ]
  assert names(found["valid"]) == ["validate/zumba/0aB_000000_000010.mp4"]
  assert found["valid"].example(0, np.random.default_rng(0))["label"] == 1
  assert list(found["test"].bad) == ["train/zumba/gone_000007_000017.mp4"]
  with pytest.raises(DataError, match=r"1 videos of .* are bad"):
    load("kinetics", tmp_path, max_bad_fraction=0)


def test_something_something(tmp_path):
  found = load("ssv2", tmp_path)
  assert names(found["test"]) == ["20bn-something-something-v2/4.webm"]
  assert (len(found["train"]), len(found["valid"])) == (2, 1)
  example = found["test"].example(0, np.random.default_rng(0))
  assert bytes(example["text"]).rstrip(b"\0") == b"pushing a lid" and example["label"] == 1
  assert found["train"].classes == ("Holding [something]", "Pushing [something]")


def test_sky_timelapse(tmp_path):
  """Every fourth frame; the parts of a video stay together."""
  found = load("sky_timelapse", tmp_path)
  assert names(found["test"]) == ["sky_test/w/w_1"]
  assert len(found["train"]) == 6 and len(found["valid"]) == 2
  assert len({name.split("/")[1] for name in names(found["valid"])}) == 1
  shown = clips.number_of(found["test"].example(0, np.random.default_rng(0))["video"])
  assert np.diff(np.array(shown) % 32).tolist() in ([4, 4, 4], [4, 4, -28], [4, -28, 4], [-28, 4, 4])


def test_moving_mnists_public_test_set(tmp_path):
  """Test videos are the file's, in its order; the others are rendered."""
  found = load("moving_mnist_test", tmp_path)
  stored = np.load(tmp_path / "mnist_test_seq.npy")
  assert len(found["test"]) == stored.shape[1] and isinstance(found["train"], moving_mnist.MovingMNIST)
  for index in (0, 9):
    video = found["test"].example(index, np.random.default_rng(0))["video"]
    np.testing.assert_array_equal(video, stored[:, index, :, :, None])
  rendered = moving_mnist.make(split="valid", seed=0).example(3, np.random.default_rng(0))["video"]
  ours = found["valid"].example(3, np.random.default_rng(0))["video"]
  np.testing.assert_array_equal(ours, rendered)


def test_moving_mnists_public_test_set_must_fit(tmp_path):
  layouts.moving_mnist_test(tmp_path, size=16)
  options = dict(split="test", seed=0, test_file=str(tmp_path / "mnist_test_seq.npy"))
  assert moving_mnist.make(**options, size=16, digit_size=12, time=4).example(0, None)["video"].shape[1] == 16
  with pytest.raises(ConfigError, match=r"have the size 16; set config\.data\.size so"):
    moving_mnist.make(**options)
  with pytest.raises(ConfigError, match="neither colours nor the truth"):
    moving_mnist.make(**options, size=16, digit_size=12, truth=True)
  with pytest.raises(DataError, match=r"gone\.npy"):
    moving_mnist.make(split="test", seed=0, test_file=str(tmp_path / "gone.npy"))


def test_recordings_of_games(tmp_path):
  """Video and actions in step, for every split."""
  sources = load("coinrun", tmp_path, time=4)
  with np.load(tmp_path / "coinrun.npz") as stored:
    video, action = stored["video"], stored["action"]
  seen = set()
  for source in sources.values():
    for index in range(len(source)):
      number = source.videos[index % len(source.videos), 1]
      example = source.example(index, np.random.default_rng(index))
      every = range(video.shape[1] - 3)
      starts = [k for k in every if np.array_equal(example["video"], video[number, k : k + 4])]
      np.testing.assert_array_equal(example["action"], action[number, starts[0] : starts[0] + 4])
      seen.add(number)
  assert seen == set(range(12))
