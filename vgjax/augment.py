"""Differentiable augmentation: what a critic sees is moved, recoloured and cut, real and made videos alike.

With few videos a critic learns them by heart. Augmenting what it sees, and letting the gradient pass to the
generator, prevents that without the generator learning the augmentation (Zhao et al. 2020, DiffAugment,
arXiv:2006.10738). Each video is changed in one way over all its frames, so that motion stays motion, and the
hint and the mask that a critic of translations sees are changed with it.

  config.method.augment = ("color", "translation", "cutout")
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vgjax import configs
from vgjax.types import Array

__all__ = ["color", "cutout", "flip", "translation"]  # the names for config.method.augment


class View(NamedTuple):
  """What a critic sees.

  Attributes:
    video: [batch, time, height, width, channels], in [-1, 1].
    hint: the same shape; 0 where nothing is given.
    mask: [batch, time, height, width, 1], 1 where the hint is exact.
  """

  video: Array
  hint: Array
  mask: Array


def make(names: Sequence[str]) -> Callable[[View, Array], View]:
  """`(view, rng) -> view`: the functions of these names one after the other.

  Raises:
    ConfigError: an unknown name.
  """
  known = {name: globals()[name] for name in __all__}
  functions = [configs.pick(known, name, "config.method.augment") for name in names]

  def augment(view, rng):
    # Of a translation the whole hint is to be seen; else what is not given stays 0, which betrays nothing.
    guides = jnp.any((view.hint != 0) & (view.mask == 0), axis=(1, 2, 3, 4), keepdims=True)
    for function, key in zip(functions, jax.random.split(rng, max(len(functions), 1))):
      view = function(view, key)
    return view._replace(hint=jnp.where(guides, view.hint, view.hint * view.mask))

  return augment


def color(view, rng):
  """Brightness by up to a quarter of the range, saturation by 0 to 2, contrast by 0.5 to 1.5."""
  draws = [jax.random.uniform(key, (len(view.video), 1, 1, 1, 1)) for key in jax.random.split(rng, 3)]
  bright, saturated, contrast = draws

  def tone(video):
    video = video + (bright - 0.5)
    grey = jnp.mean(video, axis=-1, keepdims=True)
    return (video - grey) * (2 * saturated) + grey

  video = tone(view.video)
  middle = jnp.mean(video, axis=(1, 2, 3, 4), keepdims=True)  # the hint's too: what is given stays the same
  stretch = lambda video: (video - middle) * (contrast + 0.5) + middle
  return view._replace(video=stretch(video), hint=stretch(tone(view.hint)))


def translation(view, rng, *, ratio=0.125):
  """A shift by up to an eighth of each side; black (-1) comes in, which is not given."""
  height, width = view.video.shape[2:4]
  reach = [round(side * ratio) for side in (height, width)]
  down, right = (
    jax.random.randint(key, (len(view.video),), -limit, limit + 1)
    for key, limit in zip(jax.random.split(rng), reach)
  )
  # Products with shifted identities: no gather, whose gradient would scatter.
  rows = jax.nn.one_hot(jnp.arange(height) - down[:, None], height, dtype=view.video.dtype)
  columns = jax.nn.one_hot(jnp.arange(width) - right[:, None], width, dtype=view.video.dtype)

  def move(video):
    moved = jnp.einsum("byh,bthwc->btywc", rows, video)
    return jnp.einsum("bxw,btywc->btyxc", columns, moved)

  return View(move(view.video + 1) - 1, move(view.hint + 1) - 1, move(view.mask))


def cutout(view, rng, *, ratio=0.5):
  """A square of half of each side becomes mid-grey (0), anywhere, also partly outside; it is not given."""
  height, width = view.video.shape[2:4]
  kept = []
  for key, side in zip(jax.random.split(rng), (height, width)):
    length = round(side * ratio)
    start = jax.random.randint(key, (len(view.video), 1), -(length // 2), side + 1 - length // 2 - length % 2)
    place = jnp.arange(side)
    kept.append((place >= start) & (place < start + length))
  hole = kept[0][:, :, None] & kept[1][:, None, :]
  keep = 1 - hole[:, None, :, :, None].astype(view.video.dtype)
  return View(*(part * keep for part in view))


def flip(view, rng):
  """A quarter of the videos are mirrored left to right.

  Of half of them a critic could not say which way round they are: a generator that mirrors all would look the
  same as one that mirrors none (Karras et al. 2020, arXiv:2006.06676, section 3.1).
  """
  mirrored = jax.random.bernoulli(rng, 0.25, (len(view.video), 1, 1, 1, 1))
  return View(*(jnp.where(mirrored, part[:, :, :, ::-1], part) for part in view))
