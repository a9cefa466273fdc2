"""Regression of the unknown pixels: CNN and recurrent prediction, interpolation and repair.

The model maps `(hint, mask)` to a video; the loss compares it with the truth where nothing was given. Videos
longer than the model's window are made piece by piece, each starting from the end of the one before.

Branches: `predictor` (trained), `predictor_stats` (written: batch statistics).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from vgjax import feeding as feedings
from vgjax import objective, rollout
from vgjax.errors import ConfigError
from vgjax.types import Array, Aux, Batch, Method, Model, Params


def make(
  models: Mapping[str, Model],
  *,
  losses: Mapping[str, float] = {"mse": 1.0},
  loss_over: Literal["unknown", "all"] = "unknown",
  feed: Mapping[str, Any] | None = None,
  anneal: Mapping[str, Sequence[int]] = {},
) -> Method:
  """A predictor, `models["predictor"]`.

  Args:
    models: `predictor`, called as `(hint, mask) -> video`, with what else of the batch it reads, such as
      `action=`; in training with `truth=` if it reads that.
    losses: {name of a function in `vgjax.losses`, or of a loss that the model itself adds: weight}; the
      loss is the weighted sum.
    loss_over: "unknown": the losses count only what the task did not give; "all": every frame, as
      next-frame models are trained (the frames that the model copies have no error).
    feed: scheduled sampling, a function in `vgjax.feeding` and its arguments:
      `dict(name="scheduled", start=1.0, per_step=2e-5)`; None: a recurrent model always reads its own frames.
    anneal: {loss: (start, end)}: its weight is 0 up to the step `start`, and grows to its own up to `end`.

  Raises:
    ConfigError: an unknown loss, one of the model's that has no weight, or a `predictor` that is missing.
  """
  if set(models) != {"predictor"}:
    raise ConfigError(f"the method predictor has the one model `predictor`, not {sorted(models)}")
  model = models["predictor"]
  objective.check_anneal(losses, anneal)
  feeding = feedings.make(feed)

  def init(rng: Array, batch: Batch) -> Params:
    return rollout.init(model, rng, batch)

  def loss(params: Params, batch: Batch, rng: Array, step: Array) -> tuple[Array, Aux]:
    rng_feed, rng_model = jax.random.split(rng)
    video, hint, mask = batch["video"], batch["hint"], batch["mask"]
    if feeding is not None:
      hint, mask = feeding(video, hint, mask, rng_feed, step)
    beside = rollout.beside(model, batch)
    if "truth" in model.reads:
      beside["truth"] = video
    output = rollout.make_video(model, params, hint, mask, train=True, rng=rng_model, beside=beside)
    now = objective.annealed(losses, anneal, step)
    weight = jnp.ones_like(mask) if loss_over == "all" else 1.0 - batch["mask"]
    total, values = objective.weighted(now, output.value, video, weight, output.losses)
    return total, Aux(metrics=values if len(values) > 1 else {}, writes=output.writes)

  def sample(params: Params, batch: Batch, rng: Array) -> Array:
    return rollout.sample(model, params, batch, rng)

  return Method(init, {"predictor": loss}, sample)
