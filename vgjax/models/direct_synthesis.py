"""Direct synthesis: a plain network reads two frames and paints those between, with no motion in it.

The two frames, stacked as channels, go through five blocks of three 3x3 convolutions, each block followed by
2x2 max pooling, and up again through five blocks of a 4x4 transposed convolution of stride 2 and two 3x3
convolutions; blocks two to four of the way up also read what the way down gave at their size. Every
convolution has a PReLU with a slope for each channel, which starts at 0.25. A last 3x3 convolution paints
all frames between at once, as channels.

In the manner of Long et al., Learning Image Matching by Simply Watching Video, ECCV 2016,
https://arxiv.org/abs/1603.06041, whose network (MIND) makes one frame, trained with the Charbonnier loss.
Their code is not public, and this is no copy: widths and blocks follow a public reimplementation of it; the
last window, slopes by channel and initial values (He et al. 2015, for the network is deep and has no
normalisation) were chosen here. Such networks blur, since all that they know of where things go is in their
weights; SepConv and FILM move pixels instead.
"""

from typing import Any

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import midpoints, resize
from vgjax.models.layers.conv import Conv, ConvTranspose
from vgjax.models.layers.pool import max_pool

Array = Any


SLOPE = 0.25  # of a PReLU before training


def he_prelu(scale: float = 1.0):
  """Kernels that keep the size of a signal before a PReLU: N(0, 2 scale / ((1 + slope^2) fan_in))."""
  return nn.initializers.variance_scaling(2 * scale / (1 + SLOPE**2), "fan_in", "normal")


class PReLU(nn.Module):
  """x where it is positive, elsewhere x times a learned slope for each channel (He et al. 2015)."""

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [..., channels] to its own shape."""
    slope = self.param("slope", nn.initializers.constant(SLOPE), (x.shape[-1],), jnp.float32)
    return jnp.where(x > 0, x, x * slope.astype(x.dtype))


class Block(nn.Module):
  """Three convolutions, each with a PReLU; the first may double the size.

  Attributes:
    features: channels of all three.
    upsample: the first is a transposed one of stride 2.
    dtype: compute type.
  """

  features: int
  upsample: bool = False
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to [batch, height', width', features]."""
    for index in range(3):
      name = f"conv_{index}"
      if index == 0 and self.upsample:  # a pixel sees 2x2 of the 4x4 window
        init = he_prelu(4.0)
        layer = ConvTranspose(
          self.features, 4, strides=2, padding=1, kernel_init=init, dtype=self.dtype, name=name
        )
      else:
        layer = Conv(self.features, 3, padding=1, kernel_init=he_prelu(), dtype=self.dtype, name=name)
      x = PReLU(name=f"prelu_{index}")(layer(x))
    return x


class DirectSynthesis(nn.Module):
  """Fills a window between its ends, all frames at once.

  Attributes:
    factor: the window has `factor + 1` frames, of which the first and the last are given; any number from 2.
    channels: of the blocks, at 1, 1/2, 1/4, ... of the size.
    dtype: compute type.
  """

  factor: int = 2
  channels: tuple[int, ...] = (96, 96, 128, 128, 128)
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
    x = jnp.concatenate(midpoints.ends(hint, self.factor), axis=-1)
    height, width = x.shape[1:3]
    below, right = resize.missing(height, width, 2 ** len(self.channels))
    x = jnp.pad(x, ((0, 0), (0, below), (0, right), (0, 0)), mode="edge")
    skips = []
    for level, features in enumerate(self.channels):
      x = Block(features, dtype=self.dtype, name=f"down_{level}")(x)
      x = max_pool(x, 2, strides=2)
      skips.append(x)
    for level in reversed(range(len(self.channels))):
      if 0 < level < len(self.channels) - 1:
        x = jnp.concatenate([x, skips[level]], axis=-1)
      x = Block(self.channels[level], upsample=True, dtype=self.dtype, name=f"up_{level}")(x)
    between = self.factor - 1
    readout = Conv(between * hint.shape[-1], 3, padding=1, dtype=self.dtype, name="readout")
    frames = rearrange(readout(x), "b h w (t c) -> b t h w c", t=between)
    return midpoints.video(hint, frames[:, :, :height, :width])


Module = DirectSynthesis
