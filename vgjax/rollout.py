"""How methods call a generator: a model that maps `(hint, mask)` to a video of any length.

A model of any length is called once. One with the window `(length, overlap)` is called on the first
`length` frames, then on the next, whose first `overlap` frames are the end of the video so far. What else a
model reads is cut to the same frames, and its latents are drawn for each call anew.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from einops import rearrange

from vgjax.errors import ConfigError
from vgjax.types import Array, Batch, Model, Output, Params

PER_VIDEO = ("label", "text")  # what a batch has once a video
IN_TRAINING = ("truth", "follow_mask")  # what only training hands a model
LATENT = "latent_"  # `batch["latent_content"]` is taken for the latent `content`, which is then not drawn


def init(model: Model, rng: Array, batch: Batch) -> Params:
  """The model's parameters, with those that only training uses: from the first window, if it has one."""
  found = {"hint": batch["hint"], "mask": batch["mask"]} | beside(model, batch)
  if "truth" in model.reads:
    found["truth"] = batch["video"]
  length = model.window and model.window[0]
  options = {
    name: array if is_per_video(name, array) else _fit(array, model.window)[:, :length]
    for name, array in found.items()
  }
  hint, mask = options.pop("hint"), options.pop("mask")
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

  def call(key, hint, mask, beside):
    options = dict(beside)
    if model.latents is not None:
      options["latents"] = _draw(model, key, hint, latents)
    return model.apply(params, hint, mask, rng=key, train=train, **options)

  hint, mask = _fit(hint, model.window), _fit(mask, model.window)
  beside = {n: a if is_per_video(n, a) else _fit(a, model.window) for n, a in beside.items()}
  if model.window is None:
    return call(rng, hint, mask, beside)
  length, _ = model.window
  if model.reads_ends and (time - 1) % (length - 1):
    raise ConfigError(
      f"the model makes the {length - 2} frames between two given ones; a video of {time} frames would end"
      f" between them: ask for a multiple of {length - 1} frames and one more"
    )
  if hint.shape[1] == length:
    output = call(rng, hint, mask, beside)
  else:
    output = _roll(call, model.window, hint, mask, beside, rng)
  return output._replace(value=output.value[:, :time])


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


def _roll(call, window, hint, mask, beside, rng):
  """`call` on window after window, as a loop: a long video is no larger a program than a short one."""
  length, overlap = window
  new = length - overlap

  def go_on(so_far, turn):
    (index, key), (before, before_known, first) = turn, so_far

    def cut(array):
      return jax.lax.dynamic_slice_in_dim(array, index * new, length, axis=1)

    # The end of the video so far, and what the hint has after it.
    piece = jnp.concatenate([before, cut(hint)[:, overlap:]], axis=1)
    known = jnp.concatenate([before_known, cut(mask)[:, overlap:]], axis=1)
    output = call(key, piece, known, {n: a if is_per_video(n, a) else cut(a) for n, a in beside.items()})
    video, end = output.value, known[:, new:]
    pasted = end * piece[:, new:] + (1.0 - end) * video[:, new:]
    first = jnp.where(index == 0, video[:, :overlap], first)
    return (pasted, jnp.ones_like(end), first), output._replace(value=video[:, overlap:])

  count = (hint.shape[1] - overlap) // new
  keys = None if rng is None else _keys(rng, count)
  start = (hint[:, :overlap], mask[:, :overlap], jnp.zeros_like(hint[:, :overlap]))
  (*_, first), output = jax.lax.scan(go_on, start, (jnp.arange(count), keys))
  others = rearrange(output.value, "windows batch time ... -> batch (windows time) ...")
  return Output(
    jnp.concatenate([first, others], axis=1),
    jax.tree.map(lambda leaf: leaf[0], output.writes),
    {name: jnp.mean(loss) for name, loss in output.losses.items()},
  )


def _keys(rng, count):
  """A key for each window: the first one's is `rng` itself, as for a model that is called once."""
  others = jax.vmap(lambda index: jax.random.fold_in(rng, index))(jnp.arange(1, count))
  return jnp.concatenate([rng[None], others])


def _draw(model, rng, hint, chosen):
  """The model's latents, N(0, 1), but for those that were chosen."""
  shapes = model.latents(hint.shape[1])
  rngs = jax.random.split(jax.random.fold_in(rng, 1), len(shapes))  # not the keys of what the model draws
  drawn = {
    name: jax.random.normal(key, (len(hint), *shape))
    for key, (name, shape) in zip(rngs, sorted(shapes.items()), strict=True)
  }
  return drawn | dict(chosen)


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
