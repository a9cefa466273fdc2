"""How methods call a generator: a model that maps `(hint, mask)` to a video of any length.

A model of any length is called once. One with the window `(length, overlap)` is called on the first
`length` frames, then on the next, whose first `overlap` frames are the end of the video so far. What else a
model reads is cut to the same frames, and its latents are drawn for each call anew.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from vgjax.errors import ConfigError
from vgjax.types import Array, Batch, Model, Output, Params

PER_VIDEO = ("label", "text")  # what a batch has once a video
IN_TRAINING = ("truth", "follow_mask")  # what only training hands a model
LATENT = "latent_"  # `batch["latent_content"]` is taken for the latent `content`, which is then not drawn


def init(model: Model, rng: Array, batch: Batch) -> Params:
  """The model's parameters, with those that only training uses."""
  hint, mask = (_fit(batch[name], model.window) for name in ("hint", "mask"))
  options = {name: _padded(name, array, model) for name, array in beside(model, batch).items()}
  if "truth" in model.reads:
    options["truth"] = _fit(batch["video"], model.window)
  if model.latents is not None:
    options["latents"] = _draw(model, rng, hint, {})
  return model.init(rng, hint, mask, **options)


def make_video(
  model: Model,
  params: Params,
  hint: Array,
  mask: Array,
  *,
  train: bool,
  rng: Array | None = None,
  beside: Mapping[str, Array] = {},
  latents: Mapping[str, Array] = {},
) -> Output:
  """The model's video of `hint`'s length, window after window.

  Args:
    model: called as `(hint, mask)`.
    params: the parameters of all branches.
    hint: `[batch, time, height, width, channels]`, in [-1, 1].
    mask: `[batch, time, height, width, 1]`, 1 where `hint` is exact.
    train: whether batch statistics, dropout and the model's own losses are those of training.
    rng: a key for dropout and for what is drawn, or None for a model that draws nothing.
    beside: what else the model reads, by its keywords: arrays `[batch, time, ...]`, or one a video.
    latents: those of the model's latents that are not to be drawn: `[batch, ...]`.

  Returns:
    The video, of `hint`'s shape, not yet pasted over by what is given, with what the first call wrote
    and the mean of the losses of all calls.

  Raises:
    ConfigError: a length that the model cannot make.
  """
  time = hint.shape[1]

  def call(index, hint, mask, piece):
    options = {name: a if is_per_video(name, a) else a[:, piece] for name, a in padded.items()}
    key = None if rng is None else rng if index == 0 else jax.random.fold_in(rng, index)
    if model.latents is not None:
      options["latents"] = _draw(model, key, hint, latents)
    return model.apply(params, hint, mask, rng=key, train=train, **options)

  padded_hint, padded_mask = _fit(hint, model.window), _fit(mask, model.window)
  padded = {name: _padded(name, array, model) for name, array in beside.items()}
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


def sample(model: Model, params: Params, batch: Batch, rng: Array) -> Array:
  """A video for each example of the batch; the pixels that its mask gives are kept exactly."""
  hint, mask = batch["hint"], batch["mask"]
  options = {"beside": beside(model, batch), "latents": chosen_latents(model, batch)}
  video = make_video(model, params, hint, mask, train=False, rng=rng, **options).value
  return mask * hint + (1.0 - mask) * video


def beside(model: Model, batch: Batch) -> dict[str, Array]:
  """The arrays of the batch that the model reads beside the video; they are there in sampling, too.

  Raises:
    ConfigError: the batch has none, or too short ones.
  """
  time, found = batch["hint"].shape[1], {}
  for name in model.reads:
    if name in IN_TRAINING:
      continue
    if name not in batch:
      raise ConfigError(
        f"the model reads `{name}`, and the data have none; a source that does is told so by its options"
        f" (`arrays`: config.data.{name} = True)"
      )
    if is_per_video(name, batch[name]):
      found[name] = batch[name]
      continue
    if batch[name].shape[1] < time:
      raise ConfigError(
        f"the model reads `{name}`, of which there are {batch[name].shape[1]} frames; a video of {time} needs"
        " more: ask for a shorter one"
      )
    # All that one call sees: a video cut short is the beginning of the whole one.
    found[name] = batch[name][:, : max(time, model.window[0] if model.window else 0)]
  return found


def is_per_video(name: str, array: Array) -> bool:
  """Whether an array has an entry a video: a label, a text, an embedding, `[batch, width]` of floats.

  Anything else that models read has one a frame.
  """
  return name in PER_VIDEO or (array.ndim == 2 and jnp.issubdtype(array.dtype, jnp.floating))


def chosen_latents(model: Model, batch: Batch) -> dict[str, Array]:
  """The latents that the batch sets; the others are drawn."""
  names = () if model.latents is None else model.latents(batch["hint"].shape[1])
  return {name: batch[LATENT + name] for name in names if LATENT + name in batch}


def _draw(model, rng, hint, chosen):
  """The model's latents, N(0, 1), but for those that were chosen."""
  shapes = model.latents(hint.shape[1])
  rngs = jax.random.split(jax.random.fold_in(rng, 1), len(shapes))  # not the keys of what the model draws
  drawn = {
    name: jax.random.normal(key, (len(hint), *shape))
    for key, (name, shape) in zip(rngs, sorted(shapes.items()), strict=True)
  }
  return drawn | dict(chosen)


def _padded(name, array, model):
  return array if is_per_video(name, array) else _fit(array, model.window)


def _fit(array, window):
  """Zeros at the end (unknown frames), up to a whole number of windows."""
  if window is None:
    return array
  length, overlap = window
  time = array.shape[1]
  if time > length and not overlap:
    raise ConfigError(
      f"the model makes {length} frames and cannot go on after them; ask for {length} or fewer, not {time},"
      " or train one that makes more (config.models.generator.frames, config.data.time)"
    )
  pieces = max(0, -(-(time - length) // max(length - overlap, 1)))
  extra = length + pieces * (length - overlap) - time
  return jnp.pad(array, [(0, 0), (0, extra)] + [(0, 0)] * (array.ndim - 2))
