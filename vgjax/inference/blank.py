"""Black videos of a given shape, in place of the data a run was trained on: its network can then be built."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


def make(*, split: str, seed: int, shape: tuple[int, int, int, int]) -> Blank:
  """Builds the source.

  Args:
    split: any.
    seed: not used.
    shape: time, height, width, channels.
  """
  del seed
  return Blank(split, tuple(shape))


@dataclasses.dataclass(frozen=True)
class Blank:
  """A source of one example."""

  split: str
  shape: tuple[int, ...]

  def __len__(self) -> int:
    return 1

  def example(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"video": np.zeros(self.shape, np.uint8)}

  def card(self) -> dict[str, Any]:
    return dict(
      dataset="blank",
      split=self.split,
      frames=self.shape[0],
      stride=1,
      resolution=list(self.shape[1:]),
      resize="none",
    )
