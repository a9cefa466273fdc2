"""Moving MNIST: digits which drift over a black square and bounce off its walls.

`motion="bounce"`: Srivastava et al. 2015, "Unsupervised Learning of Video Representations using LSTMs"
(arXiv:1502.04681), in the geometry of the OpenSTL benchmark, rendered on the fly:

  position += 0.1 * (cos a, sin a)     in units of the free range (size - digit_size), a uniform
  at a wall: position = the wall, and the velocity's component turns round
  pixel = floor(position * (size - digit_size)); digits are composited with max

What differs from the benchmark: its training draws from all 60,000 MNIST training digits and its best
checkpoint is picked on the test set; here the last 5,000 of them are held out for a validation set. Its
test set is a published file of 10,000 sequences; here the test set is that file (`test_file`), or it is
rendered by seed from the digits of MNIST's test set, which training never sees.

`motion="stochastic"`: SM-MNIST of Denton and Fergus 2018, "Stochastic Video Generation with a Learned Prior"
(arXiv:1802.07687), as their data/moving_mnist.py has it, in whole pixels:

  velocity uniform in {-4 ... 4}^2 pixels a frame; position uniform; position += velocity
  at a wall: position = the wall, a speed of 1 ... 4 away from it, and -4 ... 4 along it, all drawn anew
  the walls are 0 and size - digit_size - 1; digits are added up and cut off at white

Theirs are `size=64, digit_size=32, num_digits=2`; at other sizes the 4 is size / 16, at least 1. What differs
is that the validation digits are held out of the training ones, and that the fixed sets depend on seed and
index alone. Their digits are resized by Pillow, which rounds twice: within 2 of 255 levels of ours.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from vgjax.data import arrays
from vgjax.data import transforms as transforms_lib
from vgjax.data.digits import SIDE, describe, load_digits, load_labels, resize
from vgjax.errors import ConfigError
from vgjax.types import Source

STEP = 0.1  # of the free range, a frame
SPLITS = ("train", "valid", "test")
MOTIONS = ("bounce", "stochastic")
Path = list[tuple[float, float]]


def make(
  *,
  split: str,
  seed: int,
  num_digits: int = 2,
  size: int = 64,
  digit_size: int = 28,
  time: int = 20,
  num_videos: int = 10_000,
  motion: str = "bounce",
  color: bool = False,
  digits: str = "mnist",
  truth: bool = False,
  test_file: str | None = None,
  transforms: Sequence[Any] = (),
) -> Source:
  """Builds the source.

  Args:
    split: "train" (fresh sequences for ever), "valid" or "test" (fixed by `seed` and index).
    seed: fixes the validation and test sets; training takes its randomness from the loader.
    num_digits: digits in a video.
    size: height and width of the video.
    digit_size: height and width of a digit; other than 28, it is resized with antialiasing.
    time: frames in a video.
    num_videos: videos an epoch, or in the fixed set.
    motion: "bounce" or "stochastic", as above.
    color: whether each digit has a colour of its own. The brightest channel is the grey video.
    digits: "mnist", or a folder with MNIST's four files of another set, see `vgjax.data.digits`.
    truth: whether examples carry where each digit is and how it looks.
    test_file: the benchmark's `mnist_test_seq.npy`, uint8 [20, 10000, 64, 64]: the split "test" is read from
      it, and what renders has no effect on it.
    transforms: named transforms of the training videos, see `vgjax.data.transforms`; none with `truth`.

  Returns:
    A source of examples with `video`, uint8 [time, size, size, 1 or 3].

  Raises:
    ConfigError: fields that do not fit together.
    DataError: files of `digits`, or `test_file`, that are missing or damaged.
  """
  if split not in SPLITS:
    raise ConfigError(f"moving_mnist has the splits {', '.join(SPLITS)}, not {split!r}.")
  if not 1 <= digit_size <= size:
    raise ConfigError(f"moving_mnist: digit_size {digit_size} does not fit into size {size}.")
  if min(num_digits, time, num_videos) < 1:
    raise ConfigError("moving_mnist: num_digits, time and num_videos must be at least 1.")
  if motion not in MOTIONS:
    raise ConfigError(f"moving_mnist has the motions {', '.join(MOTIONS)}, not {motion!r}.")
  if motion == "stochastic" and digit_size == size:
    raise ConfigError(f"moving_mnist: stochastic motion needs room, digit_size must be below size = {size}.")
  if truth and transforms:
    raise ConfigError("moving_mnist: transforms would make the truth untrue. Leave out transforms, or truth.")
  if test_file is not None and split == "test":
    return _published(test_file, size, time, color or truth)
  load_digits(split, digits)  # read now, so a missing file is an error here and threads find it ready
  if truth:
    load_labels(split, digits)
  return MovingMNIST(
    split=split,
    seed=seed,
    num_digits=num_digits,
    size=size,
    digit_size=digit_size,
    time=time,
    num_videos=num_videos,
    motion=motion,
    color=color,
    digits=digits,
    truth=truth,
    transforms=transforms_lib.build(transforms) if split == "train" else (),
  )


def _published(path: str, size: int, time: int, more: bool) -> arrays.Arrays:
  """The benchmark's file as the test set."""
  if more:
    raise ConfigError("moving_mnist: test_file has neither colours nor the truth. Leave out color and truth.")
  source = arrays.make(
    split="test", seed=0, path=path, time=time, axes="tvhw", splits=dict(test=""), valid_fraction=0
  )
  found = source.card()["resolution"][0]
  if found != size:
    raise ConfigError(f"moving_mnist: the videos of {path} have the size {found}; set config.data.size so.")
  return source


@dataclasses.dataclass(frozen=True, kw_only=True)
class MovingMNIST:
  """A source of Moving MNIST videos; the arguments are those of `make`."""

  split: str
  seed: int
  num_digits: int
  size: int
  digit_size: int
  time: int
  num_videos: int
  motion: str
  color: bool
  digits: str
  truth: bool
  transforms: tuple[transforms_lib.Transform, ...]

  def __len__(self) -> int:
    return self.num_videos

  def example(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Renders one video.

    Returns:
      `video`, uint8 [time, size, size, 1], or 3 in colour. With `truth` also

      * `position`, float32 [digits, time, 2]: (y, x) of the top left corner, in pixels. The digit is drawn
        at the floor of it.
      * `velocity`, float32 [digits, time, 2]: (y, x) in pixels a frame, behind the wall if there was one:
        position[t + 1] = clip(position[t] + velocity[t], 0, last), where last is size - digit_size, or one
        less in stochastic motion.
      * `digit`, uint8 [digits, digit_size, digit_size]: how it looks; `digit_label`, int32 [digits].
      * `digit_color`, uint8 [digits, 3], in colour.
    """
    if self.split != "train":
      rng = np.random.default_rng((self.seed, SPLITS.index(self.split), index))
    images = load_digits(self.split, self.digits)
    chosen = rng.integers(len(images), size=self.num_digits)
    digits = resize(images[chosen], self.digit_size)  # [digits, digit_size, digit_size]
    if self.motion == "bounce":
      paths = np.array([trajectory(rng, self.time) for _ in chosen]) * (self.size - self.digit_size)
    else:
      paths = np.array([stochastic_trajectory(rng, self.time, self.size, self.digit_size) for _ in chosen])
    position, velocity = paths[:, 0], paths[:, 1]  # [digits, time, 2]
    corners = position.astype(np.int64)
    painted = digits[..., None]
    if self.color:  # drawn last: the digits and paths are those of the grey video
      colors = saturated_colors(rng, self.num_digits)
      painted = np.rint(painted * (colors / 255.0)[:, None, None]).astype(np.uint8)
    example = {"video": render(painted, corners, self.size, add=self.motion == "stochastic")}
    if self.truth:
      example |= dict(
        position=_float32_below(position, corners + 1),
        velocity=velocity.astype(np.float32),
        digit=digits,
        digit_label=load_labels(self.split, self.digits)[chosen].astype(np.int32),
      )
      if self.color:
        example["digit_color"] = colors
    return transforms_lib.apply(self.transforms, example, rng)

  def card(self) -> dict[str, Any]:
    """What a protocol card says of this data."""
    resized = "none" if self.digit_size == SIDE else f"digits {SIDE} -> {self.digit_size}, antialiased"
    return dict(
      dataset="moving_mnist",
      split=self.split,
      digits=describe(self.split, self.digits),
      num_digits=self.num_digits,
      digit_size=self.digit_size,
      motion=self.motion,
      num_videos=self.num_videos,
      frames=self.time,
      stride=1,
      resolution=[self.size, self.size, 3 if self.color else 1],
      resize=resized,
      seed=self.seed,
    )


def trajectory(rng: np.random.Generator, time: int) -> tuple[Path, Path]:
  """A path that bounces.

  Plain floats, not arrays: 20 steps are too few to pay for numpy's overhead.

  Returns:
    The position (y, x) at each frame, in [0, 1] of the free range, and the velocity it leaves it with.
  """
  y, x = rng.random(), rng.random()
  angle = rng.random() * 2 * math.pi
  dy, dx = math.sin(angle) * STEP, math.cos(angle) * STEP
  path, velocity = [], []
  for _ in range(time):
    y, dy = _bounce(y + dy, dy)
    x, dx = _bounce(x + dx, dx)
    path.append((y, x))
    velocity.append((dy, dx))
  return path, velocity


def _bounce(position: float, velocity: float) -> tuple[float, float]:
  """Stops at the wall it reached and turns round; what it overshot is lost, as in the benchmark."""
  if position <= 0:
    return 0.0, -velocity
  if position >= 1:
    return 1.0, -velocity
  return position, velocity


def stochastic_trajectory(
  rng: np.random.Generator, time: int, size: int, digit_size: int
) -> tuple[Path, Path]:
  """A path of SM-MNIST, the draws in the order of the reference.

  Returns:
    The position (y, x) at each frame, in pixels, and the velocity it leaves it with; whole numbers.
  """
  fastest = max(1, size // 16)
  free = size - digit_size

  def any_speed() -> int:
    return int(rng.integers(-fastest, fastest + 1))

  x, y = int(rng.integers(free)), int(rng.integers(free))
  dx, dy = any_speed(), any_speed()
  path, velocity = [], []
  for _ in range(time):
    if not 0 <= y < free:
      dy = int(rng.integers(1, fastest + 1) if y < 0 else rng.integers(-fastest, 0))
      dx = any_speed()
      y = 0 if y < 0 else free - 1
    if not 0 <= x < free:
      dx = int(rng.integers(1, fastest + 1) if x < 0 else rng.integers(-fastest, 0))
      dy = any_speed()  # in a corner this undoes the turn above, as in the reference
      x = 0 if x < 0 else free - 1
    path.append((y, x))
    velocity.append((dy, dx))
    y, x = y + dy, x + dx
  return path, velocity


def saturated_colors(rng: np.random.Generator, number: int) -> np.ndarray:
  """Colours that no two objects share: uint8 [number, 3], the brightest channel 255, the darkest 0.

  The hues are spread over the circle at random, no two closer than half of their even distance.
  """
  hue = 6 * ((rng.random() + (np.arange(number) + 0.5 * rng.random(number)) / number) % 1.0)
  away = np.abs((hue[:, None] + np.array([0, 4, 2])) % 6 - 3)  # the hexagon of HSV, at full saturation
  return np.rint(255 * np.clip(away - 1, 0, 1)).astype(np.uint8)


def render(digits: np.ndarray, corners: np.ndarray, size: int, *, add: bool) -> np.ndarray:
  """Composites moving digits.

  Args:
    digits: [digits, digit_size, digit_size, channels], uint8.
    corners: [digits, time, 2], the top left corner (y, x) in pixels, within the video.
    size: height and width of the video.
    add: whether digits that meet are added up and cut off at 255; else the brighter pixel is seen.

  Returns:
    [time, size, size, channels], uint8.
  """
  digit_size, time = digits.shape[1], corners.shape[1]
  video = np.zeros((time, size, size, digits.shape[-1]), np.uint8)
  # An axis of one channel costs numpy a tenth of the time, so it is left out where it says nothing.
  grey = digits.shape[-1] == 1
  frames = video[..., 0] if grey else video
  for digit, path in zip(digits[..., 0] if grey else digits, corners.tolist()):
    for frame, (y, x) in zip(frames, path):
      place = frame[y : y + digit_size, x : x + digit_size]
      if add:
        place += np.minimum(digit, 255 - place)
      else:
        np.maximum(place, digit, out=place)
  return video


def _float32_below(array: np.ndarray, limit: np.ndarray) -> np.ndarray:
  """float32 that stays below the whole numbers `limit` where rounding would reach them: the floor is kept."""
  rounded, limit = array.astype(np.float32), limit.astype(np.float32)
  return np.where(rounded < limit, rounded, np.nextafter(limit, np.float32(0)))
