"""What `python -m vgjax.evaluate` prints."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from vgjax.evaluate import folders, measure
from vgjax.evaluate.table import align, number
from vgjax.metrics.direction import better

_WRAP: dict[str, Any] = dict(break_long_words=False, break_on_hyphens=False)


def report(found: measure.Measured, metrics: Sequence[str]) -> str:
  """The figures, what must be told of them, what is missing, and how it was measured."""
  rows = [
    (f"{name} {better(name)}", number(found.numbers[name]), _beside(name, found.numbers))
    for name in metrics
    if name in found.numbers
  ]
  parts = [align(rows)] if rows else []
  parts += [
    _wrapped(_bias(name, found.numbers)) for name in metrics if f"{name}/number/curve" in found.numbers
  ]
  told: dict[str, list[str]] = {}
  for name, texts in found.notes.items():
    for text in texts:
      told.setdefault(text, []).append(name)
  parts += [_wrapped(f"note, {', '.join(names)}: {text}") for text, names in told.items()]
  parts += [_wrapped(f"missing, {name}: {reason}") for name, reason in found.missing.items()]
  for word, bad in found.bad.items():
    if bad:
      noun = "video is" if len(bad) == 1 else "videos are"
      parts.append("\n  ".join([f"{len(bad)} {word} {noun} left out:", *folders.listed(bad)]))
  return "\n".join([*parts, "", _protocol(found)])


def _beside(name: str, numbers: Mapping[str, Any]) -> str:
  """What stands to the right of a figure."""
  of = lambda part: number(numbers[f"{name}/{part}"])
  if f"{name}/low" in numbers:
    return f"95% interval {of('low')} to {of('high')}"
  if f"{name}/std" in numbers:
    return f"± {of('std')} over 10 parts"
  if f"{name}/real" in numbers:
    apart = f", distance {of('distance')}" if f"{name}/distance" in numbers else ""
    return f"of real videos {of('real')}{apart}"
  best = [key for key in numbers if key.startswith(f"{name}/best_of_") and not key.endswith("/curve")]
  return "".join(f"best of {key.rpartition('_')[2]}: {number(numbers[key])}" for key in best)


def _bias(name: str, numbers: Mapping[str, Any]) -> str:
  """A Fréchet distance over the number of videos, in words."""
  points = zip(numbers[f"{name}/number/curve"], numbers[f"{name}/by_number/curve"])
  text = f"{name} of fewer videos: " + ", ".join(f"{number(value)} of {count:,}" for count, value in points)
  if f"{name}/extrapolated" in numbers:
    value, error = (
      number(numbers[f"{name}/{part}"]) for part in ("extrapolated", "extrapolated_standard_error")
    )
    text += f"; of infinitely many about {value}, standard error {error}"
  return text


def overview(folder: folders.Folder) -> str:
  """A folder in one line."""
  infos = [video.info for video in folder.videos]
  lengths = sorted({info.num_frames for info in infos})
  sizes = sorted({(info.width, info.height) for info in infos})
  length = f"{lengths[0]}" if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"
  size = f"{sizes[0][0]}x{sizes[0][1]}" if len(sizes) == 1 else f"{len(sizes)} sizes"
  bad = f"; {len(folder.bad)} more cannot be read" if folder.bad else ""
  noun = "video" if len(infos) == 1 else "videos"
  return f"{folder.root}, {len(infos):,} {noun} of {length} frames, {size}{bad}"


def _protocol(found: measure.Measured) -> str:
  """The card's gist; all of it is in the file."""
  card = found.card
  data, counts = card["data"], card["num_videos"]
  rate = f"{data['fps']:g} fps" if "fps" in data else f"stride {data['stride']}"
  time, (height, width, _) = data["frames"], data["resolution"]
  fakes = card["fake"] if isinstance(card["fake"], list) else [card["fake"]]
  samples = f", {len(fakes)} samples of each" if len(fakes) > 1 else ""
  resize = " and ".join(dict.fromkeys(fake["resize"] for fake in fakes))
  lines = [
    f"videos      {', '.join(f'{count:,} {word}' for word, count in counts.items())}{samples}",
    f"clips       {time} frames from the first on, {rate}, {width}x{height}",
    f"resize      real: {data['resize']}; fake: {resize}",
    f"seed        {card['evaluator']['seed']}",
  ]
  shown: dict[str, list[str]] = {}
  for name, extractor in card["evaluator"]["extractors"].items():
    weights = str(extractor.get("weights_sha256", "not said"))[:12]
    text = f"{extractor.get('network', extractor.get('name'))}, weights sha256 {weights}"
    shown.setdefault(text, []).append(name)
  lines += [f"network     {text} ({', '.join(names)})" for text, names in shown.items()]
  code = card["code"]
  commit = (
    f" {code['commit'][:10]}{', changed since' if code.get('changed') else ''}" if "commit" in code else ""
  )
  lines.append(f"code        vgjax {code['vgjax']}{commit}, jax {code['jax']}, {code['device']}")
  return "protocol\n" + "\n".join("  " + line for line in lines)


def _wrapped(text: str) -> str:
  """Lines of 100 characters; a line that has a command stays whole, so that it can be copied."""
  fill = lambda line: textwrap.fill(line, 100, subsequent_indent="  ", **_WRAP)
  return "\n".join(line if "python -m" in line else fill(line) for line in text.splitlines())
