"""Reads a video of one moving shape back: shape, color, size, motion, and where it is at each frame.

For the videos of `moving_shapes`, rendered or sampled by a model, so noisy or blurred ones too. By templates,
nothing is learned:

  background  each pixel's median over time where that is near the border's median color, else the latter
  color       the one whose mixture with the background is nearest to the mean of the most salient pixels
  alpha       the projection of (pixel - background) on (color - background), so 1 inside and 0 outside
  position    the centroid of alpha about its smoothed peak
  shape       alpha, moved to the middle and averaged over time, against every shape, radius and blur
  motion      the nearest of all tracks that `shapes_motion` knows, by the mean of min(error^2, (4 pixels)^2)

Accuracy on 400 videos of the test split, textured backgrounds, 16 frames, 64 pixels; noise is Gaussian, its
sigma in levels of 255, that of the blur in pixels (`accuracy` in the tests, which hold what is in brackets):

                         shape          color          size           motion         position, mean error
  clean                  100%  [99]     100%  [99]     100%  [99]     100%  [99]     0.05 pixels [0.1]
  noise 20, blur 1       100%  [98]     100%  [98]     100%  [98]     100%  [98]     0.13 pixels [0.25]
  noise 40, blur 1.5     96.8% [90]     100%  [95]     99.5% [90]     100%  [95]     0.42 pixels [0.8]

Motion stands for path, speed and direction, all three right. Videos of 32 pixels read as well when clean, or
with noise 20 and blur 0.5; with noise 20 and blur 1 the shape is right in 82%, since little of it is left. A
video of nothing but noise is read as empty up to noise 20 on any background; see `likeness` beyond that.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from vgjax.data.shapes_draw import COLORS, SHAPES, SIZES, Content, coverage
from vgjax.data.shapes_motion import FREE, MARGIN, PATHS, SPEEDS, STARTS, Motion, direction, tracks
from vgjax.errors import ConfigError

UNITS = 64  # sides and radii below are in units of 1/64 of the frame
HALF = 14  # of the patch that is compared with templates
RADII = np.arange(4.0, 12.5, 0.5)
BLURS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
FAINT = 35  # of 255; less than this from the background is nothing


class Reading(NamedTuple):
  """What was read.

  Attributes:
    content: shape, color and size; None if there is nothing to be seen. The size is that of the mean radius:
      true where no beat swells the shape.
    motion: path, speed and start of the nearest track; None with `content`. See `direction`.
    position: float32 [time, 2], the centre (y, x) in pixels, as the truth has it; NaN if nothing is seen.
    error: pixels, root mean square between `position` and the nearest track: large for a motion that is
      none of `shapes_motion`'s.
    likeness: of the mean picture to the nearest shape, a correlation, 1 at best.
  """

  content: Content | None
  motion: Motion | None
  position: np.ndarray
  error: float
  likeness: float

  @property
  def direction(self) -> str:
    """Where it goes, in words; see `shapes_motion.direction`."""
    return "" if self.motion is None else direction(self.motion)


def check_data(data: Mapping[str, Any], where: str) -> None:
  """Raises ConfigError if videos of `config.data` cannot be read back; `where` names who wants to."""
  if data["name"] != "moving_shapes" or data.get("num_objects", 1) != 1:
    raise ConfigError(
      f'{where} reads videos back that show one moving shape: config.data.name = "moving_shapes" with'
      f' num_objects = 1, and here it is "{data["name"]}" with {data.get("num_objects", 1)}'
    )


def read(video: np.ndarray) -> Reading:
  """Reads one video.

  Args:
    video: [time, size, size, 3], uint8, or float in [-1, 1]. A motion needs 8 frames or so to be told.

  Raises:
    ValueError: a video of another shape.
  """
  video = np.asarray(video)
  if video.ndim != 4 or video.shape[1] != video.shape[2] or video.shape[3] != 3:
    raise ValueError(f"A video of moving shapes is [time, size, size, 3], not {list(video.shape)}.")
  if video.dtype != np.uint8:
    video = np.nan_to_num(np.clip((video.astype(np.float32) + 1) * 127.5, 0, 255))
  time, size = video.shape[:2]
  video = video.astype(np.float32)
  background = _background(video)
  color, distance = _color(video, background)
  if distance < FAINT:
    return Reading(None, None, np.full((time, 2), np.nan, np.float32), np.nan, 0.0)
  toward = np.array(COLORS[color], np.float32) - background
  alpha = ((video - background) * toward).sum(-1) / (toward**2).sum(-1)  # [time, size, size]
  position = _centroids(alpha)
  patches = _patches(alpha, position)
  shape, radius, likeness = _shape(patches.mean(0))
  motion, error = _motion(position, size)
  sizes = np.array(list(SIZES.values())) * UNITS
  content = Content(shape, color, list(SIZES)[np.abs(np.log(radius / sizes)).argmin()])
  return Reading(content, motion, position.astype(np.float32), error, likeness)


def _background(video: np.ndarray) -> np.ndarray:
  """[size, size, 3], without the shape, moving or still."""
  edge = np.concatenate([video[:, [0, -1]].reshape(-1, 3), video[:, :, [0, -1]].reshape(-1, 3)])
  border = np.median(edge, axis=0)
  usual = np.median(video, axis=0)
  near = np.abs(usual - border).max(-1, keepdims=True) < 65  # backgrounds vary less, colors differ more
  return np.where(near, usual, border)


def _color(video: np.ndarray, background: np.ndarray) -> tuple[str, float]:
  """The color's name, and how far the shape is from the background, in levels."""
  time, size = video.shape[:2]
  difference = _box(video - background, 3)
  strength = np.sqrt((difference**2).sum(-1)).reshape(time, -1)
  count = max(3, round(20 * (size / UNITS) ** 2))  # the smallest shape covers more
  places = np.argpartition(-strength, count, axis=1)[:, :count]
  index = np.arange(time)[:, None], places
  seen = difference.reshape(time, -1, 3)[index].mean((0, 1))
  under = np.broadcast_to(background.reshape(-1, 3), (time, size * size, 3))[index].mean((0, 1))
  toward = np.array(list(COLORS.values())) - under  # [colors, 3]
  # Blur mixes the background in, so any share of the way to the color is as good.
  share = np.clip((toward @ seen) / (toward**2).sum(-1), 0.3, 1.1)
  misfit = np.linalg.norm(seen - share[:, None] * toward, axis=-1) / share
  return list(COLORS)[misfit.argmin()], float(np.linalg.norm(seen))


def _centroids(alpha: np.ndarray) -> np.ndarray:
  """Where the shape is at each frame, [time, 2], in pixels."""
  time, size = alpha.shape[:2]
  smooth = _box(_box(alpha[..., None], _odd(5 * size / UNITS)), _odd(9 * size / UNITS))[..., 0]
  place = np.stack(np.divmod(smooth.reshape(time, -1).argmax(1), size), -1).astype(np.float32)
  solid = np.clip(alpha - 0.25, 0, 1)
  axis = np.arange(size)
  for half in (13, 13, 12, 12):
    inside = np.abs(axis - place[..., None]) <= half * size / UNITS  # [time, 2, size]
    weights = solid * inside[:, 0, :, None] * inside[:, 1, None, :]
    mass = np.maximum(weights.sum((1, 2)), 1e-6)
    place = np.stack([(weights.sum(2) * axis).sum(1), (weights.sum(1) * axis).sum(1)], -1) / mass[:, None]
  return place


def _patches(alpha: np.ndarray, position: np.ndarray) -> np.ndarray:
  """Alpha about each position, interpolated linearly: [time, patch, patch], one unit apart."""
  size = alpha.shape[1]
  offsets = np.arange(-HALF, HALF + 1) * size / UNITS
  # [time, 2, patch, size]: how much each row (column) of the frame counts for each of the patch
  place = position[..., None] + offsets
  weights = np.maximum(0, 1 - np.abs(place[..., None] - np.arange(size))).astype(np.float32)
  return weights[:, 0] @ alpha @ weights[:, 1].transpose(0, 2, 1)


def _shape(patch: np.ndarray) -> tuple[str, float, float]:
  """The shape, its radius in units, and the correlation with its template."""
  templates, kinds = _templates()
  patch = (patch - patch.mean()).reshape(-1)
  likeness = templates @ (patch / max(np.linalg.norm(patch), 1e-6))
  best = likeness.argmax()
  return *kinds[best][:2], float(likeness[best])


@functools.cache
def _templates() -> tuple[np.ndarray, list[tuple[str, float, float]]]:
  """Every shape at every radius and blur: [templates, patch * patch], each of mean 0 and norm 1."""
  offsets = np.arange(-HALF, HALF + 1.0)
  kinds = list(itertools.product(SHAPES, RADII.tolist(), BLURS))
  made = []
  for shape, radius, blur in kinds:
    sharp = coverage(shape, np.array(radius), offsets[:, None], offsets)
    kernel = np.exp(-0.5 * ((offsets[:, None] - offsets) / max(blur, 0.1)) ** 2)
    kernel /= kernel.sum(1, keepdims=True)
    made.append((kernel @ sharp @ kernel.T).reshape(-1))
  templates = np.array(made, np.float32)
  templates -= templates.mean(1, keepdims=True)
  return templates / np.linalg.norm(templates, axis=1, keepdims=True), kinds


def _motion(position: np.ndarray, size: int) -> tuple[Motion, float]:
  """The nearest track, and its distance in pixels."""
  known, lengths, kinds = _tracks(len(position))
  q = (((position + 0.5) / size - MARGIN) / FREE).astype(np.float32).reshape(-1)
  distance = lengths - 2 * known @ q  # and |q|^2, the same for all
  near = np.argpartition(distance, 500)[:500]
  error = (((known[near] - q) * FREE * size) ** 2).reshape(500, -1, 2).sum(-1)  # [near, time]
  best = np.minimum(error, (4 * size / UNITS) ** 2).mean(1).argmin()
  kind, start = divmod(int(near[best]), STARTS)
  return Motion(*kinds[kind], start), float(np.sqrt(error[best].mean()))


@functools.lru_cache(maxsize=4)
def _tracks(time: int) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
  """All tracks of so many frames, in units of the free range: [kinds * starts, time * 2]; their squares."""
  kinds = [
    (path, speed) for path, speed in itertools.product(PATHS, SPEEDS) if (path, speed) != ("still", "fast")
  ]
  starts = np.arange(STARTS)
  known = [tracks(path, speed, starts, time).astype(np.float32) for path, speed in kinds]
  flat = np.concatenate(known).reshape(len(kinds) * STARTS, -1)
  return flat, (flat**2).sum(1), kinds


def _box(array: np.ndarray, width: int) -> np.ndarray:
  """The mean of a square of odd width about each pixel of [time, size, size, channels], edges repeated."""
  half = width // 2
  for axis in (1, 2):
    padding = [(half + 1, half) if a == axis else (0, 0) for a in range(4)]
    sums = np.cumsum(np.pad(array, padding, mode="edge"), axis=axis, dtype=np.float32)
    size = array.shape[axis]
    high, low = np.arange(width, width + size), np.arange(size)
    array = (sums.take(high, axis) - sums.take(low, axis)) / width
  return array


def _odd(width: float) -> int:
  return 2 * max(0, round((width - 1) / 2)) + 1
