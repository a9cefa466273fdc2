"""The Laplacian pyramid: what each halving of a picture loses (Burt and Adelson 1983).

  down(x) = every second pixel of x blurred with [1, 4, 6, 4, 1] / 16 along both axes
  level_k = x_k - up(x_{k+1})        x_{k+1} = down(x_k)

where up puts zeros between the pixels and blurs with twice that kernel. Pictures are reflected at the
border, zeros and all, as in RIFE's code. The pyramid is linear: that of a difference is the difference of
the pyramids.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from vgjax.models.layers.along_axes import along_axes

Array = Any

_BLUR = np.array([1, 4, 6, 4, 1]) / 16
SMALLEST = 4  # pixels a side, of a picture that still has a level


def pyramid(x: Array, levels: int) -> list[Array]:
  """The levels, finest first, without the small picture that is left over.

  Args:
    x: [batch, height, width, channels].
    levels: how many at most; a picture with a side below 4 pixels has none of its own.

  Returns:
    Arrays [batch, h, w, channels], h and w halved (rounded up) from one to the next.

  Raises:
    ValueError: a side of x is below 4 pixels.
  """
  if min(x.shape[1:3]) < SMALLEST:
    raise ValueError(f"a Laplacian pyramid needs {SMALLEST} pixels a side, got {x.shape[1]}x{x.shape[2]}")
  found = []
  while len(found) < levels and min(x.shape[1:3]) >= SMALLEST:
    downs = [_down(size) for size in x.shape[1:3]]
    both = [_up(size) @ down for size, down in zip(x.shape[1:3], downs, strict=True)]
    found.append(x - along_axes(x, *both))
    x = along_axes(x, *downs)
  return found


def mean_distance(difference: Array, levels: int = 5) -> Array:
  """The mean absolute value of each level, summed over the levels.

  Args:
    difference: [batch, height, width, channels], of two pictures.
    levels: of the pyramid.

  Returns:
    [batch].
  """
  return sum(
    (jnp.mean(jnp.abs(level), axis=(1, 2, 3)) for level in pyramid(difference, levels)), jnp.zeros(())
  )


def _down(size: int) -> np.ndarray:
  """[half the size, rounded up, size]: blur, and take every second pixel."""
  return (_BLUR @ np.pad(np.eye(size), ((2, 2), (0, 0)), mode="reflect")[_windows(size)])[::2]


def _up(size: int) -> np.ndarray:
  """[size, half the size, rounded up]: zeros between the pixels, and blur twice as much."""
  small = -(-size // 2)
  spread = np.zeros((2 * small, small))
  spread[::2] = np.eye(small)
  return (2 * _BLUR @ np.pad(spread, ((2, 2), (0, 0)), mode="reflect")[_windows(2 * small)])[:size]


def _windows(size):
  """[size, 5]: the pixels, of a padded line, that each of a blurred one sees."""
  return np.arange(size)[:, None] + np.arange(5)
