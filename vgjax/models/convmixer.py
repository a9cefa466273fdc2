"""ConvMixer in SimVP's shell: twelve times fewer parameters than SimVP v2.

A block (`layers/simvp_shell.py` says what is around it) mixes pixels with one large depthwise convolution
and channels with one 1x1 convolution, without an MLP:

  x = x + BN(GELU(dw11(x)))
  x = BN(GELU(W x))

Trockman and Kolter, Patches Are All You Need?, 2022, https://arxiv.org/abs/2201.09792, as a translator in
OpenSTL's MetaVP benchmark. The defaults are its for Moving MNIST, 3,919,361 parameters.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import simvp_shell, window
from vgjax.models.layers.meta_block import batch_norm, depthwise, fit_channels, pointwise

Array = Any


class ConvMixerBlock(nn.Module):
  """A depthwise convolution with a shortcut, a pointwise one; then perhaps another width.

  Attributes:
    features: output channels; a 1x1 convolution is added if the input has others.
    kernel_size: of the depthwise convolution, odd.
    dtype: compute type.
  """

  features: int
  kernel_size: int = 11
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool) -> Array:
    """Maps x [batch, height, width, channels] to [batch, height, width, features]."""
    channels = x.shape[-1]

    def activated(y, name):
      norm = batch_norm(train=train, dtype=self.dtype, name=name)
      return norm(nn.gelu(y, approximate=False))

    x = jax.lax.optimization_barrier(x)  # as in MetaBlock
    x = x + activated(depthwise(channels, self.kernel_size, self.dtype, "spatial")(x), "spatial_norm")
    x = activated(pointwise(channels, self.dtype, "channel")(x), "channel_norm")
    return fit_channels(x, self.features, self.dtype)


class ConvMixer(nn.Module):
  """A predictor of `predicted` frames from `given` ones.

  Attributes:
    given: frames it reads; 0: all `predicted` frames are read together with their mask.
    predicted: frames it makes.
    spatial_channels: channels of a frame's code.
    spatial_layers: layers of encoder and of decoder, even.
    temporal_channels: channels between the translator's blocks.
    temporal_blocks: number of translator blocks, at least 2.
    kernel_size: of the blocks' depthwise convolutions, odd.
    dtype: compute type.
  """

  given: int = 10
  predicted: int = 10
  spatial_channels: int = 64
  spatial_layers: int = 4
  temporal_channels: int = 512
  temporal_blocks: int = 8
  kernel_size: int = 11
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
      train: normalise with the batch's statistics, and update the running ones (collection
        "batch_stats").

    Returns:
      A float32 video of the hint's shape.
    """

    def block(index, features):
      return ConvMixerBlock(features, self.kernel_size, self.dtype, name=f"block_{index}")

    return simvp_shell.predict_with_blocks(self, block, hint, mask, train=train)


Module = ConvMixer
