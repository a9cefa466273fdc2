"""SepConv: the frame between two, by a kernel of its own for every pixel and each of the two frames.

A U-Net reads both frames and gives for each frame and pixel a column and a row of 51 numbers, by four heads.
The frame between is the sum of both frames, each convolved with these (`layers/local_conv.py`):

  y = local_conv(first, column_1, row_1) + local_conv(last, column_2, row_2)

so motion, up to 25 pixels each way, and occlusion are both in the kernels. The U-Net: five blocks of three
3x3 convolutions with ReLU (32 to 512 channels), each followed by average pooling; on the way up bilinear
doubling, a convolution, and the block of that size added.

Niklaus, Mai and Liu, Video Frame Interpolation via Adaptive Separable Convolution, ICCV 2017,
https://arxiv.org/abs/1708.01692, in the form of the authors' code github.com/sniklaus/sepconv-slomo:
21,675,452 parameters. That code makes frames a multiple of 128 pixels by repeating the border; this one of
32, which is all that five poolings need, so at other sizes kernels near the border differ a little.
Initial values are PyTorch's (the paper: convolution-aware ones). `factor` above 2 is reached by recursion.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import midpoints, resize
from vgjax.models.layers.conv import Conv
from vgjax.models.layers.initializers import torch_bias, torch_kernel
from vgjax.models.layers.local_conv import local_conv

Array = Any


def conv(features: int, x: Array, name: str, dtype: Any) -> Array:
  """A 3x3 convolution, called in a compact `__call__`."""
  bias = torch_bias(9 * x.shape[-1])
  return Conv(features, 3, padding=1, kernel_init=torch_kernel(), bias_init=bias, dtype=dtype, name=name)(x)


class Block(nn.Module):
  """Three convolutions, each with a ReLU.

  Attributes:
    features: channels of all three.
    dtype: compute type.
  """

  features: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to [batch, height, width, features]."""
    for index in range(3):
      x = nn.relu(conv(self.features, x, f"conv_{index}", self.dtype))
    return x


class Up(nn.Module):
  """Twice the size, then a convolution with a ReLU.

  Attributes:
    dtype: compute type.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to [batch, 2 * height, 2 * width, channels]."""
    return nn.relu(conv(x.shape[-1], resize.double(x, corners=True), "conv", self.dtype))


class Head(nn.Module):
  """Kernels along one direction for every pixel, from features of half the size.

  Attributes:
    taps: their length.
    dtype: compute type.
  """

  taps: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to [batch, 2 * height, 2 * width, taps]."""
    for index, features in enumerate((x.shape[-1], x.shape[-1], self.taps)):
      x = nn.relu(conv(features, x, f"conv_{index}", self.dtype))
    return conv(self.taps, resize.double(x, corners=True), "readout", self.dtype)


class KernelNetwork(nn.Module):
  """The U-Net and its heads.

  Attributes:
    channels: of the blocks on the way down, at 1, 1/2, 1/4, ... of the size.
    taps: length of the kernels.
    dtype: compute type.
  """

  channels: tuple[int, ...]
  taps: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, pair: Array) -> list[Array]:
    """Kernels from both frames.

    Args:
      pair: [batch, height, width, 2 * channels]; height and width are multiples of 2^blocks.

    Returns:
      For the first frame column and row, for the last one column and row: [batch, height, width, taps] each.
    """
    x, skips = pair, []
    for level, features in enumerate(self.channels):
      x = Block(features, self.dtype, name=f"down_{level}")(x)
      skips.append(x)
      x = resize.halve(x)
    for level in reversed(range(1, len(self.channels))):
      x = Block(self.channels[level], self.dtype, name=f"merge_{level}")(x)
      x = Up(self.dtype, name=f"up_{level}")(x) + skips[level]
    heads = ("first_column", "first_row", "last_column", "last_row")
    return [Head(self.taps, self.dtype, name=name)(x) for name in heads]


class SepConv(nn.Module):
  """Fills a window between its ends.

  Attributes:
    factor: the window has `factor + 1` frames, of which the first and the last are given; a power of two.
    channels: of the U-Net's blocks, at 1, 1/2, 1/4, ... of the size.
    taps: length of the kernels, odd; motion of up to half of it can be followed.
    dtype: compute type of the convolutions; the kernels are applied in float32.
  """

  factor: int = 2
  channels: tuple[int, ...] = (32, 64, 128, 256, 512)
  taps: int = 51
  dtype: Any = jnp.float32

  reads_ends = True

  @property
  def window(self) -> tuple[int, int]:
    """(length, overlap): the frames it works on, and how many of them must be known."""
    return midpoints.window(self.factor)

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool) -> Array:
    """Fills in the frames between the first and the last.

    Args:
      hint: [batch, factor + 1, height, width, channels], in [-1, 1]; only its ends are read.
      mask: without effect.
      train: without effect; this model behaves alike in training.

    Returns:
      A float32 video of the hint's shape.
    """
    if self.taps % 2 == 0:
      raise ValueError(f"taps = {self.taps}: kernels have a pixel in their middle, so their length is odd")
    kernels = KernelNetwork(tuple(self.channels), self.taps, self.dtype, name="kernels")
    reach = self.taps // 2

    def middle(first, last):
      height, width = first.shape[1:3]
      below, right = resize.missing(height, width, 2 ** len(self.channels))
      first, last = (jnp.pad(f, ((0, 0), (0, below), (0, right), (0, 0)), mode="edge") for f in (first, last))
      made = kernels(jnp.concatenate([first, last], axis=-1))
      border = ((0, 0), (reach, reach), (reach, reach), (0, 0))
      first, last = (jnp.pad(f, border, mode="edge") for f in (first, last))
      y = local_conv(first, made[0], made[1]) + local_conv(last, made[2], made[3])
      return y[:, :height, :width]

    return midpoints.fill(middle, hint, self.factor)


Module = SepConv
