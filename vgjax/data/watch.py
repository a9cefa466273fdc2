"""Threads that read files, and notice one that never comes back.

A decoder is native code: one that runs in circles within a frame can be neither interrupted nor skipped. Who
reads a file says so (`reading`) and counts each packet (`beat`); who waits for the result finds out which
file has given nothing for `LIMIT` seconds, and stops with its name instead of waiting for ever. The thread is
left behind: it ends with the process, and does not keep it from ending.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import sys
import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from typing import Any

from vgjax.errors import DataError

LIMIT = 300.0  # seconds without a packet; a disk that does not answer is given up in less (`reader.TIMEOUT`)
POLL = 1.0  # seconds
LEAVE = 10.0  # seconds that threads have to finish a clip when the program ends
STUCK = 86  # the exit status of a process that ended itself for this reason


class _Work:
  """A file that a thread is reading; `beats` counts its packets."""

  __slots__ = ("beats", "path")

  def __init__(self, path: str):
    self.path, self.beats = path, 0


_under_way: dict[int, _Work] = {}  # by the number of the thread


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
  """Says that this thread reads a file."""
  thread = threading.get_ident()
  outer = _under_way.get(thread)
  _under_way[thread] = _Work(path)
  try:
    yield
  finally:
    if outer is None:
      del _under_way[thread]
    else:
      _under_way[thread] = outer


def beat() -> None:
  """Says that the decoder came back."""
  work = _under_way.get(threading.get_ident())
  if work is not None:
    work.beats += 1


class Watch:
  """Looks after some threads, or all of this process."""

  def __init__(self, threads: Collection[int] | None = None):
    self._threads = threads
    self._seen: dict[int, tuple[_Work, int, float]] = {}  # of each thread: work, its beats, seconds since
    self._looked = time.monotonic()

  def look(self) -> str | None:
    """The file that has given nothing for `LIMIT` seconds. To be called every `POLL` seconds.

    Longer pauses count as short ones: a process that was stopped for an hour is not stuck.
    """
    now = time.monotonic()
    passed, self._looked = min(now - self._looked, 2 * POLL), now
    seen, self._seen = self._seen, {}
    for thread, work in list(_under_way.items()):
      if self._threads is None or thread in self._threads:
        before, beats, seconds = seen.get(thread, (None, 0, 0.0))
        seconds = seconds + passed if before is work and beats == work.beats else 0.0
        self._seen[thread] = work, work.beats, seconds
        if seconds >= LIMIT:
          return work.path
    return None


def message(path: str) -> str:
  """What to say of a file that is stuck."""
  return (
    f"{path}: its decoder has given nothing for {LIMIT:.0f} seconds, and cannot be stopped. Remove the file "
    "or convert it, and give the same command again."
  )


def end_when_stuck() -> None:
  """Starts a thread that ends this process, with a message, when a file is stuck: for worker processes."""

  def look() -> None:
    watch = Watch()
    while (path := watch.look()) is None:
      time.sleep(POLL)
    print(f"\nvgjax: {message(path)}", file=sys.stderr, flush=True)
    os._exit(STUCK)

  threading.Thread(target=look, name="watch", daemon=True).start()


class Threads:
  """A few threads for jobs that read files."""

  def __init__(self, count: int, name: str):
    self._jobs: queue.SimpleQueue = queue.SimpleQueue()
    self._threads = [
      threading.Thread(target=_work, args=(self._jobs,), name=f"{name}_{i}", daemon=True)
      for i in range(count)
    ]
    for thread in self._threads:
      thread.start()
    self._watch = Watch({thread.ident or 0 for thread in self._threads})
    _pools.add(self)

  def submit(self, function: Callable, *arguments: Any) -> Future:
    future: Future = Future()
    self._jobs.put((future, function, arguments))
    return future

  def result(self, future: Future) -> Any:
    """What a job of these threads returned or raised.

    Raises:
      DataError: a thread is stuck in a file, which the message names.
    """
    while True:
      try:
        return future.result(timeout=POLL)
      except TimeoutError:
        if future.done():
          return future.result()  # the job itself raised it
      path = self._watch.look()
      if path is not None:
        raise DataError(message(path))

  def close(self) -> None:
    """Ends the threads with what they are at, and waits for none; jobs that wait are cancelled."""
    with contextlib.suppress(queue.Empty):
      while True:
        job = self._jobs.get_nowait()
        if job is not None:
          job[0].cancel()
    for _ in self._threads:
      self._jobs.put(None)

  def join(self, deadline: float) -> None:
    """Waits for the threads until `time.monotonic()` is `deadline`, at most."""
    for thread in self._threads:
      thread.join(max(0.0, deadline - time.monotonic()))


def _work(jobs: queue.SimpleQueue) -> None:
  while (job := jobs.get()) is not None:
    future, function, arguments = job
    if future.set_running_or_notify_cancel():
      try:
        future.set_result(function(*arguments))
      except BaseException as error:  # whatever it is, it is for who waits
        future.set_exception(error)
    del job, future, function, arguments  # the last result would stay in memory


_pools: weakref.WeakSet[Threads] = weakref.WeakSet()


@atexit.register
def _leave() -> None:
  """A thread within native code must not outlive the interpreter, unless it never comes back."""
  pools = list(_pools)
  for pool in pools:
    pool.close()
  deadline = time.monotonic() + LEAVE
  for pool in pools:
    pool.join(deadline)
