"""Shapes are read back, rendered or harmed, as well as the reader's docstring says."""

import numpy as np
import pytest

from vgjax.data import moving_shapes, shapes_read
from vgjax.data.moving_shapes import Content, Motion, render
from vgjax.data.shapes_draw import SHAPES
from vgjax.data.shapes_motion import direction


def harm(video, noise, blur, rng):
  """Blurs each frame by a Gaussian of `blur` pixels and adds Gaussian noise of `noise` levels: in [-1, 1]."""
  place = np.arange(video.shape[1])
  kernel = np.exp(-0.5 * ((place[:, None] - place) / max(blur, 0.1)) ** 2)
  kernel /= kernel.sum(1, keepdims=True)
  blurred = np.einsum("ij,kl,tjlc->tikc", kernel, kernel, video.astype(float), optimize=True)
  return np.clip((blurred + rng.normal(0, noise, video.shape)) / 127.5 - 1, -1, 1).astype(np.float32)


def accuracy(number, *, noise, blur, **fields):
  """Shares of shape, color, size and motion that are read rightly, and the mean error in pixels.

  A video in which nothing is found counts as wrong in all four, and has no error.
  """
  source = moving_shapes.make(split="test", seed=1, **fields)
  rng = np.random.default_rng(0)
  right, errors = [], []
  for index in range(number):
    example = source.example(index, rng)
    reading = shapes_read.read(harm(example["video"], noise, blur, rng))
    content, motion = Content.from_id(example["content"][0]), Motion.from_id(example["motion"][0])
    if reading.content is None or reading.motion is None:
      right.append([False] * 4)
      continue
    same_motion = (*motion[:2], direction(motion)) == (*reading.motion[:2], reading.direction)
    right.append([a == b for a, b in zip(content, reading.content)] + [same_motion])
    errors.append(np.hypot(*(reading.position - example["position"][0]).T).mean())
  return (*np.mean(right, axis=0).tolist(), float(np.mean(errors)))


@pytest.mark.parametrize(
  "noise, blur, bounds",
  [
    (0, 0, (0.99, 0.99, 0.99, 0.99, 0.1)),
    (20, 1, (0.98, 0.98, 0.98, 0.98, 0.25)),
    (40, 1.5, (0.90, 0.95, 0.90, 0.95, 0.8)),
  ],
)
def test_accuracy(noise, blur, bounds):
  *shares, error = accuracy(100, noise=noise, blur=blur, background="texture")
  assert all(share >= bound for share, bound in zip(shares, bounds)), shares
  assert error <= bounds[-1]


@pytest.mark.parametrize("fields", [dict(background="plain", time=32), dict(size=32)])
def test_accuracy_on_other_videos(fields):
  *shares, error = accuracy(30, noise=10, blur=0.5, **fields)
  assert min(shares) >= 0.96 and error < 0.2


def test_content_and_motion_are_read_apart():
  """Every content gives the same motion back, and every motion the same content."""
  contents = [Content("triangle", "orange", "large"), Content("bar", "blue", "small")]
  motions = [Motion("zigzag", "slow", 700), Motion("still", "slow", 3000), Motion("bounce", "fast", 1234)]
  for content in contents:
    for motion in motions:
      reading = shapes_read.read(render([content], [motion], background="plain", background_id=4))
      assert reading.content == content and reading.motion[:2] == motion[:2]
      assert reading.direction == direction(motion)
      assert reading.error < 0.4 and reading.likeness > 0.95


@pytest.mark.parametrize("shape", SHAPES)
def test_scaled_shapes_are_read_as_large(shape):
  """At 4/3, and at 32 pixels too, as small models see them."""
  content = Content(shape, "cyan", "large")
  for size in (32, 64):
    reading = shapes_read.read(render([content], [Motion("right", "fast", 2100)], size=size, scale=4 / 3))
    assert reading.content == content and reading.motion[:2] == ("right", "fast")
    assert reading.likeness > 0.95


def test_bytes_and_floats_read_alike():
  video = render([Content("star", "green")], [Motion("down", "fast", 9)])
  one, other = shapes_read.read(video), shapes_read.read(video.astype(np.float32) / 127.5 - 1)
  assert one.content == other.content and one.motion == other.motion
  np.testing.assert_allclose(one.position, other.position, atol=1e-3)


def test_what_is_no_motion_of_ours_is_far_from_all():
  """The frames of an orbit in disorder: each is a place of the orbit, the whole is none."""
  video = render([Content("circle", "red", "large")], [Motion("circle", "fast", 300)])
  reading = shapes_read.read(video[np.random.default_rng(0).permutation(16)])
  assert reading.content == Content("circle", "red", "large")
  assert reading.error > 4 > 10 * shapes_read.read(video).error


def test_what_is_no_shape_of_ours_is_unlike_all():
  video = render([Content("ring", "white", "large")], [Motion("still")])
  half = video.copy()
  half[:, :32] = 0
  assert shapes_read.read(half).likeness < 0.93 < 0.98 < shapes_read.read(video).likeness


@pytest.mark.parametrize("level", [0, 90, 255])
def test_an_empty_video_has_nothing_in_it(level):
  video = np.full((16, 64, 64, 3), level, np.uint8)
  noisy = np.clip(video + np.random.default_rng(0).normal(0, 20, video.shape), 0, 255).astype(np.uint8)
  for empty in (video, noisy, np.full(video.shape, np.nan, np.float32)):
    reading = shapes_read.read(empty)
    assert reading.content is None and reading.motion is None and reading.direction == ""
    assert reading.position.shape == (16, 2) and np.isnan(reading.position).all()


@pytest.mark.parametrize("shape", [(64, 64, 3), (16, 64, 64, 1), (16, 32, 64, 3)])
def test_other_arrays_are_refused(shape):
  with pytest.raises(ValueError, match=r"\[time, size, size, 3\], not"):
    shapes_read.read(np.zeros(shape, np.uint8))
