"""The curves of an evaluation as one picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vgjax import plot


def draw(numbers: Mapping[str, Any]) -> np.ndarray | None:
  """A panel for each metric over the frames, and for each Fréchet distance over the number of videos.

  Args:
    numbers: of an evaluation, {"psnr/curve": [...], "fvd/by_number/curve": [...], ...}.

  Returns:
    The picture, uint8 [height, width, 3]; None if no curve has two points.
  """
  frames: dict[str, dict[str, plot.Curve]] = {}
  videos: dict[str, dict[str, plot.Curve]] = {}
  for name, values in numbers.items():
    metric, *rest = name.split("/")
    if rest[-1:] != ["curve"] or rest[0] == "number" or len(values) < 2:
      continue
    if rest[0] == "by_number":
      videos[metric] = {"": (numbers[f"{metric}/number/curve"], values)}
    else:
      first = 2 if metric == "activity" else 1  # a step leads to its later frame
      label = rest[0] if len(rest) > 1 else ""
      frames.setdefault(metric, {})[label] = list(range(first, first + len(values))), values
  pictures = [
    plot.panels(curves, unit) for curves, unit in ((frames, "frame"), (videos, "videos of each")) if curves
  ]
  if not pictures:
    return None
  width = max(picture.shape[1] for picture in pictures)
  fill = lambda picture: ((0, 0), (0, width - picture.shape[1]), (0, 0))
  return np.concatenate([np.pad(picture, fill(picture), constant_values=255) for picture in pictures])
