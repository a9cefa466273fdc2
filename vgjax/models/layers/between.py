"""Frames between given ones, each from the two given frames that are nearest to it, at any time.

A model that makes the frame at any time t between two, 0 < t < 1, fills in a video of any length and any
pattern of given frames: every frame but the first and the last is made from the nearest given frame before
it and the nearest after it. Which these are is read from the mask when the program runs, so one program
serves all patterns of one length.

  given:   a . . b . c     frame 1 from a and b at t = 1/3, frame 2 at t = 2/3, frame 4 from b and c at 1/2

A frame that is itself given is made as well, from its neighbours; the method pastes the given one over it.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange
from jax import lax

Array = Any


class Nearest(NamedTuple):
  """For each frame but the first and the last, of `batch` videos.

  Attributes:
    before, after: [batch, time - 2], int: the nearest given frames. Where there is none on one side, that of
      the other side; where there is none at all, the frame itself.
    t: [batch, time - 2], float32: where between them, in (0, 1); 1/2 if they are the same.
    unknown: [batch, time - 2], float32: 0 if the frame itself is given, else 1.
  """

  before: Array
  after: Array
  t: Array
  unknown: Array


def nearest(mask: Array) -> Nearest:
  """The neighbours of all inner frames.

  Args:
    mask: [batch, time, height, width, 1]; a frame is given if all its pixels are.
  """
  given = (mask > 0).all(axis=(2, 3, 4))
  index = jnp.arange(mask.shape[1])
  none_before, none_after = -1, mask.shape[1]
  before = lax.cummax(jnp.where(given, index, none_before), axis=1)[:, :-2]
  after = lax.cummin(jnp.where(given, index, none_after), axis=1, reverse=True)[:, 2:]
  here = index[1:-1]
  has_before, has_after = before != none_before, after != none_after
  start = jnp.where(has_before, before, jnp.where(has_after, after, here))
  stop = jnp.where(has_after, after, start)
  t = jnp.where(stop > start, (here - start) / jnp.maximum(stop - start, 1), 0.5)
  return Nearest(start, stop, t.astype(jnp.float32), 1.0 - given[:, 1:-1].astype(jnp.float32))


def gather(hint: Array, places: Nearest) -> tuple[Array, Array, Array]:
  """The frames from which to make the inner ones.

  Args:
    hint: [batch, time, height, width, channels], in [-1, 1].
    places: of its mask.

  Returns:
    The frames before and those after, [batch * (time - 2), height, width, channels] in [0, 1], and t,
    [batch * (time - 2)].
  """
  pick = jax.vmap(lambda video, index: video[index])
  first, last = (rearrange(pick(hint, i), "b t h w c -> (b t) h w c") for i in (places.before, places.after))
  return (first + 1) / 2, (last + 1) / 2, places.t.reshape(-1)
