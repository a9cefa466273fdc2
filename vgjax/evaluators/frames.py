"""Frame metrics of a predictor, beside those of a copy of the last given frame.

What is scored is what the task leaves unknown. A frame counts if any of its pixels is unknown; MSE, MAE
and PSNR of a frame look at its unknown pixels only, so inpainting is scored inside the hole and predicted
frames as a whole. SSIM needs windows and looks at the whole of each frame that counts (given pixels are
kept exactly and have similarity 1 among themselves). A figure is the mean over all frames that count.

The baseline `copy_last` repeats the nearest whole given frame of the past or, before the first one, of the
future. It is left out unless every video gives a whole frame and every scored frame is unknown as a whole
(so generation and inpainting have none).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from vgjax.metrics import pixel

CONVENTIONS = dict(
  mse="mean over unknown pixels and channels, intensities in [0, 1], prediction not clipped",
  mae="as mse, absolute",
  mse_sum="as mse, summed over pixels and channels (OpenSTL)",
  mae_sum="as mae, summed over pixels and channels (OpenSTL)",
  psnr=f"per frame, prediction clipped to [0, 1], at most {pixel.PSNR_CAP:g} dB",
  ssim="Wang et al. 2004: Gaussian 11x11, sigma 1.5, R = 1; mean over channels",
  ssim_openstl="uniform 7x7, sample covariance, R = 2 (OpenSTL); mean over channels",
  mean="over all frames that have unknown pixels",
)

_METRICS = {
  "mse": pixel.mse,
  "psnr": pixel.psnr,
  "mae": pixel.mae,
  "mse_sum": pixel.mse_sum,
  "mae_sum": pixel.mae_sum,
}
_SSIM = {"ssim": "wang", "ssim_openstl": "openstl"}


def make(*, split="valid", num_videos=None, seed=0):
  """Frame metrics over a split.

  Args:
    split: "train", "valid" or "test".
    num_videos: how many, from the split's first; None for all.
    seed: of the samples, for methods that draw them.

  Returns:
    `evaluate(run, state)`, which yields the means (`mse`, `psnr`, `ssim`, ...), those of the baseline
    (`copy_last/mse`, ...), and curves over time (`mse/curve`, ..., with `time/curve`, the index of each
    frame). SSIM is left out for frames smaller than its window.
  """

  def evaluate(run, state):
    rng = jax.random.key(seed)
    totals, pending = None, None
    for number, batch in enumerate(run.batches(split, num_videos)):
      prediction = run.sample(state, batch, jax.random.fold_in(rng, number))
      sums = _jitted(_everywhere(batch["video"]))(batch, prediction)
      # Fetched one batch late: the device always has work, yet never many batches waiting in memory.
      totals, pending = _add(totals, pending), sums
    totals = _add(totals, pending)
    if totals is None or not totals["model"]["frames"].sum():
      raise ValueError(f"frames: the split {split} has no video with an unknown frame")
    yield from _summary(totals)

  return evaluate


def measure(batch, prediction):
  """The sums over a batch that all figures are made of.

  Args:
    batch: `video`, `hint`, `mask`, and optionally `weight` [batch], 0 for padding.
    prediction: [batch, time, height, width, channels], in [-1, 1].

  Returns:
    {"model": ..., "copy_last": ...}, for each {metric: sum over the batch at each time, "frames": how
    many frames count}, all [time].
  """
  unknown = 1 - batch["mask"].astype(jnp.float32)
  weight = batch.get("weight", jnp.ones(len(unknown)))
  counts = jnp.any(unknown > 0, axis=(2, 3, 4)) & (weight[:, None] > 0)  # [batch, time]
  copy, exists = copy_last(batch["hint"], batch["mask"])
  comparable = counts & exists[:, None] & jnp.all(unknown > 0, axis=(2, 3, 4))
  return dict(
    model=_sums(prediction, batch["video"], unknown, counts),
    copy_last=_sums(copy, batch["video"], unknown, comparable),
  )


def copy_last(hint, mask):
  """The baseline: at each time the nearest whole given frame before, else the nearest after.

  Args:
    hint: [batch, time, height, width, channels].
    mask: [batch, time, height, width, 1].

  Returns:
    The video, of hint's shape, and whether the example has a whole given frame at all, [batch].
  """
  time = hint.shape[1]
  whole = jnp.all(mask > 0, axis=(2, 3, 4))
  index = jnp.arange(time)
  before = jax.lax.cummax(jnp.where(whole, index, -1), axis=1)
  after = jax.lax.cummin(jnp.where(whole, index, time), axis=1, reverse=True)
  nearest = jnp.where(before >= 0, before, jnp.minimum(after, time - 1))
  video = jnp.take_along_axis(hint, nearest[:, :, None, None, None], axis=1)
  return video, whole.any(axis=1)


def _sums(video, target, unknown, counts):
  values = {name: metric(video, target, weight=unknown) for name, metric in _METRICS.items()}
  for name, convention in _SSIM.items():
    if min(target.shape[2:4]) >= pixel.window_size(convention):
      values[name] = pixel.ssim(video, target, convention=convention)
  # `where`, not a product: padding may hold anything, and 0 * nan is nan.
  sums = {name: jnp.where(counts, value, 0).sum(0) for name, value in values.items()}
  return sums | {"frames": counts.sum(0, dtype=jnp.float32)}


@functools.lru_cache(maxsize=8)
def _jitted(out_shardings):
  return jax.jit(measure, out_shardings=out_shardings)


def _everywhere(video):
  """The sharding that gives every host the whole sums; None on a single device."""
  sharding = video.sharding
  return NamedSharding(sharding.mesh, PartitionSpec()) if isinstance(sharding, NamedSharding) else None


def _add(totals, sums):
  """In float64 on the host: the sum over ten thousand videos keeps its digits."""
  if sums is None:
    return totals
  sums = jax.tree.map(lambda x: np.asarray(x, np.float64), jax.device_get(sums))
  return sums if totals is None else jax.tree.map(np.add, totals, sums)


def _summary(totals):
  """Yields (name, value): first the means, then the curves."""
  frames = totals["model"]["frames"]
  parts = {"": totals["model"]}
  if np.array_equal(totals["copy_last"]["frames"], frames):  # the same frames, so it can be compared
    parts["copy_last/"] = totals["copy_last"]
  for prefix, sums in parts.items():
    for name in [name for name in CONVENTIONS if name in sums]:
      yield prefix + name, float(sums[name].sum() / frames.sum())
  times = np.flatnonzero(frames)
  yield "time/curve", times.tolist()
  for prefix, sums in parts.items():
    for name in [name for name in CONVENTIONS if name in sums]:
      yield f"{prefix}{name}/curve", (sums[name][times] / frames[times]).tolist()
