"""Which frames of which video make a clip."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from vgjax.data.manifest import Row
from vgjax.data.video import VideoInfo


@dataclasses.dataclass(frozen=True)
class Sampling:
  """`time` frames, at `fps`, or every `stride`-th."""

  time: int
  fps: float | None
  stride: int

  def room(self, info: VideoInfo) -> float:
    """Seconds by which a video is longer than a clip; below zero it is too short."""
    if self.fps is None:
      return (info.num_frames - (self.time - 1) * self.stride - 1) / info.fps
    return info.duration - (self.time - 1) / self.fps - 0.5 / info.fps

  def clips(self, info: VideoInfo) -> int:
    """How many clips fit into a video end to end."""
    length = self.time / self.fps if self.fps else self.time * self.stride / info.fps
    return max(1, int(info.duration / length))

  def start(self, info: VideoInfo, where: float) -> float:
    """Seconds from the video's start to the clip's, for `where` in [0, 1)."""
    room = self.room(info)
    if self.fps:
      return where * room
    # The middle of a frame's time on display: rounded timestamps cannot miss it.
    return (int(where * (round(room * info.fps) + 1)) + 0.5) / info.fps

  def times(self, start: float, shown: np.ndarray, info: VideoInfo) -> np.ndarray:
    """[time + 1], seconds: when each frame of a clip begins, and when the last one ends."""
    if self.fps:
      return start + np.arange(self.time + 1) / self.fps
    return np.append(shown, shown[-1] + self.stride / info.fps)


@dataclasses.dataclass(frozen=True)
class Entry:
  """One clip of the epoch: clip `number` of `count` in a row."""

  row: Row
  info: VideoInfo  # of the row's part of the video
  number: int
  count: int

  @property
  def name(self) -> str:
    """The file, relative to the folder, with forward slashes."""
    return self.row.path

  @property
  def key(self) -> str:
    """The file, and the part of it if it is one."""
    return key(self.row)


def key(row: Row) -> str:
  """Names a row in messages."""
  if row.start is None and row.end is None:
    return row.path
  return f"{row.path} from {row.start or 0:g} s to {'its end' if row.end is None else f'{row.end:g} s'}"


def part(info: VideoInfo, row: Row) -> VideoInfo:
  """The info of the row's part of a video; it may be too short for anything."""
  if row.start is None and row.end is None:
    return info
  end = info.duration if row.end is None else min(row.end, info.duration)
  duration = max(0.0, end - (row.start or 0.0))
  num_frames = int(duration * info.fps + 1e-6)
  if row.end is None or row.end > info.duration:
    num_frames = min(info.num_frames, round(duration * info.fps))
  return info._replace(duration=duration, num_frames=num_frames)


def entries(
  rows: Sequence[Row], infos: dict[str, VideoInfo], sampling: Sampling, count: int | None
) -> tuple[Entry, ...]:
  """The epoch's clips: the first of every row, then the second, so that the first n are diverse."""
  clips = []
  for row in rows:
    info = part(infos[row.path], row)
    of_row = count or sampling.clips(info)
    clips += [Entry(row, info, number, of_row) for number in range(of_row)]
  return tuple(sorted(clips, key=lambda clip: (clip.number, clip.name, clip.row.start or 0.0)))
