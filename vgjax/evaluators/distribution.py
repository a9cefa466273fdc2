"""Distances between the videos that a run makes and those of a split, as distributions: FVD, KVD, FID, ...

Both sets go through the same network, and statistics of the features are compared. The videos of a run are
samples for the split's first examples, each with what the task gives it; `samples=k` draws k of each. They
are clipped and rounded to 8 bits first, as the real ones are and as files would hold them: the same figures
come out of `python -m vgjax.evaluate` on a folder of them, but for what an encoder loses.

The features of the real set are computed once and kept in the user's cache; those of the samples are kept
in the run folder until the figures are there, so that an evaluation which was killed goes on.
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vgjax import configs
from vgjax.errors import ConfigError
from vgjax.evaluate import draws
from vgjax.metrics import features, parts, per_set

CONVENTIONS = {name: metric.convention for name, metric in per_set.METRICS.items()} | dict(
  samples="clipped to [-1, 1] and rounded to 8 bits before the extractor"
)


def make(
  *,
  split="valid",
  metrics=("fvd",),
  num_videos=2048,
  samples=1,
  frames="all",
  seed=0,
  extractors: Mapping[str, Mapping[str, Any]] = {},
  intervals=True,
):
  """Distances between samples and a split.

  Args:
    split: "train", "valid" or "test".
    metrics: names of `vgjax.metrics.per_set.METRICS`: "fvd", "kvd", "cmmd", "fid", "kid", "is",
      "precision", "recall", "density", "coverage".
    num_videos: how many of the split's first videos; 2048 is customary for FVD.
    samples: how many are drawn for each of them; all are in one set.
    frames: which frames of each video: "all", given ones included; "unknown", those that the task leaves to
      the model; or a pair (first, after the last).
    seed: of the samples, and of what the statistics draw.
    extractors: {metric: dict(name=..., options)} for another network than the metric's own, see
      `vgjax.metrics.extractors.open`.
    intervals: whether Fréchet distances have an interval and a curve over the number of videos.

  Returns:
    `evaluate(run, state)`, which yields the figures of `per_set.figures`; of one that cannot be measured, the
    reason in words.

  Raises:
    ConfigError: an unknown metric or choice of frames.
  """
  metrics = per_set.check(metrics, "distribution: metrics")
  for name in extractors:
    configs.pick(dict.fromkeys(metrics), name, "distribution: extractors")
  if not metrics or samples < 1 or num_videos < 2:
    raise ConfigError("distribution: metrics names one or more, samples is 1 or more, num_videos 2 or more")
  if frames not in ("all", "unknown") and (isinstance(frames, str) or len(frames) != 2):
    raise ConfigError(f'distribution: frames is "all", "unknown" or (first, after the last), not {frames!r}')

  def evaluate(run, state):
    chosen = _chosen_frames(run, split, frames)
    ready, missing = per_set.prepare(metrics, len(chosen), extractors)
    yield from missing.items()
    if not ready:
      return
    used = per_set.by_card(ready)
    size = min(num_videos, len(run.source(split)))
    show = lambda batch, video: (_as_files(video, chosen), batch["weight"])
    truth = draws.real(run, split, size, lambda batch: (_cut(batch["video"], chosen), batch["weight"]))
    made = draws.samples(run, state, split, size, show, number=samples, seed=seed)
    real = _collect(used, truth, parts.cache(), draws.real_made_of(run, split) | {"frames": chosen}, "video")
    made_of = draws.samples_made_of(run, state, split, number=samples, seed=seed) | {"frames": chosen}
    fake = _collect(used, made, draws.folder(run), made_of, "sample")
    yield from per_set.figures(ready, real, fake, intervals=intervals, seed=seed)
    for extractor in used.values():
      features.kept_parts(draws.folder(run), made_of, extractor).discard()

  return evaluate


def _chosen_frames(run, split, frames):
  """The numbers of the frames that are compared.

  Raises:
    ConfigError: there are none, or not the same ones of every video.
  """
  batch = next(iter(run.batches(split, 1)))
  time = batch["video"].shape[1]
  if frames == "unknown":
    unknown = np.asarray(_unknown_frames(batch["mask"]))
    if unknown.any(0).tolist() != unknown.all(0).tolist() or not unknown.any():
      raise ConfigError(
        'distribution: frames = "unknown", but the task does not leave the same frames of every video to the '
        'model; use "all" or a pair'
      )
    return tuple(np.flatnonzero(unknown[0]).tolist())
  first, stop = (0, time) if frames == "all" else frames
  if not 0 <= first < stop <= time:
    raise ConfigError(f"distribution: frames = {frames}, but the videos of {split} have {time} frames")
  return tuple(range(first, stop))


def _collect(used, stream, folder, made_of, noun):
  with features.bar(stream.size, noun) as progress:
    return features.collect(used, stream, folder=folder, made_of=made_of, progress=progress)


@jax.jit
def _unknown_frames(mask):
  """[batch, time], whether a frame has unknown pixels."""
  return jnp.any(mask < 1, axis=(2, 3, 4))


@functools.partial(jax.jit, static_argnums=1)
def _cut(video, chosen):
  return video if len(chosen) == video.shape[1] else video[:, np.array(chosen)]


@functools.partial(jax.jit, static_argnums=1)
def _as_files(video, chosen):
  """What comes back from a file of 8 bits a channel."""
  video = _cut(video, chosen)
  return jnp.round((jnp.clip(video, -1, 1) + 1) * 127.5) / 127.5 - 1
