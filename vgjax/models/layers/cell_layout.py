"""Windows and strides in cells: how `conv_cells` and `cell_products` see a strided convolution.

A cell is a box of `strides` pixels, its pixels side by side as channels. Where a window is made of whole
cells, a strided convolution of pixels is one of stride one of cells: a window of 4 and a stride of 2, as
DCGAN has them, is a window of 2 cells. No tap is multiplied by an inserted zero, and what moves in memory is
whole cells.

In all of these g is a `conv_ops.Geometry` of three dimensions, and cells lie as `[batch, *cells, cell * in]`,
the first one where the first window begins.
"""

import itertools
import math

import jax.numpy as jnp
from jax import lax


def fits(g):
  """Whether windows are made of whole cells."""
  whole = all(window % stride == 0 for window, stride in zip(g.window, g.strides))
  return whole and math.prod(g.strides) > 1 and g.dilation == (1, 1, 1)


def window(g):
  """The window, in cells."""
  return tuple(size // stride for size, stride in zip(g.window, g.strides))


def split(x, g, more=(0, 0, 0)):
  """[batch, *size, in] -> the cells that the windows see, and `more` of zeros after them."""
  counts = [output + w - 1 + extra for output, w, extra in zip(g.output, window(g), more)]
  sides = [n * stride for n, stride in zip(counts, g.strides)]
  around = [(low, side - size - low, 0) for (low, _), side, size in zip(g.padding, sides, x.shape[1:-1])]
  x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *around, (0, 0, 0)])
  pairs = itertools.chain.from_iterable(zip(counts, g.strides))
  x = x.reshape(len(x), *pairs, x.shape[-1]).transpose(0, 1, 3, 5, 2, 4, 6, 7)
  return x.reshape(len(x), *counts, -1)


def join(x, depth, g):
  """The transpose of `split`, for `depth` channels: cells -> [batch, *size, in]."""
  batch, *counts, _ = x.shape
  x = x.reshape(batch, *counts, *g.strides, depth).transpose(0, 1, 4, 2, 5, 3, 6, 7)
  x = x.reshape(batch, *(n * s for n, s in zip(counts, g.strides)), depth)
  inside = [
    (-low, size + low - seen, 0)
    for (low, _), size, seen in zip(g.padding, g.size, x.shape[1:-1], strict=True)
  ]
  return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *inside, (0, 0, 0)])


def split_kernel(kernel, g):
  """[*window, in, out] -> [*window in cells, cell * in, out]."""
  pairs = itertools.chain.from_iterable(zip(window(g), g.strides))
  kernel = kernel.reshape(*pairs, *kernel.shape[-2:]).transpose(0, 2, 4, 1, 3, 5, 6, 7)
  return kernel.reshape(*window(g), -1, kernel.shape[-1])


def join_kernel(kernel, depth, g):
  """The transpose of `split_kernel`, for `depth` channels of x."""
  features = kernel.shape[-1]
  kernel = kernel.reshape(*window(g), *g.strides, depth, features).transpose(0, 3, 1, 4, 2, 5, 6, 7)
  return kernel.reshape(*g.window, depth, features)
