"""Batches by number: the loader between a source and the training loop.

The pipeline's elements are whole batches, and batch n is a pure function of (seed, n):

  position p = n * batch_size + row        epoch, offset = divmod(p, len(source))
  index      = permutation(seed, epoch)[offset]           every example once an epoch
  example    = source.example(index, rng(seed, p))

A host reads rows [h * B / H, (h + 1) * B / H) of every global batch. So the global batch does not depend
on the number of hosts, worker processes or threads, and a run resumes at step n by starting at n: there is
no iterator state to save. Where the batch size does not divide the epoch, a batch runs on into the next.

`pipeline` says where the work is done; `device_prefetch` has the batches on the device before they are used.
"""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from vgjax.data import order
from vgjax.data.pipeline import FOREVER, Batches
from vgjax.types import Source

Example = dict[str, np.ndarray]


class DevicePrefetch:
  """What `device_prefetch` returns.

  Attributes:
    wait_seconds: how long `next` has blocked so far, in all. The wait for the first batch counts too: take
      the difference over the steps of interest. It stays near zero while the data keeps up.
  """

  def __init__(self, iterator: Iterator[Example], put: Callable[[Example], Any], size: int):
    self.wait_seconds = 0.0
    self._iterator = iterator
    self._put = put
    self._queue = queue.Queue(maxsize=max(1, size))
    self._stop = threading.Event()
    self._ended = False
    self._thread = threading.Thread(target=self._fill, name="device_prefetch", daemon=True)
    self._thread.start()

  def _fill(self) -> None:
    """Runs in the thread; queues (batch, None) for each batch, then (None, the reason for the end)."""
    try:
      for batch in self._iterator:
        if not self._offer((self._put(batch), None)):
          return
      self._offer((None, StopIteration()))
    except BaseException as error:  # whatever it is, the consumer must not wait for ever
      self._offer((None, error))

  def _offer(self, item: tuple[Any, BaseException | None]) -> bool:
    while not self._stop.is_set():
      try:
        self._queue.put(item, timeout=0.1)
        return True
      except queue.Full:
        continue
    return False

  def __iter__(self) -> Self:
    return self

  def __next__(self) -> Any:
    if self._ended:
      raise StopIteration
    start = time.perf_counter()
    batch, error = self._queue.get()
    self.wait_seconds += time.perf_counter() - start
    if error is not None:
      self._ended = True
      raise error
    return batch

  def close(self) -> None:
    """Stops the thread and closes the iterator it read from."""
    self._ended = True
    self._stop.set()
    self._thread.join(timeout=30)  # for the batch being read
    close = getattr(self._iterator, "close", None)
    if close is not None:
      close()

  def __enter__(self) -> Self:
    return self

  def __exit__(self, *_) -> None:
    self.close()


def device_prefetch(
  iterator: Iterator[Example], put: Callable[[Example], Any], size: int = 2
) -> DevicePrefetch:
  """Moves batches to the device ahead of their use, in a thread, and times what the consumer waits.

  Args:
    iterator: host batches.
    put: batch -> batch on the device, such as `jax.device_put` with a sharding.
    size: batches kept ready beside the one in use.

  Returns:
    An iterator of what `put` returns, with `wait_seconds` and `close()`, which also closes `iterator`.
  """
  return DevicePrefetch(iterator, put, size)


def train_batches(
  source: Source,
  *,
  batch_size: int,
  seed: int,
  start_step: int = 0,
  num_steps: int | None = None,
  workers: int = 0,
  threads: int | None = None,
  prefetch: int = 4,
  process_index: int = 0,
  process_count: int = 1,
) -> Batches:
  """Shuffled batches for ever, or up to a step.

  Args:
    source: the examples.
    batch_size: examples in a global batch, over all hosts.
    seed: fixes the order and every example's randomness.
    start_step: the number of the first batch; to resume, the number of the next one.
    num_steps: the number of the run's batches, counted from step 0, so a resumed run passes the same; None
      for no end.
    workers: worker processes; 0 reads in threads of this process.
    threads: threads when there are no worker processes; 0 reads when asked. None is 2, or 0 for a source
      that makes whole batches (`batch`): those come faster than threads hand them over.
    prefetch: batches read ahead.
    process_index: this host.
    process_count: hosts.

  Returns:
    An iterator of dicts of arrays [batch_size / process_count, ...].
  """
  rows = _host_rows(batch_size, process_index, process_count)
  if not len(source):
    raise ValueError("The source of the training batches is empty.")
  stop = FOREVER if num_steps is None else num_steps
  batches = _TrainBatches(source, batch_size, rows, seed)
  threads = _threads(source, threads)
  return Batches(batches, start=start_step, stop=stop, workers=workers, threads=threads, prefetch=prefetch)


def eval_batches(
  source: Source,
  *,
  batch_size: int,
  num_examples: int | None = None,
  start_batch: int = 0,
  workers: int = 0,
  threads: int | None = None,
  prefetch: int = 4,
  process_index: int = 0,
  process_count: int = 1,
) -> Batches:
  """The source's examples once, in order, with `weight`.

  The last batch is filled up by repeating its last example with weight 0, so all have one shape and every
  host has the same number of them.

  Args:
    source: the examples.
    batch_size: examples in a global batch, over all hosts.
    num_examples: how many of the first examples; None, or more than there are, gives all.
    start_batch: the number of the first batch, for an evaluation that goes on.
    workers, threads, prefetch, process_index, process_count: as in `train_batches`.

  Returns:
    An iterator of dicts of arrays [batch_size / process_count, ...]; `weight` is float32, 1 for an example
    and 0 for padding.
  """
  rows = _host_rows(batch_size, process_index, process_count)
  size = len(source) if num_examples is None else min(num_examples, len(source))
  batches = _EvalBatches(source, batch_size, rows, size)
  stop = -(-size // batch_size)
  start = min(start_batch, stop)
  threads = _threads(source, threads)
  return Batches(batches, start=start, stop=stop, workers=workers, threads=threads, prefetch=prefetch)


def _threads(source: Source, threads: int | None) -> int:
  return (0 if hasattr(source, "batch") else 2) if threads is None else threads


@dataclasses.dataclass(frozen=True)
class _TrainBatches:
  """Training batches by number."""

  source: Source
  batch_size: int
  rows: range
  seed: int

  def __len__(self) -> int:
    return FOREVER

  def __getitem__(self, step: int) -> Example:
    first = step * self.batch_size
    positions = [first + row for row in self.rows]
    indices = order.indices(positions, len(self.source), self.seed)
    rngs = _Generators(self.seed, positions)
    batch = getattr(self.source, "batch", None)  # some sources make a whole one faster
    return batch(indices, rngs) if batch is not None else _stack(_read(self.source, indices, rngs))


@dataclasses.dataclass(frozen=True)
class _EvalBatches:
  """Evaluation batches by number."""

  source: Source
  batch_size: int
  rows: range
  size: int

  def __len__(self) -> int:
    return -(-self.size // self.batch_size)

  def __getitem__(self, number: int) -> Example:
    first = number * self.batch_size
    positions = [first + row for row in self.rows]
    real = [p for p in positions if p < self.size] or [self.size - 1]
    examples = list(_read(self.source, real, _Generators(0, real)))
    examples += examples[-1:] * (len(positions) - len(examples))
    weight = np.array([p < self.size for p in positions], np.float32)
    return {**_stack(examples), "weight": weight}


@dataclasses.dataclass(frozen=True)
class _Generators(Sequence):
  """A random generator for each position of a batch, made when asked for: many sources never do."""

  seed: int
  positions: Sequence[int]

  def __len__(self) -> int:
    return len(self.positions)

  def __getitem__(self, row: Any) -> Any:
    return np.random.default_rng((self.seed, self.positions[row]))


def _read(source: Source, indices: Sequence[int], rngs: Sequence[np.random.Generator]) -> list[Example]:
  """The examples of a batch: at once, if the source knows how to (`examples`), else one by one."""
  examples = getattr(source, "examples", None)
  if examples is not None:
    return examples(indices, rngs)
  return [source.example(index, rng) for index, rng in zip(indices, rngs)]


def _host_rows(batch_size: int, process_index: int, process_count: int) -> range:
  """The rows of the global batch which this host reads."""
  if batch_size % process_count:
    raise ValueError(
      f"batch_size {batch_size} is not a multiple of the {process_count} hosts which share it."
    )
  if not 0 <= process_index < process_count:
    raise ValueError(f"process_index {process_index} is not in [0, {process_count}).")
  local = batch_size // process_count
  return range(process_index * local, (process_index + 1) * local)


def _stack(examples: list[Example]) -> Example:
  try:
    return {key: np.stack([example[key] for example in examples]) for key in examples[0]}
  except (KeyError, ValueError) as error:
    shapes = [{key: np.shape(value) for key, value in example.items()} for example in examples]
    different = [shapes[0]] + [shape for shape in shapes if shape != shapes[0]][:3]
    raise ValueError(f"The examples of a batch differ in their arrays: {different}.") from error
