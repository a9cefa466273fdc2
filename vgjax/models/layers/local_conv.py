"""Convolution with a kernel of its own for every pixel, which is a column times a row.

  y[p, q] = sum_ij  x[p + i, q + j]  column[p, q, i]  row[p, q, j]

Niklaus et al., Video Frame Interpolation via Adaptive Separable Convolution, ICCV 2017,
https://arxiv.org/abs/1708.01692. With 51 taps each way a pixel needs 2601 products a channel, and all windows
of a video together would fill any memory. So one row of the result is made at a time: the row kernels of 64
neighbours are written into a band matrix, and what they weigh of all 51 rows below them is one matrix product

  [64, 64 + 50] x [64 + 50, 51 * channels]

half of whose band is zeros, but which runs at many times the speed of single products. The gradient makes a
row of windows again instead of keeping them, and is two matrix products of that size.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

Array = Any

BLOCK = 64  # neighbours whose kernels make one band matrix: wider ones hold more zeros


def local_conv(x: Array, column: Array, row: Array) -> Array:
  """Applies to every pixel its own separable kernel.

  Args:
    x: [batch, height + taps - 1, width + taps - 1, channels], padded as is wished.
    column: [batch, height, width, taps], what the rows of a window weigh.
    row: [batch, height, width, taps], what its columns weigh.

  Returns:
    [batch, height, width, channels], float32.

  Raises:
    ValueError: shapes that do not fit together.
  """
  batch, height, width, taps = column.shape
  if row.shape != column.shape or x.shape[:3] != (batch, height + taps - 1, width + taps - 1):
    raise ValueError(
      f"kernels {column.shape} and {row.shape} [batch, height, width, taps] do not fit x {x.shape}, which is"
      f" [batch, height + taps - 1, width + taps - 1, channels]"
    )
  x, column, row = (a.astype(jnp.float32) for a in (x, column, row))
  channels, block = x.shape[-1], min(BLOCK, width)
  blocks = -(-width // block)
  extra = blocks * block - width  # pixels that fill the last block, with kernels of zeros
  x = jnp.pad(x, ((0, 0), (0, 0), (0, extra), (0, 0))).swapaxes(2, 3)
  column, row = (
    jnp.pad(a, ((0, 0), (0, 0), (0, extra), (0, 0)))
    .swapaxes(0, 1)
    .reshape(height, batch, blocks, block, taps)
    for a in (column, row)
  )
  product = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)

  @functools.partial(jax.checkpoint, prevent_cse=False)
  def one_row(inputs):
    index, column, row = inputs
    lines = jax.lax.dynamic_slice_in_dim(x, index, taps, axis=1)  # [batch, taps, channels, all columns]
    lines = lines.reshape(batch, taps * channels, -1)
    seen = jnp.stack([lines[..., n * block : (n + 1) * block + taps - 1] for n in range(blocks)], axis=1)
    summed = product("nkxw,nkaw->nkxa", _band(row), seen)  # each line times the row kernels
    return product("nkxtc,nkxt->nkxc", summed.reshape(batch, blocks, block, taps, channels), column)

  y = jax.lax.map(one_row, (jnp.arange(height), column, row))
  return y.swapaxes(0, 1).reshape(batch, height, blocks * block, channels)[:, :, :width]


def _band(row: Array) -> Array:
  """Writes kernels [..., pixels, taps] along a diagonal: [..., pixels, pixels + taps - 1], 0 elsewhere."""
  *lead, pixels, taps = row.shape
  wide = pixels + taps - 1
  # Lines that are one longer than wanted, cut at the wanted length, move by one each.
  padded = jnp.pad(row, [(0, 0)] * (row.ndim - 1) + [(0, wide + 1 - taps)])
  return padded.reshape(*lead, pixels * (wide + 1))[..., : pixels * wide].reshape(*lead, pixels, wide)
