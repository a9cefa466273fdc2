"""Regression of the unknown pixels: CNN and recurrent prediction, interpolation and repair.

The model maps `(hint, mask)` to a video; the loss compares it with the truth where nothing was given. Videos
longer than the model's window are made piece by piece, each starting from the end of the one before.

Branches: `predictor` (trained), `predictor_stats` (written: batch statistics).
"""

from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp

from vgjax import configs
from vgjax import losses as pixel_losses
from vgjax.errors import ConfigError
from vgjax.types import Array, Aux, Batch, Method, Model, Params


def make(
  models: Mapping[str, Model],
  *,
  losses: Mapping[str, float] = {"mse": 1.0},
  loss_over: Literal["unknown", "all"] = "unknown",
  feed_truth: Mapping[str, float] | None = None,
) -> Method:
  """A predictor, `models["predictor"]`.

  Args:
    models: `predictor`, called as `(hint, mask) -> video`.
    losses: {name of a function in `vgjax.losses`: weight}; the loss is the weighted sum.
    loss_over: "unknown": the loss counts only what the task did not give; "all": every frame, as
      next-frame models are trained (the frames that the model copies have no error).
    feed_truth: scheduled sampling (Bengio et al., 2015): `dict(start=1.0, per_step=2e-5)` lets a recurrent
      model read the true frame in place of its own with probability `start - per_step * step`, drawn
      for every example and frame; None: it always reads its own.

  Raises:
    ConfigError: an unknown loss, or a `predictor` that is missing.
  """
  if set(models) != {"predictor"}:
    raise ConfigError(f"the method predictor has the one model `predictor`, not {sorted(models)}")
  model = models["predictor"]
  known = configs.functions(pixel_losses)
  terms = {name: configs.pick(known, name, "config.method.losses") for name in losses}

  def init(rng: Array, batch: Batch) -> Params:
    hint, mask = _fit(batch["hint"], batch["mask"], model.window)
    return model.init(rng, hint, mask)

  def loss(params: Params, batch: Batch, rng: Array, step: Array) -> tuple[Array, Aux]:
    rng_feed, rng_model = jax.random.split(rng)
    video, hint, mask = batch["video"], batch["hint"], batch["mask"]
    if feed_truth is not None:
      hint, mask = _feed(rng_feed, video, hint, mask, step, **feed_truth)
    prediction, writes = rollout(model, params, hint, mask, train=True, rng=rng_model)
    weight = jnp.ones_like(mask) if loss_over == "all" else 1.0 - batch["mask"]
    values = {name: term(prediction, video, weight) for name, term in terms.items()}
    total = sum(losses[name] * value for name, value in values.items())
    return total, Aux(metrics=values if len(values) > 1 else {}, writes=writes)

  def sample(params: Params, batch: Batch, rng: Array) -> Array:
    hint, mask = batch["hint"], batch["mask"]
    video, _ = rollout(model, params, hint, mask, train=False, rng=rng)
    return mask * hint + (1.0 - mask) * video

  return Method(init, {"predictor": loss}, sample)


def rollout(
  model: Model, params: Params, hint: Array, mask: Array, *, train: bool, rng: Array | None = None
) -> tuple[Array, dict[str, Any]]:
  """The model's video of any length, window after window.

  A model of any length is called once. One with the window `(length, overlap)` is called on the first
  `length` frames, then on the next, whose first `overlap` frames are the end of the video so far.

  Args:
    model: called as `(hint, mask)`.
    params: the parameters of all branches.
    hint: `[batch, time, height, width, channels]`, in [-1, 1].
    mask: `[batch, time, height, width, 1]`, 1 where `hint` is exact.
    train: whether batch statistics and dropout are those of training.
    rng: a key for dropout, or None.

  Returns:
    The video, of `hint`'s shape, not yet pasted over by what is given, and what the first call wrote.
  """
  time = hint.shape[1]
  if model.window is None:
    return model.apply(params, hint, mask, train=train, rng=rng)
  length, overlap = model.window
  padded_hint, padded_mask = _fit(hint, mask, model.window)
  video, writes = model.apply(params, padded_hint[:, :length], padded_mask[:, :length], train=train, rng=rng)
  while video.shape[1] < padded_hint.shape[1]:
    done, piece = video.shape[1], slice(video.shape[1], video.shape[1] + length - overlap)
    known = padded_mask[:, done - overlap : done]
    past = known * padded_hint[:, done - overlap : done] + (1.0 - known) * video[:, done - overlap :]
    next_hint = jnp.concatenate([past, padded_hint[:, piece]], axis=1)
    next_mask = jnp.concatenate([jnp.ones_like(known), padded_mask[:, piece]], axis=1)
    more, _ = model.apply(params, next_hint, next_mask, train=train, rng=rng)
    video = jnp.concatenate([video, more[:, overlap:]], axis=1)
  return video[:, :time], writes


def _fit(hint, mask, window):
  """Unknown frames at the end, up to a whole number of windows."""
  if window is None:
    return hint, mask
  length, overlap = window
  time = hint.shape[1]
  pieces = max(0, -(-(time - length) // (length - overlap)))
  extra = length + pieces * (length - overlap) - time
  pad = [(0, 0), (0, extra)] + [(0, 0)] * 3
  return jnp.pad(hint, pad), jnp.pad(mask, pad)


def _feed(rng, video, hint, mask, step, *, start=1.0, per_step=2e-5):
  """Gives each unknown frame of each example with the scheduled probability."""
  probability = jnp.clip(start - per_step * step, 0.0, 1.0)
  true = jax.random.bernoulli(rng, probability, video.shape[:2])[:, :, None, None, None]
  mask = jnp.maximum(mask, true.astype(mask.dtype))
  return jnp.where(true, video, hint), mask
