"""The features of many videos: an extractor over batches, on all devices and hosts.

Batches are global arrays, split over the devices; every host gets the features of all videos, in the order
of the videos, the same as on one device. They are kept part by part (`parts`), so that an evaluation which
was killed goes on, and those of a real data set are computed once.
"""

import contextlib
import functools
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from vgjax import sharding
from vgjax.metrics.parts import Parts
from vgjax.progress import Progress
from vgjax.step import prepare

SAVE_SECONDS = 20.0  # between two parts: what a kill costs at most


class Stream(NamedTuple):
  """Batches by number.

  Attributes:
    size: how many rows there are, padding at the end not counted.
    batch_size: rows of every batch, of all hosts.
    open: `number -> iterator of (video, weight)` from that batch on: video [batch, time, height, width,
      channels], uint8 or float in [-1, 1], or a tree of such arrays if the extractor takes one; weight
      [batch], 0 for rows that hold no video (padding, or a file that cannot be read).
  """

  size: int
  batch_size: int
  open: Callable[[int], Iterator[tuple[Any, jax.Array]]]


class Features(NamedTuple):
  """What `collect` found.

  Attributes:
    rows: int64 [videos], which rows of the stream hold a video, in order.
    values: float32 [videos, dims], or [videos, time, dims] of an extractor that works frame by frame.
  """

  rows: np.ndarray
  values: np.ndarray

  def flat(self) -> np.ndarray:
    """[videos or videos * time, dims]."""
    return self.values.reshape(-1, self.values.shape[-1])


def collect(
  extractors: Mapping[str, Any],
  stream: Stream,
  *,
  folder: Path | None = None,
  made_of: Mapping[str, Any] = {},
  progress: Callable[[int], None] | None = None,
) -> dict[str, Features]:
  """Runs extractors over a stream, all in one pass.

  Args:
    extractors: {name: extractor} as `vgjax.metrics.extractors.open` gives them.
    stream: the videos.
    folder: where to keep features; None keeps none.
    made_of: what the videos are a function of; with the extractor's card it names what is kept.
    progress: called with the number of rows done, also those that were kept.

  Returns:
    {name: features}, on every host.
  """
  kept = {name: kept_parts(folder, made_of, extractor) for name, extractor in extractors.items()}
  loaded = {name: parts.load() for name, parts in kept.items()}
  found = {name: list(parts) for name, (_, parts) in loaded.items()}
  done = {name: rows for name, (rows, _) in loaded.items() if rows < stream.size}
  if progress:
    progress(min(done.values(), default=stream.size))
  if done:
    fresh = _run({name: extractors[name] for name in done}, stream, done, kept, progress)
    for name, parts in fresh.items():
      found[name] += parts
  return {name: _join(parts, extractors[name], stream.size) for name, parts in found.items()}


@contextlib.contextmanager
def bar(total: int, unit: str) -> Iterator[Callable[[int], None] | None]:
  """A progress bar for `collect`, which counts `unit`s up to `total`; none but on the first host."""
  if jax.process_index():
    yield None
    return
  with Progress(total, unit) as shown:
    done = 0

    def progress(rows: int) -> None:
      nonlocal done
      shown.update(rows - done)
      done = rows

    yield progress


def kept_parts(folder: Path | None, made_of: Mapping[str, Any], extractor: Any) -> Parts:
  """Where the features of an extractor are kept."""
  return Parts(folder, {"videos": made_of, "extractor": extractor.card})


def fingerprint(tree: Any) -> str:
  """A hash of all arrays of a tree, bit by bit, the same however they are split over devices."""
  leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
  text = [(sharding.path_name(path), leaf.shape, str(leaf.dtype)) for path, leaf in leaves]
  sums = jax.device_get(_checksums([leaf for _, leaf in leaves]))
  return hashlib.sha256(repr((text, [int(s) for pair in sums for s in pair])).encode()).hexdigest()[:24]


@jax.jit
def _checksums(leaves):
  """Two sums of each array's bits modulo 2^32, one with weights by place: integers add in any order."""

  def one(leaf):
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
      leaf = jax.random.key_data(leaf)
    if leaf.dtype == jnp.bool_:
      leaf = leaf.astype(jnp.uint8)
    width = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32, 8: jnp.uint64}[leaf.dtype.itemsize]
    bits = jax.lax.bitcast_convert_type(leaf, width).astype(jnp.uint32)
    weight = jnp.zeros(bits.shape, jnp.uint32)
    for axis, size in enumerate(bits.shape):
      place = jax.lax.broadcasted_iota(jnp.uint32, bits.shape, axis)
      weight = weight * jnp.uint32(size) + place
    weight = weight * jnp.uint32(2654435761) + jnp.uint32(1)  # odd spread of places (Knuth)
    return bits.sum(dtype=jnp.uint32), (bits * weight).sum(dtype=jnp.uint32)

  return [one(leaf) for leaf in leaves]


def _run(extractors, stream, done, kept, progress):
  """{name: parts} of the rows from `done[name]` on; each part is saved when it is full."""
  found = {name: [] for name in extractors}
  waiting = {name: [] for name in extractors}
  done, saved_at = dict(done), time.monotonic()
  params, pending = None, None
  # Another batch size may have stopped in the middle of one of ours: the rows that are there are left out.
  number = min(done.values()) // stream.batch_size

  def settle(values, weight, start):
    nonlocal saved_at
    values, weight = jax.device_get((values, weight))
    stop = min(start + stream.batch_size, stream.size)
    if progress:
      progress(stop)
    full = time.monotonic() - saved_at >= SAVE_SECONDS or stop >= stream.size
    for name, value in values.items():
      places = np.flatnonzero(np.asarray(weight) > 0)
      places = places[places + start >= done[name]]
      waiting[name].append({"rows": places + start, "values": np.asarray(value, np.float32)[places]})
      if full and stop > done[name]:
        part = {key: np.concatenate([one[key] for one in waiting[name]]) for key in ("rows", "values")}
        kept[name].save(done[name], stop, part)
        found[name].append(part)
        waiting[name], done[name] = [], stop
    saved_at = time.monotonic() if full else saved_at

  for step, (video, weight) in enumerate(stream.open(number)):
    if params is None:
      params = {name: _place(e.params, weight) for name, e in extractors.items()}
    everywhere = _everywhere(weight)
    values = {
      name: _jitted(extractor, everywhere)(params[name], video) for name, extractor in extractors.items()
    }
    weight = _copy(everywhere)(weight)
    if pending:  # fetched one batch late: the device always has work
      settle(*pending)
    pending = values, weight, (number + step) * stream.batch_size
  if pending:
    settle(*pending)
  return found


_programs: dict[Any, Any] = {}  # {(extractor's card, sharding): jitted function}


def _jitted(extractor, everywhere):
  """Compiled once for a card: during training the same extractor is opened again and again."""
  key = (repr(extractor.card), everywhere)
  if key not in _programs:

    def run(params, video):
      return extractor.apply(params, jax.tree.map(lambda array: prepare({"video": array})["video"], video))

    _programs[key] = jax.jit(run, out_shardings=everywhere)
  return _programs[key]


@functools.lru_cache(maxsize=8)
def _copy(everywhere):
  return jax.jit(lambda array: array, out_shardings=everywhere)


def _everywhere(array):
  """The sharding that gives every host the whole; None on a single device."""
  found = array.sharding
  return NamedSharding(found.mesh, PartitionSpec()) if isinstance(found, NamedSharding) else None


def _place(params, array):
  """The extractor's parameters, whole on every device that the array is on."""
  everywhere = _everywhere(array)
  if everywhere is None:
    return jax.device_put(params)
  return sharding.put_tree(params, jax.tree.map(lambda _: everywhere, params))


def _join(parts, extractor, size):
  """Of kept parts that hold more than is asked for, the first `size` rows."""
  parts = [part for part in parts if len(part["rows"])]
  if not parts:
    return Features(np.zeros(0, np.int64), np.zeros((0, extractor.dims), np.float32))
  rows, values = (np.concatenate([part[key] for part in parts]) for key in ("rows", "values"))
  wanted = rows < size
  return Features(rows[wanted].astype(np.int64), values[wanted])
