"""How a network that makes the frame halfway between two fills a window between its ends.

The frames between are made level by level, each level in one call over all its pairs:

  a               e        given, factor = 4
  a       c       e        c halfway between a and e
  a   b   c   d   e        b between a and c, d between c and e
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from einops import rearrange

Array = Any


def window(factor: int) -> tuple[int, int]:
  """(length, overlap) of a window whose first and last frame are given.

  Raises:
    ValueError: `factor` is below 2.
  """
  if factor < 2:
    raise ValueError(f"factor = {factor}: it is at least 2, for one frame between two")
  return factor + 1, 1


def ends(hint: Array, factor: int) -> tuple[Array, Array]:
  """The first and the last frame, [batch, height, width, channels], in [0, 1].

  Args:
    hint: [batch, factor + 1, height, width, channels], in [-1, 1].
    factor: frames from one end to the other.

  Raises:
    ValueError: the hint has another length.
  """
  if hint.shape[1] != factor + 1:
    raise ValueError(
      f"this model fills in between the ends of {factor + 1} frames (factor={factor}), but the hint has"
      f" {hint.shape[1]}"
    )
  return (hint[:, 0] + 1) / 2, (hint[:, -1] + 1) / 2


def video(hint: Array, between: Array) -> Array:
  """The window: the hint's ends, and between them frames [batch, factor - 1, h, w, channels] in [0, 1]."""
  between = 2 * between.astype(jnp.float32) - 1
  return jnp.concatenate([hint[:, :1].astype(jnp.float32), between, hint[:, -1:].astype(jnp.float32)], axis=1)


def fill(network: Callable[[Array, Array], Array], hint: Array, factor: int) -> Array:
  """The window, by recursion on midpoints.

  Args:
    network: maps two frames [any, height, width, channels] in [0, 1] to the one between, of that shape.
    hint: [batch, factor + 1, height, width, channels], in [-1, 1]; only its ends are read.
    factor: a power of two.

  Returns:
    A float32 video of the hint's shape, in [-1, 1] but not clipped; its ends are the hint's.

  Raises:
    ValueError: `factor` is no power of two, or the hint has another length than `factor + 1`.
  """
  if factor < 2 or factor & (factor - 1):
    raise ValueError(f"factor = {factor}: frames are halved in time, so it is a power of two, at least 2")
  frames = jnp.stack(ends(hint, factor), axis=1)
  while frames.shape[1] <= factor:
    pairs = [rearrange(f, "b t h w c -> (b t) h w c") for f in (frames[:, :-1], frames[:, 1:])]
    middle = network(*pairs).astype(frames.dtype)
    middle = rearrange(middle, "(b t) h w c -> b t h w c", b=len(frames))
    woven = rearrange(jnp.stack([frames[:, :-1], middle], axis=2), "b t two h w c -> b (t two) h w c")
    frames = jnp.concatenate([woven, frames[:, -1:]], axis=1)
  return video(hint, frames[:, 1:-1])
