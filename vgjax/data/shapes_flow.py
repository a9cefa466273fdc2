"""The optical flow of `moving_shapes`, exact: where each pixel was one frame before.

A pixel of a shape moves with the shape's centre and swells with its radius, the background stands still:

  f_t(p) = c_t + (p - c_{t+1}) r_t / r_{t+1} - p,    0 on the background

It is valid where the pixel shows one thing alone, and the four pixels about the place it came from showed the
same thing alone: at edges, which are antialiased, and where something was hidden, it is not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vgjax.data.shapes_draw import SIZES, Content, coverage
from vgjax.data.shapes_motion import Motion, track
from vgjax.data.shapes_sound import Rhythm, pulse

MIXED = -1  # of several things


def flow(
  contents: Sequence[Content],
  motions: Sequence[Motion],
  *,
  size: int,
  time: int,
  rhythm: Rhythm | None = None,
  scale: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
  """The flow of what `shapes_draw.render` draws of the same arguments.

  Returns:
    `flow`, float32 [time - 1, size, size, 2], (y, x) in pixels: from each pixel of frame t + 1 to where it
    was in frame t; `valid`, float32 [time - 1, size, size], 1 where it holds. As
    `vgjax.metrics.temporal.warping_error` takes them.
  """
  swell = scale * pulse(rhythm, time)
  grid = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), axis=-1)
  shown = np.zeros((time, size, size), np.int32)  # 0 the background, k + 1 the shape k
  back = np.zeros((time - 1, size, size, 2), np.float32)
  for number, (content, motion) in enumerate(zip(contents, motions, strict=True), 1):
    centers = track(motion, time, size)
    radius = SIZES[content.size] * size * swell
    away = grid - centers[:, None, None, :]  # [time, size, size, 2]
    alpha = coverage(content.shape, radius[:, None, None], away[..., 0], away[..., 1])
    shown = np.where(alpha == 0, shown, np.where(alpha == 1, number, MIXED))
    ratio = (radius[:-1] / radius[1:])[:, None, None, None]
    own = centers[:-1, None, None, :] + away[1:] * ratio - grid
    back = np.where((alpha[1:] > 0)[..., None], own, back)
  return back.astype(np.float32), _same(shown, grid + back).astype(np.float32)


def _same(shown: np.ndarray, source: np.ndarray) -> np.ndarray:
  """Whether the four pixels about `source` [time - 1, h, w, 2] showed what the pixel shows, unmixed."""
  frames = np.arange(len(source))[:, None, None]
  limit = shown.shape[1] - 1
  same = (shown[1:] != MIXED) & np.all((source >= 0) & (source <= limit), axis=-1)
  low = np.clip(np.floor(source).astype(int), 0, limit)
  high = np.clip(np.ceil(source).astype(int), 0, limit)
  for y in (low[..., 0], high[..., 0]):
    for x in (low[..., 1], high[..., 1]):
      same &= shown[frames, y, x] == shown[1:]
  return same
