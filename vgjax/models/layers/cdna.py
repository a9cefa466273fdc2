"""Frames moved by convolution with kernels that a network predicts, the same ones all over a frame.

  y_n[p, q] = sum_ij  k_n[i, j]  x[p + i, q + j]        k_n >= 0, sum_ij k_n[i, j] = 1

A kernel is a distribution over where pixels come from: convolutional dynamic neural advection (Finn et al.
2016, arXiv:1605.07157). Beyond the border the frame is mirrored, the outermost row and column twice.
"""

from typing import Any

import jax.numpy as jnp

Array = Any
LEAST = 1e-12  # of a tap, before the taps of a kernel are divided by their sum


def kernels(x: Array, window: int, number: int) -> Array:
  """Kernels from a network's output: that of zeros leaves a frame as it is.

  Args:
    x: [batch, window * window * number]; the kernel's number is the fastest index, then the column.
    window: pixels along a side; odd.
    number: of kernels.

  Returns:
    [batch, window, window, number], not negative, each kernel with the sum 1.
  """
  centre = jnp.zeros((window, window, 1), x.dtype).at[window // 2, window // 2].set(1)
  taps = jnp.maximum(x.reshape(-1, window, window, number) + centre, LEAST)
  return taps / jnp.sum(taps, axis=(1, 2), keepdims=True)


def move(frame: Array, kernels: Array) -> Array:
  """Moves each frame by each of its kernels.

  Args:
    frame: [batch, height, width, channels].
    kernels: [batch, window, window, number]; the window is odd.

  Returns:
    [batch, height, width, number, channels].
  """
  height, width = frame.shape[1:3]
  window = kernels.shape[1]
  reach = window // 2
  padded = jnp.pad(frame, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="symmetric")
  shifted = [padded[:, i : i + height, j : j + width] for i in range(window) for j in range(window)]
  seen = jnp.stack(shifted, axis=-1)  # [batch, height, width, channels, taps]
  flat = kernels.reshape(len(frame), window * window, -1)
  moved = jnp.einsum("bhwck,bkn->bhwnc", seen, flat)
  return moved.astype(frame.dtype)
