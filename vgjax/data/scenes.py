"""Where a film cuts from one scene to the next.

A cut is a frame whose colours differ from the frame's before, by more than the frames around it differ from
each other (which fast motion does), and which stay (a flash goes back). The colours are compared as
histograms, in the way of Zhang et al. 1993, "Automatic partitioning of full-motion video"; the comparison
with the neighbourhood is that of adaptive detectors. Fades and dissolves are not found. It is written here,
since the packages for it bring a second video decoder along, and this one need not be perfect: a missed cut
costs one odd clip.
"""

from __future__ import annotations

import os

import numpy as np

from vgjax.data import video as video_lib

THRESHOLD = 0.3  # of the pixels change their bin; within a scene it is below 0.1
CONTRAST = 3.0  # times as much as between the frames around it
AROUND = 6  # frames before and after
SHORTEST = 0.4  # seconds of a scene; what is shorter stays with the scene before
_SIZE, _BINS, _CHUNK = 32, 8, 512


def split(path: str | os.PathLike, start: float, end: float) -> list[tuple[float, float]]:
  """The scenes of a part of a video, as (start, end) in seconds; together they are all of it.

  Raises:
    VideoError: the video cannot be decoded.
  """
  histograms, times = _histograms(path, start, end)
  borders = [start]
  for cut in np.round(times[find_cuts(histograms)], 6).tolist():
    if cut - borders[-1] >= SHORTEST and end - cut >= SHORTEST:
      borders.append(cut)
  return list(zip(borders, [*borders[1:], end]))


def find_cuts(histograms: np.ndarray) -> np.ndarray:
  """The numbers of the frames that begin a scene, but for the first.

  Args:
    histograms: [frames, bins], the share of pixels in each bin; each row sums to one.
  """
  if len(histograms) < 2:
    return np.zeros(0, int)
  change = np.abs(np.diff(histograms, axis=0)).sum(axis=1) / 2  # [frames - 1], in [0, 1]
  cuts = []
  for number in np.flatnonzero(change > THRESHOLD):
    first = max(0, number - AROUND)
    around = np.delete(change[first : number + AROUND + 1], number - first)
    calm = float(np.median(around)) if len(around) else 0.0
    # Three frames away on both sides: a flash, or a damaged frame, lasts one or two.
    before, after = histograms[max(0, number - 3)], histograms[min(number + 4, len(histograms) - 1)]
    stays = np.abs(after - before).sum() / 2
    if change[number] > CONTRAST * calm and stays > change[number] / 2:
      cuts.append(number + 1)
  return np.array(cuts, int)


def histogram(video: np.ndarray) -> np.ndarray:
  """[frames, bins]: the shares of pixels in each colour bin of uint8 [frames, height, width, 3]."""
  bins = (video // (256 // _BINS)).astype(int)
  joint = (bins[..., 0] * _BINS + bins[..., 1]) * _BINS + bins[..., 2]
  counts = np.stack([np.bincount(frame.ravel(), minlength=_BINS**3) for frame in joint])
  # Neighbouring bins count in part: a slow change of light moves many pixels over a bin's border at once.
  cube = counts.reshape(-1, _BINS, _BINS, _BINS).astype(np.float64)
  for axis in (1, 2, 3):
    padded = np.pad(cube, [(1, 1) if i == axis else (0, 0) for i in range(4)], mode="edge")
    before, after = (np.take(padded, range(k, k + _BINS), axis) for k in (0, 2))
    cube = (before + 2 * cube + after) / 4
  flat = cube.reshape(len(video), -1)
  return flat / flat.sum(axis=1, keepdims=True)


def _histograms(path, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
  """(histograms, the frames' times in the file) of all frames from start to end."""
  found, times = [], []
  info = video_lib.probe(path)
  while start < end:
    count = _CHUNK
    video, shown = None, None
    for _ in range(3):
      try:
        video, shown = video_lib.read_clip(
          path, start=start, num_frames=count, fps=None, stride=1, size=_SIZE,
          crop=(0.5, 0.5), channels=3, frame_fps=25.0,
        )  # fmt: skip
        break
      except video_lib.TooShort as error:
        count -= error.missing
        if count < 1:
          break
    if video is None or shown is None:
      break
    found.append(histogram(video))
    times.append(shown)
    if len(video) < _CHUNK:
      break
    start = float(shown[-1]) + 1.25 / info.fps  # within the next frame's time on display
  if not found:
    return np.zeros((0, _BINS**3)), np.zeros(0)
  shown = np.concatenate(times)
  inside = shown < end
  return np.concatenate(found)[inside], shown[inside]
