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
from vgjax import feeding as feeding_functions
from vgjax import losses as loss_functions
from vgjax.errors import ConfigError
from vgjax.types import Array, Aux, Batch, Method, Model, Output, Params


def make(
  models: Mapping[str, Model],
  *,
  losses: Mapping[str, float] = {"mse": 1.0},
  loss_over: Literal["unknown", "all"] = "unknown",
  feed: Mapping[str, Any] | None = None,
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

  Raises:
    ConfigError: an unknown loss, one of the model's that has no weight, or a `predictor` that is missing.
  """
  if set(models) != {"predictor"}:
    raise ConfigError(f"the method predictor has the one model `predictor`, not {sorted(models)}")
  model = models["predictor"]
  known = configs.functions(loss_functions)
  terms = {name: known[name] for name in losses if name in known}
  feeding = _feeding(feed)

  def init(rng: Array, batch: Batch) -> Params:
    hint, mask = (_fit(x, model.window) for x in (batch["hint"], batch["mask"]))
    beside = {name: _fit(array, model.window) for name, array in _beside(model, batch).items()}
    # With the truth, or parameters that only training uses would be missing.
    truth = {"truth": _fit(batch["video"], model.window)} if "truth" in model.reads else {}
    return model.init(rng, hint, mask, **beside, **truth)

  def loss(params: Params, batch: Batch, rng: Array, step: Array) -> tuple[Array, Aux]:
    rng_feed, rng_model = jax.random.split(rng)
    video, hint, mask = batch["video"], batch["hint"], batch["mask"]
    if feeding is not None:
      hint, mask = feeding(video, hint, mask, rng_feed, step)
    beside = _beside(model, batch)
    if "truth" in model.reads:
      beside["truth"] = video
    output = rollout(model, params, hint, mask, train=True, rng=rng_model, beside=beside)
    weight = jnp.ones_like(mask) if loss_over == "all" else 1.0 - batch["mask"]
    values = {name: term(output.value, video, weight) for name, term in terms.items()} | dict(output.losses)
    _check(losses, known, output.losses)
    total = sum(weight * values[name] for name, weight in losses.items())
    return total, Aux(metrics=values if len(values) > 1 else {}, writes=output.writes)

  def sample(params: Params, batch: Batch, rng: Array) -> Array:
    hint, mask = batch["hint"], batch["mask"]
    video = rollout(model, params, hint, mask, train=False, rng=rng, beside=_beside(model, batch)).value
    return mask * hint + (1.0 - mask) * video

  return Method(init, {"predictor": loss}, sample)


def rollout(
  model: Model,
  params: Params,
  hint: Array,
  mask: Array,
  *,
  train: bool,
  rng: Array | None = None,
  beside: Mapping[str, Array] = {},
) -> Output:
  """The model's video of any length, window after window.

  A model of any length is called once. One with the window `(length, overlap)` is called on the first
  `length` frames, then on the next, whose first `overlap` frames are the end of the video so far.

  Args:
    model: called as `(hint, mask)`.
    params: the parameters of all branches.
    hint: `[batch, time, height, width, channels]`, in [-1, 1].
    mask: `[batch, time, height, width, 1]`, 1 where `hint` is exact.
    train: whether batch statistics, dropout and the model's own losses are those of training.
    rng: a key for dropout and for what the model draws, or None.
    beside: what else the model reads, by its keywords: arrays `[batch, time, ...]`.

  Returns:
    The video, of `hint`'s shape, not yet pasted over by what is given, with what the first call wrote
    and the mean of the losses of all calls.
  """
  time = hint.shape[1]

  def call(index, hint, mask, piece):
    options = {name: array[:, piece] for name, array in padded.items()}
    key = None if rng is None else rng if index == 0 else jax.random.fold_in(rng, index)
    return model.apply(params, hint, mask, rng=key, train=train, **options)

  padded_hint, padded_mask = _fit(hint, model.window), _fit(mask, model.window)
  padded = {name: _fit(array, model.window) for name, array in beside.items()}
  if model.window is None:
    return call(0, hint, mask, slice(None))
  length, overlap = model.window
  if model.reads_ends and (time - 1) % (length - 1):
    raise ConfigError(
      f"the model makes the {length - 2} frames between two given ones; a video of {time} frames would end"
      f" between them: ask for a multiple of {length - 1} frames and one more"
    )
  first = slice(0, length)
  outputs = [call(0, padded_hint[:, first], padded_mask[:, first], first)]
  video = outputs[0].value
  while video.shape[1] < padded_hint.shape[1]:
    done, piece = video.shape[1], slice(video.shape[1], video.shape[1] + length - overlap)
    known = padded_mask[:, done - overlap : done]
    past = known * padded_hint[:, done - overlap : done] + (1.0 - known) * video[:, done - overlap :]
    next_hint = jnp.concatenate([past, padded_hint[:, piece]], axis=1)
    next_mask = jnp.concatenate([jnp.ones_like(known), padded_mask[:, piece]], axis=1)
    outputs.append(call(len(outputs), next_hint, next_mask, slice(done - overlap, piece.stop)))
    video = jnp.concatenate([video, outputs[-1].value[:, overlap:]], axis=1)
  means = {name: sum(o.losses[name] for o in outputs) / len(outputs) for name in outputs[0].losses}
  return Output(video[:, :time], outputs[0].writes, means)


def _beside(model, batch):
  """The arrays of the batch that the model reads beside the video; they are there in sampling, too."""
  time, found = batch["hint"].shape[1], {}
  for name in model.reads:
    if name == "truth":
      continue
    if name not in batch:
      raise ConfigError(
        f"the model reads `{name}`, and the data have none; a source that does is told so by its options"
        f" (`arrays`: config.data.{name} = True)"
      )
    if batch[name].shape[1] < time:
      raise ConfigError(
        f"the model reads `{name}`, of which there are {batch[name].shape[1]} frames; a video of {time} needs"
        " more: ask for a shorter one"
      )
    found[name] = batch[name][:, :time]
  return found


def _feeding(config):
  if config is None:
    return None
  name, options = configs.split_name(config, "config.method.feed")
  maker = configs.pick(configs.functions(feeding_functions), name, "config.method.feed.name")
  return configs.call(maker, options, where="config.method.feed")


def _check(losses, known, own):
  """Every weighted loss is there, and every loss of the model's has a weight."""
  for name in losses:
    if name not in known and name not in own:
      raise ConfigError(f'config.method.losses: unknown name "{name}"{configs.nearest(name, [*known, *own])}')
  for name in own:
    if name not in losses:
      raise ConfigError(
        f'config.method.losses: the model has a loss of its own, "{name}", which has no weight; add'
        f" {name}=WEIGHT, or {name}=0.0 to leave it out"
      )


def _fit(array, window):
  """Zeros at the end (unknown frames), up to a whole number of windows."""
  if window is None:
    return array
  length, overlap = window
  time = array.shape[1]
  pieces = max(0, -(-(time - length) // (length - overlap)))
  extra = length + pieces * (length - overlap) - time
  return jnp.pad(array, [(0, 0), (0, extra)] + [(0, 0)] * (array.ndim - 2))
