"""The block that most of MetaVP's translators are made of, and its parts that several of them share.

Something mixes pixels, then an MLP mixes channels; both are normalised, scaled and added to what came in:

  x = x + a * mixer(norm(x))
  x = x + b * mlp(norm(x))

with a, b a learned scale for each channel that starts small. It is a MetaFormer (Yu et al., CVPR 2022,
https://arxiv.org/abs/2111.11418); what the mixer is gives the model its name. In the parameters the mixer is
called `attention`, whatever it is.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import Conv
from vgjax.models.layers.initializers import he_fan_out, torch_bias, torch_kernel
from vgjax.models.layers.norm import BatchNorm

Array = Any


class DropPath(nn.Module):
  """Drops a residual branch for whole examples, and scales the rest to the same mean.

  Attributes:
    rate: probability to drop; the random key is the one called "dropout".
    train: whether to drop at all.
  """

  rate: float
  train: bool

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Returns x [batch, ...], some of its examples zeroed."""
    if self.rate == 0 or not self.train:
      return x
    keep = 1 - self.rate
    shape = (x.shape[0],) + (1,) * (x.ndim - 1)
    kept = jax.random.bernoulli(self.make_rng("dropout"), keep, shape)
    return x * (kept / keep).astype(x.dtype)


def pointwise(features: int, dtype: Any, name: str) -> nn.Module:
  """A 1x1 convolution, initialised as OpenSTL's blocks are."""
  return Conv(features, 1, kernel_init=he_fan_out(), dtype=dtype, name=name)


def depthwise(channels: int, size: int, dtype: Any, name: str, *, dilation: int = 1) -> nn.Module:
  """A convolution that keeps size and channels and mixes pixels only."""
  return Conv(
    channels,
    size,
    padding=dilation * (size // 2),
    dilation=dilation,
    groups=channels,
    kernel_init=he_fan_out(channels),
    dtype=dtype,
    name=name,
  )


def fit_channels(x: Array, features: int, dtype: Any) -> Array:
  """x [batch, height, width, any] with `features` channels: by a 1x1 convolution `reduction`, or as it is."""
  channels = x.shape[-1]
  if features == channels:
    return x
  kernel_init, bias_init = torch_kernel(), torch_bias(channels)
  return Conv(features, 1, kernel_init=kernel_init, bias_init=bias_init, dtype=dtype, name="reduction")(x)


def batch_norm(*, train: bool, dtype: Any, name: str) -> nn.Module:
  """The default `norm` of a block."""
  return BatchNorm(use_running_average=not train, dtype=dtype, name=name)


class ConvMlp(nn.Module):
  """A pixel-wise MLP with a depthwise 3x3 convolution before the activation.

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
    y = depthwise(self.hidden, 3, self.dtype, "mix")(y)
    y = nn.gelu(y, approximate=False)
    return pointwise(x.shape[-1], self.dtype, "outer")(y)


class Mlp(nn.Module):
  """A pixel-wise MLP.

  Attributes:
    hidden: channels in the middle.
    kernel_init: initial values of both layers.
    dtype: compute type.
  """

  hidden: int
  kernel_init: Callable = nn.initializers.normal(0.02)
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape."""
    y = Conv(self.hidden, 1, kernel_init=self.kernel_init, dtype=self.dtype, name="inner")(x)
    y = nn.gelu(y, approximate=False)
    return Conv(x.shape[-1], 1, kernel_init=self.kernel_init, dtype=self.dtype, name="outer")(y)


class MetaBlock(nn.Module):
  """Mixer and MLP, each normalised, scaled and added; then perhaps another width.

  Attributes:
    features: output channels; a 1x1 convolution is added if the input has others.
    mixer: `(dtype=, name=) -> module` that mixes pixels, a class or what makes one.
    mlp: `(hidden, dtype=, name=) -> module` that mixes channels.
    mlp_ratio: hidden channels of the MLP over the block's input channels.
    norm: `(train=, dtype=, name=) -> module` that normalises.
    scale: initial value of the scales; None: there are none.
    position: first add a depthwise 3x3 convolution of x, for mixers that do not know where a pixel is.
    drop_path: probability to drop each of the two branches.
    dtype: compute type.
  """

  features: int
  mixer: Callable
  mlp: Callable = ConvMlp
  mlp_ratio: float = 8.0
  norm: Callable = batch_norm
  scale: float | None = 1e-2
  position: bool = False
  drop_path: float = 0.0
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool) -> Array:
    """Maps x [batch, height, width, channels] to [batch, height, width, features]."""
    channels = x.shape[-1]

    def norm(name):
      return self.norm(train=train, dtype=self.dtype, name=name)

    def scaled(y, name):
      if self.scale is None:
        return y
      return y * self.param(name, nn.initializers.constant(self.scale), (channels,)).astype(self.dtype)

    drop = DropPath(self.drop_path, train)
    # Without these barriers the compiler folds the sum of all later branches' gradients into every kernel
    # that reads it, again in each block: work that grows with the square of the depth.
    x = jax.lax.optimization_barrier(x)
    if self.position:
      kernel_init, bias_init = torch_kernel(), torch_bias(9)
      x = x + Conv(
        channels,
        3,
        padding=1,
        groups=channels,
        kernel_init=kernel_init,
        bias_init=bias_init,
        dtype=self.dtype,
        name="position",
      )(x)
    y = self.mixer(dtype=self.dtype, name="attention")(norm("attention_norm")(x))
    x = jax.lax.optimization_barrier(x + drop(scaled(y, "attention_scale")))
    mlp = self.mlp(int(channels * self.mlp_ratio), dtype=self.dtype, name="mlp")
    x = x + drop(scaled(mlp(norm("mlp_norm")(x)), "mlp_scale"))
    return fit_channels(x, self.features, self.dtype)
