"""Small sources for the tests of the loader."""

import dataclasses
import os
import time

import numpy as np


@dataclasses.dataclass(frozen=True)
class Counting:
  """Example i tells its index and a number drawn from its rng."""

  size: int = 10
  broken: int | None = None  # this index cannot be read

  def __len__(self):
    return self.size

  def example(self, index, rng):
    if index == self.broken:
      raise OSError(f"/videos/clip_{index}.mp4: it is damaged")
    noise = rng.integers(2**31)
    return {"index": np.int64(index), "noise": noise, "video": np.full((2, 4, 4, 1), index, np.uint8)}

  def card(self):
    return dict(dataset="counting", num_videos=self.size)


@dataclasses.dataclass(frozen=True)
class Process:
  """Example i tells which process made it."""

  def __len__(self):
    return 4

  def example(self, index, rng):
    return {"pid": np.int64(os.getpid())}


@dataclasses.dataclass(frozen=True)
class Slow:
  """Every example takes a while."""

  seconds: float

  def __len__(self):
    return 100

  def example(self, index, rng):
    time.sleep(self.seconds)
    return {"index": np.int64(index)}


@dataclasses.dataclass(frozen=True)
class Uneven:
  """Examples of different shapes."""

  def __len__(self):
    return 4

  def example(self, index, rng):
    return {"video": np.zeros((2, 4 + index, 4, 1), np.uint8)}
