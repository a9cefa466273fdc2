"""The evaluator `swap` on matrices of rendered shapes, whose figures are known."""

import numpy as np
import pytest

from vgjax.data import shapes_read
from vgjax.data.shapes_draw import Content, render
from vgjax.data.shapes_motion import Motion
from vgjax.evaluators import swap

CONTENTS = [Content("circle", "red"), Content("square", "green"), Content("star", "blue")]


MOTIONS = [Motion(path, "fast") for path in ("left", "circle", "up")]


def figures(choose):
  """Of a matrix whose cell (row, column) shows content and motion `choose(row, column)`."""
  rows = []
  for row in range(3):
    chosen = [choose(row, column) for column in range(3)]
    videos = [render([CONTENTS[content]], [MOTIONS[motion]]) for content, motion in chosen]
    rows.append([shapes_read.read(video) for video in videos])
  return dict(swap.figures(rows))


def test_codes_that_say_what_they_should():
  found = figures(lambda row, column: (row, column))
  assert found["content_kept"] == found["motion_kept"] == found["seen"] == 1
  assert found["content_chance"] == found["motion_chance"] == 0
  assert found["track_kept"] < 0.5 < 3 < found["track_chance"]


def test_codes_that_are_mixed_up():
  """The motion code draws the content, and the reverse."""
  found = figures(lambda row, column: (column, row))
  assert found["content_kept"] == found["motion_kept"] == 0


def test_codes_that_mean_nothing():
  found = figures(lambda row, column: (0, 0))
  assert found["content_kept"] == found["content_chance"] == 1
  assert found["motion_kept"] == found["motion_chance"] == 1


def test_nothing_to_be_seen():
  empty = shapes_read.read(np.zeros((16, 64, 64, 3), np.uint8))
  found = dict(swap.figures([[empty] * 2] * 2))
  assert found["content_kept"] == found["motion_kept"] == found["seen"] == 0
  assert np.isnan(found["track_kept"])


def test_one_of_a_kind_cannot_be_compared():
  with pytest.raises(ValueError, match="at least 2 of each"):
    swap.make(contents=1)
