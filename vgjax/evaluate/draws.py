"""The videos of a run as a stream: all evaluators score the same samples.

What the samples are a function of names what is kept of them, so that an evaluation which was killed goes on.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vgjax import cards
from vgjax.metrics.features import Features, Stream, fingerprint
from vgjax.step import averaged
from vgjax.types import Array, Batch, TrainState

_LOOKED_AT = 8  # real videos whose pixels tell whether kept results are those of this data

Show = Callable[[Batch, Array], tuple[Any, Array]]  # (batch, video) -> what the extractor takes, weight


def real(run: Any, split: str, size: int, show: Callable[[Batch], tuple[Any, Array]]) -> Stream:
  """The first `size` examples of a split; `show` gives what the extractor takes of a batch, and weights."""

  def open_from(number):
    for batch in run.batches(split, size, start=number):
      yield show(batch)

  return Stream(size, run.batch_size, open_from)


def samples(
  run: Any, state: TrainState, split: str, size: int, show: Show, *, number: int, seed: int
) -> Stream:
  """`number` samples for each of the first `size` examples: of a batch one of every video, then another."""
  rng = jax.random.key(seed)

  def open_from(start):
    skip = start % number
    for n, batch in enumerate(run.batches(split, size, start=start // number), start // number):
      key = jax.random.fold_in(rng, n)
      for draw in range(skip, number):
        yield show(batch, run.sample(state, batch, jax.random.fold_in(key, draw) if draw else key))
      skip = 0

  padding = -size % run.batch_size  # at the end of the last batch of each draw
  return Stream((size + padding) * number - padding, run.batch_size, open_from)


def by_draw(found: Features, batch_size: int, number: int) -> np.ndarray:
  """What `samples` gave as [number, videos, ...], the videos in their order."""
  draw = found.rows // batch_size % number
  return np.stack([found.values[draw == i] for i in range(number)])


def folder(run: Any) -> Path | None:
  """Where partial results of a run's samples are kept."""
  return None if run.workdir is None else run.workdir / "evaluations" / "partial"


def real_made_of(run: Any, split: str) -> dict[str, Any]:
  """What names the examples of a split."""
  source = run.source(split)
  identify = getattr(source, "fingerprint", None)
  # A fingerprint knows names and sizes. Files that were written anew in place, and rendered data whose
  # program changed, are told by their pixels.
  pixels = hashlib.sha256()
  for index in np.unique(np.linspace(0, len(source) - 1, _LOOKED_AT).astype(int)).tolist():
    video = source.example(index, np.random.default_rng((0, index)))["video"]
    pixels.update(np.ascontiguousarray(video).tobytes())
  return dict(data=source.card(), fingerprint=identify and identify(), pixels=pixels.hexdigest()[:24])


def samples_made_of(run: Any, state: TrainState, split: str, *, number: int, seed: int) -> dict[str, Any]:
  """What names the samples; empty for a run without a folder, of which nothing is kept."""
  if run.workdir is None:
    return {}
  return dict(
    real_made_of(run, split),
    weights=fingerprint(averaged(state)),
    config={part: run.config.get(part) for part in ("models", "method", "task", "seed", "dtype")},
    number=number,
    seed=seed,
    batch_size=run.batch_size,  # the random keys are those of batches
    code=cards.code_version(),
  )
