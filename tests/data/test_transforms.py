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
  with pytest.raises(ValueError, match="7x7 pixels does not fit into 6x8"):
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


def test_saturation_and_hue():
  red = np.zeros((2, 4, 4, 3), np.uint8) + np.array([150, 100, 100], np.uint8)
  luma = lambda colour: colour @ np.array([0.299, 0.587, 0.114])

  def colours(**fields):
    listed = dict(name="jitter", brightness=0.0, contrast=0.0, **fields)
    outs = [run({"video": red}, listed, seed=seed)["video"] for seed in range(60)]
    assert all(np.ptp(out, axis=(0, 1, 2)).max() == 0 for out in outs)  # every frame alike
    return np.array([out[0, 0, 0] for out in outs], float)

  saturated = colours(saturation=0.5)
  spread = np.ptp(saturated, axis=1)
  assert 24 <= spread.min() < 32 and 68 < spread.max() <= 76  # of 50
  np.testing.assert_allclose(luma(saturated), luma(red[0, 0, 0]), atol=1.5)
  turned = colours(hue=0.1)
  np.testing.assert_allclose(luma(turned), luma(red[0, 0, 0]), atol=1.5)
  assert (turned.argmax(axis=1) == 0).all() and np.ptp(turned[:, 2] - turned[:, 1]) > 25
  assert (colours(hue=0.5).argmax(axis=1) != 0).any()
  grey = {"video": red[..., :1]}
  np.testing.assert_array_equal(
    run(grey, dict(name="jitter", brightness=0.0, contrast=0.0, saturation=0.5, hue=0.5))["video"],
    grey["video"],
  )


def test_resize_covers_the_shorter_side_or_is_exact(example):
  assert run(example, dict(name="resize", size=3))["video"].shape == (4, 3, 4, 3)
  assert run(example, dict(name="resize", size=12))["video"].shape == (4, 12, 16, 3)
  assert run(example, dict(name="resize", size=(5, 2)))["video"].shape == (4, 5, 2, 3)
  board = (np.indices((1, 64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None]
  small = run({"video": board}, dict(name="resize", size=16))["video"].astype(float)
  assert small.shape == (1, 16, 16, 1) and small.std() < 8 and abs(small.mean() - 127.5) < 4
  ramp = np.broadcast_to(np.arange(0, 240, 4, dtype=np.uint8)[None, None, :, None], (2, 8, 60, 3))
  half = run({"video": ramp}, dict(name="resize", size=(4, 30)))["video"]
  np.testing.assert_allclose(half[0, 2, 2:-2, 0], np.arange(0, 240, 8)[2:-2] + 2, atol=1.5)


def test_center_crop(example):
  out = run(example, dict(name="center_crop", size=(2, 4)))["video"]
  np.testing.assert_array_equal(out, example["video"][:, 2:4, 2:6])
  with pytest.raises(ValueError, match="center_crop: a window of 7x4"):
    run(example, dict(name="center_crop", size=(7, 4)))


def test_resized_crop_takes_shares_of_the_frame():
  y, x = np.indices((60, 80)).astype(np.uint8) * 3
  video = np.stack([y, x, y], -1)[None].repeat(2, 0)
  shares = []
  for seed in range(100):
    out = run({"video": video}, dict(name="resized_crop", size=(16, 20), area=(0.25, 0.5)), seed=seed)[
      "video"
    ]
    assert out.shape == (2, 16, 20, 3)
    np.testing.assert_array_equal(out[0], out[1])
    # The ends of the ramps tell the window, without the half pixel at either side.
    height = (int(out[0, -1, 0, 0]) - int(out[0, 0, 0, 0])) / 3 * 16 / 15
    width = (int(out[0, 0, -1, 1]) - int(out[0, 0, 0, 1])) / 3 * 20 / 19
    shares.append(height * width / 4800)
  assert 0.2 < min(shares) < 0.3 and 0.43 < max(shares) < 0.55


def test_erase_blanks_one_place_in_all_frames():
  video = np.full((3, 40, 50, 1), 200, np.uint8)
  shares = []
  for seed in range(100):
    out = run({"video": video}, dict(name="erase", probability=1.0, area=(0.1, 0.3), value=7), seed=seed)[
      "video"
    ]
    blank = out[..., 0] == 7
    assert (blank == blank[0]).all() and (out[~blank] == 200).all()
    rows, columns = np.flatnonzero(blank[0].any(1)), np.flatnonzero(blank[0].any(0))
    assert blank[0].sum() == len(rows) * len(columns)  # a box
    shares.append(blank[0].mean())
  assert min(shares) > 0.05 and 0.25 < max(shares) < 0.34
  same = [run({"video": video}, "erase", seed=seed)["video"] is video for seed in range(100)]
  assert 30 < sum(same) < 70


def test_reverse_takes_the_sound_along_and_nothing_turns_actions(example):
  example["audio"] = np.arange(8, dtype=np.float32).reshape(4, 2)
  out = run(example, dict(name="reverse", probability=1.0))
  np.testing.assert_array_equal(out["audio"], example["audio"][::-1])
  np.testing.assert_array_equal(run(example, dict(name="flip", probability=1.0))["audio"], example["audio"])
  for name in ("reverse", "flip", "flip_vertical"):
    with pytest.raises(ValueError, match=f"{name}: the examples have actions"):
      run({**example, "action": np.zeros(4)}, name)


def test_a_later_transform_does_not_disturb_an_earlier_one(example):
  for seed in range(10):
    alone = run(example, dict(name="crop", size=5), seed=seed)["video"]
    both = run(example, dict(name="crop", size=5), dict(name="reverse", probability=1.0), seed=seed)["video"]
    np.testing.assert_array_equal(both, alone[::-1])


def test_the_callers_arrays_are_left_alone(example):
  before = example["video"].copy()
  sized = {"resize", "crop", "center_crop", "resized_crop"}
  for seed in range(5):
    run(example, *sorted(transforms.TRANSFORMS.keys() - sized), seed=seed)
    for name in sized:
      run(example, dict(name=name, size=4), seed=seed)
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
