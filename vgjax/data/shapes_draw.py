"""Draws the shapes of `moving_shapes`: any content with any motion, antialiased, at fractions of a pixel.

A shape is a signed distance d(p) to its edge, negative inside, in units of its radius; a pixel's coverage is

  alpha = clip(1/2 - radius * d((pixel - centre) / radius), 0, 1)
  over  = alpha * color + (1 - alpha) * under

which is the area that a straight upright edge leaves of the pixel, and close to it at other edges. It is
worked out in a window about the shape only, for all frames at once. Every shape's centroid is its centre, so
that the centroid of what is seen is the truth `position`, to a tenth of a pixel.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np

from vgjax.data.shapes_motion import Motion, track
from vgjax.data.shapes_sound import Rhythm, pulse

COLORS = {
  "red": (235, 35, 35),
  "orange": (255, 140, 0),
  "yellow": (250, 235, 40),
  "green": (30, 200, 60),
  "cyan": (30, 215, 235),
  "blue": (50, 90, 255),
  "purple": (190, 60, 235),
  "white": (250, 250, 250),
}
SIZES = {"small": 5 / 64, "medium": 7 / 64, "large": 9 / 64}  # radius, as a share of the frame
BACKGROUNDS = ("black", "plain", "texture")


def _box(y: np.ndarray, x: np.ndarray, height: float, width: float) -> np.ndarray:
  return np.maximum(np.abs(y) - height, np.abs(x) - width)


def _triangle(y: np.ndarray, x: np.ndarray) -> np.ndarray:
  slanted = math.sqrt(0.75) * np.abs(x) - 0.5 * y
  return np.maximum(y, slanted) - 0.525


def _star(y: np.ndarray, x: np.ndarray) -> np.ndarray:
  """Five tips at radius 1.05, the notches between them at 0.45; one edge, folded ten times."""
  tip, notch, sector = 1.05, 0.45, 2 * math.pi / 5
  angle = np.abs((np.arctan2(x, -y) + sector / 2) % sector - sector / 2)
  radius = np.hypot(y, x)
  edge_y, edge_x = notch * math.sin(sector / 2), notch * math.cos(sector / 2) - tip
  length = math.hypot(edge_y, edge_x)
  return ((radius * np.cos(angle) - tip) * edge_y - radius * np.sin(angle) * edge_x) / length


# (y, x) in units of the radius -> signed distance. No shape reaches further than 1.05 up, down or aside.
SHAPES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
  "circle": lambda y, x: np.hypot(y, x) - 0.95,
  "square": lambda y, x: _box(y, x, 0.82, 0.82),
  "triangle": _triangle,
  "star": _star,
  "ring": lambda y, x: np.abs(np.hypot(y, x) - 0.75) - 0.25,
  "cross": lambda y, x: np.minimum(_box(y, x, 1.0, 0.33), _box(y, x, 0.33, 1.0)),
  "diamond": lambda y, x: (np.abs(y) + np.abs(x) - 1.05) * math.sqrt(0.5),
  "bar": lambda y, x: _box(y, x, 0.36, 1.0),
}
REACH = 1.05


class Content(NamedTuple):
  """What moves: a shape of `SHAPES`, a color of `COLORS`, a size of `SIZES`."""

  shape: str
  color: str
  size: str = "medium"

  @property
  def id(self) -> int:
    """A number from 0 to `NUM_CONTENTS` - 1."""
    shape, color, size = (list(names).index(name) for names, name in zip((SHAPES, COLORS, SIZES), self))
    return (shape * len(COLORS) + color) * len(SIZES) + size

  @classmethod
  def from_id(cls, number: int) -> Self:
    rest, size = divmod(int(number), len(SIZES))
    shape, color = divmod(rest, len(COLORS))
    return cls(list(SHAPES)[shape], list(COLORS)[color], list(SIZES)[size])


NUM_CONTENTS = len(SHAPES) * len(COLORS) * len(SIZES)


def render(
  contents: Sequence[Content],
  motions: Sequence[Motion],
  *,
  size: int = 64,
  time: int = 16,
  background: str = "black",
  background_id: int = 0,
  rhythm: Rhythm | None = None,
  scale: float = 1.0,
) -> np.ndarray:
  """Draws a video; the same arguments give the same pixels.

  Args:
    contents: what moves, the last one in front.
    motions: how each of them moves.
    size: height and width of the video.
    time: frames. The first frames of a longer video are the shorter video.
    background: "black", "plain" (a dark, dull color) or "texture" (dark, dull, smooth noise).
    background_id: which color or texture.
    rhythm: the beat at which all shapes swell; None for none.
    scale: all radii are so many times those of `SIZES`.

  Returns:
    uint8 [time, size, size, 3].
  """
  video = np.empty((time, size, size, 3), np.uint8)
  video[:] = draw_background(background, background_id, size)
  swell = scale * pulse(rhythm, time)
  for content, motion in zip(contents, motions, strict=True):
    _draw(video, content, track(motion, time, size), swell)
  return video


def coverage(shape: str, radius: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
  """The share of each pixel that a shape covers.

  Args:
    shape: of `SHAPES`.
    radius: in pixels.
    y, x: the pixel's place relative to the shape's centre, in pixels. All three broadcast.

  Returns:
    In [0, 1].
  """
  return np.clip(0.5 - radius * SHAPES[shape](y / radius, x / radius), 0.0, 1.0)


def _draw(video: np.ndarray, content: Content, centers: np.ndarray, swell: np.ndarray) -> None:
  """Draws one shape over `video` [time, size, size, 3], at `centers` [time, 2], with radii times `swell`."""
  time, size = video.shape[:2]
  radius = (SIZES[content.size] * size * swell).astype(np.float32)[:, None, None]
  reach = math.ceil(REACH * float(radius.max(initial=0)) + 0.5)
  first = np.floor(centers).astype(int) - reach
  window = np.arange(2 * reach + 2)
  rows, columns = (first[:, axis, None] + window for axis in range(2))  # [time, window]
  y = (rows - centers[:, :1]).astype(np.float32)[:, :, None]
  x = (columns - centers[:, 1:]).astype(np.float32)[:, None, :]
  alpha = coverage(content.shape, radius, y, x)[..., None]  # [time, window, window, 1]
  # No shape leaves the frame, but its window may, by a row that it does not cover: that row may wrap round.
  place = np.arange(time)[:, None, None], rows[:, :, None] % size, columns[:, None, :] % size
  under = video[place].astype(np.float32)
  color = np.array(COLORS[content.color], np.float32)
  video[place] = (under + alpha * (color - under) + 0.5).astype(np.uint8)


@functools.lru_cache(maxsize=64)
def draw_background(kind: str, number: int, size: int) -> np.ndarray:
  """uint8 [size, size, 3], of intensities 16 to 112; black has but one."""
  if kind == "black":
    return np.zeros((size, size, 3), np.uint8)
  rng = np.random.default_rng((BACKGROUNDS.index(kind), number))
  tint = rng.uniform(-12, 12, 3)
  grey = np.full((size, size), rng.uniform(28, 100))
  if kind == "texture":
    coarse, fine = (_smooth_noise(rng, cells, size) for cells in (5, 11))
    grey = 64 + 36 * (2 / 3 * coarse + 1 / 3 * fine)
  return np.rint(grey[..., None] + tint).astype(np.uint8)


def _smooth_noise(rng: np.random.Generator, cells: int, size: int) -> np.ndarray:
  """Noise in [-1, 1] on a grid of points, with smooth steps between them: [size, size]."""
  place = np.linspace(0, cells - 1, size)[:, None]
  weights = np.maximum(0, 1 - np.abs(place - np.arange(cells)))  # [size, cells]
  weights = weights**2 * (3 - 2 * weights)
  return weights @ rng.uniform(-1, 1, (cells, cells)) @ weights.T
