"""Twice and half the size, from shifted slices: fast on every platform, with gradients that are as fast."""

from typing import Any

import jax.numpy as jnp

Array = Any


def double(x: Array, *, corners: bool = False) -> Array:
  """Twice the height and width, bilinear.

  Args:
    x: [batch, height, width, channels].
    corners: False: a pixel is a square, and each becomes four (PyTorch's `align_corners=False`, TensorFlow's
      `tf.image.resize`). True: the centres of the corner pixels stay corners (`align_corners=True`), so the
      distances between pixels grow by a bit less than two.

  Returns:
    [batch, 2 * height, 2 * width, channels].
  """
  for axis in (1, 2):
    size = x.shape[axis]
    index = jnp.arange(size, dtype=x.dtype).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    before = index / (2 * size - 1) if corners else 0.25  # the neighbours' shares
    after = (size - 1 - index) / (2 * size - 1) if corners else 0.25
    first = jnp.take(x, jnp.array([0]), axis=axis)
    last = jnp.take(x, jnp.array([size - 1]), axis=axis)
    inner = jnp.split(x, [1], axis=axis)[1], jnp.split(x, [size - 1], axis=axis)[0]
    left = jnp.concatenate([first, inner[1]], axis=axis)
    right = jnp.concatenate([inner[0], last], axis=axis)
    pair = jnp.stack([x + (left - x) * before, x + (right - x) * after], axis=axis + 1)
    x = pair.reshape(*x.shape[:axis], 2 * size, *x.shape[axis + 1 :])
  return x


def halve(x: Array) -> Array:
  """Half the height and width: the means of 2x2 pixels.

  Args:
    x: [batch, height, width, channels]; height and width are even.

  Returns:
    [batch, height / 2, width / 2, channels].
  """
  rows = x[:, ::2] + x[:, 1::2]
  return (rows[:, :, ::2] + rows[:, :, 1::2]) / 4


def missing(height: int, width: int, multiple: int) -> tuple[int, int]:
  """How many rows and columns are missing up to whole multiples."""
  return -height % multiple, -width % multiple
