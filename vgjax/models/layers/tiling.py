"""Tiles that overlap: how `winograd` and `fourier` cut their maps.

A tile is put together from whole blocks of pixels, its own and those after it, one dimension at a time. Cut
out pixel by pixel the same tiles are as many copies as a tile has pixels, each a program of its own.
"""

from typing import Any

import jax.numpy as jnp
from jax import lax

Array = Any


def cut(x: Array, dimension: int, *, tiles: int, pixels: int, read: int) -> Array:
  """One dimension to two: the tiles, and what each reads.

  Args:
    x: any array; `dimension` has `tiles` blocks of `pixels` pixels, and those which the last tile reads after
      its own.
    dimension: which.
    tiles: how many there are; one begins every `pixels` pixels.
    pixels: see there.
    read: pixels that a tile reads.
  """
  x = x.reshape(*x.shape[:dimension], -1, pixels, *x.shape[dimension + 1 :])
  parts = []
  for block in range(-(-read // pixels)):
    part = lax.slice_in_dim(x, block, block + tiles, axis=dimension)
    parts.append(lax.slice_in_dim(part, 0, min(pixels, read - block * pixels), axis=dimension + 1))
  return jnp.concatenate(parts, axis=dimension + 1)
