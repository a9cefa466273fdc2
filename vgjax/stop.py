"""Being told to stop: SIGTERM from a scheduler, Ctrl-C from a person."""

import signal
import threading

import jax
from jax.experimental import multihost_utils


class StopSignal:
  """SIGTERM and Ctrl-C, agreed upon by all hosts: every one stops after the same step."""

  def __init__(self):
    self._told = False
    self._old = {}
    # With several hosts, jax's coordinator tells all of them of a preemption; it has its own handler.
    self._many = jax.process_count() > 1
    if not self._many and threading.current_thread() is threading.main_thread():
      for number in (signal.SIGTERM, signal.SIGINT):
        self._old[number] = signal.signal(number, self._tell)

  def _tell(self, number, frame):
    if self._told:  # asked twice: do not wait for the step
      raise KeyboardInterrupt
    self._told = True

  def reached(self, step: int) -> bool:
    if self._many:
      return multihost_utils.reached_preemption_sync_point(step)
    return self._told

  def close(self) -> None:
    for number, handler in self._old.items():
      signal.signal(number, handler)
