"""How a shape of `moving_shapes` moves: a closed form in the frame's number, whatever the shape.

A motion is a path, a speed and a start, a place on a grid of 64 x 64. The centre of a shape stays in the
free range, the middle 60% of the frame, so that the largest shape at its largest stays inside. In units q of
that range, 0 to 1, with (v, u) the start, w the speed, n the frame, r(q) = 1 - |1 - q mod 2| the reflection:

  still     y = v, x = u
  left      y = v, x = r(1 - u/4 - w n)          right, up, down alike: it starts at the far side, so that at
  diagonal  both coordinates, each at w / sqrt 2  most 15 steps need no wall, and then turns back
  circle    an orbit of radius 0.3; a whole turn is 32 frames, fast 16
  zigzag    sideways at w, while y swings 0.15 up and down every 8 frames
  bounce    meets a wall after 3 to 8 frames, and is reflected; 0.6 w along the wall

The same motion at a later frame, or of a longer video, is the same formula: nothing depends on the length.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple, Self

import numpy as np

PATHS = ("still", "left", "right", "up", "down", "diagonal", "circle", "zigzag", "bounce")
SPEEDS = {"slow": 0.02, "fast": 0.045}  # of the free range, a frame
GRID = 64
STARTS = GRID**2
MARGIN, FREE = 0.2, 0.6  # shares of the frame: the free range begins, and how wide it is
FAR = 0.25  # share of the free range in which a line starts
ORBIT = 0.3  # of the free range; so are SWING and the speeds
TURN = {"slow": 1 / 32, "fast": 1 / 16}  # of a circle, a frame
SWING, SWING_FRAMES = 0.15, 8


class Motion(NamedTuple):
  """One way to move.

  Attributes:
    path: of `PATHS`.
    speed: "slow" or "fast"; a still shape is "slow".
    start: 0 ... 4095, a place on the grid, row by row. Beside the place it decides where a path that has
      several directions (diagonal, circle, zigzag, bounce) goes: see `direction`.
  """

  path: str
  speed: str = "slow"
  start: int = STARTS // 2 + GRID // 2

  @property
  def id(self) -> int:
    """A number from 0 to `NUM_MOTIONS` - 1."""
    return (PATHS.index(self.path) * len(SPEEDS) + list(SPEEDS).index(self.speed)) * STARTS + self.start

  @classmethod
  def from_id(cls, number: int) -> Self:
    kind, start = divmod(int(number), STARTS)
    path, speed = divmod(kind, len(SPEEDS))
    return cls(PATHS[path], list(SPEEDS)[speed], start)


NUM_MOTIONS = len(PATHS) * len(SPEEDS) * STARTS


def track(motion: Motion, time: int, size: int) -> np.ndarray:
  """Where the centre is at each frame.

  Args:
    motion: how it moves.
    time: frames.
    size: height and width of the frame.

  Returns:
    float64 [time, 2], (y, x) in pixels; 0 is the centre of the first row or column.
  """
  starts = np.array([motion.start])
  return to_pixels(tracks(motion.path, motion.speed, starts, time)[0], size)


def to_pixels(q: np.ndarray, size: int) -> np.ndarray:
  """Units of the free range to pixels."""
  return (MARGIN + FREE * q) * size - 0.5


def tracks(path: str, speed: str, starts: np.ndarray, time: int) -> np.ndarray:
  """The track from each of many starts, [starts, time, 2], (y, x) in units of the free range."""
  row, column = np.divmod(starts[:, None], GRID)
  v, u = (row + 0.5) / GRID, (column + 0.5) / GRID
  low, left_half = row < GRID // 2, column < GRID // 2
  # A half chooses a direction, and the place in that half is spread over [0, 1] again.
  v2, u2 = (2 * v) % 1, (2 * u) % 1
  n, w = np.arange(time), SPEEDS[speed]
  match path:
    case "still":
      y, x = v + 0 * n, u + 0 * n
    case "left":
      y, x = v + 0 * n, _reflect(1 - FAR * u - w * n)
    case "right":
      y, x = v + 0 * n, _reflect(FAR * u + w * n)
    case "up":
      y, x = _reflect(1 - FAR * v - w * n), u + 0 * n
    case "down":
      y, x = _reflect(FAR * v + w * n), u + 0 * n
    case "diagonal":
      y = _mirror(_reflect(FAR * v2 + w * math.sqrt(0.5) * n), ~low)
      x = _mirror(_reflect(FAR * u2 + w * math.sqrt(0.5) * n), ~left_half)
    case "circle":
      angle = 2 * np.pi * (v + np.where(left_half, 1, -1) * TURN[speed] * n)
      y = 0.5 + ORBIT * np.sin(angle)
      x = ORBIT + (1 - 2 * ORBIT) * u2 + ORBIT * np.cos(angle)
    case "zigzag":
      y = SWING + (1 - 2 * SWING) * v + SWING * (2 * _reflect(0.5 + n * 2 / SWING_FRAMES) - 1)
      x = _mirror(_reflect(FAR * u2 + w * n), ~left_half)
    case "bounce":
      across = _mirror(_reflect(w * (3 + 5 * u2) - w * n), ~left_half)
      along = _reflect(0.2 + 0.6 * v2 + 0.6 * w * n)
      y, x = np.where(low, along, across), np.where(low, across, along)
    case _:
      raise ValueError(f"there is no path {path!r}; there are {', '.join(PATHS)}")
  return np.stack([y, x], -1)


def direction(motion: Motion) -> str:
  """In words: where it goes first; "clockwise" or "counterclockwise" on a circle, "" if it is still."""
  low, left_half = motion.start // GRID < GRID // 2, motion.start % GRID < GRID // 2
  match motion.path:
    case "still":
      return ""
    case "diagonal":
      return f"{'down' if low else 'up'} and {'right' if left_half else 'left'}"
    case "circle":
      return "clockwise" if left_half else "counterclockwise"
    case "zigzag":
      return "right" if left_half else "left"
    case "bounce":
      return ("left" if left_half else "right") if low else ("up" if left_half else "down")
  return motion.path


@functools.cache
def turns_back(motion: Motion, time: int) -> bool:
  """Whether a straight path meets a wall within `time` frames."""
  if motion.path not in ("left", "right", "up", "down", "diagonal"):
    return False
  bend = np.diff(tracks(motion.path, motion.speed, np.array([motion.start]), time), n=2, axis=1)
  return bool(np.abs(bend).max(initial=0) > 1e-9)


def _reflect(q: np.ndarray) -> np.ndarray:
  """Folds a straight line into [0, 1], as mirrors at 0 and at 1 do."""
  return 1 - np.abs(1 - q % 2)


def _mirror(q: np.ndarray, where: np.ndarray) -> np.ndarray:
  return np.where(where, 1 - q, q)
