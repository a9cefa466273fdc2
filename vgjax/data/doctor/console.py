"""The doctor's report as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from vgjax.data.doctor.examine import Checked
from vgjax.data.doctor.findings import Finding

ROWS = 30  # the most videos in the table; of more, those with a remark come first
NAME = 36  # characters
KINDS = 4  # different sizes, rates, ... that are named


def overview(folder: str, summary: Mapping[str, Any]) -> str:
  """What is there: a headline and a line for each property."""
  usable = (
    "all can be used" if summary["usable"] == summary["videos"] else f"{summary['usable']:,} can be used"
  )
  noun = "video" if summary["videos"] == 1 else "videos"
  total = f"{clock(summary['hours'] * 3600)} in all, {size(summary['bytes'])}"
  lines = [f"{folder}: {summary['videos']:,} {noun}, {usable}, {total}", ""]
  length = summary["duration"]
  if not length:
    return lines[0] + "\n"
  if length["shortest"] < length["longest"]:
    shortest, median, longest = (clock(length[key]) for key in ("shortest", "median", "longest"))
    lines.append(f"  length   {shortest} to {longest}, median {median}")
  else:
    lines.append(f"  length   {clock(length['median'])}")
  for word, key in (("size", "sizes"), ("fps", "rates"), ("codec", "codecs"), ("sound", "sound")):
    lines.append(f"  {word:<7}  {_tally(summary[key])}")
  turned = {f"{angle} degrees": n for angle, n in summary["rotation"].items() if angle != "0"}
  if turned:
    lines.append(f"  turned   {_tally(turned)} (a phone held upright; turned back when decoding)")
  if summary["splits"]:
    parts = [f"{split} {summary['splits'].get(split, 0):,}" for split in ("train", "valid", "test")]
    lines.append(f"  splits   {', '.join(parts)}")
  if summary["labels"]:
    lines.append(f"  labels   {_tally(summary['labels'])}")
  if summary["others"]:
    lines.append(f"  others   {_tally(summary['others'])}, not looked at")
  return "\n".join(lines) + "\n"


def table(videos: Sequence[Checked], remarks: Mapping[str, str]) -> str:
  """A line a video; of very many, those with a remark first."""
  shown = list(videos)
  if len(shown) > ROWS:
    shown = sorted(shown, key=lambda video: video.name not in remarks)[:ROWS]
    shown.sort(key=lambda video: video.name)
  cells: list[tuple[str, ...]] = [("video", "length", "size", "fps", "codec", "sound", "")]
  for video in shown:
    facts = ("", "", "", "", "")
    if video.decodes:
      rate = f"{'~' if video.variable_rate else ''}{video.fps:.4g}"
      facts = clock(video.duration), f"{video.width}x{video.height}", rate, video.codec, video.sound or "-"
    cells.append((shorten(video.name, NAME), *facts, remarks.get(video.name, "")))
  widths = [max(len(row[i]) for row in cells) for i in range(6)]
  right = (1, 2, 3)  # columns of numbers
  lines = [
    "  ".join(c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths)))
    + ("  " + row[6] if row[6] else "")
    for row in cells
  ]
  lines = [lines[0], "─" * (sum(widths) + 10), *lines[1:]]
  if any(video.variable_rate for video in shown):
    lines.append("~ the frames come at a variable rate; this is the average")
  if len(shown) < len(videos):
    lines.append(f"and {len(videos) - len(shown):,} more; all are in doctor.json")
  return "\n".join("  " + line.rstrip() for line in lines) + "\n"


def problem_lines(found: Sequence[Finding]) -> str:
  """A line for each kind of problem; the severe ones have a cross."""
  if not found:
    return "No problems found.\n"
  width = max(len(finding.kind) for finding in found)
  count = max(len(f"{len(finding.names):,}") for finding in found)
  return "Problems\n" + "".join(
    f"  {'✗' if finding.severe else '•'} {finding.kind:<{width}}  {len(finding.names):>{count},}  "
    f"{finding.says}\n"
    for finding in found
  )


def numbered(title: str, lines: Sequence[str], width: int) -> str:
  """Sentences as a numbered list, wrapped."""
  out = [title]
  for i, line in enumerate(lines, 1):
    out += textwrap.wrap(line, width, initial_indent=f"  {i}. ", subsequent_indent="     ")
  return "\n".join(out) + "\n"


def clock(seconds: float) -> str:
  """4.2 s, 1:05 or 2:03:04."""
  if seconds < 59.95:
    return f"{seconds:.1f} s"
  minutes, seconds = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def size(count: float) -> str:
  """Bytes in the unit that suits."""
  unit = 0
  while count >= 999.5 and unit < 4:
    count, unit = count / 1000, unit + 1
  unit = ("B", "kB", "MB", "GB", "TB")[unit]
  return f"{count:.0f} {unit}" if count >= 100 or unit == "B" else f"{count:.1f} {unit}"


def shorten(name: str, width: int) -> str:
  """A name with its middle left out if it is too long: its end tells most."""
  if len(name) <= width:
    return name
  head = width // 3
  return name[:head] + "…" + name[len(name) - (width - head - 1) :]


def _tally(counts: Mapping[str, int]) -> str:
  """`h264 (12), hevc (3), vp9`, the most frequent first."""
  first = list(counts.items())[:KINDS]
  words = [f"{word} ({count:,})" if count > 1 else word for word, count in first]
  more = len(counts) - len(first)
  return ", ".join(words) + (f" and {more} more" if more else "")
