"""Differentiable augmentation: what a critic sees is moved, recoloured and cut, real and made videos alike.

With few videos a critic learns them by heart. Augmenting what it sees, and letting the gradient pass to the
generator, prevents that without the generator learning the augmentation (Zhao et al. 2020, DiffAugment,
arXiv:2006.10738). Each video is changed in one way over all its frames, so that motion stays motion.

  config.method.augment = ("color", "translation", "cutout")
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from vgjax import configs
from vgjax.types import Array

__all__ = ["color", "cutout", "flip", "translation"]  # the names for config.method.augment


def make(names: Sequence[str]) -> Callable[[Array, Array], Array]:
  """`(video, rng) -> video`: the functions of these names one after the other.

  Videos are `[batch, time, height, width, channels]`, in [-1, 1].

  Raises:
    ConfigError: an unknown name.
  """
  known = {name: globals()[name] for name in __all__}
  functions = [configs.pick(known, name, "config.method.augment") for name in names]

  def augment(video, rng):
    for function, key in zip(functions, jax.random.split(rng, max(len(functions), 1))):
      video = function(video, key)
    return video

  return augment


def color(video, rng):
  """Brightness by up to a quarter of the range, saturation by 0 to 2, contrast by 0.5 to 1.5."""
  draws = [jax.random.uniform(key, (len(video), 1, 1, 1, 1)) for key in jax.random.split(rng, 3)]
  bright, saturated, contrast = draws
  video = video + (bright - 0.5)
  grey = jnp.mean(video, axis=-1, keepdims=True)
  video = (video - grey) * (2 * saturated) + grey
  middle = jnp.mean(video, axis=(1, 2, 3, 4), keepdims=True)
  return (video - middle) * (contrast + 0.5) + middle


def translation(video, rng, *, ratio=0.125):
  """A shift by up to an eighth of each side, black (-1) coming in."""
  height, width = video.shape[2:4]
  reach = [round(side * ratio) for side in (height, width)]
  down, right = (
    jax.random.randint(key, (len(video),), -limit, limit + 1)
    for key, limit in zip(jax.random.split(rng), reach)
  )
  # Products with shifted identities: no gather, whose gradient would scatter.
  rows = jax.nn.one_hot(jnp.arange(height) - down[:, None], height, dtype=video.dtype)
  columns = jax.nn.one_hot(jnp.arange(width) - right[:, None], width, dtype=video.dtype)
  moved = jnp.einsum("byh,bthwc->btywc", rows, video + 1)
  return jnp.einsum("bxw,btywc->btyxc", columns, moved) - 1


def cutout(video, rng, *, ratio=0.5):
  """A square of half of each side becomes mid-grey (0), anywhere, also partly outside."""
  height, width = video.shape[2:4]
  kept = []
  for key, side in zip(jax.random.split(rng), (height, width)):
    length = round(side * ratio)
    start = jax.random.randint(key, (len(video), 1), -(length // 2), side + 1 - length // 2 - length % 2)
    place = jnp.arange(side)
    kept.append((place >= start) & (place < start + length))
  hole = kept[0][:, :, None] & kept[1][:, None, :]
  return video * (1 - hole[:, None, :, :, None].astype(video.dtype))


def flip(video, rng):
  """Half of the videos are mirrored left to right."""
  mirrored = jax.random.bernoulli(rng, 0.5, (len(video), 1, 1, 1, 1))
  return jnp.where(mirrored, video[:, :, :, ::-1], video)
