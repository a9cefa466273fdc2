"""Whether the digits of Moving MNIST are where they should be, are all there, stay what they are, and bounce.

Needs `config.data.truth = True`. The digits are found in the sampled video by their true looks
(`vgjax/metrics/trajectory.py`), without regard to where they should be. A frame counts if any of its pixels
is unknown; a digit of it is judged unless in the true video another hides most of it.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from vgjax.data.digits import load_digits, load_labels, resize
from vgjax.metrics import digit_classifier, trajectory

CONVENTIONS = dict(
  error="pixels between the place found by template matching and the true one; digits that are present",
  present=f"share of digits that correlate by {trajectory.PRESENT:g} or more with their true looks",
  identity="share of digits in the right class, by a quadratic classifier; present and uncovered ones",
  bounce="pixels by which a step breaks the bounce law, from the last steps; 1 is allowed for rounding",
)
ALONE = 0.95  # of the digit's squared brightness: the classifier knows whole digits


def make(*, split="valid", num_videos=None, seed=0, motion="bounce", digits="mnist"):
  """Trajectory metrics over a split of Moving MNIST.

  Args:
    split: "train", "valid" or "test".
    num_videos: how many, from the split's first; None for all.
    seed: of the samples, for methods that draw them.
    motion: as in the data; only "bounce" has a law to keep.
    digits: as in the data; the classifier learns from the training pictures of the set.

  Returns:
    `evaluate(run, state)`, which yields `error`, `present`, `identity` and `bounce`, what the classifier
    makes of the true videos, `true/identity`, and curves over time of the first three.
  """
  if motion not in ("bounce", "stochastic"):
    raise ValueError(f'trajectory: motion is "bounce" or "stochastic", not "{motion}"')

  def evaluate(run, state):
    rng = jax.random.key(seed)
    classifier, parts = None, []
    for number, batch in enumerate(run.batches(split, num_videos)):
      if not {"position", "digit", "digit_label"} <= set(batch):
        reason = (
          "the data does not say where its digits are: moving_mnist does, with config.data.truth = True"
        )
        yield from ((name, reason) for name in CONVENTIONS)
        return
      if classifier is None:
        classifier = _classifier(digits, batch["digit"].shape[-1])
      prediction = run.sample(state, batch, jax.random.fold_in(rng, number))
      # Under several hosts no process holds all of an array.
      parts.append(multihost_utils.process_allgather(measure(classifier, batch, prediction), tiled=True))
    if not parts:
      raise ValueError(f"trajectory: the split {split} has no videos")
    yield from _summary({key: np.concatenate([part[key] for part in parts]) for key in parts[0]}, motion)

  return evaluate


@functools.lru_cache(maxsize=4)  # an evaluation during training comes again and again
def _classifier(digits, side):
  return digit_classifier.fit(resize(load_digits("train", digits), side), load_labels("train", digits))


@jax.jit
def measure(classifier, batch, prediction):
  """What is found of each digit, and which of it counts.

  Args:
    classifier: of `digit_classifier.fit`.
    batch: `video`, `mask`, the truth of `moving_mnist`, and optionally `weight` [batch], 0 for padding.
    prediction: [batch, time, height, width, channels], in [-1, 1].

  Returns:
    Arrays [batch, digits, time] (`bounce` and `steps`: time - 3): figures, and where they count.
  """
  found = trajectory.locate(prediction, batch["digit"])
  true = trajectory.look(batch["video"], batch["digit"], jnp.floor(batch["position"]))
  label = batch["digit_label"][:, :, None]
  weight = batch.get("weight", jnp.ones(len(label)))
  unknown = jnp.any(batch["mask"] < 1, axis=(2, 3, 4)) & (weight[:, None] > 0)
  judged = (true.visible >= trajectory.VISIBLE) & unknown[:, None]
  present = judged & found.present
  last = prediction.shape[2] - batch["digit"].shape[-1]
  there = found.present & (weight[:, None, None] > 0)
  return dict(
    judged=judged,
    present=present,
    error=trajectory.end_point_error(found, batch["position"]),
    alone=present & (found.visible >= ALONE) & (true.visible >= ALONE),
    right=digit_classifier.classify(classifier, found.patch) == label,
    true_alone=judged & (true.visible >= ALONE),
    true_right=digit_classifier.classify(classifier, true.patch) == label,
    bounce=trajectory.bounce_error(found.position, last),
    steps=there[..., :-3] & there[..., 1:-2] & there[..., 2:-1] & present[..., 3:],
  )


def _summary(all, motion):
  """Yields (name, value): the means, then the curves. `all` are the arrays of `measure` for all videos."""
  figures = dict(
    error=(all["error"], all["present"]),
    present=(all["present"], all["judged"]),
    identity=(all["right"], all["alone"]),
  )
  means = figures | {"true/identity": (all["true_right"], all["true_alone"])}
  if motion == "bounce":
    means["bounce"] = (all["bounce"], all["steps"])
  for name, (values, counts) in means.items():
    nothing = "in no frame is there a digit to judge"
    yield name, float(values[counts].mean(dtype=np.float64)) if counts.any() else nothing
  times = np.flatnonzero(all["judged"].any(axis=(0, 1)))
  yield "time/curve", times.tolist()
  for name, (values, counts) in figures.items():
    sums = np.where(counts, values, 0).sum(axis=(0, 1), dtype=np.float64)[times]
    number = counts.sum(axis=(0, 1))[times]
    yield f"{name}/curve", np.where(number > 0, sums / np.maximum(number, 1), np.nan).tolist()
