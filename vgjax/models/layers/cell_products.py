"""Strided convolutions with up to 2.4 times fewer multiplications (Winograd), as a few big matrix products.

For windows of two cells (`cell_layout`) along one axis or several, as DCGAN's of 4 pixels and a stride of 2.
Two outputs next to each other see three cells, and take three products in place of four:

  y0 = x0 k0 + x1 k1 = (x0 - x1) k0 + x1 (k0 + k1)
  y1 = x1 k0 + x2 k1 =                x1 (k0 + k1) + (x2 - x1) k1

This is F(2, 2) of Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016. Along one
axis after the other pairs become three points; a cube of eight outputs is 27 products in place of 64. Both
gradients are transposes of this. No number is multiplied on the way, so that rounding is about that of lax.
"""

import itertools
import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from vgjax.models.layers import cell_layout, parts

# From how many channels of cells, channels of y and rows of each product the fewer products are worth moving
# the points for (a plain convolution is faster than its gradients, and needs more), and worth reading the
# kernel, which has more points than taps.
LEAST = {"convolve": (512, 64, 128), "input_gradient": (128, 64, 128), "kernel_gradient": (128, 32, 32)}
# A product that sums over so many rows is faster with the wider matrix on its right.
SWAPPED = 512
# Numbers of x and y that are worked on at once, so that their points fit the cache better. Fewer would fit
# well, but points are shared by a layer's maps where all of a batch is done at once.
PART = 2**23


def pays(name, g, batch, depth, features):
  """Whether the map `name` is fast, for so many examples and channels of x and y."""
  if not cell_layout.fits(g) or not _axes(g) or max(cell_layout.window(g)) > 2:
    return False
  rows = batch * math.prod(_tiles(g))
  found = (math.prod(g.strides) * depth, features, rows)
  return all(count >= least for count, least in zip(found, LEAST[name]))


def convolve(x, kernel, *, g):
  """[batch, *size, in], [*window, in, out] -> [batch, *output, out]."""
  numbers = x.size + len(x) * math.prod(g.output) * kernel.shape[-1]
  count = parts.count(len(x), numbers, PART)
  return parts.mapped(lambda x: _convolve(x, kernel, g), x, count)


def input_gradient(y, kernel, *, g):
  """[batch, *output, out], [*window, in, out] -> [batch, *size, in]."""
  numbers = y.size + len(y) * math.prod(g.size) * kernel.shape[-2]
  count = parts.count(len(y), numbers, PART)
  return parts.mapped(lambda y: _input_gradient(y, kernel, g), y, count)


def kernel_gradient(x, y, *, g):
  """[batch, *size, in], [batch, *output, out] -> [*window, in, out]."""
  count = parts.count(len(x), x.size + y.size, PART)
  return parts.summed(lambda x, y: _kernel_gradient(x, y, g), (x, y), count)


def _convolve(x, kernel, g):
  y = lax.dot_general(_cells_to_points(x, g), _kernel_to_points(kernel, g), (((2,), (1,)), ((0,), (0,))))
  tile, tiles = cell_layout.window(g), _tiles(g)  # a tile has as many outputs as a window has cells
  y = _to_points(g, y.dtype).T @ y.reshape(len(y), -1)
  y = y.reshape(*tile, len(x), *tiles, -1).transpose(3, 4, 0, 5, 1, 6, 2, 7)
  y = y.reshape(len(x), *(n * side for n, side in zip(tiles, tile)), -1)
  return y[:, : g.output[0], : g.output[1], : g.output[2]]


def _input_gradient(y, kernel, g):
  x = lax.dot_general(_y_to_points(y, g), _kernel_to_points(kernel, g), (((2,), (2,)), ((0,), (0,))))
  return _points_to_cells(x, len(y), kernel.shape[-2], g)


def _kernel_gradient(x, y, g):
  depth, x, y = x.shape[-1], _cells_to_points(x, g), _y_to_points(y, g)
  swap = x.shape[-1] > y.shape[-1] and x.shape[1] >= SWAPPED
  kernel = lax.dot_general(*((y, x) if swap else (x, y)), (((1,), (1,)), ((0,), (0,))))
  taps = _to_points(g, y.dtype).T @ kernel.reshape(len(kernel), -1)
  kernel = taps.reshape(*cell_layout.window(g), *kernel.shape[1:])
  return cell_layout.join_kernel(kernel.swapaxes(-2, -1) if swap else kernel, depth, g)


def _axes(g):
  """Those along which the window is two cells."""
  return [axis for axis, cells in enumerate(cell_layout.window(g)) if cells == 2]


def _tiles(g):
  """Tiles of outputs along each axis: pairs, or single ones."""
  return [-(-output // cells) for output, cells in zip(g.output, cell_layout.window(g))]


def _missing(g):
  """Outputs that are missing to whole tiles, along each axis."""
  return [-output % cells for output, cells in zip(g.output, cell_layout.window(g))]


def _to_points(g, dtype):
  """[points, taps], or [points, outputs of a tile]: the first, the sum, the second, along each axis."""
  matrix = np.ones((1, 1))
  for _ in _axes(g):
    matrix = np.kron(matrix, [[1, 0], [1, 1], [0, 1]])
  return matrix.astype(dtype)


def _kernel_to_points(kernel, g):
  """[*window, in, out] -> [points, cell * in, out]."""
  kernel = cell_layout.split_kernel(kernel, g)
  matrix = _to_points(g, kernel.dtype)
  return (matrix @ kernel.reshape(matrix.shape[1], -1)).reshape(-1, *kernel.shape[-2:])


def _y_to_points(y, g):
  """[batch, *output, out] -> [points, rows, out]."""
  y = jnp.pad(y, [(0, 0), *((0, more) for more in _missing(g)), (0, 0)])
  pairs = itertools.chain.from_iterable(zip(_tiles(g), cell_layout.window(g)))
  y = y.reshape(len(y), *pairs, y.shape[-1]).transpose(2, 4, 6, 0, 1, 3, 5, 7)
  matrix = _to_points(g, y.dtype)
  return (matrix @ y.reshape(matrix.shape[1], -1)).reshape(len(matrix), -1, y.shape[-1])


def _cells_to_points(x, g):
  """[batch, *size, in] -> [points, rows, cell * in]."""
  x = cell_layout.split(x, g, _missing(g))
  for axis in _positions(g):
    end = x.shape[axis]
    before, here, after = (
      lax.slice_in_dim(x, start, end - 1 + start // 2, stride=2, axis=axis) for start in range(3)
    )
    x = jnp.stack([before - here, here, after - here])
  return x.reshape(3 ** len(_axes(g)), -1, x.shape[-1])


def _points_to_cells(points, batch, depth, g):
  """The transpose of `_cells_to_points`, for `depth` channels of x."""
  axes = _axes(g)
  points = points.reshape(*[3] * len(axes), batch, *_tiles(g), points.shape[-1])
  for axis in reversed(_positions(g)):
    before, here, after = points
    even = _pad(before, 0, 1, axis) + _pad(after, 1, 0, axis)
    odd = _pad(here - before - after, 0, 1, axis)
    both = jnp.stack([even, odd], axis=axis + 1)
    points = both.reshape(*even.shape[:axis], -1, *even.shape[axis + 1 :])
  ends = [points.shape[1 + axis] - (axis in axes) for axis in range(3)]
  return cell_layout.join(points[:, : ends[0], : ends[1], : ends[2]], depth, g)


def _positions(g):
  """Where the axes of two cells are in [batch, *size, channels], the last one first.

  For each that is done there is one more axis in front.
  """
  return [1 + axis + done for done, axis in enumerate(reversed(_axes(g)))]


def _pad(x, low, high, axis):
  """Zeros before and after, along one axis."""
  around = [(low, high, 0) if dimension == axis else (0, 0, 0) for dimension in range(x.ndim)]
  return lax.pad(x, jnp.zeros((), x.dtype), around)
