"""Moving MNIST against literal reimplementations of its references, and its truth."""

import hashlib
import math
import pickle

import numpy as np
import pytest

from vgjax.data import digits, moving_mnist
from vgjax.errors import ConfigError


def rng(*key):
  return np.random.default_rng(key)


def literal_video(images, starts, angles, time, size):
  """The benchmark, one pixel position at a time."""
  side = images.shape[-1]
  video = np.zeros((time, size, size, 1), np.uint8)
  for digit, (y, x), angle in zip(images, starts, angles):
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
    chosen = images[draws.integers(len(images), size=num_digits)]
    starts, angles = [], []
    for _ in range(num_digits):
      starts.append((draws.random(), draws.random()))
      angles.append(draws.random() * 2 * math.pi)
    video = source.example(0, rng(seed))["video"]
    assert video.dtype == np.uint8 and video.shape == (time, size, size, 1)
    np.testing.assert_array_equal(video, literal_video(chosen, starts, angles, time, size))


PINNED = {
  (2, 64, "train"): "42b24888b39d305e",
  (2, 64, "valid"): "5354653fefff7c1e",
  (2, 64, "test"): "07fff91f7276970d",
  (3, 40, "train"): "9c5bf2839b4f9af4",
  (3, 40, "valid"): "8097e705a8986d1b",
  (3, 40, "test"): "6cb1fc76a9bb05f5",
}


@pytest.mark.parametrize("num_digits, size, split", PINNED)
def test_no_pixel_and_no_random_draw_has_changed(num_digits, size, split):
  """Of the first release; figures in docs/results.md were measured on these videos."""
  source = moving_mnist.make(split=split, seed=0, num_digits=num_digits, size=size)
  content = hashlib.sha256()
  for index in range(5):
    draws = rng(7, index)
    content.update(source.example(index, draws)["video"].tobytes())
    content.update(draws.bytes(8))  # what a later draw would be
  assert content.hexdigest()[:16] == PINNED[num_digits, size, split]


def test_a_path_stops_at_the_wall_and_turns_round():
  path = np.array(moving_mnist.trajectory(rng(1), 200)[0])
  assert path.min() == 0.0 and path.max() == 1.0  # the walls are reached exactly
  steps = np.abs(np.diff(path, axis=0))
  free = (path[1:] > 0) & (path[1:] < 1)  # a step that no wall cut short
  speed = np.array([steps[free[:, axis], axis].max() for axis in range(2)])
  np.testing.assert_allclose(np.hypot(*speed), moving_mnist.STEP)
  for axis in range(2):
    np.testing.assert_allclose(steps[free[:, axis], axis], speed[axis])


def literal_stochastic_video(images, draws, time, size):
  """SM-MNIST as Denton and Fergus render it: one draw after the other, sums cut off at white."""
  side, free = images.shape[-1], size - images.shape[-1]
  video = np.zeros((time, size, size), int)
  for digit in images.astype(int):
    x, y = draws.integers(free), draws.integers(free)
    dx, dy = draws.integers(-4, 5), draws.integers(-4, 5)
    for frame in video:
      if y < 0:
        y, dy, dx = 0, draws.integers(1, 5), draws.integers(-4, 5)
      elif y >= free:
        y, dy, dx = free - 1, draws.integers(-4, 0), draws.integers(-4, 5)
      if x < 0:
        x, dx, dy = 0, draws.integers(1, 5), draws.integers(-4, 5)
      elif x >= free:
        x, dx, dy = free - 1, draws.integers(-4, 0), draws.integers(-4, 5)
      frame[y : y + side, x : x + side] += digit
      x, y = x + dx, y + dy
  return np.minimum(video, 255).astype(np.uint8)[..., None]


@pytest.mark.parametrize("num_digits, digit_size", [(2, 28), (3, 32)])
def test_renders_what_sm_mnist_renders(num_digits, digit_size):
  source = moving_mnist.make(
    split="train", seed=0, num_digits=num_digits, digit_size=digit_size, time=40, motion="stochastic"
  )
  for seed in range(3):
    draws = rng(seed)
    images = moving_mnist.load_digits("train")
    chosen = moving_mnist.resize(images[draws.integers(len(images), size=num_digits)], digit_size)
    video = source.example(0, rng(seed))["video"]
    np.testing.assert_array_equal(video, literal_stochastic_video(chosen, draws, 40, 64))


@pytest.mark.parametrize("size", [16, 32, 128])
def test_stochastic_speeds_grow_with_the_video(size):
  paths = [moving_mnist.stochastic_trajectory(rng(seed), 60, size, size // 2) for seed in range(20)]
  speeds = np.abs([velocity for _, velocity in paths])
  assert speeds.max() == size // 16 and {*range(size // 16 + 1)} <= {*speeds.ravel().tolist()}
  places = np.array([path for path, _ in paths])
  assert places.min() == 0 and places.max() == size // 2 - 1


VARIANTS = [
  dict(),
  dict(motion="stochastic"),
  dict(color=True, num_digits=3),
  dict(motion="stochastic", color=True, digit_size=20, size=40),
]


@pytest.mark.parametrize("fields", VARIANTS)
def test_truth_renders_the_video_again(fields):
  source = moving_mnist.make(split="test", seed=0, truth=True, time=30, **fields)
  images, labels = digits.load_digits("test"), digits.load_labels("test")
  for index in range(3):
    example = source.example(index, rng(0))
    corners = np.floor(example["position"]).astype(int)
    video = np.zeros(example["video"].shape, int)
    colors = example.get("digit_color", np.full((source.num_digits, 1), 255))
    for digit, path, color in zip(example["digit"], corners, colors):
      painted = np.rint(digit[..., None] * (color / 255)).astype(int)
      for frame, (y, x) in zip(video, path):
        place = frame[y : y + source.digit_size, x : x + source.digit_size]
        both = place + painted if source.motion == "stochastic" else np.maximum(place, painted)
        place[:] = np.minimum(both, 255)
    np.testing.assert_array_equal(video, example["video"])
    for digit, label in zip(example["digit"], example["digit_label"]):
      same = (digits.resize(images, source.digit_size) == digit).all(axis=(1, 2))
      assert label in labels[same]
    types = {key: value.dtype.name for key, value in example.items()}
    assert types["position"] == types["velocity"] == "float32" and types["digit_label"] == "int32"


@pytest.mark.parametrize("motion, last", [("bounce", 36), ("stochastic", 35)])
def test_truth_obeys_the_law_of_motion(motion, last):
  source = moving_mnist.make(split="train", seed=0, motion=motion, truth=True, time=60)
  example = source.example(0, rng(0))
  position, velocity = example["position"], example["velocity"]
  assert position.shape == velocity.shape == (2, 60, 2)
  expected = np.clip(position[:, :-1] + velocity[:, :-1], 0, last)
  np.testing.assert_allclose(position[:, 1:], expected, atol=1e-4)
  turned = velocity[:, 1:] != velocity[:, :-1]
  assert turned.any() and not turned.all()
  if motion == "bounce":
    np.testing.assert_array_equal(np.abs(velocity - velocity[:, :1]) > 1e-6, velocity * velocity[:, :1] < 0)


def test_truth_and_colour_leave_the_video_as_it_is():
  for motion in moving_mnist.MOTIONS:
    options = dict(split="train", seed=0, motion=motion, num_digits=1)
    plain = moving_mnist.make(**options).example(0, rng(0))
    assert set(plain) == {"video"}
    with_truth = moving_mnist.make(**options, truth=True).example(0, rng(0))
    colored = moving_mnist.make(**options, color=True).example(0, rng(0))
    np.testing.assert_array_equal(with_truth["video"], plain["video"])
    np.testing.assert_array_equal(colored["video"].max(-1, keepdims=True), plain["video"])


def test_every_digit_has_a_saturated_colour_of_its_own():
  for seed in range(50):
    colors = moving_mnist.saturated_colors(rng(seed), 3).astype(int)
    assert (colors.max(1) == 255).all() and (colors.min(1) == 0).all()
    apart = np.abs(colors[:, None] - colors[None]).sum(-1)
    assert apart[np.triu_indices(3, 1)].min() >= 255 - 3  # a sixth of the circle is 255


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
    (dict(split="train", motion="brownian"), "bounce, stochastic"),
    (dict(split="train", motion="stochastic", digit_size=64), "needs room"),
    (dict(split="train", truth=True, transforms=("flip",)), "untrue"),
    (dict(split="train", transforms=("flipp",)), 'did you mean "flip"'),
  ],
)
def test_wrong_fields_are_named(fields, message):
  with pytest.raises(ConfigError, match=message):
    moving_mnist.make(seed=0, **fields)


def test_card_tells_the_sets_apart():
  cards = [moving_mnist.make(split=s, seed=0).card() for s in ("train", "valid", "test")]
  assert len({card["digits"] for card in cards}) == 3
  stochastic = moving_mnist.make(split="train", seed=0, motion="stochastic", color=True).card()
  assert stochastic["motion"] == "stochastic" and stochastic["resolution"] == [64, 64, 3]
  assert cards[2]["frames"] == 20 and cards[2]["resolution"] == [64, 64, 1]
