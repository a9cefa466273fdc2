"""Words for the videos of `moving_shapes`: captions and the names of classes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from vgjax.data.shapes_draw import COLORS, SHAPES, SIZES, Content
from vgjax.data.shapes_motion import GRID, PATHS, SPEEDS, Motion, direction, turns_back

ADVERBS = {"slow": "slowly", "fast": "fast"}
LABELS = {
  "shape": list(SHAPES),
  "color": list(COLORS),
  "motion": list(PATHS),
  "shape_motion": [f"{shape} {path}" for shape, path in itertools.product(SHAPES, PATHS)],
}


def label_of(kind: str, content: Content, motion: Motion) -> int:
  """The class of one object: a number that indexes `LABELS[kind]`."""
  names = dict(shape=content.shape, color=content.color, motion=motion.path)
  names["shape_motion"] = f"{content.shape} {motion.path}"
  return LABELS[kind].index(names[kind])


def caption(contents: Iterable[Content], motions: Iterable[Motion], time: int) -> str:
  """What is to be seen in `time` frames, such as "a small red square moves left fast and bounces"."""
  return " and ".join(_sentence(*each, time) for each in zip(contents, motions, strict=True))


def _sentence(content: Content, motion: Motion, time: int) -> str:
  where, how = direction(motion), ADVERBS[motion.speed]
  match motion.path:
    case "still":
      does = "stays still"
    case "circle":
      does = f"goes round {where} {how}"
    case "zigzag":
      does = f"zigzags {where} {how}"
    case "bounce":
      does = f"moves {where} {how} and bounces"
    case _:
      does = f"moves {where} {how}" + (" and turns back" if turns_back(motion, time) else "")
  return f"a {content.size} {content.color} {content.shape} {does}"


def longest_caption(num_objects: int) -> int:
  """No caption of so many objects has more bytes."""
  content = Content(*(max(names, key=len) for names in (SHAPES, COLORS, SIZES)))
  corners = [GRID * row + column for row in (0, GRID - 1) for column in (0, GRID - 1)]
  motions = [Motion(*m) for m in itertools.product(PATHS, SPEEDS, corners)]
  forever = 1000  # frames: what can turn back has done so
  one = max(len(_sentence(content, motion, forever).encode()) for motion in motions)
  return num_objects * one + (num_objects - 1) * len(" and ")


def to_bytes(text: str, length: int) -> np.ndarray:
  """UTF-8, with zeros behind: uint8 [length]."""
  encoded = text.encode()
  return np.frombuffer(encoded.ljust(length, b"\0"), np.uint8)


def from_bytes(text: np.ndarray) -> str:
  """The text of `to_bytes`."""
  return bytes(np.asarray(text, np.uint8)).rstrip(b"\0").decode()
