"""Whether sampled videos move as much as true ones do, stand still, or repeat themselves.

Each figure stands beside that of the true videos of the split, `true/...`; for tasks that give frames, steps
between two given frames are left out on both sides. Where the batch tells the true motion (Moving MNIST with
`config.data.truth = True`, moving shapes with `config.data.flow = True`, or a `flow` and its `valid` of one's
own, as in `vgjax.metrics.temporal.warping_error`), `warping` says whether the pixels follow it.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from vgjax.metrics import temporal

CONVENTIONS = dict(
  activity="mean absolute difference of successive frames, intensities in [0, 1], steps into unknown frames",
  activity_distance="1-Wasserstein distance between the activities of all sampled and of all true steps",
  frozen=f"share of steps with less than {temporal.FROZEN:g} of the true videos' median activity",
  looping="share of whole videos that come back: a lag of 2 to T/2 frames with less than "
  f"{temporal.RETURN:g} of the greatest distance",
  warping="mean absolute difference of a pixel and what it was one frame before, by the true motion",
)


def make(*, split="valid", num_videos=None, seed=0):
  """Motion metrics over a split.

  Args:
    split: "train", "valid" or "test".
    num_videos: how many, from the split's first; None for all.
    seed: of the samples, for methods that draw them.

  Returns:
    `evaluate(run, state)`, which yields `activity`, `activity_distance`, `frozen`, `looping` and, where the
    motion is known, `warping`; the same of the true videos as `true/activity`, ...; and curves over time of
    both activities.
  """

  def evaluate(run, state):
    rng = jax.random.key(seed)
    # What is typical of true videos must be known before any video can be called frozen.
    steps = []
    for batch in run.batches(split, num_videos):
      steps.append(multihost_utils.process_allgather(_steps(batch), tiled=True))
    if not steps:
      raise ValueError(f"temporal: the split {split} has no videos")
    true, counts = (np.concatenate(part) for part in zip(*steps))
    if not counts.any():
      raise ValueError(f"temporal: the videos of the split {split} have no step into an unknown frame")
    typical = float(np.median(true[counts]))
    parts = []
    for number, batch in enumerate(run.batches(split, num_videos)):
      prediction = run.sample(state, batch, jax.random.fold_in(rng, number))
      parts.append(multihost_utils.process_allgather(measure(batch, prediction, typical), tiled=True))
    found = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    yield from _summary(found, true, counts, typical)

  return evaluate


@jax.jit
def _steps(batch):
  """The activity of the true videos, [batch, time - 1], and which steps lead to an unknown frame."""
  weight = batch.get("weight", jnp.ones(len(batch["video"])))
  unknown = jnp.any(batch["mask"] < 1, axis=(2, 3, 4)) & (weight[:, None] > 0)
  return temporal.activity(batch["video"]), unknown[:, 1:]


@jax.jit
def measure(batch, prediction, typical):
  """Figures of each sampled and each true video.

  Args:
    batch: `video`, `mask`, optionally `weight`, and what is known of the motion.
    prediction: [batch, time, height, width, channels], in [-1, 1].
    typical: the median activity of true videos.

  Returns:
    `activity`, and `warping` and `true/warping` where the motion is known, all [batch, time - 1]; `looping`
    and `true/looping` [batch], for videos that are long enough; `real` [batch], false for padding.
  """
  weight = batch.get("weight", jnp.ones(len(prediction)))
  found = dict(activity=temporal.activity(prediction), real=weight > 0)
  videos = {"": prediction, "true/": batch["video"]}
  if prediction.shape[1] >= temporal.LOOP_TIMES:
    found |= {f"{who}looping": temporal.looping(video, typical) for who, video in videos.items()}
  motion = _motion(batch)
  if motion is not None:
    found |= {f"{who}warping": temporal.warping_error(video, *motion) for who, video in videos.items()}
  return found


def _motion(batch):
  """(flow, valid), or None if the batch does not tell."""
  if {"flow", "valid"} <= set(batch):
    return batch["flow"], batch["valid"]
  if {"digit", "position"} <= set(batch):
    return temporal.digit_flow(batch["digit"], batch["position"], batch["video"].shape[2])
  return None


def _summary(found, true, counts, typical):
  """Yields (name, value): of all sampled videos `found`, and the true activity and which steps count."""
  real, activity = found["real"], found["activity"]
  yield "activity", float(activity[counts].mean(dtype=np.float64))
  yield "true/activity", float(true[counts].mean(dtype=np.float64))
  yield "activity_distance", temporal.distance(activity[counts], true[counts])
  yield "frozen", float(temporal.frozen(activity[counts], typical).mean())
  yield "true/frozen", float(temporal.frozen(true[counts], typical).mean())
  for who in ("", "true/"):
    if "looping" in found:
      yield f"{who}looping", float(found[f"{who}looping"][real].mean())
    elif not who:
      yield "looping", f"needs videos of {temporal.LOOP_TIMES} frames or more"
    if "warping" in found:
      yield f"{who}warping", float(found[f"{who}warping"][counts].mean(dtype=np.float64))
  times = np.flatnonzero(counts.any(axis=0))
  yield "time/curve", (times + 1).tolist()
  number = counts.sum(axis=0)[times]
  for name, values in (("activity", activity), ("true/activity", true)):
    yield (
      f"{name}/curve",
      (np.where(counts, values, 0).sum(axis=0, dtype=np.float64)[times] / number).tolist(),
    )
