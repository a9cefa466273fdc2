"""StyleGAN2's layers (Karras et al. 2020, arXiv:1912.04958): equalised, modulated and demodulated.

  modulate      W'[i, o] = s[i] W[i, o],   s = linear(w), a style for each input channel
  demodulate    W''[i, o] = W'[i, o] / sqrt(sum over window and i of W'^2 + 1e-8)               Eq. 1, 3

W'' is a kernel for each example. The same numbers come from the one kernel W, if the input is multiplied by s
before, and the output by the root after: one convolution for all, which is fast on every platform.

Equalised learning rate (Karras et al. 2018, arXiv:1710.10196): parameters are drawn from N(0, 1), and
multiplied by 1 / sqrt(inputs) when they are used. With `rate`, they are drawn larger by 1 / rate and learn
slower by it.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import conv

Array = Any
GAIN = math.sqrt(2)  # after each leaky ReLU, which keeps about half of the square


def activate(x: Array) -> Array:
  """Leaky ReLU of slope 0.2, times sqrt(2)."""
  return nn.leaky_relu(x, 0.2) * GAIN


def unit_moment(x: Array) -> Array:
  """x [..., width] with a mean square of 1."""
  return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + 1e-8)


class EqualConv(nn.Module):
  """A dense layer, or a convolution over time without a border, of equalised learning rate.

  Attributes:
    features: output channels.
    window: frames; 0 for a dense layer.
    use_bias: whether it has one.
    bias: its initial value.
    rate: how fast it learns, in shares of the others.
    dtype: compute type.
  """

  features: int
  window: int = 0
  use_bias: bool = True
  bias: float = 0.0
  rate: float = 1.0
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps [..., in] to [..., features], or [batch, time, in] to window - 1 frames less."""
    shape = (*((self.window,) if self.window else ()), x.shape[-1], self.features)
    kernel = self.param("kernel", nn.initializers.normal(1 / self.rate), shape, jnp.float32)
    kernel = (kernel * (self.rate / math.sqrt(math.prod(shape[:-1])))).astype(self.dtype)
    x = x.astype(self.dtype)
    x = conv(x, kernel, padding="VALID") if self.window else x @ kernel
    if self.use_bias:
      bias = self.param("bias", nn.initializers.constant(self.bias), (self.features,), jnp.float32)
      x += (bias * self.rate).astype(self.dtype)
    return x


class ModulatedConv(nn.Module):
  """A convolution of stride 1 whose kernel depends on a style, with a bias.

  Attributes:
    features: output channels.
    window: pixels a side.
    demodulate: whether outputs keep their variance; colours need not.
    dtype: compute type.
  """

  features: int
  window: int = 3
  demodulate: bool = True
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, w: Array) -> Array:
    """Maps x [batch, height, width, in] by w [batch, width] to as many features."""
    depth = x.shape[-1]
    shape = (self.window, self.window, depth, self.features)
    kernel = self.param("kernel", nn.initializers.normal(1.0), shape, jnp.float32)
    style = EqualConv(depth, bias=1.0, dtype=jnp.float32, name="style")(w)
    if not self.demodulate:
      style = style / math.sqrt(math.prod(shape[:-1]))
    y = conv(x.astype(self.dtype) * style[:, None, None].astype(self.dtype), kernel.astype(self.dtype))
    if self.demodulate:
      squares = jnp.square(style) @ jnp.sum(jnp.square(kernel), axis=(0, 1))
      y *= jax.lax.rsqrt(squares + 1e-8)[:, None, None].astype(self.dtype)
    bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
    return y + bias.astype(self.dtype)
