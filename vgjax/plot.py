"""Curves as a picture, in the colours of `sheet`: what the model does, beside a baseline."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vgjax import sheet

_WIDTH, _HEIGHT, _ACROSS = 380, 250, 3  # pixels of a panel; panels side by side
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 30, 38
_LINE, _LEGEND = 20, ImageFont.load_default(13)  # of the legend
_PAPER, _GRID, _INK = (255, 255, 255), (232, 234, 237), (70, 74, 80)
# The model's own, then those of others; no two that lie side by side in a legend are alike.
COLOURS = (
  sheet.MADE, sheet.GIVEN, (120, 80, 160), (200, 60, 100), (60, 110, 200), (130, 150, 40),
  (215, 165, 30), (90, 180, 220), (180, 120, 200), (50, 50, 60),
)  # fmt: skip
COLOURS_OF_BASELINES = {"copy_last": sheet.TRUTH, "blend": (150, 110, 70)}  # grey, brown


Curve = tuple[Sequence[float], Sequence[float]]


def panels(curves: Mapping[str, Mapping[str, Curve]], unit: str) -> np.ndarray:
  """A panel for each figure.

  Args:
    curves: {figure: {name of a curve: (x, the values there)}}; the curve "" is the model's. What is not
      finite is left out.
    unit: what x is, below each panel.

  Returns:
    The picture, uint8 [height, width, 3].
  """
  if not curves or not all(any(len(x) > 1 for x, _ in each.values()) for each in curves.values()):
    raise ValueError("a plot needs a figure, and two points or more")
  labels = list(dict.fromkeys(label for each in curves.values() for label in each))
  # The baselines keep their colours whether or not there is a best sample.
  colours = {"": COLOURS[0]} | COLOURS_OF_BASELINES
  others = itertools.cycle(COLOURS[1:] if "" in labels else COLOURS)
  colours |= {label: next(others) for label in labels if label not in colours}
  across = min(_ACROSS, len(curves))
  down = -(-len(curves) // across)
  named = {label or "model": colours[label] for label in labels} if len(labels) > 1 else {}
  places = _legend_places(named, across * _WIDTH)
  head = 10 + _LINE * (places[-1][1] + 1) if named else 0
  page = Image.new("RGB", (across * _WIDTH, down * _HEIGHT + head), _PAPER)
  pen = ImageDraw.Draw(page)
  for (label, colour), (x, line) in zip(named.items(), places):
    y = 18 + _LINE * line
    pen.line((x, y, x + 22, y), fill=colour, width=3)
    pen.text((x + 28, y), _shown(label), fill=_INK, font=_LEGEND, anchor="lm")
  for number, (figure, each) in enumerate(curves.items()):
    corner = number % across * _WIDTH, number // across * _HEIGHT + head
    _panel(pen, corner, figure, [(*curve, colours[label]) for label, curve in each.items()], unit)
  return np.asarray(page)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
  """Round numbers from low to high, about `most`: 1, 2 or 5 times a power of ten apart."""
  span = high - low
  if not span > 0:
    return [low]
  step = 10 ** math.floor(math.log10(span / most))
  step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= most)
  first = math.ceil(low / step - 1e-9)
  return [float(f"{number * step:.12g}") for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _panel(pen, corner, figure, each, unit):
  left, top = corner[0] + _LEFT, corner[1] + _TOP
  right, bottom = corner[0] + _WIDTH - _RIGHT, corner[1] + _HEIGHT - _BOTTOM
  font, small = ImageFont.load_default(14), ImageFont.load_default(11)
  pen.text((left, top - 8), figure, fill=_INK, font=font, anchor="ls")
  pen.text(((left + right) / 2, bottom + 30), unit, fill=_INK, font=small, anchor="ms")
  finite = [v for _, values, _ in each for v in values if math.isfinite(v)]
  if not finite:
    pen.text(((left + right) / 2, (top + bottom) / 2), "no finite value", fill=_INK, font=small, anchor="mm")
    return
  low, high = min(finite), max(finite)
  room = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
  low, high = low - room, high + room
  start, end = min(min(x) for x, _, _ in each), max(max(x) for x, _, _ in each)
  across = lambda value: left + (value - start) / (end - start) * (right - left)
  up = lambda value: bottom - (value - low) / (high - low) * (bottom - top)
  for value in ticks(low, high):
    pen.line((left, up(value), right, up(value)), fill=_GRID)
    pen.text((left - 6, up(value)), f"{value:g}", fill=_INK, font=small, anchor="rm")
  for value in ticks(start, end):
    if value == int(value):
      pen.line((across(value), bottom, across(value), bottom + 4), fill=_INK)
      pen.text((across(value), bottom + 16), f"{value:g}", fill=_INK, font=small, anchor="ms")
  pen.line((left, bottom, right, bottom), fill=_INK)
  for x, values, colour in reversed(each):  # the model's own curve on top
    points = [(across(a), up(b)) if math.isfinite(b) else None for a, b in zip(x, values)]
    for first, second in itertools.pairwise(points):
      if first and second:
        pen.line((*first, *second), fill=colour, width=2)
    for point in filter(None, points):
      pen.ellipse((point[0] - 2, point[1] - 2, point[0] + 2, point[1] + 2), fill=colour)


def _legend_places(names, width):
  """(x, line) of each name in the legend."""
  places, x, line = [], _LEFT, 0
  for name in names:
    room = 28 + math.ceil(_LEGEND.getlength(_shown(name))) + 24
    if x + room > width and x > _LEFT:
      x, line = _LEFT, line + 1
    places.append((x, line))
    x += room
  return places


def _shown(name):
  return name.replace("_", " ")
