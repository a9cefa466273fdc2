"""Marks where scenes begin, while the film goes by: `vgjax.data.scenes.find_cuts` on a moving window.

A frame is judged by the frames around it, so what comes out lags behind what goes in by `scenes.AROUND`
frames; the frames found are those that would be found in the whole film at once.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from vgjax.data import scenes
from vgjax.inference.film import Frame

_SIDE = 32  # pixels; enough for the shares of colours


def mark(frames: Iterable[Frame]) -> Iterator[Frame]:
  """The same frames, each with its `cut`."""
  before = scenes.AROUND + 1  # frames before the one that is judged
  histograms: collections.deque[np.ndarray] = collections.deque()
  waiting: collections.deque[Frame] = collections.deque()  # not judged yet; the last of `histograms`

  def judge() -> Frame:
    """The first that waits."""
    place = len(histograms) - len(waiting)
    found = scenes.find_cuts(np.stack(histograms))
    if place == before:
      histograms.popleft()
    return waiting.popleft()._replace(cut=bool(place in found))

  for frame in frames:
    waiting.append(frame)
    histograms.append(scenes.histogram(_small(frame.pixels)[None])[0])
    if len(waiting) > scenes.AROUND:
      yield judge()
  while waiting:
    yield judge()


def _small(pixels: np.ndarray) -> np.ndarray:
  """uint8 [32, 32, 3]."""
  pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
  image = Image.fromarray(np.ascontiguousarray(pixels))
  return np.asarray(image.resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=1.0))
