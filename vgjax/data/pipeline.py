"""Where batches are made: in threads of this process, or in grain's worker processes.

Threads (`workers=0`) suit most: NumPy, the decoder and the file system let go of the GIL. Worker processes
cost seconds to start and memory each, and pay where Python itself is the bottleneck and cores are to spare.

What grain leaves to its caller is done here: its flags, its shared memory, workers that outlive a killed
parent or die of a signal that was meant for it. grain spawns: a worker imports the main module under another
name, so a script that trains needs `if __name__ == "__main__":`.
"""

from __future__ import annotations

import collections
import gc
import itertools
import multiprocessing
import os
import signal
import threading
import weakref
from concurrent.futures import Future
from typing import Any, Protocol, Self, cast

import numpy as np

from vgjax.data import watch
from vgjax.errors import DataError

FOREVER = 2**62  # batches: a pipeline has a length
GRACE_SECONDS = 30  # between a SIGTERM and a worker's end


class BatchSource(Protocol):
  """Batches by number: picklable, and the same in every process."""

  def __len__(self) -> int: ...

  def __getitem__(self, number: int, /) -> dict[str, np.ndarray]: ...


class Batches:
  """An iterator of batches, dicts of arrays [batch, ...]; close it, or use it in a `with`.

  Args:
    batches: what gives batch n.
    start: the number of the first one.
    stop: the number after the last one.
    workers: worker processes; 0 works in threads of this process.
    threads: threads when there are no worker processes; 0 works when asked.
    prefetch: batches made ahead.
  """

  def __init__(
    self, batches: BatchSource, *, start: int, stop: int, workers: int, threads: int, prefetch: int
  ):
    self._shared_memory = bool(workers)
    if workers:
      made = _in_processes(batches, start, stop, workers, prefetch)
    else:
      made = _Threads(batches, range(start, stop), threads, max(prefetch, threads))
    self._iterators = [made]  # in a list, which closing empties: grain's iterator dies there and then
    # Runs at close(), when this is collected, or at exit: threads and processes outlive none of them.
    self._finish = weakref.finalize(self, _finish, self._iterators, self._shared_memory)

  def __iter__(self) -> Self:
    return self

  def __next__(self) -> dict[str, np.ndarray]:
    if not self._iterators:
      raise StopIteration
    try:
      batch = next(self._iterators[0])
    except RuntimeError as error:
      if "Worker process was terminated" not in str(error):
        raise
      if f"exit code {watch.STUCK}" in str(error).lower():
        raise DataError(
          "A data worker ended itself: a file's decoder never came back, and it named the file above."
        ) from error
      raise DataError(
        f"A data worker died: {error} Exit code -9 is a kill, mostly for want of memory: set fewer "
        "config.loader.workers, or a smaller config.loader.prefetch. The same command goes on from the last "
        "checkpoint."
      ) from error
    # Batches of a worker lie in shared memory, whose removal grain leaves to the garbage collector;
    # copied at once it never piles up, nor outlives the workers.
    return {key: np.array(value) for key, value in batch.items()} if self._shared_memory else batch

  def close(self) -> None:
    """Stops the threads or worker processes."""
    self._finish()

  def __enter__(self) -> Self:
    return self

  def __exit__(self, *_) -> None:
    self.close()


class _Threads:
  """Batches in order, while a pool of threads makes the next ones; with no threads, each when asked for."""

  def __init__(self, batches: BatchSource, numbers: range, threads: int, prefetch: int):
    self._batches, self._numbers = batches, iter(numbers)
    self._pool = watch.Threads(threads, "data") if threads else None
    self._ahead: collections.deque[Future] = collections.deque()
    self._prefetch = prefetch

  def __next__(self) -> dict[str, np.ndarray]:
    if self._pool is None:
      return self._batches[next(self._numbers)]
    for number in itertools.islice(self._numbers, self._prefetch + 1 - len(self._ahead)):
      self._ahead.append(self._pool.submit(self._batches.__getitem__, number))
    if not self._ahead:
      raise StopIteration
    return self._pool.result(self._ahead.popleft())

  def close(self) -> None:
    """Ends the threads with what they are at; waits for none, as a file may hang."""
    if self._pool is not None:
      self._pool.close()


def _in_processes(batches: BatchSource, start: int, stop: int, workers: int, prefetch: int) -> Any:
  """grain's iterator over worker processes; each reads in one thread."""
  import grain  # slow to import, and seldom needed
  from absl import flags

  if not flags.FLAGS.is_parsed():
    flags.FLAGS.mark_as_parsed()  # grain asks for its flags; in a notebook or a test nobody parsed them
  dataset = grain.MapDataset.source(cast(Any, batches)).slice(slice(start, stop))
  # Without a buffer of its own beside its queue.
  dataset = dataset.to_iter_dataset(grain.ReadOptions(num_threads=0, prefetch_buffer_size=prefetch))
  options = grain.MultiprocessingOptions(
    num_workers=workers, per_worker_buffer_size=max(1, prefetch // workers)
  )
  return iter(dataset.mp_prefetch(options, worker_init_fn=_start_worker))


def _finish(iterators: list[Any], shared_memory: bool) -> None:
  iterators.pop().close()
  if shared_memory:
    gc.collect()  # an iterator that ended holds its last batch's shared memory in a cycle


def _start_worker(worker_index: int, worker_count: int) -> None:
  """Runs in each worker process: it follows the process that started it, and nothing else."""
  del worker_index, worker_count
  # Ctrl-C, or a scheduler's SIGTERM to the whole group, is the parent's to answer: it saves a checkpoint,
  # which may need more batches, and closes the workers then.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  signal.signal(signal.SIGTERM, lambda *_: _exit_after(GRACE_SECONDS))
  # A parent that is killed closes nothing; without this its workers would live for ever.
  parent = multiprocessing.parent_process()
  if parent is not None:
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
  watch.end_when_stuck()


def _exit_after(seconds: float) -> None:
  timer = threading.Timer(seconds, os._exit, args=(1,))
  timer.daemon = True
  timer.start()
