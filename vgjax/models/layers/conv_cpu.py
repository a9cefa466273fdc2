"""The three maps of a convolution (`conv_ops`) in forms which XLA's CPU backend runs fast.

The backend is fast for a matrix product and for a *canonical* convolution: two-dimensional, channels
last, its left side not dilated, no window reversed, no groups. The rest becomes a naive loop, up to a
thousand times slower. This file brings every convolution to three spatial dimensions (of size one
where there are fewer) and chooses: `conv_dense`, `conv_depthwise`, or a loop over groups.

Half precision is computed in float32, for which alone this backend has fast arithmetic.
"""

import functools

import jax
import jax.numpy as jnp

from vgjax.models.layers import conv_dense, conv_depthwise


def convolve(x, kernel, geometry):
  """[batch, *size, in], [*window, in // groups, out] -> [batch, *output, out]."""
  g = _lift(geometry)
  a, b = x.reshape(-1, *g.size, x.shape[-1]), kernel.reshape(*g.window, *kernel.shape[-2:])
  y = _form("convolve", g, kernel.shape[-2])(*_widen(a, b))
  return y.astype(x.dtype).reshape(x.shape[0], *geometry.output, y.shape[-1])


def input_gradient(y, kernel, geometry):
  """[batch, *output, out], [*window, in // groups, out] -> [batch, *size, in]."""
  g = _lift(geometry)
  a, b = y.reshape(-1, *g.output, y.shape[-1]), kernel.reshape(*g.window, *kernel.shape[-2:])
  x = _form("input_gradient", g, kernel.shape[-2])(*_widen(a, b))
  return x.astype(y.dtype).reshape(y.shape[0], *geometry.size, x.shape[-1])


def kernel_gradient(x, y, geometry):
  """[batch, *size, in], [batch, *output, out] -> [*window, in // groups, out]."""
  g = _lift(geometry)
  a, b = x.reshape(-1, *g.size, x.shape[-1]), y.reshape(-1, *g.output, y.shape[-1])
  kernel = _form("kernel_gradient", g, x.shape[-1] // g.groups)(*_widen(a, b))
  return kernel.astype(y.dtype).reshape(*geometry.window, *kernel.shape[-2:])


def _lift(geometry):
  """The same convolution with three spatial dimensions."""
  missing = 3 - len(geometry.size)
  return geometry._replace(
    size=(1,) * missing + geometry.size,
    window=(1,) * missing + geometry.window,
    strides=(1,) * missing + geometry.strides,
    padding=((0, 0),) * missing + geometry.padding,
    dilation=(1,) * missing + geometry.dilation,
  )


def _widen(*arrays):
  half = (jnp.bfloat16, jnp.float16)
  return [a.astype(jnp.float32) if a.dtype in half else a for a in arrays]


def _form(name, geometry, depth):
  """The map `name` for this geometry, where each group has `depth` input channels."""
  if geometry.groups > 1 and depth == 1:
    return functools.partial(getattr(conv_depthwise, name), g=geometry)
  dense = functools.partial(getattr(conv_dense, name), g=geometry._replace(groups=1))
  return dense if geometry.groups == 1 else functools.partial(_by_group, dense, geometry.groups)


def _by_group(dense, groups, a, b):
  """All three arrays of a convolution have their groups in the last dimension."""

  def split(array):
    return jnp.moveaxis(array.reshape(*array.shape[:-1], groups, -1), -2, 0)

  joined = jnp.moveaxis(jax.lax.map(lambda pair: dense(*pair), (split(a), split(b))), 0, -2)
  return joined.reshape(*joined.shape[:-2], -1)
