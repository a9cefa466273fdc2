"""Convolutions in one, two and three dimensions, fast on every platform.

Every model takes its convolutions from here. Values and gradients equal `jax.lax`'s. On GPU and TPU
they are XLA's native convolutions; on the CPU, where XLA is fast for a few kinds only, they are
rewritten into those (`conv_cpu`). The choice is made when a program is compiled for its platform, not
when it is traced.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from vgjax.models.layers import conv_ops

Padding = str | int | Sequence[int | tuple[int, int]]


def conv(x, kernel, *, strides=1, padding: Padding = "SAME", dilation=1, groups=1):
  """Convolution with channels last; equals `jax.lax.conv_general_dilated`.

  Args:
    x: [batch, *spatial, in], with one, two or three spatial dimensions.
    kernel: [*window, in // groups, out].
    strides: an int, or one a spatial dimension.
    padding: "SAME" or "VALID" as in lax, an int for both ends of every dimension, or an int or a
      (low, high) pair a spatial dimension.
    dilation: distance between the taps of the kernel; an int, or one a spatial dimension.
    groups: the channels fall into so many groups which do not see each other; depthwise is `in`.

  Returns:
    [batch, *spatial, out], in the type to which x and kernel promote.

  Raises:
    ValueError: shapes which do not fit together, or a window larger than the padded input.
  """
  ndim = _spatial_dims(x, kernel)
  if kernel.shape[-2] * groups != x.shape[-1] or kernel.shape[-1] % groups:
    raise ValueError(
      f"kernel {kernel.shape} with groups={groups} does not fit x {x.shape}: a kernel is "
      "[*window, in // groups, out], and groups divides out"
    )
  size, window = x.shape[1:-1], kernel.shape[:-2]
  strides, dilation = _per_dim(strides, ndim), _per_dim(dilation, ndim)
  if isinstance(padding, str):
    reach = [(w - 1) * d + 1 for w, d in zip(window, dilation)]
    padding = jax.lax.padtype_to_pads(size, reach, strides, padding)
  geometry = conv_ops.make_geometry(size, window, strides, _pairs(padding, ndim), dilation, groups)
  dtype = jnp.promote_types(x.dtype, kernel.dtype)
  return conv_ops.convolve(x.astype(dtype), kernel.astype(dtype), geometry)


def conv_transpose(x, kernel, *, strides=1, padding: Padding = "SAME", output_padding=0):
  """Transposed convolution: each pixel of x paints the kernel, `strides` apart.

  With "SAME" (n * stride pixels) and "VALID" it equals `jax.lax.conv_transpose(transpose_kernel=
  False)`. With numbers it has PyTorch's size, (n - 1) * stride - low - high + window +
  output_padding, and PyTorch's value for the spatially flipped kernel: a kernel `w` of PyTorch, [in,
  out, *window], is here `jnp.flip(jnp.moveaxis(w, (0, 1), (-2, -1)), axis=range(ndim))`.

  Args:
    x: [batch, *spatial, in], with one, two or three spatial dimensions.
    kernel: [*window, in, out].
    strides: an int, or one a spatial dimension.
    padding: "SAME", "VALID", an int, or an int or a (low, high) pair a spatial dimension.
    output_padding: pixels added at the high end, for a padding of numbers only; an int, or one a
      spatial dimension.

  Returns:
    [batch, *spatial, out], in the type to which x and kernel promote.
  """
  ndim = _spatial_dims(x, kernel)
  if kernel.shape[-2] != x.shape[-1]:
    raise ValueError(f"kernel {kernel.shape} does not fit x {x.shape}: it is [*window, in, out]")
  window, strides = kernel.shape[:-2], _per_dim(strides, ndim)
  extra = _per_dim(output_padding, ndim)
  if isinstance(padding, str):
    if padding not in ("SAME", "VALID") or any(extra):
      raise ValueError(f"padding={padding!r}, output_padding={output_padding}: not a known pair")
    shared = [max(w - s, 0) for w, s in zip(window, strides)]  # pixels which neighbours both paint
    crop = [w - 1 - _same_transpose_low(w, s) for w, s in zip(window, strides)]
    low = crop if padding == "SAME" else [0] * ndim
    grow = [0] * ndim if padding == "SAME" else shared
    size = tuple(n * s + g for n, s, g in zip(x.shape[1:-1], strides, grow))
  else:
    pairs = _pairs(padding, ndim)
    low = [pair[0] for pair in pairs]
    size = tuple(
      (n - 1) * s - sum(pair) + w + e
      for n, s, pair, w, e in zip(x.shape[1:-1], strides, pairs, window, extra)
    )
  # The gradient of the convolution that maps the result's size to that of x.
  exact = tuple(
    (p, (n - 1) * s + w - m - p) for p, n, s, w, m in zip(low, x.shape[1:-1], strides, window, size)
  )
  geometry = conv_ops.make_geometry(size, window, strides, exact, (1,) * ndim, 1)
  dtype = jnp.promote_types(x.dtype, kernel.dtype)
  kernel = jnp.flip(kernel, axis=tuple(range(ndim))).swapaxes(-2, -1).astype(dtype)
  return conv_ops.input_gradient(x.astype(dtype), kernel, geometry)


class Conv(nn.Module):
  """`conv` with its parameters `kernel` [*window, in // groups, features] and `bias` [features]."""

  features: int
  kernel_size: int | Sequence[int]  # an int means a square or cubic window
  strides: int | Sequence[int] = 1
  padding: Padding = "SAME"
  dilation: int | Sequence[int] = 1
  groups: int = 1
  use_bias: bool = True
  kernel_init: Callable = nn.initializers.lecun_normal()
  bias_init: Callable = nn.initializers.zeros
  dtype: Any = None  # of the computation; None takes what x and the parameters promote to
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x):
    """[batch, *spatial, in] -> [batch, *spatial, features]."""
    if x.shape[-1] % self.groups:
      raise ValueError(f"groups={self.groups} does not divide the {x.shape[-1]} channels of x")
    shape = (*_window(self, x), x.shape[-1] // self.groups, self.features)
    x, kernel, bias = _parameters(self, x, shape)
    y = conv(
      x,
      kernel,
      strides=self.strides,
      padding=self.padding,
      dilation=self.dilation,
      groups=self.groups,
    )
    return y if bias is None else y + bias


class ConvTranspose(nn.Module):
  """`conv_transpose` with its parameters `kernel` [*window, in, features] and `bias` [features]."""

  features: int
  kernel_size: int | Sequence[int]  # an int means a square or cubic window
  strides: int | Sequence[int] = 1
  padding: Padding = "SAME"
  output_padding: int | Sequence[int] = 0
  use_bias: bool = True
  kernel_init: Callable = nn.initializers.lecun_normal()
  bias_init: Callable = nn.initializers.zeros
  dtype: Any = None  # of the computation; None takes what x and the parameters promote to
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x):
    """[batch, *spatial, in] -> [batch, *spatial, features]."""
    shape = (*_window(self, x), x.shape[-1], self.features)
    x, kernel, bias = _parameters(self, x, shape)
    y = conv_transpose(
      x,
      kernel,
      strides=self.strides,
      padding=self.padding,
      output_padding=self.output_padding,
    )
    return y if bias is None else y + bias


def _window(module, x):
  return _per_dim(module.kernel_size, x.ndim - 2)


def _parameters(module, x, shape):
  """x, kernel and bias (or None) in the type of the computation; called in a compact `__call__`."""
  kernel = module.param("kernel", module.kernel_init, shape, module.param_dtype)
  bias = None
  if module.use_bias:
    bias = module.param("bias", module.bias_init, (module.features,), module.param_dtype)
  return nn.dtypes.promote_dtype(x, kernel, bias, dtype=module.dtype)


def _spatial_dims(x, kernel):
  ndim = x.ndim - 2
  if ndim not in (1, 2, 3) or kernel.ndim != x.ndim:
    raise ValueError(
      f"x {x.shape} and kernel {kernel.shape}: want [batch, *spatial, channels] and [*window, in, "
      "out] with one, two or three spatial dimensions"
    )
  return ndim


def _per_dim(value, ndim):
  """One int a dimension."""
  values = (value,) * ndim if isinstance(value, int) else tuple(value)
  if len(values) != ndim:
    raise ValueError(f"{value} has {len(values)} entries for {ndim} spatial dimensions")
  return values


def _pairs(padding, ndim):
  """One (low, high) pair a dimension."""
  values = _per_dim(padding, ndim)
  return tuple((value, value) if isinstance(value, int) else tuple(value) for value in values)


def _same_transpose_low(window, stride):
  """Zeros which lax.conv_transpose's "SAME" puts before the first pixel."""
  return window - 1 if stride > window - 1 else -(-(window + stride - 2) // 2)
