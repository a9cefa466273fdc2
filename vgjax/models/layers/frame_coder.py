"""SimVP's encoder and decoder of single frames, shared by all models of that family.

A layer is a convolution, group normalisation with two groups, and SiLU. Strides go 1, 2, 1, 2, ...
and the decoder runs them backwards; it upsamples with a convolution to four times the channels
whose result is rearranged in space (pixel shuffle). The first layer's output skips to the last.
"""

from typing import Any

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers.conv import Conv
from vgjax.models.layers.initializers import torch_bias, torch_kernel
from vgjax.models.layers.norm import GroupNorm

Array = Any


def scale_factor(layers: int) -> int:
  """How much smaller than a frame its code is, along height and along width."""
  if layers < 2 or layers % 2:
    raise ValueError(f"the number of spatial layers must be even and at least 2, not {layers}")
  return 2 ** (layers // 2)


def check_size(height: int, width: int, layers: int):
  """Refuses frames that the strides do not divide."""
  factor = scale_factor(layers)
  if height % factor or width % factor:
    raise ValueError(
      f"with {layers} spatial layers height and width must be multiples of {factor}, not {height}x{width}"
    )


class FrameLayer(nn.Module):
  """Convolution, group normalisation, SiLU.

  Attributes:
    features: output channels.
    stride: 2 halves height and width.
    upsample: double height and width instead.
    kernel_size: of the convolution, odd.
    dtype: compute type.
  """

  features: int
  stride: int = 1
  upsample: bool = False
  kernel_size: int = 3
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to [batch, height', width', features]."""
    x = Conv(
      self.features * (4 if self.upsample else 1),
      self.kernel_size,
      strides=self.stride,
      padding=self.kernel_size // 2,
      kernel_init=nn.initializers.normal(0.02),
      dtype=self.dtype,
      name="conv",
    )(x)
    if self.upsample:  # PyTorch orders these channels (c i j); runs of c are cheaper to copy
      x = rearrange(x, "b h w (i j c) -> b (h i) (w j) c", i=2, j=2)
    return nn.silu(GroupNorm(2, dtype=self.dtype, name="norm")(x))


class FrameEncoder(nn.Module):
  """Encodes frames one by one.

  Attributes:
    features: channels of the code.
    layers: number of layers, even; every second one halves height and width.
    kernel_size: of the convolutions.
    dtype: compute type.
  """

  features: int
  layers: int
  kernel_size: int = 3
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, frames: Array) -> tuple[Array, Array]:
    """Returns the code of frames [n, height, width, channels] and the first layer's output.

    Shapes [n, height / factor, width / factor, features] and [n, height, width, features].
    """
    code, skip = frames, None
    for index in range(self.layers):
      code = FrameLayer(
        self.features,
        stride=1 + index % 2,
        kernel_size=self.kernel_size,
        dtype=self.dtype,
        name=f"layer_{index}",
      )(code)
      skip = code if index == 0 else skip
    return code, skip


class FrameDecoder(nn.Module):
  """Decodes frames one by one.

  Attributes:
    features: channels of the code.
    channels: channels of a frame.
    layers: number of layers, as in the encoder.
    kernel_size: of the convolutions.
    dtype: compute type.
  """

  features: int
  channels: int
  layers: int
  kernel_size: int = 3
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, code: Array, skip: Array) -> Array:
    """Returns frames [n, height, width, channels] from what the encoder made of its frames."""
    x = code
    for index in range(self.layers):
      if index == self.layers - 1:
        x = x + skip
      x = FrameLayer(
        self.features,
        upsample=index % 2 == 0,
        kernel_size=self.kernel_size,
        dtype=self.dtype,
        name=f"layer_{index}",
      )(x)
    return Conv(
      self.channels,
      1,
      kernel_init=torch_kernel(),
      bias_init=torch_bias(self.features),
      dtype=self.dtype,
      name="readout",
    )(x)
