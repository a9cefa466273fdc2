"""Two sources as one: what belongs together stays together, and what does not is not."""

import pickle

import numpy as np
import pytest

from vgjax import configs
from vgjax.data import loader, pairs, video
from vgjax.errors import ConfigError, DataError

SHAPES = dict(name="moving_shapes", text_length=0)


def make(split="train", *, first=SHAPES, second=SHAPES, size=16, time=4, num_videos=12, **options):
  both = dict(size=size, time=time, num_videos=num_videos) if first["name"] == "moving_shapes" else dict()
  config = dict(first=first, second=second, **both) | options
  return configs.call(pairs.make, config, where="config.data", split=split, seed=0)


def rng(*key):
  return np.random.default_rng(key)


@pytest.mark.parametrize("split", ["train", "valid"])
def test_paired_sources_render_one_scene(split):
  source = make(split, paired=True, second=dict(SHAPES, background="plain"), size=32)
  for index in range(6):
    example = source.example(index, rng(index))
    ours, theirs = example["video"], example["source"]
    assert ours.dtype == theirs.dtype == np.uint8 and ours.shape == theirs.shape == (4, 32, 32, 3)
    lit = ours.max(-1).astype(int)
    inside = lit > 0.98 * lit.max()  # the shape, without its soft rim
    assert inside.any() and (ours[~inside] != theirs[~inside]).any()
    np.testing.assert_allclose(theirs[inside].astype(int), ours[inside], atol=6)


def test_paired_examples_have_the_same_index():
  source = make("valid", paired=True)
  for index in (0, 5, 11):
    example = source.example(index, rng(1))
    np.testing.assert_array_equal(example["video"], source.first.example(index, rng(2))["video"])
    np.testing.assert_array_equal(example["source"], example["video"])
  assert len(source) == 12 and example["label"].shape == ()  # what is beside the video is the first one's


def test_unpaired_training_draws_the_second():
  source = make("train", second=dict(SHAPES, colors=("red",)), paired=False)
  ours, theirs = [], []
  for number in range(8):
    example = source.example(3, rng(number))
    again = source.example(3, rng(number))
    np.testing.assert_array_equal(example["source"], again["source"])  # by the generator, nothing else
    ours.append(example["video"])
    theirs.append(example["source"])
    lit = example["source"][example["source"].max(-1) > 200]
    assert (lit[:, 0] > lit[:, 1]).all() and (lit[:, 0] > lit[:, 2]).all()  # of the second: red
  assert len(np.unique(np.reshape(theirs, (8, -1)), axis=0)) > 4


def test_unpaired_training_reaches_all_of_the_second(tmp_path):
  paths = _arrays(tmp_path, first=3, second=5)
  source = make("train", first=paths["first"], second=paths["second"], valid_fraction=0.0, test_fraction=0.0)
  seen = {int(source.example(0, rng(number))["source"][0, 0, 0, 0]) for number in range(60)}
  assert len(source) == 3 and seen == {100, 101, 102, 103, 104}


def test_unpaired_evaluation_is_fixed_and_shuffled(tmp_path):
  """Every one of the second comes up once an epoch, in another order, whatever the generator is."""
  paths = _arrays(tmp_path, first=16, second=8)
  source = make("valid", **paths, test_fraction=0.0)
  assert len(source) == 16
  first = [int(source.example(index, rng(index))["video"][0, 0, 0, 0]) for index in range(16)]
  chosen = [int(source.example(index, rng(index))["source"][0, 0, 0, 0]) - 100 for index in range(16)]
  again = [int(source.example(index, rng(9, index))["source"][0, 0, 0, 0]) - 100 for index in range(16)]
  assert first == list(range(16)) and chosen == again
  assert sorted(chosen[:8]) == sorted(chosen[8:]) == list(range(8)) and chosen[:8] != list(range(8))


def test_batches_and_other_processes():
  source = pickle.loads(pickle.dumps(make("train", paired=True)))
  batch = next(loader.train_batches(source, batch_size=4, seed=1, threads=0))
  assert batch["video"].shape == batch["source"].shape == (4, 4, 16, 16, 3)
  np.testing.assert_array_equal(batch["video"], batch["source"])


def test_folders_of_pairs(tmp_path):
  """Clip, crop and mirror image are the same in both files of a pair."""
  ramp = np.arange(60, dtype=np.uint8)
  for folder, shift in (("first", 0), ("second", 60)):
    (tmp_path / folder).mkdir()
    for number in range(2):
      # Brightness tells the place: rising along time, and along each row.
      frames = np.broadcast_to(
        (ramp[:20, None, None, None] + 2 * ramp[None, None, :32, None] + 20 * number + shift).astype(
          np.uint8
        ),
        (20, 32, 32, 3),
      )
      video.write_video(tmp_path / folder / f"{number}.mp4", np.ascontiguousarray(frames), 10)
  part = lambda name: dict(name="video_folder", path=str(tmp_path / name))
  options: dict = dict(time=4, size=16, valid_fraction=0.0, test_fraction=0.0, transforms=("flip", "reverse"))
  source = make("train", first=part("first"), second=part("second"), paired=True, **options)
  starts, mirrored = set(), set()
  for number in range(12):
    example = source.example(number % 2, rng(number))
    difference = example["source"].astype(int) - example["video"]
    assert np.abs(difference - 60).max() <= 6  # two encodings of almost the same picture
    starts.add(int(example["video"][0].mean()) // 2)
    mirrored.add(bool(example["video"][0, 0, 0, 0] > example["video"][0, 0, -1, 0]))
  assert len(starts) > 3 and len(mirrored) == 2  # and they do differ between draws

  (tmp_path / "second" / "1.mp4").rename(tmp_path / "second" / "other.mp4")
  with pytest.raises(DataError, match=r"example 1 .* is '1' in the first source and 'other' in the second"):
    make("train", first=part("first"), second=part("second"), paired=True, **options)


def test_fingerprint_changes_with_either(tmp_path):
  paths = _arrays(tmp_path, first=3, second=5)
  keep: dict = dict(valid_fraction=0.0, test_fraction=0.0)
  of = lambda **options: make("train", **(paths | options), **keep).fingerprint()
  before = of()
  assert before == of() != of(paired=True, second=paths["first"])
  assert before != of(first=paths["second"]) and before != of(second=paths["first"])


def test_card_names_both():
  card = make("valid", second=dict(SHAPES, colors=("red",))).card()
  assert (card["dataset"], card["video"], card["paired"]) == ("pairs", "moving_shapes", False)
  assert card["frames"] == 4 and card["resolution"] == [16, 16, 3] and card["num_videos"] == 12
  assert card["source"]["colors"] == ["red"] and len(card["colors"]) > 1


def test_errors(tmp_path):
  with pytest.raises(DataError, match="the first source has 12 examples and the second 5"):
    make(paired=True, second=dict(SHAPES, num_videos=5))
  with pytest.raises(ConfigError, match=r'config.data.second: unknown key "colours"; did you mean "colors"'):
    make(second=dict(SHAPES, colours=("red",)))
  with pytest.raises(ConfigError, match=r'config.data.first: unknown key "tme"; did you mean "time"'):
    make(tme=4)
  with pytest.raises(ConfigError, match=r"config.data.first.name: there is no \"moving_shape\""):
    make(first=dict(name="moving_shape"))
  with pytest.raises(ConfigError, match='the key "second" is missing'):
    configs.call(pairs.make, dict(first=SHAPES), where="config.data", split="train", seed=0)
  nested = dict(name="pairs", first=SHAPES, second=SHAPES, size=16, time=4)
  with pytest.raises(ConfigError, match="have a `source` already"):
    make(first=nested, second=nested).example(0, rng(0))


def _arrays(folder, **counts):
  """{name: a source of so many videos}; all pixels of video i are i, of the second source 100 + i."""
  found = {}
  for name, count in counts.items():
    for split in ("train", "valid"):
      (folder / name / split).mkdir(parents=True)
    numbers = np.arange(count) + (100 if name == "second" else 0)
    array = np.broadcast_to(numbers[:, None, None, None, None], (count, 2, 4, 4, 1)).astype(np.uint8)
    for split in ("train", "valid"):
      np.save(folder / name / split / "videos.npy", array)
    found[name] = dict(name="arrays", path=str(folder / name), time=2)
  return found
