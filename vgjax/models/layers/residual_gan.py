"""What DVD-GAN's generator is made of: conditional normalisation, residual blocks and a convolutional GRU.

  normalise   (1 + gain(c)) * batch_norm(x) + bias(c)              Brock et al. 2019, arXiv:1809.11096
  block       1x1(x) + [normalise, ReLU, double the size, 3x3, normalise, ReLU, 3x3](x)
  GRU         r = sigmoid(W_r * [h, x]), u = sigmoid(W_u * [h, x]),
              h' = u h + (1 - u) relu(W_c * [x, r h])              Clark et al. 2019, arXiv:1907.06571

All kernels are spectrally normalised, and start orthogonal. c is a vector for each frame.
"""

from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers.conv import conv
from vgjax.models.layers.norm import BatchNorm
from vgjax.models.layers.spectral import SpectralConv, SpectralKernel

Array = Any


class ConditionalBatchNorm(nn.Module):
  """Batch normalisation whose scale and bias are linear in a condition.

  Attributes:
    dtype: of the result.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, condition: Array, *, train: bool) -> Array:
    """Normalises x [batch, height, width, channels] by condition [batch, width]."""
    x = BatchNorm(not train, use_scale=False, use_bias=False, dtype=self.dtype, name="norm")(x)
    gain = SpectralConv(x.shape[-1], dtype=self.dtype, name="gain")(condition, train=train)
    bias = SpectralConv(x.shape[-1], dtype=self.dtype, name="bias")(condition, train=train)
    return x * (1 + gain[:, None, None]) + bias[:, None, None]


class ResidualBlock(nn.Module):
  """A residual block of a generator.

  Attributes:
    features: output channels.
    double: whether height and width are doubled.
    dtype: compute type.
  """

  features: int
  double: bool = False
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, condition: Array, *, train: bool) -> Array:
    """Maps [batch, height, width, in], by condition [batch, width]; batch counts frames."""

    def normalise(x, name):
      return nn.relu(ConditionalBatchNorm(self.dtype, name=name)(x, condition, train=train))

    def convolve(x, window, name):
      return SpectralConv(self.features, window, dtype=self.dtype, name=name)(x, train=train)

    grow = _repeat if self.double else lambda x: x
    y = convolve(grow(normalise(x, "norm_0")), 3, "conv_0")
    y = convolve(normalise(y, "norm_1"), 3, "conv_1")
    if self.double or x.shape[-1] != self.features:
      x = grow(convolve(x, 1, "skip"))  # a 1x1 convolution and copying of pixels commute
    return x + y


class ConvGRU(nn.Module):
  """A GRU over maps, from a state of zeros, with ReLU for tanh.

  Attributes:
    features: channels of the state.
    dtype: compute type.
  """

  features: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool) -> Array:
    """Maps [batch, time, height, width, in] to [batch, time, height, width, features], the states."""
    features, depth = self.features, x.shape[-1]

    def kernel(outputs, name):
      shape = (3, 3, depth + features, outputs)
      return SpectralKernel(shape, dtype=self.dtype, name=name)(train=train)

    def bias(outputs, name):
      return self.param(name, nn.initializers.zeros, (outputs,), jnp.float32).astype(self.dtype)

    gates = jnp.concatenate([kernel(features, "reset"), kernel(features, "update")], axis=-1)
    candidate = kernel(features, "candidate")
    # What the kernels read of x is convolved for all frames at once, before the loop.
    of_x = jnp.concatenate([gates[:, :, :depth], candidate[:, :, :depth]], axis=-1)
    read = conv(rearrange(x.astype(self.dtype), "b t h w c -> (b t) h w c"), of_x)
    read = rearrange(read + bias(3 * features, "bias"), "(b t) h w c -> t b h w c", b=len(x))
    gates, candidate = gates[:, :, depth:], candidate[:, :, depth:]

    def step(h, read):
      read_gates, read_candidate = jnp.split(read, [2 * features], axis=-1)
      reset, update = jnp.split(nn.sigmoid(read_gates + conv(h, gates)), 2, axis=-1)
      new = nn.relu(read_candidate + conv(reset * h, candidate))
      h = update * h + (1 - update) * new
      return h, h

    start = jnp.zeros((*read.shape[1:-1], features), self.dtype)
    # Two loops are never merged into one, but the frames of both losses of a GAN, without a loop, are.
    _, states = jax.lax.scan(step, start, read, unroll=len(read) if train else 1)
    return rearrange(states, "t b h w c -> b t h w c")


def _repeat(x):
  """Each pixel four times."""
  batch, height, width, channels = x.shape
  x = jnp.broadcast_to(x[:, :, None, :, None], (batch, height, 2, width, 2, channels))
  return x.reshape(batch, 2 * height, 2 * width, channels)
