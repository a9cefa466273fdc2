"""Gradients of strided convolutions as products over cells (`cell_layout`).

* input gradient: a convolution over y gives cells; or, where y's frames or the cells are small, one product
  gives every cell of every window, and each is painted where it belongs.
* kernel gradient: the cells against y. Whichever has fewer channels is moved over the window, at the price of
  its copies: y over rows and columns, then one product a tap in time; or the cells over columns, then one
  product a tap in time and row.
"""

import itertools
import math

import jax.numpy as jnp
from jax import lax

from vgjax.models.layers import cell_layout

PAINTED = 2**26  # numbers which an input gradient may paint; 2^28 bytes
# Pixels of y's frames from which an input gradient convolves; there y's channels are at most so many times
# x's, and so many times those pixels.
CONVOLVED_PIXELS, CONVOLVED_WIDER, CONVOLVED_DEEPER = 8 * 8, 12, 2
# Pixels of y's frames from which moving it pays for the border; and channels of x up to which it does without
# a window in time, where there is an equally fast way for more.
MOVED_PIXELS, MOVED_FLAT = 8 * 8, 64


def convolves(g, depth, features):
  """Whether `input_gradient_convolved` is fast, for so many channels of x and y."""
  pixels, several = math.prod(g.output[1:]), g.window != g.strides
  few = features <= min(CONVOLVED_WIDER * depth, CONVOLVED_DEEPER * pixels)
  return cell_layout.fits(g) and several and few and pixels >= CONVOLVED_PIXELS


def paints(g, pixels, depth):
  """Whether `input_gradient_painted` is fast, for so many pixels of y and channels of x."""
  return cell_layout.fits(g) and pixels * math.prod(g.window) * depth <= PAINTED


def moves(g, depth):
  """Whether `kernel_gradient` is fast, for so many channels of x and windows of more than one cell."""
  most = math.inf if g.window[0] > 1 else MOVED_FLAT
  several = g.window != g.strides
  return cell_layout.fits(g) and several and math.prod(g.output[1:]) >= MOVED_PIXELS and depth <= most


def input_gradient_convolved(y, kernel, *, g):
  """[batch, *output, out], [*window, in, out] -> [batch, *size, in]."""
  window = cell_layout.window(g)
  times, rows, columns = (w - 1 for w in window)
  y = jnp.pad(y, [(0, 0), (times, times), (0, 0), (0, 0), (0, 0)])
  count = y.shape[1] - times
  y = jnp.concatenate([lax.slice_in_dim(y, tap, tap + count, axis=1) for tap in range(window[0])], axis=-1)
  depth = kernel.shape[-2]
  kernel = cell_layout.split_kernel(kernel, g)
  kernel = lax.rev(kernel, (0, 1, 2)).transpose(1, 2, 0, 4, 3).reshape(*window[1:], y.shape[-1], -1)
  x = lax.conv_general_dilated(
    y.reshape(-1, *y.shape[2:]),
    kernel,
    (1, 1),
    [(rows, rows), (columns, columns)],
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )
  return cell_layout.join(x.reshape(-1, count, *x.shape[1:]), depth, g)


def input_gradient_painted(y, kernel, *, g):
  """The same."""
  depth, zero = kernel.shape[-2], jnp.zeros((), y.dtype)
  window = cell_layout.window(g)
  kernel = cell_layout.split_kernel(kernel, g).reshape(-1, y.shape[-1])
  painted = lax.dot_general(y.reshape(-1, y.shape[-1]), kernel, (((1,), (1,)), ((), ())))
  painted = painted.reshape(*y.shape[:-1], *window, -1)
  x = zero
  for tap in itertools.product(*map(range, window)):
    around = [(t, w - 1 - t, 0) for t, w in zip(tap, window)]
    x += lax.pad(painted[:, :, :, :, *tap], zero, [(0, 0, 0), *around, (0, 0, 0)])
  return cell_layout.join(x, depth, g)


def kernel_gradient(x, y, *, g):
  """[batch, *size, in], [batch, *output, out] -> [*window, in, out]."""
  depth, features = x.shape[-1], y.shape[-1]
  x = cell_layout.split(x, g)
  product = _product_of_moved_cells if x.shape[-1] <= features else _product_of_moved_y
  return cell_layout.join_kernel(product(x, y, cell_layout.window(g)), depth, g)


def _product_of_moved_y(cells, y, window):
  """[batch, *cells, cell * in], [batch, *output, out] -> [*window, cell * in, out]."""
  moved = [
    jnp.pad(y, [(0, 0), (0, 0), (i, window[1] - 1 - i), (j, window[2] - 1 - j), (0, 0)])
    for i, j in itertools.product(range(window[1]), range(window[2]))
  ]
  moved = jnp.concatenate(moved, axis=-1)
  kernel = [
    _product(lax.slice_in_dim(cells, tap, tap + y.shape[1], axis=1), moved) for tap in range(window[0])
  ]
  kernel = jnp.stack(kernel).reshape(window[0], -1, *window[1:], y.shape[-1])
  return kernel.transpose(0, 2, 3, 1, 4)


def _product_of_moved_cells(cells, y, window):
  """The same; y, the larger, is read as it lies."""
  times, rows, columns = y.shape[1:4]
  moved = [lax.slice_in_dim(cells, tap, tap + columns, axis=3) for tap in range(window[2])]
  moved = jnp.concatenate(moved, axis=-1)
  kernel = [
    _product(moved[:, time : time + times, row : row + rows], y)
    for time, row in itertools.product(range(window[0]), range(window[1]))
  ]
  return jnp.stack(kernel)


def _product(x, y):
  """[..., in], [..., out] -> [in, out], summed over the rest."""
  x, y = (array.reshape(-1, array.shape[-1]) for array in (x, y))
  return lax.dot_general(x, y, (((0,), (0,)), ((), ())))
