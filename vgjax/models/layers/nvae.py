"""FitVid's encoder and decoder of single frames: residual blocks after NVAE, with squeeze and excitation.

With BN batch normalisation, * a convolution, SE squeeze-and-excitation and s(x) the input, projected by a
normalised 1x1 convolution if its shape is another one:

  encoder block   x = swish(s(x) + SE(W3 * swish(BN(W3 * swish(BN(x))))))            strides 2, 1 or 1, 1
  decoder block   x = swish(s(x) + SE(BN(W1 * swish(BN(W5 * swish(BN(W1 * BN(x))))))))

W1, W3, W5 are kernels of 1x1, 3x3, 5x5 without bias. In a decoder block the 5x5 convolution works on `expand`
times the channels, which is where nearly all of FitVid's parameters are, and the last BN starts at zero.
A stage is several blocks of one size; the next one has half the height and width and twice the channels.

Vahdat and Kautz 2020, https://arxiv.org/abs/2007.03898; Babaeizadeh et al. 2021,
https://arxiv.org/abs/2106.13195.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import Conv
from vgjax.models.layers.norm import BatchNorm

Array = Any


class SqueezeExcite(nn.Module):
  """Scales each channel by what a small network makes of all channels' means.

  Attributes:
    dtype: compute type.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape."""
    channels = x.shape[-1]
    y = jnp.mean(x, axis=(1, 2), keepdims=True)
    y = nn.relu(nn.Dense(max(channels // 16, 4), dtype=self.dtype, name="reduce")(y))
    return nn.sigmoid(nn.Dense(channels, dtype=self.dtype, name="expand")(y)) * x


class Block(nn.Module):
  """A block of the encoder or of the decoder.

  Attributes:
    features: output channels.
    train: normalise with the batch's statistics, and update the running ones.
    decodes: whether it is a decoder block.
    stride: of an encoder block's first convolution.
    expand: channels in the middle of a decoder block, over `features`.
    dtype: compute type.
  """

  features: int
  train: bool
  decodes: bool
  stride: int = 1
  expand: int = 4
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to [batch, height', width', features]."""
    # Without the barrier the gradients of all later blocks are summed anew in each kernel that reads them.
    x = jax.lax.optimization_barrier(x)
    if self.decodes:
      wide = self.expand * self.features
      y = self._conv(wide, 1, "inner")(self._norm("norm_0")(x))
      y = self._conv(wide, 5, "middle")(nn.swish(self._norm("norm_1")(y)))
      y = self._conv(self.features, 1, "outer")(nn.swish(self._norm("norm_2")(y)))
      y = self._norm("norm_3", scale_init=nn.initializers.zeros)(y)
    else:
      y = self._conv(self.features, 3, "inner", self.stride)(nn.swish(self._norm("norm_0")(x)))
      y = self._conv(self.features, 3, "outer")(nn.swish(self._norm("norm_1")(y)))
    y = SqueezeExcite(self.dtype, name="excite")(y)
    if x.shape != y.shape:
      x = self._norm("norm_project")(self._conv(self.features, 1, "project", self.stride)(x))
    return nn.swish(x + y)

  def _conv(self, features, window, name, strides=1):
    return Conv(features, window, strides, use_bias=False, dtype=self.dtype, name=name)

  def _norm(self, name, **options):
    return BatchNorm(not self.train, dtype=self.dtype, name=name, **options)


def check_size(height: int, width: int, stages: tuple[int, ...]):
  """Refuses frames that the stages cannot halve.

  Raises:
    ValueError: a side is no multiple of what the stages divide it by.
  """
  factor = 2 ** (len(stages) - 1)
  if height % factor or width % factor:
    raise ValueError(
      f"a frame of {height}x{width}: with {len(stages)} stages both sides must be multiples of {factor}"
    )


class Encoder(nn.Module):
  """A frame to a vector.

  Attributes:
    size: of the vector.
    stages: number of blocks of each stage, the full resolution first.
    width: channels of the first stage.
    remat: compute blocks again in the backward pass rather than keep what is inside them.
    dtype: compute type.
  """

  size: int
  stages: tuple[int, ...] = (2, 2, 2, 2)
  width: int = 64
  remat: bool = False
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool) -> tuple[Array, list[Array]]:
    """Encodes frames x [batch, height, width, channels].

    Returns:
      The vectors [batch, size], and what each block gave, in their order.
    """
    block = nn.remat(Block) if self.remat else Block
    skips = []
    for stage, number in enumerate(self.stages):
      for index in range(number):
        stride, name = 2 if stage and not index else 1, f"block_{stage}_{index}"
        x = block(self.width * 2**stage, train, False, stride, dtype=self.dtype, name=name)(x)
        skips.append(x)
    return nn.Dense(self.size, dtype=self.dtype, name="vector")(jnp.mean(x, axis=(1, 2))), skips


class Decoder(nn.Module):
  """A vector to a frame.

  Attributes:
    stages: as the encoder's.
    width: channels of the last stage.
    expand: see `Block`.
    remat: see `Encoder`.
    dtype: compute type.
  """

  stages: tuple[int, ...] = (2, 2, 2, 2)
  width: int = 64
  expand: int = 4
  remat: bool = False
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, code: Array, skips: list[Array], channels: int, *, train: bool) -> Array:
    """Decodes vectors; those of one video share their skips.

    Args:
      code: [batch * time, size].
      skips: [batch, height, width, features] each, what the encoder's blocks gave.
      channels: of the frame.
      train: normalise with the batch's statistics, and update the running ones.

    Returns:
      [batch * time, height, width, channels], in [0, 1].
    """
    block = nn.remat(Block) if self.remat else Block
    skips = [skip.astype(self.dtype) for skip in skips]
    shape = skips[-1].shape[1:]
    x = nn.Dense(shape[0] * shape[1] * shape[2], dtype=self.dtype, name="vector")(code)
    x = x.reshape(-1, *shape)
    for stage in reversed(range(len(self.stages))):
      for index in range(self.stages[stage]):
        if index == 0 and stage < len(self.stages) - 1:
          x = jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
        features, name = self.width * 2**stage, f"block_{stage}_{index}"
        x = block(features, train, True, expand=self.expand, dtype=self.dtype, name=name)(x)
        skip = skips.pop()
        x = (x.reshape(len(skip), -1, *skip.shape[1:]) + skip[:, None]).reshape(x.shape)
    return nn.sigmoid(Conv(channels, 3, use_bias=False, dtype=self.dtype, name="frame")(x))
