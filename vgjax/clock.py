"""How fast the loop goes, and how long it waits for data."""

import time
from typing import Any


class Clock:
  """Videos a second and the share of time that the loop waited for data, since the last line of numbers."""

  def __init__(self, batch_size: int, batches: Any):
    self._batch_size, self._batches = batch_size, batches
    self.videos_per_second, self.input_wait = 0.0, 0.0
    self.start()

  def start(self) -> None:
    self._began, self._steps, self._pause = time.monotonic(), 0, 0.0
    self._waited = self._batches.wait_seconds

  def tick(self) -> None:
    self._steps += 1
    seconds = max(1e-9, time.monotonic() - self._began - self._pause)
    self.videos_per_second = self._batch_size * self._steps / seconds
    self.input_wait = min(1.0, (self._batches.wait_seconds - self._waited) / seconds)

  def paused(self) -> "_Pause":
    return _Pause(self)


class _Pause:
  """Evaluation time is not training time."""

  def __init__(self, clock: Clock):
    self._clock = clock

  def __enter__(self):
    self._began = time.monotonic()

  def __exit__(self, *_):
    self._clock._pause += time.monotonic() - self._began
