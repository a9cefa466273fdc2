"""Convolutions that halve or double height and width, with the resampling as a part of their kernel.

  ConvHalve    mean of 2x2 pixels (convolution(x))          stride 2, a window of one tap more
  ConvDouble   convolution(bilinear interpolation of x)     transposed, stride 2, a window of three more

Both resamplings are linear, so a kernel that has them in it gives the same values with a fraction of the
products. Beyond the border x is zero, before it is interpolated. Lee et al. 2018, arXiv:1804.01523, with the
layers of the authors' program.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import conv, conv_transpose

Array = Any
MEAN = (0.5, 0.5)
BILINEAR = (0.25, 0.75, 0.75, 0.25)  # a triangle 4 pixels wide, seen at the centres of pixels


def spread(kernel: Array, taps: Sequence[float]) -> Array:
  """The kernel of a convolution after another one, whose kernel is `taps` along height and along width.

  Args:
    kernel: [height, width, in, out].
    taps: of the other kernel.

  Returns:
    [height + len(taps) - 1, width + len(taps) - 1, in, out].
  """
  more = len(taps) - 1
  for axis in (0, 1):
    moved = [
      jnp.pad(kernel, [(n, more - n) if a == axis else (0, 0) for a in range(4)]) for n in range(len(taps))
    ]
    kernel = sum(tap * one for tap, one in zip(taps, moved, strict=True))
  return kernel


class ConvHalve(nn.Module):
  """A convolution, then the mean of 2x2 pixels.

  Attributes:
    features: output channels.
    window: pixels along a side of the convolution's window; odd.
    kernel_init: initial values of the kernel.
    dtype: compute type.
  """

  features: int
  window: int = 3
  kernel_init: Callable = nn.initializers.lecun_normal()
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels], of even sides, to [batch, height / 2, width / 2, features]."""
    kernel, bias = _parameters(self, x)
    kernel = spread(kernel, MEAN).astype(self.dtype)
    return conv(x.astype(self.dtype), kernel, strides=2, padding=self.window // 2) + bias


class ConvDouble(nn.Module):
  """Bilinear interpolation to twice the height and width, then a convolution.

  Attributes:
    features: output channels.
    window: pixels along a side of the convolution's window; odd.
    kernel_init: initial values of the kernel.
    dtype: compute type.
  """

  features: int
  window: int = 3
  kernel_init: Callable = nn.initializers.lecun_normal()
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to [batch, 2 * height, 2 * width, features]."""
    kernel, bias = _parameters(self, x)
    # Interpolation is symmetric, so the flip between painting and convolving concerns `kernel` alone, and
    # `conv_transpose` has it.
    kernel = spread(kernel, BILINEAR).astype(self.dtype)
    return conv_transpose(x.astype(self.dtype), kernel, strides=2, padding=(self.window + 1) // 2) + bias


def _parameters(module, x):
  shape = (module.window, module.window, x.shape[-1], module.features)
  kernel = module.param("kernel", module.kernel_init, shape, jnp.float32)
  bias = module.param("bias", nn.initializers.zeros, (module.features,), jnp.float32)
  return kernel, bias.astype(module.dtype)
