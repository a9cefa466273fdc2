"""Work on many files in worker processes: results come in order, and no file takes the others with it.

Files are of any origin, and a decoder is native code: a file may kill the process that reads it, or never
come back (then the process ends itself, see `watch`). The file at the head of the line is tried again in a
process of its own; if that dies too, its result is `Crashed`, and the rest goes on.

Workers end when the command does, however it ends: they hold one end of a pipe, and the operating system
closes the other end with the command.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple

from vgjax.data import watch

AHEAD = 8  # jobs a worker has before it: results that wait for their turn are bounded


class Crashed(NamedTuple):
  """In place of a result: the process that worked on it died."""

  reason: str = (
    "it kills the process that decodes it (a fault of the decoder, or out of memory), or keeps it for ever"
  )


def ordered(
  function: Callable[[Any], Any], jobs: Iterable[Any], *, workers: int
) -> Generator[tuple[Any, Any], None, None]:
  """Yields (job, function(job)) in the order of the jobs.

  Args:
    function: at the top of a module, so that it can be sent.
    jobs: what it is called with, one after the other; taken only a little ahead of the results.
    workers: processes; 0 works in this one, where nothing catches a crash.
  """
  if workers < 1:
    for job in jobs:
      yield job, function(job)
    return
  line, jobs, pool = deque(), iter(jobs), Pool(workers)
  try:
    while True:
      for job in jobs:
        line.append((job, pool.submit(function, job)))
        if len(line) >= AHEAD * workers:
          break
      if not line:
        return
      job, future = line.popleft()
      try:
        result = future.result()
      except BrokenProcessPool:
        pool.close()
        result = _alone(function, job)
        pool = Pool(workers)
        line = deque((j, pool.submit(function, j) if _broken(f) else f) for j, f in line)
      yield job, result
  finally:
    pool.close()


class Pool:
  """Worker processes that end with `close`, at once, or with this process."""

  def __init__(self, workers: int):
    # Spawned, not forked: a fork copies locks which another thread may hold.
    context = multiprocessing.get_context("spawn")
    listener, self._speaker = context.Pipe(duplex=False)
    self._pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(listener,))

  def submit(self, function: Callable, job: Any) -> Future:
    try:
      return self._pool.submit(function, job)
    except BrokenProcessPool as error:
      future = Future()
      future.set_exception(error)
      return future

  def close(self) -> None:
    self._pool.shutdown(wait=False, cancel_futures=True)
    self._speaker.close()  # what is being worked on ends here, and not when it is done
    self._pool.shutdown(wait=True)


def _alone(function: Callable, job: Any) -> Any:
  pool = Pool(1)
  try:
    return pool.submit(function, job).result()
  except BrokenProcessPool:
    return Crashed()
  finally:
    pool.close()


def _broken(future: Future) -> bool:
  return not future.done() or future.cancelled() or isinstance(future.exception(), BrokenProcessPool)


def _start_worker(listener) -> None:
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's to answer
  threading.Thread(target=_end_with_command, args=(listener,), daemon=True).start()
  watch.end_when_stuck()


def _end_with_command(listener) -> None:
  try:
    listener.recv_bytes()
  except (EOFError, OSError):
    os._exit(1)
