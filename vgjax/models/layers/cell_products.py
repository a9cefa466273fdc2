"""Strided convolutions with up to 2.4 times fewer multiplications (Winograd), as a few big matrix products.

For windows of two cells (`cell_layout`) along one axis or several, as DCGAN's of 4 pixels and a stride of 2.
Two outputs next to each other see three cells, and take three products in place of four:

  y0 = x0 k0 + x1 k1 = (x0 - x1) k0 + x1 (k0 + k1)
  y1 = x1 k0 + x2 k1 =                x1 (k0 + k1) + (x2 - x1) k1

This is F(2, 2) of Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016. Along one
axis after the other pairs become three points; a cube of eight outputs is 27 products in place of 64. Both
gradients are transposes of this. No number is multiplied on the way, so that rounding is about that of lax.
"""

import math

import jax.numpy as jnp
from jax import lax

from vgjax.models.layers import cell_layout

# From how many channels of cells, channels of y and rows of each product the fewer products are worth moving
# the points for (a plain convolution is faster than its gradients, and needs more), and worth reading the
# kernel, which has more points than taps.
LEAST = {"convolve": (512, 64, 128), "input_gradient": (128, 64, 128), "kernel_gradient": (128, 32, 32)}
# A product that sums over so many rows is faster with the wider matrix on its right.
SWAPPED = 512


def pays(name, g, batch, depth, features):
  """Whether the map `name` is fast, for so many examples and channels of x and y."""
  if not cell_layout.fits(g) or not _axes(g) or max(cell_layout.window(g)) > 2:
    return False
  outputs = (output + more for output, more in zip(g.output, _missing(g)))
  rows = batch * math.prod(outputs) // 2 ** len(_axes(g))
  found = (math.prod(g.strides) * depth, features, rows)
  return all(count >= least for count, least in zip(found, LEAST[name]))


def convolve(x, kernel, *, g):
  """[batch, *size, in], [*window, in, out] -> [batch, *output, out]."""
  x, kernel = _cells_to_points(x, g), _kernel_to_points(kernel, g)
  y = lax.dot_general(_flat(x, g), _flat(kernel, g), (((2,), (1,)), ((0,), (0,))))
  return _points_to_y(y.reshape(*x.shape[:-1], -1), g)


def input_gradient(y, kernel, *, g):
  """[batch, *output, out], [*window, in, out] -> [batch, *size, in]."""
  depth, y, kernel = kernel.shape[-2], _y_to_points(y, g), _kernel_to_points(kernel, g)
  x = lax.dot_general(_flat(y, g), _flat(kernel, g), (((2,), (2,)), ((0,), (0,))))
  return _points_to_cells(x.reshape(*y.shape[:-1], -1), depth, g)


def kernel_gradient(x, y, *, g):
  """[batch, *size, in], [batch, *output, out] -> [*window, in, out]."""
  depth, x, y = x.shape[-1], _flat(_cells_to_points(x, g), g), _flat(_y_to_points(y, g), g)
  swap = x.shape[-1] > y.shape[-1] and x.shape[1] >= SWAPPED
  kernel = lax.dot_general(*((y, x) if swap else (x, y)), (((1,), (1,)), ((0,), (0,))))
  kernel = _points_to_taps(kernel, g)
  return cell_layout.join_kernel(kernel.swapaxes(-2, -1) if swap else kernel, depth, g)


def _axes(g):
  """Those along which the window is two cells."""
  return [axis for axis, cells in enumerate(cell_layout.window(g)) if cells == 2]


def _positions(g):
  """Where these axes are in [batch, *size, channels], one new axis put in front for each that is done."""
  return [1 + axis + done for done, axis in enumerate(_axes(g))]


def _flat(points, g):
  """[3, 3, ..., rows, channels] -> [points, rows, channels]."""
  return points.reshape(3 ** len(_axes(g)), -1, points.shape[-1])


def _missing(g):
  """Outputs that are missing to whole pairs, along each axis."""
  return [output % 2 if cells == 2 else 0 for output, cells in zip(g.output, cell_layout.window(g))]


def _cells_to_points(x, g):
  """[batch, *size, in] -> [3, ..., batch, *pairs, cell * in]."""
  x = cell_layout.split(x, g, _missing(g))
  for axis in _positions(g):
    end = x.shape[axis]
    before, here, after = (
      lax.slice_in_dim(x, start, end - 1 + start // 2, stride=2, axis=axis) for start in range(3)
    )
    x = jnp.stack([before - here, here, after - here])
  return x


def _points_to_cells(points, depth, g):
  """The transpose of `_cells_to_points`, for `depth` channels of x."""
  for axis in reversed(_positions(g)):
    before, here, after = points
    even = _pad(before, 0, 1, axis) + _pad(after, 1, 0, axis)
    odd = _pad(here - before - after, 0, 1, axis)
    points = _twine(even, odd, axis)
  ends = [points.shape[1 + axis] - (axis in _axes(g)) for axis in range(3)]
  return cell_layout.join(points[:, : ends[0], : ends[1], : ends[2]], depth, g)


def _y_to_points(y, g):
  """[batch, *output, out] -> [3, ..., batch, *pairs, out]: the transpose of `_points_to_y`."""
  y = jnp.pad(y, [(0, 0), *((0, more) for more in _missing(g)), (0, 0)])
  for axis in _positions(g):
    first, second = (lax.slice_in_dim(y, start, None, stride=2, axis=axis) for start in range(2))
    y = jnp.stack([first, first + second, second])
  return y


def _points_to_y(points, g):
  """[3, ..., batch, *pairs, out] -> [batch, *output, out]."""
  for axis in reversed(_positions(g)):
    points = _twine(points[0] + points[1], points[1] + points[2], axis)
  ends = g.output
  return points[:, : ends[0], : ends[1], : ends[2]]


def _kernel_to_points(kernel, g):
  """[*window, in, out] -> [3, ..., cell * in, out]."""
  kernel = cell_layout.split_kernel(kernel, g)
  for axis in _axes(g):
    first, second = (lax.slice_in_dim(kernel, tap, tap + 1, axis=axis) for tap in range(2))
    kernel = jnp.concatenate([first, first + second, second], axis=axis)
  return kernel.transpose(2, 1, 0, 3, 4)  # the last axis that is done is in front of the others


def _points_to_taps(points, g):
  """[points, cell * in, out] -> [*window in cells, cell * in, out]."""
  window = cell_layout.window(g)
  kernel = points.reshape(*(3 if cells == 2 else 1 for cells in reversed(window)), *points.shape[1:])
  kernel = kernel.transpose(2, 1, 0, 3, 4)
  for axis in _axes(g):
    before, here, after = (lax.slice_in_dim(kernel, point, point + 1, axis=axis) for point in range(3))
    kernel = jnp.concatenate([before + here, here + after], axis=axis)
  return kernel


def _twine(even, odd, axis):
  """Takes turns along an axis."""
  both = jnp.stack([even, odd], axis=axis + 1)
  return both.reshape(*even.shape[:axis], -1, *even.shape[axis + 1 :])


def _pad(x, low, high, axis):
  """Zeros before and after, along one axis."""
  around = [(low, high, 0) if dimension == axis else (0, 0, 0) for dimension in range(x.ndim)]
  return lax.pad(x, jnp.zeros((), x.dtype), around)
