"""One video to records: which clips, their frames, their actions.

A worker does this and leaves the records in a *part*, a file that is there whole or not at all:

  header     one line of JSON: `bad` (why there is nothing, or ""), `frames` and `sizes` of each record
  records    one after the other
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vgjax.data import reader as reader_lib
from vgjax.data import scenes
from vgjax.data import video as video_lib
from vgjax.data.conditions import Conditions
from vgjax.data.manifest import Row
from vgjax.data.prepare import record
from vgjax.data.prepare.recipe import Recipe
from vgjax.errors import DataError

MEMORY = 2**28  # bytes of frames that are decoded at once
LARGEST = 2**30  # bytes of frames in a record
MELS, SAMPLE_RATE = 64, 16_000  # of the sound that goes along


class Job(NamedTuple):
  """What a worker is asked to do: `row` of `folder`, into the file `part`."""

  folder: str
  row: Row
  recipe: Recipe
  part: str


class Done(NamedTuple):
  """What a part holds.

  Attributes:
    bad: why there is nothing, or an empty text.
    frames: of each record.
    sizes: of each record, in bytes.
  """

  bad: str
  frames: list[int]
  sizes: list[int]


def make_part(job: Job) -> Done:
  """Writes a part, unless it is there; what is wrong with the video is in it, not raised."""
  found = read_part(job.part)
  if found is not None:
    return found
  records, frames, bad = [], [], ""
  try:
    for number, data in cut(job.folder, job.row, job.recipe):
      frames.append(number)
      records.append(data)
  except (DataError, *reader_lib.ERRORS) as error:
    records, frames = [], []
    bad = (str(error) or type(error).__name__).removeprefix(os.path.join(job.folder, job.row.path))
    bad = bad.lstrip(": ")
  done = Done(bad, frames, [len(data) for data in records])
  write_part(job.part, done, records)
  return done


def write_part(path: str, done: Done, records: list[bytes]) -> None:
  temporary = f"{path}.{os.getpid()}"
  with open(temporary, "wb") as file:
    file.write(json.dumps(done._asdict()).encode() + b"\n")
    file.writelines(records)
    file.flush()
    os.fsync(file.fileno())  # a machine that loses its power leaves no part that only looks whole
  os.replace(temporary, path)


def read_part(path: str) -> Done | None:
  """What a part holds, or None if it is not there."""
  try:
    with open(path, "rb") as file:
      return Done(**json.loads(file.readline()))
  except FileNotFoundError:
    return None


def records_of(path: str) -> Iterator[bytes]:
  """The records of a part."""
  with open(path, "rb") as file:
    for size in Done(**json.loads(file.readline())).sizes:
      yield file.read(size)


def cut(folder: str, row: Row, recipe: Recipe) -> Iterator[tuple[int, bytes]]:
  """Yields (frames, record) of each clip of one row.

  Raises:
    DataError: the video, or a file that belongs to it, cannot be read, or is too short for one clip.
  """
  path = os.path.join(folder, row.path)
  info = video_lib.probe(path, frame_fps=recipe.frame_fps)
  start, end = row.start or 0.0, min(row.end or math.inf, info.duration)
  rate = recipe.fps or info.fps / recipe.stride
  known = dict(path=row.path, fps=rate)
  known |= {key: value for key in ("label", "text", "content") if (value := getattr(row, key)) is not None}
  spans = [(start, end)]
  if recipe.scene_cuts:
    spans = scenes.split(path, start, end, frame_fps=recipe.frame_fps)
  clips = [clip for span in spans for clip in _clips(span, info, recipe)]
  if not clips:
    shortest = f"{recipe.min_time} frames at {rate:.4g} fps"
    raise DataError(f"too short: {max(0.0, end - start):.2f} s, less than {shortest} (--min-time)")
  if recipe.clips and len(clips) > recipe.clips:  # the middle of each of equal parts
    clips = [clips[int((i + 0.5) / recipe.clips * len(clips))] for i in range(recipe.clips)]
  written = 0
  for first, video, shown in _decode(path, clips, info, recipe):
    times = first + np.arange(len(video) + 1) / rate
    arrays = _conditions(folder, row, recipe).read(row, times, shown, info.has_audio, _frame_fps(info))
    if row.embedding:
      arrays["embedding"] = arrays.pop("text")
    data = record.pack(known | {"start": round(first, 6)}, video, arrays, gop=recipe.gop, crf=recipe.crf)
    written += 1
    yield len(video), data
  if not written:
    raise DataError("it ends before its first clip does")


def _conditions(folder: str, row: Row, recipe: Recipe) -> Conditions:
  """What goes with the clips of a row: all that its manifest names. Captions are in the header."""
  text = "embedding" if row.embedding else None
  return Conditions(folder, text, 1, recipe.audio, MELS, SAMPLE_RATE, row.action is not None)


class Clip(NamedTuple):
  """`time` frames from `start` seconds on."""

  start: float
  time: int


def _clips(span: tuple[float, float], info: video_lib.VideoInfo, recipe: Recipe) -> list[Clip]:
  """The clips of a span, end to end."""
  start, end = span
  if recipe.fps:
    total = math.ceil((end - start) * recipe.fps - 1e-6)  # the last one is on display before the end
    rate = recipe.fps
  else:
    first = round(start * info.fps)
    total = (round(end * info.fps) - first - 1) // recipe.stride + 1
    start = (first + 0.5) / info.fps  # the middle of a frame's time on display
    rate = info.fps / recipe.stride
  time = recipe.time or max(1, total)
  begins = range(0, max(0, total), time)
  clips = [Clip(start + begin / rate, min(time, total - begin)) for begin in begins]
  return [clip for clip in clips if clip.time >= recipe.min_time]


def _decode(
  path: str, clips: list[Clip], info: video_lib.VideoInfo, recipe: Recipe
) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
  """Yields (start, frames, the frames' own times) of each clip; those in a row are decoded in one go."""
  rate = recipe.fps or info.fps / recipe.stride
  frame_bytes = math.prod(_size(info, recipe)) * recipe.channels
  if max(clip.time for clip in clips) * frame_bytes > LARGEST:
    raise DataError("too long for one clip: give --time a number")
  runs: list[list[Clip]] = []
  for clip in clips:
    last = runs[-1] if runs else []
    follows = last and abs(last[-1].start + last[-1].time / rate - clip.start) < 1e-6
    if follows and (sum(c.time for c in last) + clip.time) * frame_bytes <= MEMORY:
      last.append(clip)
    else:
      runs.append([clip])
  for run in runs:
    video, shown = _read(path, run[0].start, sum(clip.time for clip in run), info, recipe)
    place = 0
    for clip in run:
      taken = slice(place, place + clip.time)
      place += clip.time
      if len(shown[taken]) >= recipe.min_time:
        yield clip.start, video[taken], shown[taken]


def _read(
  path: str, start: float, time: int, info: video_lib.VideoInfo, recipe: Recipe
) -> tuple[np.ndarray, np.ndarray]:
  """Up to `time` frames and their own times: a header may claim a few more than there are."""
  size = _size(info, recipe)
  for _ in range(3):
    try:
      return video_lib.read_clip(
        path,
        start=start,
        num_frames=time,
        fps=recipe.fps,
        stride=recipe.stride,
        size=size,
        crop=(0.5, 0.5),
        channels=recipe.channels,
        frame_fps=recipe.frame_fps,
      )
    except video_lib.TooShort as error:
      time -= error.missing
      if time < 1:
        break
  return np.zeros((0, *size, recipe.channels), np.uint8), np.zeros(0)


def _size(info: video_lib.VideoInfo, recipe: Recipe) -> tuple[int, int]:
  """Height and width of the frames."""
  if recipe.crop:
    return recipe.size
  height, width = info.height, info.width
  scale = max(recipe.size[0] / height, recipe.size[1] / width)
  return max(recipe.size[0], round(height * scale)), max(recipe.size[1], round(width * scale))


def _frame_fps(info: video_lib.VideoInfo) -> float | None:
  """Frames a second of a folder of pictures; None for a video file."""
  return info.fps if info.codec == "frames" else None
