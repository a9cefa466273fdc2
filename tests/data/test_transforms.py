"""Each transform does what it says to every frame alike."""

import pickle

import numpy as np
import pytest

from vgjax.data import transforms
from vgjax.errors import ConfigError


@pytest.fixture
def example():
  video = np.random.default_rng(0).integers(0, 256, (4, 6, 8, 3), dtype=np.uint8)
  return {"video": video, "label": np.int32(3)}


def run(example, *listed, seed=0):
  return transforms.apply(transforms.build(listed), example, np.random.default_rng(seed))


@pytest.mark.parametrize("name, axis", [("reverse", 0), ("flip_vertical", 1), ("flip", 2)])
def test_flips(example, name, axis):
  out = run(example, dict(name=name, probability=1.0))
  np.testing.assert_array_equal(out["video"], np.flip(example["video"], axis))
  assert out["label"] == 3
  np.testing.assert_array_equal(run(example, dict(name=name, probability=0.0))["video"], example["video"])
  flipped = [not np.array_equal(run(example, name, seed=s)["video"], example["video"]) for s in range(200)]
  assert 70 < sum(flipped) < 130  # half of them


def test_crop_takes_one_window_of_every_frame(example):
  seen = set()
  for seed in range(40):
    out = run(example, dict(name="crop", size=5), seed=seed)["video"]
    assert out.shape == (4, 5, 5, 3)
    places = [
      (y, x)
      for y in range(2)
      for x in range(4)
      if np.array_equal(out, example["video"][:, y : y + 5, x : x + 5])
    ]
    assert len(places) == 1
    seen.add(places[0])
  assert len(seen) == 8  # all places come
  with pytest.raises(ValueError, match="7 pixels does not fit into 6x8"):
    run(example, dict(name="crop", size=7))


def test_jitter_moves_brightness_and_contrast():
  video = np.full((2, 4, 4, 1), 100, np.uint8)
  video[:, 2:] = 140
  out = run({"video": video}, dict(name="jitter", brightness=0.1, contrast=0.5))["video"]
  assert out.dtype == np.uint8
  low, high = int(out[0, 0, 0, 0]), int(out[0, 2, 0, 0])
  assert abs((low + high) / 2 - 120) <= 26 and 19 <= high - low <= 61
  assert (low, high) != (100, 140)
  still = run({"video": video}, dict(name="jitter", brightness=0.0, contrast=0.0))["video"]
  np.testing.assert_array_equal(still, video)


def test_jitter_saturates_instead_of_wrapping():
  video = np.full((1, 2, 2, 1), 250, np.uint8)
  outs = [run({"video": video}, dict(name="jitter", brightness=0.5), seed=s)["video"] for s in range(20)]
  assert max(out.max() for out in outs) == 255
  assert all(out.min() >= 100 for out in outs)


def test_a_later_transform_does_not_disturb_an_earlier_one(example):
  for seed in range(10):
    alone = run(example, dict(name="crop", size=5), seed=seed)["video"]
    both = run(example, dict(name="crop", size=5), dict(name="reverse", probability=1.0), seed=seed)["video"]
    np.testing.assert_array_equal(both, alone[::-1])


def test_the_callers_arrays_are_left_alone(example):
  before = example["video"].copy()
  run(example, *transforms.TRANSFORMS.keys() - {"crop"}, dict(name="crop", size=4))
  np.testing.assert_array_equal(example["video"], before)


def test_functions_and_pickles(example):
  built = transforms.build([_invert, "flip", dict(name="crop", size=4)])
  again = pickle.loads(pickle.dumps(built))
  one, two = (transforms.apply(t, example, np.random.default_rng(0))["video"] for t in (built, again))
  np.testing.assert_array_equal(one, two)


def _invert(example, rng):
  return {**example, "video": 255 - example["video"]}


@pytest.mark.parametrize(
  "listed, message",
  [
    ("flop", 'did you mean "flip"'),
    (dict(name="crop", sise=3), 'did you mean "size"'),
    (dict(name="crop"), '"size" is missing'),
    (dict(probability=0.5), '"name"'),
  ],
)
def test_unknown_names_and_fields_name_the_nearest(listed, message):
  with pytest.raises(ConfigError, match=message):
    transforms.build([listed])
