"""Divides a folder's videos into train, valid and test so that nothing of one video is in two of them.

Near-duplicates, and clips cut from one source, stay together. Splits that are there already are kept; where
they share a video, the copy in the less precious split is left out, so that a test set stays as published.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from vgjax.data import video_index
from vgjax.data.doctor.duplicates import Groups, near_duplicates, source_of
from vgjax.data.doctor.examine import Checked
from vgjax.data.manifest import SPLITS, Row
from vgjax.errors import DataError

PRECIOUS = ("test", "valid", "train")  # the first of these keeps a video that several have


class Division(NamedTuple):
  """What `divide` found and decided.

  Attributes:
    rows: the manifest, of videos that can be used.
    duplicates: groups of names that show the same.
    leaks: groups of names that are in several of the splits that were there, each with its split.
    left_out: {name: why its line is not in the manifest}.
    unsplit: why all is in train, or an empty text.
  """

  rows: list[Row]
  duplicates: list[list[str]]
  leaks: list[list[tuple[str, str]]]
  left_out: dict[str, str]
  unsplit: str


def divide(
  videos: Sequence[Checked],
  rows: Sequence[Row] | None = None,
  *,
  valid_fraction: float = 0.1,
  test_fraction: float = 0.1,
  keep_splits: bool = True,
  label_folders: bool = False,
  shortest: float = 0.0,
) -> Division:
  """Divides videos.

  Args:
    videos: all that were found in the folder, readable or not.
    rows: the manifest that is there, with any number of rows a video; None makes one row a video.
    valid_fraction: the share of the videos for validation, unless there is such a split.
    test_fraction: the same for the test set.
    keep_splits: splits in `rows`, or the folders train/, valid/ and test/, are kept.
    label_folders: a video's folder (below that of its split) is its label.
    shortest: seconds; shorter videos are left out, as black ones and those with a problem are.
  """
  names = [video.name for video in videos]
  rows = [_row(name, label_folders) for name in names] if rows is None else rows
  split_of = {}
  if keep_splits:
    for row in rows:
      if row.split or folder_split(row.path):
        split_of.setdefault(row.path, row.split or folder_split(row.path))
  content = {row.path: row.content or source_of(without_split(row.path)) for row in rows}

  same = near_duplicates(videos)
  groups = Groups(len(videos))
  for members in same:
    for member in members[1:]:
      groups.join(members[0], member)
  groups.join_equal(content.get(name) for name in names)

  left_out = {video.name: why for video in videos if (why := _unusable(video, shortest))}
  leaks, placed = [], {}  # {the group's first name: split}
  for members in groups.members():
    inside = [names[i] for i in members if names[i] in split_of]
    found = sorted({split_of[name] for name in inside}, key=PRECIOUS.index)
    placed[names[members[0]]] = found[0] if found else "train"
    if len(found) > 1:
      leaks.append([(name, split_of[name]) for name in inside])
      for name in inside:
        if split_of[name] != found[0]:
          left_out.setdefault(name, f"the split {found[0]} has the same video")
  first = {name: names[groups.first(i)] for i, name in enumerate(names)}
  usable = {first[name] for name in names if name not in left_out}
  splits, unsplit = _assign(
    {name: split for name, split in placed.items() if name in usable},
    bool(split_of), valid_fraction, test_fraction,
  )  # fmt: skip
  written = [
    dataclasses.replace(row, split=splits[first[row.path]], content=content[first[row.path]])
    for row in rows
    if row.path in first and row.path not in left_out
  ]
  return Division(written, [[names[i] for i in members] for members in same], leaks, left_out, unsplit)


def _assign(placed, splits_exist: bool, valid_fraction: float, test_fraction: float):
  """({group: split}, why all is in train); a split that is there is kept, one that is not comes of train."""
  marked = {f"{split}/{name}" if splits_exist else name: name for name, split in placed.items()}
  try:
    divided = video_index.split_files(sorted(marked), valid_fraction, test_fraction)
  except DataError:
    return placed, f"{len(marked)} different video(s) are too few to divide"
  return {marked[key]: split for split, keys in divided.items() for key in keys}, ""


def _unusable(video: Checked, shortest: float) -> str:
  """Why no clip should be taken from a video, or an empty text."""
  if video.problem:
    return video.problem
  if video.black:
    return "black from beginning to end"
  return "too short" if video.duration < shortest else ""


def folder_split(name: str) -> str | None:
  """The split whose folder a video is in: of `val/a.mp4`, "valid"."""
  return SPLITS.get(name.split("/")[0]) if "/" in name else None


def without_split(name: str) -> str:
  return name.split("/", 1)[1] if folder_split(name) else name


def label_of(name: str) -> str | None:
  """The folder that a video is in, below that of its split: of `train/cats/a.mp4`, "cats"."""
  parts = without_split(name).split("/")
  return parts[0] if len(parts) > 1 else None


def _row(name: str, label_folders: bool) -> Row:
  return Row(path=name, label=label_of(name) if label_folders else None)
