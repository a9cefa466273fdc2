"""SimVP v2: video prediction with convolutions alone (gSTA translator).

Frames are encoded one by one; a translator reads all frames' codes at once, as channels, and
writes the codes of the frames to come; each is decoded, with a skip from the first encoder layer.
A translator block is gated spatio-temporal attention and a convolutional MLP:

  x = x + a * attention(BN(x))    attention(x) = W3 (f * sigmoid(g)) + x
  x = x + b * mlp(BN(x))          f, g = W2 dw7(dw5(GELU(W1 x)))     mlp(x) = W5 GELU(dw3(W4 x))

W are 1x1 convolutions, dw depthwise ones (dw7 has dilation 3, so it sees 19x19), and a, b a learned
scale for each channel that starts at 0.01.

Tan et al., SimVPv2: Towards Simple yet Powerful Spatiotemporal Predictive Learning, 2022,
https://arxiv.org/abs/2211.12509. The defaults are OpenSTL's for Moving MNIST, 46,769,665 parameters.
Its `drop_path = 0` is not zero: the rates go evenly from 0.01 in the first block to 0 in the last.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import frame_coder, window
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


class GatedAttention(nn.Module):
  """Attention by large-kernel convolution and a gate, with a shortcut.

  Attributes:
    dtype: compute type.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape."""
    channels = x.shape[-1]

    def pointwise(features, name):
      return Conv(features, 1, kernel_init=he_fan_out(), dtype=self.dtype, name=name)

    def depthwise(size, dilation, name):
      return Conv(
        channels,
        size,
        padding=dilation * (size // 2),
        dilation=dilation,
        groups=channels,
        kernel_init=he_fan_out(channels),
        dtype=self.dtype,
        name=name,
      )

    y = nn.gelu(pointwise(channels, "inner")(x), approximate=False)
    y = depthwise(7, 3, "far")(depthwise(5, 1, "near")(y))
    feature, gate = jnp.split(pointwise(2 * channels, "gate")(y), 2, axis=-1)
    return pointwise(channels, "outer")(feature * nn.sigmoid(gate)) + x


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
    y = Conv(self.hidden, 1, kernel_init=he_fan_out(), dtype=self.dtype, name="inner")(x)
    y = Conv(
      self.hidden,
      3,
      padding=1,
      groups=self.hidden,
      kernel_init=he_fan_out(self.hidden),
      dtype=self.dtype,
      name="mix",
    )(y)
    y = nn.gelu(y, approximate=False)
    return Conv(x.shape[-1], 1, kernel_init=he_fan_out(), dtype=self.dtype, name="outer")(y)


class GatedBlock(nn.Module):
  """Attention and MLP, each normalised, scaled and added; then perhaps another width.

  Attributes:
    features: output channels; a 1x1 convolution is added if the input has others.
    mlp_ratio: hidden channels of the MLP over its input channels.
    drop_path: probability to drop each of the two branches.
    dtype: compute type.
  """

  features: int
  mlp_ratio: float
  drop_path: float
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool) -> Array:
    """Maps x [batch, height, width, channels] to [batch, height, width, features]."""
    channels = x.shape[-1]

    def norm(name):
      return BatchNorm(use_running_average=not train, dtype=self.dtype, name=name)

    def scale(name):
      value = self.param(name, nn.initializers.constant(1e-2), (channels,), jnp.float32)
      return value.astype(self.dtype)

    drop = DropPath(self.drop_path, train)
    # Without these barriers the compiler folds the sum of all later branches' gradients into every kernel
    # that reads it, again in each block: work that grows with the square of the depth.
    x = jax.lax.optimization_barrier(x)
    y = GatedAttention(self.dtype, name="attention")(norm("attention_norm")(x))
    x = jax.lax.optimization_barrier(x + drop(y * scale("attention_scale")))
    y = ConvMlp(int(channels * self.mlp_ratio), self.dtype, name="mlp")(norm("mlp_norm")(x))
    x = x + drop(y * scale("mlp_scale"))
    if self.features == channels:
      return x
    return Conv(
      self.features,
      1,
      kernel_init=torch_kernel(),
      bias_init=torch_bias(channels),
      dtype=self.dtype,
      name="reduction",
    )(x)


class SimVPv2(nn.Module):
  """A predictor of `predicted` frames from `given` ones.

  Attributes:
    given: frames it reads; 0: all `predicted` frames are read together with their mask.
    predicted: frames it makes.
    spatial_channels: channels of a frame's code.
    spatial_layers: layers of encoder and of decoder, even.
    temporal_channels: channels between the translator's blocks.
    temporal_blocks: number of translator blocks, at least 2.
    mlp_ratio: hidden channels of a block's MLP over its input channels.
    drop_path: probabilities to drop a branch in the first and in the last block, even between.
    dtype: compute type.
  """

  given: int = 10
  predicted: int = 10
  spatial_channels: int = 64
  spatial_layers: int = 4
  temporal_channels: int = 512
  temporal_blocks: int = 8
  mlp_ratio: float = 8.0
  drop_path: tuple[float, float] = (1e-2, 0.0)
  dtype: Any = jnp.float32

  @property
  def window(self) -> tuple[int, int]:
    """(length, overlap): the frames it works on, and how many of them must be known."""
    return window.window(self.given, self.predicted)

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool) -> Array:
    """Predicts a video; see `layers/window.py` for what `given` and `predicted` mean.

    Args:
      hint: [batch, given + predicted, height, width, channels], in [-1, 1].
      mask: [batch, given + predicted, height, width, 1], 1 where the hint is exact.
      train: normalise with the batch's statistics, update the running ones (collection
        "batch_stats"), and drop paths (random key "dropout").

    Returns:
      A float32 video of the hint's shape.
    """
    channels = hint.shape[-1]
    frame_coder.check_size(*hint.shape[2:4], self.spatial_layers)
    encoder = frame_coder.FrameEncoder(
      self.spatial_channels, self.spatial_layers, dtype=self.dtype, name="encoder"
    )
    decoder = frame_coder.FrameDecoder(
      self.spatial_channels, channels, self.spatial_layers, dtype=self.dtype, name="decoder"
    )
    time = self.given or self.predicted
    rates = np.linspace(*self.drop_path, self.temporal_blocks).tolist()
    widths = [self.temporal_channels] * (self.temporal_blocks - 1)
    widths.append(time * self.spatial_channels)
    blocks = [
      GatedBlock(width, self.mlp_ratio, rate, self.dtype, name=f"block_{index}")
      for index, (width, rate) in enumerate(zip(widths, rates, strict=True))
    ]

    def network(frames):
      code, skip = encoder(rearrange(frames, "b t h w c -> (b t) h w c"))
      code = rearrange(code, "(b t) h w c -> b h w (t c)", t=time)
      for block in blocks:
        code = block(code, train=train)
      code = rearrange(code, "b h w (t c) -> (b t) h w c", t=time)
      return rearrange(decoder(code, skip), "(b t) h w c -> b t h w c", t=time)

    return window.predict_window(network, hint, mask, given=self.given, predicted=self.predicted)


Module = SimVPv2
