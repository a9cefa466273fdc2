"""Being told to stop: SIGTERM from a scheduler, Ctrl-C from a person."""

import signal
import threading

import jax
import numpy as np
from jax.experimental import multihost_utils

# Hosts ask each other every so many steps. Asking waits for the device, so not at each; a scheduler gives
# tens of seconds between SIGTERM and SIGKILL, so not too rarely either.
_ASK_EVERY = 10


class StopSignal:
  """SIGTERM and Ctrl-C, to any host: all hosts stop after the same step. Asked twice, it stops at once.

  jax has a service for this (`reached_preemption_sync_point`), but orbax asks it too, from a thread of its
  own and about other steps, and a run of two hosts was seen to miss its step.
  """

  def __init__(self):
    self._told = False
    self._old = {}
    if threading.current_thread() is threading.main_thread():
      for number in (signal.SIGTERM, signal.SIGINT):
        self._old[number] = signal.signal(number, self._tell)

  def _tell(self, number, frame):
    if self._told:
      raise KeyboardInterrupt
    self._told = True

  def reached(self, step: int) -> bool:
    """Whether to stop after `step`; the same answer on every host."""
    if jax.process_count() == 1:
      return self._told
    return step % _ASK_EVERY == 0 and bool(multihost_utils.process_allgather(np.asarray(self._told)).any())

  def close(self) -> None:
    for number, handler in self._old.items():
      signal.signal(number, handler)
