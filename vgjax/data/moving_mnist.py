"""Moving MNIST: digits which drift over a black square and bounce off its walls.

Srivastava et al. 2015, "Unsupervised Learning of Video Representations using LSTMs"
(arXiv:1502.04681), in the geometry of the OpenSTL benchmark, rendered on the fly:

  position += 0.1 * (cos a, sin a)     in units of the free range (size - digit_size), a uniform
  at a wall: position = the wall, and the velocity's component turns round
  pixel = floor(position * (size - digit_size)); digits are composited with max

What differs from the benchmark: its training draws from all 60,000 MNIST training digits and its best
checkpoint is picked on the test set; here the last 5,000 of them are held out for a validation set. Its
test set is a published file of 10,000 sequences; here the test set is rendered by seed, from the digits
of MNIST's test set, which training never sees.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import importlib.resources
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from vgjax.data import transforms as transforms_lib
from vgjax.errors import ConfigError

STEP = 0.1  # of the free range, a frame
HELD_OUT = 5_000  # training digits kept for the validation set
SPLITS = ("train", "valid", "test")


def make(
  *,
  split: str,
  seed: int,
  num_digits: int = 2,
  size: int = 64,
  digit_size: int = 28,
  time: int = 20,
  num_videos: int = 10_000,
  transforms: Sequence[Any] = (),
) -> MovingMNIST:
  """Builds the source.

  Args:
    split: "train" (fresh sequences for ever), "valid" or "test" (fixed by `seed` and index).
    seed: fixes the validation and test sets; training takes its randomness from the loader.
    num_digits: digits in a video.
    size: height and width of the video.
    digit_size: height and width of a digit; other than 28, it is resized with antialiasing.
    time: frames in a video.
    num_videos: videos an epoch, or in the fixed set.
    transforms: named transforms of the training videos, see `vgjax.data.transforms`.

  Returns:
    A source of examples with `video`, uint8 [time, size, size, 1].
  """
  if split not in SPLITS:
    raise ConfigError(f"moving_mnist has the splits {', '.join(SPLITS)}, not {split!r}.")
  if not 1 <= digit_size <= size:
    raise ConfigError(f"moving_mnist: digit_size {digit_size} does not fit into size {size}.")
  if min(num_digits, time, num_videos) < 1:
    raise ConfigError("moving_mnist: num_digits, time and num_videos must be at least 1.")
  load_digits(split)  # read now, so a missing file is an error here and threads find it ready
  applied = transforms_lib.build(transforms) if split == "train" else ()
  return MovingMNIST(split, seed, num_digits, size, digit_size, time, num_videos, applied)


@dataclasses.dataclass(frozen=True)
class MovingMNIST:
  """A source of Moving MNIST videos; the arguments are those of `make`."""

  split: str
  seed: int
  num_digits: int
  size: int
  digit_size: int
  time: int
  num_videos: int
  transforms: tuple[transforms_lib.Transform, ...] = ()

  def __len__(self) -> int:
    return self.num_videos

  def example(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Renders one video: `video`, uint8 [time, size, size, 1]."""
    if self.split != "train":
      rng = np.random.default_rng((self.seed, SPLITS.index(self.split), index))
    images = load_digits(self.split)
    digits = images[rng.integers(len(images), size=self.num_digits)]  # [digits, 28, 28]
    paths = [trajectory(rng, self.time) for _ in range(self.num_digits)]
    corners = (np.array(paths) * (self.size - self.digit_size)).astype(np.int64)
    example = {"video": render(resize(digits, self.digit_size), corners, self.size)}
    return transforms_lib.apply(self.transforms, example, rng)

  def card(self) -> dict[str, Any]:
    """What a protocol card says of this data."""
    drawn = {"train": "MNIST train but its last 5,000", "valid": "the last 5,000 of MNIST train"}
    resized = "none" if self.digit_size == 28 else f"digits 28 -> {self.digit_size}, antialiased"
    return dict(
      dataset="moving_mnist",
      split=self.split,
      digits=drawn.get(self.split, "MNIST test"),
      num_digits=self.num_digits,
      digit_size=self.digit_size,
      num_videos=self.num_videos,
      frames=self.time,
      stride=1,
      resolution=[self.size, self.size, 1],
      resize=resized,
      seed=self.seed,
    )


@functools.cache
def load_digits(split: str) -> np.ndarray:
  """The digits a split draws from: uint8 [number, 28, 28]; the three sets share no image."""
  name = "t10k-images-idx3-ubyte.gz" if split == "test" else "train-images-idx3-ubyte.gz"
  file = importlib.resources.files("vgjax.data") / "mnist" / name
  header = 16  # magic number, count, height, width: four big-endian int32
  images = np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=header)
  images = images.reshape(-1, 28, 28)
  return {"train": images[:-HELD_OUT], "valid": images[-HELD_OUT:], "test": images}[split]


def trajectory(rng: np.random.Generator, time: int) -> list[tuple[float, float]]:
  """A path that bounces: (y, x) for each frame, in [0, 1] of the free range.

  Plain floats, not arrays: 20 steps are too few to pay for numpy's overhead.
  """
  y, x = rng.random(), rng.random()
  angle = rng.random() * 2 * math.pi
  dy, dx = math.sin(angle) * STEP, math.cos(angle) * STEP
  path = []
  for _ in range(time):
    y, dy = _bounce(y + dy, dy)
    x, dx = _bounce(x + dx, dx)
    path.append((y, x))
  return path


def _bounce(position: float, velocity: float) -> tuple[float, float]:
  """Stops at the wall it reached and turns round; what it overshot is lost, as in the benchmark."""
  if position <= 0:
    return 0.0, -velocity
  if position >= 1:
    return 1.0, -velocity
  return position, velocity


def render(digits: np.ndarray, corners: np.ndarray, size: int) -> np.ndarray:
  """Composites moving digits with max.

  Args:
    digits: [digits, digit_size, digit_size], uint8.
    corners: [digits, time, 2], the top left corner (y, x) in pixels, within the video.
    size: height and width of the video.

  Returns:
    [time, size, size, 1], uint8.
  """
  digit_size, time = digits.shape[-1], corners.shape[1]
  video = np.zeros((time, size, size), np.uint8)
  for digit, path in zip(digits, corners.tolist()):
    for frame, (y, x) in zip(video, path):
      place = frame[y : y + digit_size, x : x + digit_size]
      np.maximum(place, digit, out=place)
  return video[..., None]


def resize(images: np.ndarray, size: int) -> np.ndarray:
  """Resizes square uint8 images [..., side, side] to [..., size, size] with antialiasing."""
  side = images.shape[-1]
  if size == side:
    return images
  weights = _resize_weights(side, size)
  resized = weights @ images.astype(np.float32) @ weights.T
  return np.clip(np.rint(resized), 0, 255).astype(np.uint8)


@functools.cache
def _resize_weights(old: int, new: int) -> np.ndarray:
  """[new, old]: a triangle as wide as the coarser of the two grids, each row summing to one."""
  scale = old / new
  centers = (np.arange(new) + 0.5) * scale - 0.5
  distance = np.abs(np.arange(old)[None, :] - centers[:, None]) / max(scale, 1.0)
  weights = np.maximum(0.0, 1.0 - distance)
  return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
