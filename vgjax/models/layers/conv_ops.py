"""The three bilinear maps of a convolution, each the derivative of the two others.

With x [batch, *spatial, in], kernel w [*window, in // groups, out] and y [batch, *spatial, out],
a convolution y = convolve(x, w) has two gradients, which are bilinear as well:

  convolve(x, w) -> y           d/dx: input_gradient    d/dw: kernel_gradient
  input_gradient(y, w) -> x     d/dy: convolve          d/dw: kernel_gradient
  kernel_gradient(x, y) -> w    d/dx: input_gradient    d/dy: convolve

The family is closed, so derivatives of every order, forward and reverse, stay inside it. Each map is
a JAX primitive with one lowering per platform: on GPU and TPU XLA's native convolution and what JAX
derives from it, on the CPU the formulations of `conv_cpu`. One traced program serves all platforms.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from vgjax.models.layers import conv_cpu


class Geometry(NamedTuple):
  """How the window of a convolution moves; all tuples have one entry a spatial dimension.

  The padding is exact: size + low + high == (output - 1) * stride + (window - 1) * dilation + 1. A
  negative padding crops; so a stride that leaves some last pixels unread has a smaller `high`.
  """

  size: tuple[int, ...]  # of x
  window: tuple[int, ...]
  strides: tuple[int, ...]
  padding: tuple[tuple[int, int], ...]
  dilation: tuple[int, ...]
  groups: int

  @property
  def output(self):
    """Spatial size of y."""
    return tuple(
      (size + sum(pad) - (window - 1) * dilation - 1) // stride + 1
      for size, window, stride, pad, dilation in zip(
        self.size, self.window, self.strides, self.padding, self.dilation
      )
    )


def make_geometry(size, window, strides, padding, dilation, groups):
  """Geometry of a convolution, its padding (low, high pairs) made exact."""
  geometry = Geometry(tuple(size), tuple(window), tuple(strides), tuple(padding), tuple(dilation), groups)
  if any(output < 1 for output in geometry.output):
    raise ValueError(
      f"a window of {geometry.window} with dilation {geometry.dilation} is larger than the padded "
      f"input: size {geometry.size}, padding {geometry.padding}"
    )
  exact = tuple(
    (low, (output - 1) * stride + (window - 1) * dilation + 1 - size - low)
    for output, stride, window, dilation, size, (low, _) in zip(
      geometry.output, geometry.strides, geometry.window, geometry.dilation, size, padding
    )
  )
  return geometry._replace(padding=exact)


def convolve(x, kernel, geometry):
  """[batch, *size, in], [*window, in // groups, out] -> [batch, *output, out]."""
  return _convolve_p.bind(x, kernel, geometry=geometry)


def input_gradient(y, kernel, geometry):
  """[batch, *output, out], [*window, in // groups, out] -> [batch, *size, in]."""
  return _input_gradient_p.bind(y, kernel, geometry=geometry)


def kernel_gradient(x, y, geometry):
  """[batch, *size, in], [batch, *output, out] -> [*window, in // groups, out]."""
  return _kernel_gradient_p.bind(x, y, geometry=geometry)


def _y_shape(x, kernel, geometry):
  return (x.shape[0], *geometry.output, kernel.shape[-1])


def _x_shape(y, kernel, geometry):
  return (y.shape[0], *geometry.size, kernel.shape[-2] * geometry.groups)


def _kernel_shape(x, y, geometry):
  return (*geometry.window, x.shape[-1] // geometry.groups, y.shape[-1])


def _native_convolve(x, kernel, geometry):
  letters = "HWD"[: len(geometry.size)]
  return jax.lax.conv_general_dilated(
    x,
    kernel,
    geometry.strides,
    geometry.padding,
    rhs_dilation=geometry.dilation,
    dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
    feature_group_count=geometry.groups,
  )


def _native_input_gradient(y, kernel, geometry):
  x = jax.ShapeDtypeStruct(_x_shape(y, kernel, geometry), y.dtype)
  return jax.linear_transpose(lambda x: _native_convolve(x, kernel, geometry), x)(y)[0]


def _native_kernel_gradient(x, y, geometry):
  kernel = jax.ShapeDtypeStruct(_kernel_shape(x, y, geometry), y.dtype)
  return jax.linear_transpose(lambda kernel: _native_convolve(x, kernel, geometry), kernel)(y)[0]


def _batch(primitive, args, dims, *, geometry):
  """vmap: examples and gradients join the batch where the kernel is shared, else a loop of maps."""
  size = next(arg.shape[dim] for arg, dim in zip(args, dims) if dim is not None)
  first, second = (arg if dim is None else jnp.moveaxis(arg, dim, 0) for arg, dim in zip(args, dims))
  if dims[1] is None and primitive is not _kernel_gradient_p:
    joined = primitive.bind(first.reshape(-1, *first.shape[2:]), second, geometry=geometry)
    return joined.reshape(size, -1, *joined.shape[1:]), 0

  def at(index):
    one = first if dims[0] is None else first[index]
    return primitive.bind(one, second if dims[1] is None else second[index], geometry=geometry)

  return jax.lax.map(at, jnp.arange(size)), 0


def _define(name, shape, native, fast):
  """A primitive with its shape rule, its evaluation, its vmap and its lowerings."""
  primitive = Primitive(name)

  def abstract(first, second, *, geometry):
    return jax.core.ShapedArray(shape(first, second, geometry), first.dtype)

  @functools.cache
  def compiled(geometry):
    return jax.jit(functools.partial(primitive.bind, geometry=geometry))

  primitive.def_abstract_eval(abstract)
  primitive.def_impl(lambda first, second, *, geometry: compiled(geometry)(first, second))
  batching.primitive_batchers[primitive] = functools.partial(_batch, primitive)
  mlir.register_lowering(primitive, mlir.lower_fun(native, multiple_results=False))
  mlir.register_lowering(primitive, mlir.lower_fun(fast, multiple_results=False), platform="cpu")
  return primitive


_convolve_p = _define("convolve", _y_shape, _native_convolve, conv_cpu.convolve)
_input_gradient_p = _define("input_gradient", _x_shape, _native_input_gradient, conv_cpu.input_gradient)
_kernel_gradient_p = _define(
  "kernel_gradient", _kernel_shape, _native_kernel_gradient, conv_cpu.kernel_gradient
)
# Each rule takes the cotangent of the result first, then the operand which is not differentiated.
ad.defbilinear(
  _convolve_p,
  lambda y, x, kernel, *, geometry: input_gradient(y, kernel, geometry),
  lambda y, x, kernel, *, geometry: kernel_gradient(x, y, geometry),
)
ad.defbilinear(
  _input_gradient_p,
  lambda x, y, kernel, *, geometry: convolve(x, kernel, geometry),
  lambda x, y, kernel, *, geometry: kernel_gradient(x, y, geometry),
)
ad.defbilinear(
  _kernel_gradient_p,
  lambda kernel, x, y, *, geometry: input_gradient(y, kernel, geometry),
  lambda kernel, x, y, *, geometry: convolve(x, kernel, geometry),
)
