"""How fast the loop goes, and how long it waits for data."""

import collections
import contextlib
import time
from collections.abc import Iterator
from typing import Any

_RECENT = 50  # steps: steady enough to read, quick enough to show a change
_SLOW = 0.1  # share of the time waited for data, from which it is worth a word


class Clock:
  """Videos a second, and the share of time that the loop waited for data, over the recent steps.

  The first step, which is compiled and fills the loader's queue, counts only until there is another.

  Args:
    batch_size: videos a step.
    batches: the loader; its `wait_seconds` is how long the loop has waited in all.
  """

  def __init__(self, batch_size: int, batches: Any):
    self._batch_size, self._batches = batch_size, batches
    self._marks = collections.deque([self._now()], maxlen=_RECENT + 1)
    self._ticks, self._said = 0, False

  def tick(self) -> None:
    """Says that a step is done."""
    self._ticks += 1
    if self._ticks == 2:
      self._marks.popleft()
    self._marks.append(self._now())

  @property
  def steps_per_second(self) -> float:
    return (len(self._marks) - 1) / self._seconds()

  @property
  def videos_per_second(self) -> float:
    return self._batch_size * self.steps_per_second

  @property
  def input_wait(self) -> float:
    """From 0, the data keeps up, to 1, all time goes into waiting for it."""
    return min(1.0, (self._marks[-1][1] - self._marks[0][1]) / self._seconds())

  def advice(self) -> str | None:
    """What to do where the data does not keep up; said once, when enough steps were seen to be sure."""
    if self._said or len(self._marks) <= _RECENT or self.input_wait < _SLOW:
      return None
    self._said = True
    return (
      f"waiting for data {self.input_wait:.0%} of the time: `python -m vgjax.data prepare` decodes and "
      "scales videos once and for all; config.loader.workers = 2 or more reads in processes of their own"
    )

  @contextlib.contextmanager
  def paused(self) -> Iterator[None]:
    """Time that does not count, such as an evaluation's."""
    before = self._now()
    yield
    after = self._now()
    lost = [b - a for a, b in zip(before, after, strict=True)]
    self._marks = collections.deque(
      (tuple(a + b for a, b in zip(mark, lost, strict=True)) for mark in self._marks), maxlen=_RECENT + 1
    )

  def _seconds(self) -> float:
    return max(1e-9, self._marks[-1][0] - self._marks[0][0])

  def _now(self) -> tuple[float, float]:
    return time.monotonic(), self._batches.wait_seconds
