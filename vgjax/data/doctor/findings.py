"""What the doctor found, in words: problems, and what to do about them."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from vgjax.data.doctor.examine import Checked
from vgjax.data.doctor.splits import Division, label_of


class Wanted(NamedTuple):
  """The clips that the reader wants to train on."""

  time: int
  fps: float
  size: int

  def seconds(self) -> float:
    """How long a video must be: to the middle of its last frame's time on display."""
    return (self.time - 0.5) / self.fps


class Finding(NamedTuple):
  """One kind of problem.

  Attributes:
    kind: a word for the table and for programs.
    names: the videos that have it; of groups, all of them.
    says: a sentence.
    severe: training on it would fail or mislead.
  """

  kind: str
  names: list[str]
  says: str
  severe: bool


def problems(videos: Sequence[Checked], division: Division, wanted: Wanted) -> list[Finding]:
  """What is wrong, the worst first."""
  bad = [video for video in videos if video.problem]
  unreadable = [video.name for video in bad if not video.decodes]
  damaged = [video.name for video in bad if video.decodes]
  good = [video for video in videos if not video.problem]
  leaking = [name for group in division.leaks for name, _ in group]
  copies = [name for group in division.duplicates for name in group]
  spare = len(copies) - len(division.duplicates)
  return [
    finding
    for finding in (
      Finding("unreadable", unreadable, "no frame can be decoded", True),
      Finding("damaged", damaged, "cut short, or with frames that do not decode", True),
      Finding("leak", leaking, "in several splits: a model would be tested on what it has learned", True),
      Finding("duplicate", copies, f"show the same as another; {spare} could go", False),
      Finding("black", [v.name for v in good if v.black], "black from beginning to end", False),
      Finding("still", [v.name for v in good if v.still and not v.black], "nothing moves", False),
      Finding("short", _short(good, wanted), f"shorter than {_clip(wanted)}", False),
    )
    if finding.names
  ]


def suggestions(videos: Sequence[Checked], division: Division, wanted: Wanted, *, quick: bool) -> list[str]:
  """What to do, one thing a line."""
  good = [video for video in videos if not video.problem]
  if not good:
    return ["No video can be read. Play one: if your player shows it, convert it (ffmpeg -i IN OUT.mp4)."]
  say, short = [], _short(good, wanted)
  if short:
    fits = _time_for_most(good, wanted.fps)
    say.append(
      f"{_count(len(short), 'video is', 'videos are')} shorter than {_clip(wanted)} and left out"
      + (
        f"; time={fits} keeps nearly all." if 3 < fits < wanted.time and len(short) > len(good) / 10 else "."
      )
    )
  rates = Counter(round(video.fps, 1) for video in good)
  slow = [video for video in good if video.fps and video.fps < 0.9 * wanted.fps]
  if slow:
    lowest = max(1, math.floor(min(video.fps for video in slow)))
    say.append(
      f"{_count(len(slow), 'video has', 'videos have')} fewer than {wanted.fps:g} frames a second: frames "
      + (
        "would repeat. "
        + (f"--fps {lowest} fits all." if len(slow) > len(good) / 4 else "Leave out, or accept.")
      )
    )
  if len(rates) > 1:
    say.append(
      f"Frame rates differ ({min(rates):g} to {max(rates):g}): fps={wanted.fps:g} gives motion one speed; "
      "a stride would not."
    )
  folders = [video for video in good if video.codec == "frames"]
  if folders:
    say.append(
      f"{_count(len(folders), 'video is a folder', 'videos are folders')} of pictures, taken as "
      f"{folders[0].fps:g} a second: if that is wrong, say so with --frame-fps here and in `prepare`, or "
      "with config.data.frame_fps."
    )
  small = [video for video in good if min(video.height, video.width) < wanted.size]
  if small:
    say.append(
      f"{_count(len(small), 'video is', 'videos are')} smaller than {wanted.size} pixels and would be "
      "enlarged: a smaller size loses nothing."
    )
  if all(video.grey for video in good):
    say.append("All videos are grey: --channels 1 (config.data.channels=1) makes a batch a third as large.")
  say += _about_speed(good, wanted, quick)
  labels = {label_of(video.name) or "" for video in good}
  if "" not in labels and 1 < len(labels) <= len(good) / 2 and not any(r.label for r in division.rows):
    say.append(
      f"There are {len(labels)} folders, such as {min(labels)}/: if they are classes, add --label-folders."
    )
  if division.leaks:
    say.append(
      f"{_count(len(division.leaks), 'video is', 'videos are')} in several splits. In manifest.jsonl only "
      "the copy in test (or else valid) is left. To divide all anew, add --new-split."
    )
  elif division.duplicates:
    say.append("Near-duplicates are in one split in manifest.jsonl: train with it, or delete copies.")
  largest = Counter(row.content for row in division.rows).most_common(1)
  if largest and largest[0][1] > max(4, len(division.rows) / 2):
    say.append(
      f"{largest[0][1]} of {len(division.rows)} videos look alike and stay in one split. If they are "
      "different recordings, divide them yourself in manifest.jsonl."
    )
  if division.unsplit:
    say.append(
      f"All is in train, since {division.unsplit}. Add videos (3 at the least: one for each split), or cut "
      "long ones into parts that show different things."
    )
  if division.left_out:
    say.append(
      f"manifest.jsonl leaves out {_count(len(division.left_out), 'video', 'videos')}: what does not decode, "
      "is black, too short, or in another split already."
    )
  if any(video.still and not video.black and video.name not in division.left_out for video in good):
    say.append(
      "Still videos are in manifest.jsonl: delete their lines if a video in which nothing moves is odd."
    )
  return say


def _about_speed(good: Sequence[Checked], wanted: Wanted, quick: bool) -> list[str]:
  """Whether decoding large pictures, or seeking, would hold up training."""
  middle = sorted(good, key=lambda video: video.height * video.width)[len(good) // 2]
  if middle.height * middle.width < 6 * wanted.size**2 or quick:
    return []
  frames = sum(video.num_frames for video in good)
  rate = frames / max(1e-9, sum(video.seconds for video in good))
  gap = statistics.median(video.key_every for video in good)
  seek = f", and a clip begins up to {gap:.0f} frames after a key frame" if gap > 30 else ""
  return [
    f"Pictures such as {middle.width}x{middle.height} decode at {rate:,.0f} frames a second and core{seek}. "
    f"`prepare` does that once, and keeps {wanted.size}x{wanted.size} pixels for training to read."
  ]


def _short(good: Sequence[Checked], wanted: Wanted) -> list[str]:
  return [video.name for video in good if video.duration < wanted.seconds()]


def _time_for_most(good: Sequence[Checked], fps: float) -> int:
  """The frames that 19 of 20 videos have at that rate."""
  lengths = sorted(video.duration for video in good)
  return math.floor(lengths[len(lengths) // 20] * fps + 0.5)


def _clip(wanted: Wanted) -> str:
  return f"{wanted.time} frames at {wanted.fps:g} fps ({wanted.time / wanted.fps:.3g} s)"


def _count(number: int, one: str, many: str) -> str:
  return f"{number:,} {one if number == 1 else many}"


def summary(videos: Sequence[Checked], division: Division, others: dict[str, int]) -> dict[str, Any]:
  """Counts and ranges, for the report and the table; `others` are files that are no videos, by suffix."""
  good = [video for video in videos if not video.problem]
  tally: Callable[[Any], dict[str, int]] = lambda values: dict(Counter(values).most_common())
  lengths = [video.duration for video in good]
  return dict(
    videos=len(videos),
    usable=len(videos) - len(division.left_out),
    hours=sum(lengths) / 3600,
    bytes=sum(video.bytes for video in videos),
    frames=sum(video.num_frames for video in good),
    duration=dict(shortest=min(lengths), median=statistics.median(lengths), longest=max(lengths))
    if good
    else None,
    sizes=tally(f"{video.width}x{video.height}" for video in good),
    rates=tally("variable" if v.variable_rate else f"{v.fps:.4g}" for v in good),
    codecs=tally(video.codec for video in good),
    sound=tally(video.sound or "none" for video in good),
    rotation=tally(str(video.rotation) for video in good),
    splits=tally(row.split for row in division.rows),
    labels=tally(str(row.label) for row in division.rows if row.label is not None),
    others=others,
  )
