"""Parts of MetaVP's convolutional blocks: what mixes pixels, and an MLP, as in networks for images.

Each is written as OpenSTL has it, for `MetaBlock` (`layers/meta_block.py`) unless it is a block itself.
Below, W are 1x1 convolutions, dw depthwise ones (dw7d3: 7x7 with dilation 3), * a product of numbers.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from vgjax.models.layers.initializers import he_fan_out
from vgjax.models.layers.meta_block import DropPath, Mlp, depthwise, fit_channels, pointwise

Array = Any


class LargeKernelAttention(nn.Module):
  """VAN: u = GELU(W1 x);  W3 (u * W2 dw7d3(dw5(u))) + x.

  Guo et al., Visual Attention Network, 2022, https://arxiv.org/abs/2202.09741.

  Attributes:
    dtype: compute type.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape."""
    channels = x.shape[-1]
    u = nn.gelu(pointwise(channels, self.dtype, "inner")(x), approximate=False)
    y = depthwise(channels, 5, self.dtype, "near")(u)
    y = depthwise(channels, 7, self.dtype, "far", dilation=3)(y)
    return pointwise(channels, self.dtype, "outer")(u * pointwise(channels, self.dtype, "weight")(y)) + x


class MultiOrderAttention(nn.Module):
  """MogaNet's gated aggregation over three ranges: W4 (SiLU(W2 u) * SiLU(W3 v)) + x.

  y = W1 x and u = SiLU(y + sigma * (y - mean(y))), with the mean over space. v is dw5(u) in the first eighth
  of the channels, dw5d2(dw5(u)) in the next three, dw7d3(dw5(u)) in the last four. sigma, a number for
  each channel, is learned and starts at 1e-5.

  Li et al., MogaNet: Multi-order Gated Aggregation Network, ICLR 2024, https://arxiv.org/abs/2211.03295.

  Attributes:
    dtype: compute type.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape; 8 must divide the channels."""
    channels = x.shape[-1]
    if channels % 8:
      raise ValueError(f"MogaNet splits its channels in eighths: {channels} are no multiple of 8")
    y = pointwise(channels, self.dtype, "inner")(x)
    u = nn.silu(y + _sigma(self, channels) * (y - y.mean((1, 2), keepdims=True)))

    near = depthwise(channels, 5, self.dtype, "near")(u)
    near, middle, far = jnp.split(near, [channels // 8, channels // 2], axis=-1)
    middle = depthwise(middle.shape[-1], 5, self.dtype, "middle", dilation=2)(middle)
    far = depthwise(far.shape[-1], 7, self.dtype, "far", dilation=3)(far)
    value = pointwise(channels, self.dtype, "value")(jnp.concatenate([near, middle, far], axis=-1))

    gate = pointwise(channels, self.dtype, "gate")(u)
    return pointwise(channels, self.dtype, "outer")(nn.silu(gate) * nn.silu(value)) + x


class ChannelAggregation(nn.Module):
  """MogaNet's MLP: y = GELU(dw3(W1 x));  W3 (y + sigma * (y - GELU(W2 y))), where W2 has one output.

  Attributes:
    hidden: channels in the middle.
    dtype: compute type.
  """

  hidden: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape."""
    y = pointwise(self.hidden, self.dtype, "inner")(x)
    y = nn.gelu(depthwise(self.hidden, 3, self.dtype, "mix")(y), approximate=False)
    common = nn.gelu(pointwise(1, self.dtype, "common")(y), approximate=False)
    y = y + _sigma(self, self.hidden) * (y - common)
    return pointwise(x.shape[-1], self.dtype, "outer")(y)


class RecursiveGatedConv(nn.Module):
  """HorNet: products of up to `order` + 1 factors, from few channels to many.

  (p, q_1, ..., q_order) = W_in x, of which all q go through dw7; then y = p * q_1, y = (W y) * q_2, ..., and
  W_out y. q_order has all channels, the one before half of them, and so on; p has as many as q_1.

  Rao et al., HorNet: Efficient High-Order Spatial Interactions with Recursive Gated Convolutions, NeurIPS
  2022, https://arxiv.org/abs/2207.14284.

  Attributes:
    order: number of products.
    dtype: compute type.
  """

  order: int = 4
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape; 2^(order - 1) must divide the channels."""
    channels = x.shape[-1]
    if channels % 2 ** (self.order - 1):
      raise ValueError(f"HorNet of order {self.order} halves its channels: {channels} cannot be halved so")
    widths = [channels // 2**i for i in reversed(range(self.order))]
    y = pointwise(2 * channels, self.dtype, "inner")(x)
    y, factors = jnp.split(y, widths[:1], axis=-1)
    factors = depthwise(sum(widths), 7, self.dtype, "mix")(factors)
    for index, factor in enumerate(jnp.split(factors, np.cumsum(widths)[:-1], axis=-1)):
      if index:
        y = pointwise(widths[index], self.dtype, f"widen_{index}")(y)
      y = y * factor
    return pointwise(channels, self.dtype, "outer")(y)


class Pooling(nn.Module):
  """PoolFormer: the mean over the 3x3 pixels around each, those beyond the border left out, minus x.

  Yu et al., MetaFormer is Actually What You Need for Vision, CVPR 2022, https://arxiv.org/abs/2111.11418.

  Attributes:
    dtype: compute type, of x.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape."""
    total, counts = x, jnp.ones((*x.shape[1:3], 1), x.dtype)
    for axis in (1, 2):  # sums of shifted copies: XLA's windowed sum is slow on a CPU
      total, counts = _sum_of_three(total, axis), _sum_of_three(counts, axis - 1)
    return total / counts - x


class SeparableConv(nn.Module):
  """UniFormer's local block: W2 dw5(W1 x).

  Li et al., UniFormer, ICLR 2022, https://arxiv.org/abs/2201.09450.

  Attributes:
    dtype: compute type.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape."""
    channels = x.shape[-1]
    y = depthwise(channels, 5, self.dtype, "mix")(pointwise(channels, self.dtype, "inner")(x))
    return pointwise(channels, self.dtype, "outer")(y)


class ConvNeXtBlock(nn.Module):
  """x = x + a * mlp(LN(dw7(x))), one branch for pixels and channels; then perhaps another width.

  Liu et al., A ConvNet for the 2020s, CVPR 2022, https://arxiv.org/abs/2201.03545.

  Attributes:
    features: output channels; a 1x1 convolution is added if the input has others.
    mlp_ratio: hidden channels of the MLP over the block's input channels.
    drop_path: probability to drop the branch.
    dtype: compute type.
  """

  features: int
  mlp_ratio: float = 8.0
  drop_path: float = 0.0
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool) -> Array:
    """Maps x [batch, height, width, channels] to [batch, height, width, features]."""
    channels = x.shape[-1]
    x = jax.lax.optimization_barrier(x)  # as in MetaBlock
    y = depthwise(channels, 7, self.dtype, "depthwise")(x)
    y = nn.LayerNorm(epsilon=1e-6, dtype=self.dtype, name="norm")(y)
    y = Mlp(int(channels * self.mlp_ratio), he_fan_out(), self.dtype, name="mlp")(y)
    scale = self.param("scale", nn.initializers.constant(1e-6), (channels,)).astype(self.dtype)
    return fit_channels(x + DropPath(self.drop_path, train)(scale * y), self.features, self.dtype)


def _sigma(module, channels):
  """The weight of what differs from the common part, learned; called in a compact `__call__`."""
  return module.param("sigma", nn.initializers.constant(1e-5), (channels,)).astype(module.dtype)


def _sum_of_three(x, axis):
  """Each entry with its two neighbours along an axis, zeros beyond the ends."""
  padded = jnp.pad(x, [(int(i == axis),) * 2 for i in range(x.ndim)])
  size = x.shape[axis]
  return sum(jax.lax.slice_in_dim(padded, shift, shift + size, axis=axis) for shift in range(3))
