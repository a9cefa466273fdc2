"""Whether a content code says what is seen and nothing of how it moves, and a motion code the reverse.

For `moving_shapes`, whose videos can be read back (`vgjax.data.shapes_read`). Every content is made with
every motion, all videos are read, and pairs are compared:

  content_kept      pairs of one content code and two motion codes in which the same shape and color is read
  content_chance    the same of pairs in which both codes differ: what would come out if codes meant nothing
  motion_kept       pairs of one motion code and two content codes in which the same path is read
  motion_chance     the same of pairs in which both codes differ
  track_kept        distance between the tracks of pairs of one motion code, pixels, root mean square over
                    frames
  track_chance      the same of pairs in which both codes differ
  seen              videos in which there is a shape at all

A motion code that fixes the way but not the place has tracks apart by a constant; of each track the mean over
time is therefore taken away first.
"""

import itertools

import numpy as np

from vgjax.data import shapes_read
from vgjax.swap import swap

CONVENTIONS = dict(read="vgjax.data.shapes_read; pairs without a shape in both count as different")

check_data = shapes_read.check_data  # called when a run is built


def make(*, split="valid", contents=8, motions=8, seed=0):
  """Figures of swapped codes.

  Args:
    split: whose first example gives what else the model reads.
    contents: how many content codes.
    motions: how many motion codes.
    seed: of the codes.

  Returns:
    `evaluate(run, state)`, which yields the figures above; shares are 0 to 1.
  """
  if min(contents, motions) < 2:
    raise ValueError(f"swap compares codes: at least 2 of each, not {contents} and {motions}")

  def evaluate(run, state):
    videos = swap(run, state, content=range(contents), motion=range(motions), split=split, seed=seed)
    yield from figures([[shapes_read.read(video) for video in row] for row in videos])

  return evaluate


def figures(readings):
  """(name, number) of a matrix of `shapes_read.Reading`s, contents by motions."""
  cells = list(itertools.product(range(len(readings)), range(len(readings[0]))))
  pairs = {"content": [], "motion": [], "neither": []}
  for (a, b), (c, d) in itertools.combinations(cells, 2):
    kind = "content" if a == c else "motion" if b == d else "neither"
    pairs[kind].append((readings[a][b], readings[c][d]))
  yield "content_kept", _share(pairs["content"], _same_content)
  yield "content_chance", _share(pairs["neither"], _same_content)
  yield "motion_kept", _share(pairs["motion"], _same_motion)
  yield "motion_chance", _share(pairs["neither"], _same_motion)
  yield "track_kept", _distance(pairs["motion"])
  yield "track_chance", _distance(pairs["neither"])
  yield "seen", float(np.mean([readings[a][b].content is not None for a, b in cells]))


def _same_content(one, other):
  if one.content is None or other.content is None:
    return False
  return (one.content.shape, one.content.color) == (other.content.shape, other.content.color)


def _same_motion(one, other):
  if one.motion is None or other.motion is None:
    return False
  return one.motion.path == other.motion.path


def _share(pairs, same):
  return float(np.mean([same(*pair) for pair in pairs]))


def _distance(pairs):
  """Pixels; NaN if no pair has a shape in both."""
  apart = []
  for one, other in pairs:
    if one.content is None or other.content is None:
      continue
    ways = [reading.position - reading.position.mean(0) for reading in (one, other)]
    apart.append(np.sqrt(np.square(ways[0] - ways[1]).sum(-1).mean()))
  return float(np.mean(apart)) if apart else float("nan")
