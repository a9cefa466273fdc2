"""Moving MNIST against a literal reimplementation of the benchmark, and its splits."""

import gzip
import importlib.resources
import math
import pickle

import numpy as np
import pytest
from PIL import Image

from vgjax.data import moving_mnist
from vgjax.errors import ConfigError


def rng(*key):
  return np.random.default_rng(key)


def literal_video(digits, starts, angles, time, size):
  """The benchmark, one pixel position at a time."""
  side = digits.shape[-1]
  video = np.zeros((time, size, size, 1), np.uint8)
  for digit, (y, x), angle in zip(digits, starts, angles):
    bounce_y = bounce_x = 1
    for frame in video:
      y += bounce_y * math.sin(angle) * 0.1
      x += bounce_x * math.cos(angle) * 0.1
      if x <= 0:
        x, bounce_x = 0, -bounce_x
      if x >= 1.0:
        x, bounce_x = 1.0, -bounce_x
      if y <= 0:
        y, bounce_y = 0, -bounce_y
      if y >= 1.0:
        y, bounce_y = 1.0, -bounce_y
      top, left = int((size - side) * y), int((size - side) * x)
      for row in range(side):
        for column in range(side):
          pixel = frame[top + row, left + column]
          pixel[0] = max(pixel[0], digit[row, column])
  return video


@pytest.mark.parametrize("num_digits, size, time", [(2, 64, 20), (1, 32, 30), (3, 40, 12), (1, 28, 3)])
def test_renders_what_the_benchmark_renders(num_digits, size, time):
  source = moving_mnist.make(split="train", seed=0, num_digits=num_digits, size=size, time=time)
  for seed in range(3):
    draws = rng(seed)
    images = moving_mnist.load_digits("train")
    digits = images[draws.integers(len(images), size=num_digits)]
    starts, angles = [], []
    for _ in range(num_digits):
      starts.append((draws.random(), draws.random()))
      angles.append(draws.random() * 2 * math.pi)
    video = source.example(0, rng(seed))["video"]
    assert video.dtype == np.uint8 and video.shape == (time, size, size, 1)
    np.testing.assert_array_equal(video, literal_video(digits, starts, angles, time, size))


def test_a_path_stops_at_the_wall_and_turns_round():
  path = np.array(moving_mnist.trajectory(rng(1), 200))
  assert path.min() == 0.0 and path.max() == 1.0  # the walls are reached exactly
  steps = np.abs(np.diff(path, axis=0))
  free = (path[1:] > 0) & (path[1:] < 1)  # a step that no wall cut short
  speed = np.array([steps[free[:, axis], axis].max() for axis in range(2)])
  np.testing.assert_allclose(np.hypot(*speed), moving_mnist.STEP)
  for axis in range(2):
    np.testing.assert_allclose(steps[free[:, axis], axis], speed[axis])


def test_the_splits_share_no_digit():
  train, valid, test = (moving_mnist.load_digits(split) for split in ("train", "valid", "test"))
  assert (len(train), len(valid), len(test)) == (55_000, 5_000, 10_000)
  folder = importlib.resources.files("vgjax.data") / "mnist"
  original = gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())[16:]
  assert np.concatenate([train, valid]).tobytes() == original
  sets = [{image.tobytes() for image in images} for images in (train, valid, test)]
  assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])


@pytest.mark.parametrize("split", ["valid", "test"])
def test_the_fixed_sets_depend_on_seed_and_index_only(split):
  source = moving_mnist.make(split=split, seed=3)
  again = pickle.loads(pickle.dumps(source))
  first = source.example(5, rng(0))["video"]
  np.testing.assert_array_equal(first, again.example(5, rng(1))["video"])
  assert not np.array_equal(first, source.example(6, rng(0))["video"])
  other_seed = moving_mnist.make(split=split, seed=4)
  assert not np.array_equal(first, other_seed.example(5, rng(0))["video"])


def test_validation_and_test_differ():
  videos = [moving_mnist.make(split=s, seed=0).example(0, rng(0))["video"] for s in ("valid", "test")]
  assert not np.array_equal(*videos)


def test_training_is_fresh_and_follows_the_rng():
  source = moving_mnist.make(split="train", seed=0)
  first = source.example(0, rng(0))["video"]
  np.testing.assert_array_equal(first, source.example(0, rng(0))["video"])
  assert not np.array_equal(first, source.example(0, rng(1))["video"])


@pytest.mark.parametrize("size", [14, 20, 40])
def test_resizing_is_antialiased(size):
  """Pillow's triangle filter is the reference."""
  images = moving_mnist.load_digits("test")[:20]
  ours = moving_mnist.resize(images, size)
  for image, resized in zip(images, ours):
    theirs = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
    assert np.abs(resized.astype(int) - theirs).max() <= 2  # Pillow rounds after each of two passes


def test_small_digits_stay_within_the_video():
  source = moving_mnist.make(split="train", seed=0, num_digits=1, size=20, digit_size=14, time=50)
  video = source.example(0, rng(0))["video"]
  assert video.shape == (50, 20, 20, 1) and video.max() > 100
  assert source.card()["resize"] == "digits 28 -> 14, antialiased"


def test_transforms_apply_to_training_only():
  options = dict(seed=0, transforms=(dict(name="flip", probability=1.0),))
  plain = moving_mnist.make(split="train", seed=0).example(0, rng(0))["video"]
  flipped = moving_mnist.make(split="train", **options).example(0, rng(0))["video"]
  np.testing.assert_array_equal(flipped, plain[:, :, ::-1])
  plain = moving_mnist.make(split="valid", seed=0).example(0, rng(0))["video"]
  np.testing.assert_array_equal(
    moving_mnist.make(split="valid", **options).example(0, rng(0))["video"], plain
  )


@pytest.mark.parametrize(
  "fields, message",
  [
    (dict(split="dev"), "train, valid, test"),
    (dict(split="train", digit_size=65), "does not fit"),
    (dict(split="train", num_digits=0), "at least 1"),
    (dict(split="train", transforms=("flipp",)), 'did you mean "flip"'),
  ],
)
def test_wrong_fields_are_named(fields, message):
  with pytest.raises(ConfigError, match=message):
    moving_mnist.make(seed=0, **fields)


def test_card_tells_the_sets_apart():
  cards = [moving_mnist.make(split=s, seed=0).card() for s in ("train", "valid", "test")]
  assert len({card["digits"] for card in cards}) == 3
  assert cards[2]["frames"] == 20 and cards[2]["resolution"] == [64, 64, 1]
