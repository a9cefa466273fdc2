"""Digits are found where they are, whatever is done to the video, and told apart; the bounce law."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.data import moving_mnist
from vgjax.data.digits import load_digits, load_labels
from vgjax.metrics import digit_classifier, trajectory

TIME = 8


@functools.cache
def true_videos(num_digits=2, number=6, **fields):
  source = moving_mnist.make(
    split="test", seed=0, num_videos=number, time=TIME, num_digits=num_digits, truth=True, **fields
  )
  examples = [source.example(i, np.random.default_rng(0)) for i in range(number)]
  batch = {key: np.stack([e[key] for e in examples]) for key in examples[0]}
  return batch | {"video": batch["video"].astype(np.float32) / 127.5 - 1}


locate = jax.jit(trajectory.locate)


@pytest.mark.parametrize("fields", [{}, dict(num_digits=1, digit_size=20), dict(color=True)], ids=str)
def test_true_videos_have_no_error(fields):
  batch = true_videos(**fields)
  found = locate(batch["video"], batch["digit"])
  true = trajectory.look(batch["video"], batch["digit"], jnp.floor(batch["position"]))
  judged = np.asarray(true.visible >= trajectory.VISIBLE)
  assert judged.mean() > 0.9
  assert np.asarray(trajectory.end_point_error(found, batch["position"]))[judged].max() == 0
  assert np.asarray(found.present)[judged].all()
  np.testing.assert_allclose(true.likeness[judged], 1, atol=0.2 if "color" in fields else 1e-3)


def test_a_shifted_video_has_the_shift_as_its_error():
  batch = true_videos(1)
  position = np.floor(batch["position"])
  inside = ((position[..., 0] + 3 <= 36) & (position[..., 1] >= 4)).squeeze(1)  # else part of a digit is cut
  moved = np.roll(batch["video"], (3, -4), axis=(2, 3))
  error = trajectory.end_point_error(locate(moved, batch["digit"]), batch["position"])
  np.testing.assert_array_equal(np.asarray(error)[:, 0][inside], 5)
  assert inside.sum() > 10


def test_copying_the_first_frame_leaves_the_digits_there():
  batch = true_videos()
  copied = np.repeat(batch["video"][:, :1], TIME, axis=1)
  corner = np.floor(batch["position"])
  distance = np.linalg.norm(corner - corner[:, :, :1], axis=-1)
  error = trajectory.end_point_error(locate(copied, batch["digit"]), batch["position"])
  np.testing.assert_allclose(error, distance, atol=1e-4)
  assert np.asarray(error)[:, :, -1].mean() > 10


def test_dim_blurred_and_noisy_digits_are_found():
  batch = true_videos()
  small = jax.image.resize(batch["video"], (6, TIME, 21, 21, 1), "linear")
  blurred = 0.5 * (jax.image.resize(small, batch["video"].shape, "linear") + 1) - 1
  found = locate(blurred + 0.1 * np.random.default_rng(0).standard_normal(blurred.shape), batch["digit"])
  true = trajectory.look(batch["video"], batch["digit"], jnp.floor(batch["position"]))
  error = np.asarray(trajectory.end_point_error(found, batch["position"]))[true.visible >= 0.5]
  assert error.mean() < 0.5 and (error > 2).mean() < 0.03
  assert np.asarray(found.present)[true.visible >= 0.5].mean() > 0.95


@pytest.mark.parametrize("kind", ["black", "noise", "one gone", "nan"])
def test_digits_that_are_gone_are_not_present(kind):
  batch = true_videos(1)
  video = batch["video"]
  if kind == "one gone":
    video = np.where(np.arange(TIME)[:, None, None, None] < 3, video, -1)
  elif kind == "noise":
    video = np.random.default_rng(0).uniform(-1, 1, video.shape).astype(np.float32)
  else:
    video = np.full_like(video, -1 if kind == "black" else np.nan)
  present = np.asarray(locate(video, batch["digit"]).present)
  assert not present[:, :, 3:].any()
  assert present[:, :, :3].all() == (kind == "one gone")


def steps(position):
  """One digit's corner along y; along x it stands still."""
  position = np.float32(position)
  return np.stack([position, np.full_like(position, 7)], -1)[None]


def test_true_paths_keep_the_bounce_law():
  source = moving_mnist.make(split="test", seed=0, num_videos=200, time=30, truth=True)
  paths = np.stack([source.example(i, np.random.default_rng(0))["position"] for i in range(200)])
  assert np.asarray(trajectory.bounce_error(jnp.floor(paths), 36)).max() <= 1e-4


@pytest.mark.parametrize(
  "path,errors",
  [
    ([0, 4, 8, 12, 16], [0, 0]),
    ([0, 4, 8, 12, 17], [0, 0]),  # one pixel is rounding
    ([0, 4, 8, 12, 12], [0, 3]),  # stops
    ([28, 32, 36, 32, 28], [0, 0]),  # turns round at the wall
    ([26, 31, 36, 36, 36], [0, 4]),  # sticks to it
    ([20, 24, 28, 24, 20], [7, 0]),  # turns round in the middle
    ([9, 4, 0, 5, 10], [0, 0]),
  ],
)
def test_broken_bounce_laws_are_measured(path, errors):
  np.testing.assert_allclose(trajectory.bounce_error(steps(path), 36)[0], errors)


@pytest.fixture(scope="module")
def classifier():
  return digit_classifier.fit(load_digits("train")[:15_000], load_labels("train")[:15_000])


def test_classifier_knows_digits(classifier):
  images, labels = load_digits("test")[:2000], load_labels("test")[:2000]
  found = jax.jit(digit_classifier.classify)(classifier, images / np.float32(255))
  assert np.mean(np.asarray(found) == labels) > 0.93  # of the first 2,000, which are the harder ones


def test_classifier_reads_the_digits_that_are_found(classifier):
  batch = true_videos(1)
  found = locate(batch["video"], batch["digit"])
  labels = np.asarray(digit_classifier.classify(classifier, found.patch))
  alone = digit_classifier.classify(classifier, batch["digit"][:, :, None] / np.float32(255))
  np.testing.assert_array_equal(labels, np.broadcast_to(alone, labels.shape))
  assert (labels == batch["digit_label"][:, :, None]).mean() > 0.8
