"""Where a film cuts from one scene to the next.

A cut is a frame whose colours differ from the frame's before, by more than the frames around it differ from
each other (which fast motion does), and which stay (a flash goes back). The colours are compared as
histograms, in the way of Zhang et al. 1993, "Automatic partitioning of full-motion video"; the comparison
with the neighbourhood is that of adaptive detectors. Dissolves and fades are found by `gradual`. It is
written here, since the packages for it bring a second video decoder along, and this one need not be perfect:
a missed cut costs one odd clip.
"""

from __future__ import annotations

import os

import numpy as np

from vgjax.data import gradual
from vgjax.data import video as video_lib

THRESHOLD = 0.3  # of the pixels change their bin; within a scene it is below 0.1
CONTRAST = 3.0  # times as much as between the frames around it
AROUND = 6  # frames before and after
SHORTEST = 0.4  # seconds of a scene; what is shorter stays with the scene before
_SIZE, _BINS, _CHUNK = 32, 8, 512


def split(
  path: str | os.PathLike, start: float, end: float, *, frame_fps: float = 25.0
) -> list[tuple[float, float]]:
  """The scenes of a part of a video, as (start, end) in seconds; frames between two scenes are in none.

  Args:
    path: a video file, or a folder of pictures.
    start: seconds; where the part begins.
    end: seconds; where it ends.
    frame_fps: frames a second of a folder of pictures.

  Raises:
    VideoError: the video cannot be decoded.
  """
  histograms, pictures, times = _frames(path, start, end, frame_fps)
  if len(times) < 2:
    return [(start, end)]
  gaps = [(times[k], times[k]) for k in find_cuts(histograms)]
  passing = [  # from the first frame that is mixed to the first that is the next scene's alone
    (times[before + 1], times[after])
    for before, after in gradual.find(pictures, 1 / max(1e-3, float(np.median(np.diff(times)))))
  ]
  gaps = [cut for cut in gaps if not any(first <= cut[0] <= last for first, last in passing)]
  scenes, begin = [], start
  for last, first in np.round(sorted(gaps + passing), 6).tolist():
    if last == first and min(last - begin, end - last) < SHORTEST:
      continue
    if last - begin >= SHORTEST:
      scenes.append((begin, last))
    begin = first
  return [*scenes, (begin, end)] if end - begin >= SHORTEST or not scenes else scenes


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


def _frames(
  path: str | os.PathLike, start: float, end: float, frame_fps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """All frames from start to end: (histograms, small pictures, their times in the file)."""
  found, small, times = [], [], []
  info = video_lib.probe(path, frame_fps=frame_fps)
  while start < end:
    count = _CHUNK
    video, shown = None, None
    for _ in range(3):
      try:
        video, shown = video_lib.read_clip(
          path, start=start, num_frames=count, fps=None, stride=1, size=_SIZE,
          crop=(0.5, 0.5), channels=3, frame_fps=frame_fps,
        )  # fmt: skip
        break
      except video_lib.TooShort as error:
        count -= error.missing
        if count < 1:
          break
    if video is None or shown is None:
      break
    found.append(histogram(video))
    small.append(video)
    times.append(shown)
    if len(video) < _CHUNK:
      break
    start = float(shown[-1]) + 1.25 / info.fps  # within the next frame's time on display
  if not found:
    return np.zeros((0, _BINS**3)), np.zeros((0, _SIZE, _SIZE, 3), np.uint8), np.zeros(0)
  shown = np.concatenate(times)
  inside = shown < end
  return np.concatenate(found)[inside], np.concatenate(small)[inside], shown[inside]
