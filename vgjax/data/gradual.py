"""Where a film passes slowly from one scene to the next: dissolves, and fades through an empty frame.

A dissolve is a mixture, x(t) = (1 - a) A + a B with a growing from 0 to 1. Two frames A and B with what lies
between them are one if

* A and B are unlike, in level and in pattern: a change of light keeps the pattern;
* every frame between lies on the line from A to B, within `OFF_LINE` of its length, and goes forward on it;
* the mixed frames have as little contrast as mixtures of such pictures have (Alattar 1993, "Detecting and
  compressing dissolve regions in video sequences with a DVI multimedia image compression algorithm"). Motion
  moves patterns along, and leaves contrast as it was.

A fade ends in a frame that shows nothing, of any colour, and grows towards it, or out of it, over several
frames. `tests/data/transitions.py` counts what is found; motion within both scenes hides some dissolves.
"""

from __future__ import annotations

import numpy as np

RATE = 15.0  # frames a second that are looked at, at most
LONGEST = 3.0  # seconds of a dissolve, and of each side of a fade
BETWEEN = 3  # frames that are clearly mixed; fewer are a hard cut with blended frames
MIXED = 0.1  # a mixture has at least this of each of its pictures
UNLIKE, LIKENESS = 12.0, 0.5  # levels by which A and B differ, and the highest correlation of their patterns
PATTERN = 8.0  # levels, the standard deviation of a picture that has a pattern
OFF_LINE = 0.4
CONTRAST = 1.2  # times the variance of a mixture
EMPTY = 4.0  # levels, the standard deviation of a frame that shows nothing
_CHUNK = 512  # pictures


def find(video: np.ndarray, fps: float) -> list[tuple[int, int]]:
  """The transitions of a film.

  Args:
    video: uint8 [frames, height, width, 3], small pictures: 32x32 will do.
    fps: frames a second.

  Returns:
    (the last frame of the scene before, the first of the scene after) of each, in order, none overlapping.
  """
  step = max(1, round(fps / RATE))
  pictures = video[::step].reshape(len(video[::step]), -1, 3)  # [pictures, pixels, 3]
  longest = round(LONGEST * fps / step)
  inside = np.zeros(len(pictures), bool)
  for first in range(0, len(pictures), _CHUNK):
    part = pictures[first : first + _CHUNK + 2 * longest].astype(np.float32)
    for start, end in [*_dissolves(part, longest), *_fades(part, longest)]:
      inside[first + start : first + end + 1] = True
  edges = np.flatnonzero(np.diff(np.concatenate([[0], inside, [0]])))
  last = len(video) - 1
  return [(int(start) * step, min(int(end - 1) * step, last)) for start, end in edges.reshape(-1, 2)]


def _dissolves(pictures: np.ndarray, longest: int) -> list[tuple[int, int]]:
  """(last picture before, first after) of dissolves; several may be about the same one.

  Args:
    pictures: float [pictures, pixels, 3].
    longest: pictures from A to B, at most.
  """
  count, longest = len(pictures), min(longest, len(pictures) - 1)
  flat = pictures.reshape(count, -1)
  pattern = (pictures - pictures.mean(axis=1, keepdims=True)).reshape(count, -1)
  # Of each picture and the one k later, by k: the mean squared difference, the covariance.
  far = [((flat[k:] - flat[: count - k]) ** 2).mean(axis=1) for k in range(longest + 1)]
  alike = [(pattern[k:] * pattern[: count - k]).mean(axis=1) for k in range(longest + 1)]
  variance = alike[0]
  found = []
  for length in range(BETWEEN + 2, longest + 1):
    a, b = variance[: count - length], variance[length:]  # of A, which is `length` pictures before B
    apart, both = far[length], alike[length]
    unlike = (apart > UNLIKE**2) & (both < LIKENESS * np.sqrt(a * b)) & (np.minimum(a, b) > PATTERN**2)
    starts = np.flatnonzero(unlike)  # [windows]
    if not len(starts):
      continue
    a, b, apart, both = (x[starts, None] for x in (a, b, apart, both))
    # Of each window's pictures between A and B, [windows, length - 1]: their place on the line, from 0 to 1.
    from_a = np.stack([far[k][starts] for k in range(1, length)], axis=1)
    to_b = np.stack([far[length - k][starts + k] for k in range(1, length)], axis=1)
    place = (from_a + apart - to_b) / (2 * apart)
    off_line = np.sqrt(np.maximum(0, from_a / apart - place**2))
    mixed = (place > MIXED) & (place < 1 - MIXED)
    steps = np.diff(np.pad(place, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1))), axis=1)
    expected = (1 - place) ** 2 * a + place**2 * b + 2 * place * (1 - place) * both
    between = np.stack([variance[starts + k] for k in range(1, length)], axis=1)
    middle = (place > 0.25) & (place < 0.75)
    good = (
      (mixed.sum(axis=1) >= BETWEEN)
      & (off_line.max(axis=1) < OFF_LINE)
      & (steps.max(axis=1) < 0.5)
      & (steps.min(axis=1) > -0.1)
      & (np.maximum(place[:, 0], 1 - place[:, -1]) < 0.2)  # the scenes themselves are at both ends
      & middle.any(axis=1)
      & (np.where(middle, between / np.maximum(expected, 1e-6), 0).max(axis=1) < CONTRAST)
    )
    for window in np.flatnonzero(good):
      numbers = starts[window] + 1 + np.flatnonzero(mixed[window])
      found.append((int(numbers[0]) - 1, int(numbers[-1]) + 1))
  return found


def _fades(pictures: np.ndarray, longest: int) -> list[tuple[int, int]]:
  """(last picture before, first after) of fades through empty pictures, [pictures, pixels, 3]."""
  contrast = pictures.std(axis=1).max(axis=1)
  edges = np.flatnonzero(np.diff(np.concatenate([[0], contrast < EMPTY, [0]]))).reshape(-1, 2)
  found = []
  for start, end in edges.tolist():  # the empty ones: start to end - 1
    if start == 0 or end == len(pictures):
      continue  # at an end of the film there is no other scene
    before = _grown(pictures[max(0, start - longest) : start + 1][::-1])
    after = _grown(pictures[end - 1 : end + longest])
    if max(before, after) > BETWEEN:
      found.append((start - before, end - 1 + after))
  return found


def _grown(pictures: np.ndarray) -> int:
  """Pictures from an empty one, the first, to the scene that grows out of it; 1 if it is there at once."""
  far = np.sqrt(((pictures - pictures[0]) ** 2).mean(axis=(1, 2)))
  number = 1
  while number + 1 < len(far) and far[number + 1] > far[number] + 0.02 * far.max():
    number += 1
  return number
