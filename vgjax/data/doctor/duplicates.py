"""Which videos show the same: equal files, other encodings, other sizes, and clips cut from one source.

Two videos are near-duplicates if they are about as long, their sampled frames have nearly the same
perceptual hashes, and, since a camera that stands still makes the frames of all its videos alike, what
*changes* in them is correlated too. Each is compared with the other, with its mirror image, and with some
of its middle parts (`examine.VIEWS`), so copies that were mirrored, or cropped about the middle, are found;
those that were cropped elsewhere, both mirrored and cropped, or trimmed by more than `LENGTH` are mostly not
(figures: `benchmarks/duplicates.py`).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from vgjax.data.doctor.examine import Checked

BITS = 12  # of a frame's 64; re-encoding moves 0 to 4, coarse scaling up to 14; unlike frames differ in 32
CORRELATION = 0.6  # of what changes; of copies it is above 0.9
MOVES = 3  # grey levels, the standard deviation of what changes, below which there is nothing to correlate
LENGTH = 0.03, 0.3  # how far two lengths may be apart: a share, and seconds

# What well-known tools append to a video's name when they cut it: the scene or clip, or its times.
CLIP = re.compile(
  r"[-_. ]+(?:(?:scene|clip|shot|part|seg|segment|chunk)[-_. ]?\d+|c\d\d|\d{6}_\d{6})$", re.IGNORECASE
)


def near_duplicates(videos: Sequence[Checked]) -> list[list[int]]:
  """Groups of videos that show the same.

  Args:
    videos: those with frames; others are in no group.

  Returns:
    Groups of at least two positions in `videos`, each in order.
  """
  groups = Groups(len(videos))
  by_digest: dict[str, int] = {}
  for i, video in enumerate(videos):
    if video.digest:
      groups.join(i, by_digest.setdefault(video.digest, i))
  # Sorted by length, a video is compared with those that follow until they are too long.
  order = [i for i in np.argsort([video.duration for video in videos]) if videos[i].hashes is not None]
  if order:
    hashes = np.stack([videos[i].hashes for i in order])  # [videos, samples]
    views = _view_hashes([videos[i] for i in order])  # [views, videos, samples]
    durations = np.array([videos[i].duration for i in order])
    reach = np.searchsorted(durations, durations * (1 + LENGTH[0]) + LENGTH[1], side="right")
    for first, end in enumerate(reach):
      others = slice(first + 1, end)
      # (ours, theirs, the view of ours or None, the view of theirs or None)
      pairs = [(hashes[first], hashes[others], None, None)]
      pairs += [(hashes[first], view[others], None, number) for number, view in enumerate(views)]
      pairs += [(view[first], hashes[others], number, None) for number, view in enumerate(views)]
      for ours, theirs, our_view, their_view in pairs:
        for second in np.flatnonzero(_near(ours, theirs)) + first + 1:
          one, other = videos[order[first]], videos[order[second]]
          if _same_motion(_looks(one, our_view), _looks(other, their_view)):
            groups.join(order[first], order[second])
  return [members for members in groups.members() if len(members) > 1]


def _view_hashes(videos: Sequence[Checked]) -> np.ndarray:
  """[views, videos, samples]; no views, unless all videos have them."""
  found = [video.view_hashes for video in videos if video.view_hashes is not None]
  return np.stack(found, axis=1) if len(found) == len(videos) else np.zeros((0, len(videos), 0), np.uint64)


def _looks(video: Checked, view: int | None) -> np.ndarray:
  looks = video.looks if view is None or video.view_looks is None else video.view_looks[view]
  assert looks is not None  # it has hashes
  return looks


def _near(hashes: np.ndarray, others: np.ndarray) -> np.ndarray:
  """Whether `hashes` [samples] are close to each row of `others` [videos, samples]."""
  told = (hashes != 0) & (others != 0)  # both frames have contrast
  close = told & (np.bitwise_count(hashes ^ others) <= BITS)
  # Most of them, not all: of a frame beside a cut the copy may show the other side.
  return (2 * told.sum(axis=1) > hashes.size) & (2 * close.sum(axis=1) > told.sum(axis=1))


def _same_motion(looks: np.ndarray, others: np.ndarray) -> bool:
  """Whether what changes in two videos [samples, height, width] is the same."""
  ours, theirs = (x.astype(np.float64) - x.mean(axis=0) for x in (looks, others))
  if max(ours.std(), theirs.std()) < MOVES:
    return float(np.abs(looks.mean(axis=0) - others.mean(axis=0)).mean()) < 2 * MOVES
  scale = np.linalg.norm(ours) * np.linalg.norm(theirs)
  return bool((ours * theirs).sum() > CORRELATION * scale)


def source_of(name: str) -> str:
  """The video that a clip was cut from, by its name without the suffix: `walk` of `walk_scene-003.mp4`.

  Known are `name-Scene-003` and the like (scene, clip, shot, part, seg, segment, chunk), `name_c04` as in
  UCF-101, and `name_000010_000020` as in Kinetics. Plain numbers count for nothing: a phone numbers its
  videos.
  """
  stem = name.rsplit(".", 1)[0]
  return CLIP.sub("", stem) or stem


class Groups:
  """Sets that grow together (union-find); each is named by its first member."""

  def __init__(self, count: int):
    self._parent = list(range(count))

  def join(self, one: int, other: int) -> None:
    one, other = sorted((self.first(one), self.first(other)))
    self._parent[other] = one

  def join_equal(self, keys: Iterable[Hashable | None]) -> None:
    """Joins those with one key; None joins nothing."""
    seen = {}
    for i, key in enumerate(keys):
      if key is not None:
        self.join(i, seen.setdefault(key, i))

  def first(self, member: int) -> int:
    while self._parent[member] != member:
      self._parent[member] = self._parent[self._parent[member]]
      member = self._parent[member]
    return member

  def members(self) -> list[list[int]]:
    found = {}
    for i in range(len(self._parent)):
      found.setdefault(self.first(i), []).append(i)
    return list(found.values())
