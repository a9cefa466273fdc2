"""A network on frames of any size: padded to what it needs, whole or in overlapping tiles.

Where tiles overlap, they are cross-faded,

  out(p) = sum_k w_k(p) tile_k(p) / sum_k w_k(p)

with weights that rise from a tile's border to its inside over the width of the overlap, so that no seam
shows. A film's own border is no seam: there a tile counts in full.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Network = Callable[[np.ndarray], np.ndarray]


def apply(
  network: Network,
  frames: np.ndarray,
  *,
  multiple: int = 1,
  tile: tuple[int, int] | None = None,
  overlap: int = 32,
) -> np.ndarray:
  """The network's video of `frames`, whatever their size.

  Args:
    network: [batch, time, height, width, channels], uint8 or float32, to the same; called at one shape only.
    frames: [batch, time, height, width, channels].
    multiple: of which the network wants height and width to be. Frames are padded at their lower and right
      border by repeating the last row and column, and cropped again.
    tile: height and width of the tiles; None: whole frames.
    overlap: pixels that neighbouring tiles share, at least.

  Returns:
    Of the shape and type of `frames`.
  """
  height, width = frames.shape[2:4]
  padded = pad(frames, multiple)
  size = tile_size(padded.shape[2:4], multiple, tile)
  if size == padded.shape[2:4]:
    return network(padded)[:, :, :height, :width]
  weight = _weights(size, min(overlap, *(n - 1 for n in size)))
  total = np.zeros(padded.shape, np.float32)
  norm = np.zeros((*padded.shape[2:4], 1), np.float32)
  for y in _places(padded.shape[2], size[0], overlap):
    for x in _places(padded.shape[3], size[1], overlap):
      window = np.s_[y : y + size[0], x : x + size[1]]
      made = network(np.ascontiguousarray(padded[:, :, *window]))
      total[:, :, *window] += weight * made
      norm[window] += weight
  total /= norm
  total = total[:, :, :height, :width]
  return np.rint(total).astype(np.uint8) if frames.dtype == np.uint8 else total


def pad(frames: np.ndarray, multiple: int) -> np.ndarray:
  """Repeats the last row and column until height and width are multiples."""
  extra = [(0, 0), (0, 0), *((0, -n % multiple) for n in frames.shape[2:4]), (0, 0)]
  return np.pad(frames, extra, mode="edge") if any(after for _, after in extra) else frames


def tile_size(size: tuple[int, ...], multiple: int, tile: tuple[int, int] | None) -> tuple[int, int]:
  """The tiles' height and width: multiples, and no larger than a frame of `size`, which is multiples too."""
  if tile is None:
    return size[0], size[1]
  fitted = [min(whole, -(-n // multiple) * multiple) for whole, n in zip(size, tile)]
  return fitted[0], fitted[1]


def _places(whole: int, tile: int, overlap: int) -> list[int]:
  """Where tiles begin along an axis: evenly spread, the last one ending where the frame does."""
  if tile >= whole:
    return [0]
  step = max(1, tile - overlap)
  count = -(-(whole - tile) // step) + 1
  return np.rint(np.linspace(0, whole - tile, count)).astype(int).tolist()


def _weights(size: tuple[int, int], overlap: int) -> np.ndarray:
  """[height, width, 1], float32: 1 inside, falling towards the border; never 0, so it counts at a film's."""
  sides = []
  for length in size:
    distance = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1.0
    sides.append(np.minimum(1.0, distance / (overlap + 1)))
  return np.outer(*sides).astype(np.float32)[..., None]
