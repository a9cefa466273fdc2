"""Frame metrics of a predictor, beside those of two baselines that learn nothing.

What is scored is what the task leaves unknown. A frame counts if any of its pixels is unknown; MSE, MAE
and PSNR of a frame look at its unknown pixels only, so inpainting is scored inside the hole and predicted
frames as a whole. SSIM and LPIPS need windows and look at the whole of each frame that counts (given pixels
are kept exactly and have similarity 1 among themselves). A figure is the mean over all frames that count.

A stochastic method is scored by `samples=k`: k samples of each video, the mean over all of them, and the best
of the k (Denton and Fergus, "Stochastic video generation with a learned prior", 2018). The best is chosen for
each video and each metric by itself, by the video's mean over its frames, as in the authors' program.

The baselines are made of the whole frames that the task gives:

* `copy_last` repeats the nearest one of the past or, before the first one, of the future;
* `blend` mixes the nearest ones of the past and of the future, linearly in time, as players do that make slow
  motion without looking for motion.

A baseline is left out unless every video has it and every scored frame is unknown as a whole: generation and
inpainting have none, and only interpolation, where each scored frame lies between given ones, has a blend.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from vgjax import plot
from vgjax.errors import ConfigError
from vgjax.evaluate import draws
from vgjax.metrics import features, per_frame

CONVENTIONS = {name: metric.convention for name, metric in per_frame.METRICS.items()} | dict(
  mean="over all frames that have unknown pixels",
  copy_last="the nearest whole given frame before, else after",
  blend="the nearest whole given frames before and after, mixed linearly in time",
  best="of several samples, for each video and metric by itself, by the video's mean",
)
DEFAULT = ("mse", "mae", "mse_sum", "mae_sum", "psnr", "ssim", "ssim_openstl")


def make(*, split="valid", num_videos=None, seed=0, metrics=DEFAULT, samples=1, picture=True):
  """Frame metrics over a split.

  Args:
    split: "train", "valid" or "test".
    num_videos: how many, from the split's first; None for all.
    seed: of the samples, for methods that draw them.
    metrics: which, by their names in `vgjax.metrics.per_frame.METRICS`; "lpips_alex", "lpips_vgg" and
      "ms_ssim" are not among the default ones.
    samples: how many are drawn of each video.
    picture: whether to draw the curves.

  Returns:
    `evaluate(run, state)`, which yields the means (`mse`, `psnr`, `ssim`, ...), with several samples those of
    the best ones (`best_of_<k>/mse`, ...), those of the baselines (`copy_last/mse`, `blend/mse`, ...), curves
    over time (`mse/curve`, ..., with `time/curve`, the index of each frame), and all of them as a picture,
    `curves`.
    A metric that cannot run, since its weights are not there or the frames are too small, has the reason
    in words as its value. `weights` are the sha256 of trained weights that were used, for the card.

  Raises:
    ConfigError: an unknown metric.
  """
  metrics = per_frame.check(metrics, "frames: metrics")
  if samples < 1:
    raise ConfigError(f"frames: samples = {samples}: 1 or more")

  def evaluate(run, state):
    size = len(run.source(split)) if num_videos is None else min(num_videos, len(run.source(split)))
    first = next(iter(run.batches(split, 1)), None)
    if first is None or not size:
      raise ValueError(f"frames: the split {split} has no video")
    params, missing = per_frame.prepare(metrics, *first["video"].shape[2:4])
    yield from missing.items()
    if hashes := per_frame.hashes(params):
      yield "weights", hashes
    if not params:
      return
    scored = {"frames": _Scores(len(params) + 2, params, _card(params), _score)}
    made_of = draws.samples_made_of(run, state, split, number=samples, seed=seed)
    ours = draws.samples(run, state, split, size, _model, number=samples, seed=seed)
    made = features.collect(scored, ours, folder=draws.folder(run), made_of=made_of)["frames"]
    baselines = {}
    for name in BASELINES:
      if _first_has(first, name):  # or a pass over all videos would find nothing
        show = functools.partial(_baseline, name)
        baselines[name] = features.collect(scored, draws.real(run, split, size, show))["frames"].values
    yield from _summary(sorted(params), draws.by_draw(made, run.batch_size, samples), baselines, picture)
    features.kept_parts(draws.folder(run), made_of, scored["frames"]).discard()

  return evaluate


class _Scores(NamedTuple):
  """The metrics as an extractor, which `features.collect` runs."""

  dims: int
  params: Any
  card: dict[str, Any]
  apply: Any


def _card(params):
  return {"name": "frames", **{name: CONVENTIONS[name] for name in sorted(params)}}


def _score(params, shown):
  """[batch, time, 2 + metrics]: whether a frame counts, whether it is unknown as a whole, its figures."""
  unknown = 1 - shown["mask"].astype(jnp.float32)
  values = per_frame.compute(params, shown["made"], shown["video"], unknown)
  some, whole = jnp.any(unknown > 0, axis=(2, 3, 4)), jnp.all(unknown > 0, axis=(2, 3, 4))
  return jnp.stack([some, whole, *(values[name] for name in sorted(params))], axis=-1).astype(jnp.float32)


def _model(batch, made):
  return {"made": made, "video": batch["video"], "mask": batch["mask"]}, batch["weight"]


def _baseline(name, batch):
  video, exists = _jitted_baseline(name, batch["hint"], batch["mask"])
  return _model(batch, video)[0], batch["weight"] * exists


def _first_has(batch, name):
  """Whether the first video has that baseline."""
  exists = _jitted_baseline(name, batch["hint"], batch["mask"])[1]
  return bool(multihost_utils.process_allgather(exists, tiled=True)[0])


def copy_last(hint, mask):
  """The baseline: at each time the nearest whole given frame before, else the nearest after.

  Args:
    hint: [batch, time, height, width, channels].
    mask: [batch, time, height, width, 1].

  Returns:
    The video, of hint's shape, and whether the example has a whole given frame at all, [batch].
  """
  before, after = _nearest(mask)
  nearest = jnp.where(before >= 0, before, jnp.minimum(after, mask.shape[1] - 1))
  return _frames_at(hint, nearest), (after[:, 0] < mask.shape[1])


def blend(hint, mask):
  """The baseline: at each time the nearest whole given frames before and after, mixed by their distance.

  Args:
    hint: [batch, time, height, width, channels].
    mask: [batch, time, height, width, 1].

  Returns:
    The video, of hint's shape, and whether each frame of the example is given as a whole, or has whole given
    frames on both sides, [batch].
  """
  time = mask.shape[1]
  before, after = _nearest(mask)
  exists = jnp.all((before >= 0) & (after < time), axis=1)
  share = (jnp.arange(time) - before) / jnp.maximum(after - before, 1)  # of the later frame
  share = share[:, :, None, None, None]
  first, second = _frames_at(hint, jnp.maximum(before, 0)), _frames_at(hint, jnp.minimum(after, time - 1))
  return (1 - share) * first + share * second, exists


BASELINES = {"copy_last": copy_last, "blend": blend}


@functools.partial(jax.jit, static_argnums=0)
def _jitted_baseline(name, hint, mask):
  return BASELINES[name](hint, mask)


def _nearest(mask):
  """[batch, time] twice: the nearest whole given frame up to each time, or -1; and from it on, or `time`."""
  time = mask.shape[1]
  whole = jnp.all(mask > 0, axis=(2, 3, 4))
  index = jnp.arange(time)
  before = jax.lax.cummax(jnp.where(whole, index, -1), axis=1)
  after = jax.lax.cummin(jnp.where(whole, index, time), axis=1, reverse=True)
  return before, after


def _frames_at(video, index):
  """video[b, index[b, t]] for each b and t."""
  return jnp.take_along_axis(video, index[:, :, None, None, None], axis=1)


def _summary(names, made, baselines, picture):
  """Yields (name, value): the means, the curves, the picture.

  Args:
    names: of the metrics.
    made: [samples, videos, time, 2 + metrics], of `_score`.
    baselines: {name: [videos that have it, time, 2 + metrics]}.
    picture: whether to draw the curves.
  """
  made = made.astype(np.float64)
  counts, values = made[0, ..., 0] > 0, made[..., 2:]
  if not counts.any():
    raise ValueError("frames: no video has an unknown frame")
  # Frames that do not count may hold anything, NaN too.
  values = np.where(counts[..., None], values, 0)
  rows = {"": values.mean(0)}
  if len(made) > 1:
    rows[f"best_of_{len(made)}/"] = per_frame.best(names, values)
  for name, found in baselines.items():
    if len(found) == len(counts) and np.array_equal(found[..., 0], found[..., 1]):
      rows[f"{name}/"] = np.where(counts[..., None], found[..., 2:].astype(np.float64), 0)

  frames = counts.sum(0)
  times = np.flatnonzero(frames)
  for prefix, row in rows.items():
    for i, name in enumerate(names):
      yield prefix + name, float(row[..., i].sum() / frames.sum())
  yield "time/curve", times.tolist()
  curves: dict[str, dict[str, plot.Curve]] = {name: {} for name in names}
  for prefix, row in rows.items():
    for i, name in enumerate(names):
      curve = (row[..., i].sum(0)[times] / frames[times]).tolist()
      curves[name][prefix.rstrip("/")] = (times + 1).tolist(), curve
      yield f"{prefix}{name}/curve", curve
  if picture and len(times) > 1:
    yield "curves", plot.panels(curves, "frame")
