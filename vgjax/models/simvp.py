"""SimVP: video prediction with convolutions alone (IncepU translator).

Frames are encoded one by one, translated together, and decoded one by one (`layers/simvp_shell.py`).
The translator is a U of inception blocks: a 1x1 convolution, then the sum of grouped convolutions
with windows 3, 5, 7 and 11, each followed by group normalisation and LeakyReLU 0.2. There is no
change of resolution within the U; the skips concatenate.

Gao et al., SimVP: Simpler yet Better Video Prediction, CVPR 2022, https://arxiv.org/abs/2206.05099.
The defaults are OpenSTL's for Moving MNIST: 57,946,113 parameters, published as 58.0M.
(The paper's own code differs: 256 hidden channels in 4 groups, and transposed convolutions.)
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import simvp_shell, window
from vgjax.models.layers.conv import Conv
from vgjax.models.layers.initializers import torch_bias, torch_kernel
from vgjax.models.layers.norm import GroupNorm

Array = Any


class InceptionBlock(nn.Module):
  """A 1x1 convolution, then parallel grouped convolutions with several windows, summed.

  Attributes:
    hidden: channels after the 1x1 convolution.
    features: output channels.
    kernel_sizes: windows of the parallel convolutions.
    groups: of the convolutions and of their normalisation.
    dtype: compute type.
  """

  hidden: int
  features: int
  kernel_sizes: tuple[int, ...]
  groups: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to [batch, height, width, features]."""
    x = Conv(
      self.hidden,
      1,
      kernel_init=torch_kernel(),
      bias_init=torch_bias(x.shape[-1]),
      dtype=self.dtype,
      name="conv",
    )(x)
    groups = self.groups if self.hidden % self.groups == 0 else 1  # as the reference
    total = 0
    for size in self.kernel_sizes:
      branch = Conv(
        self.features,
        size,
        padding=size // 2,
        groups=groups,
        kernel_init=torch_kernel(),
        bias_init=torch_bias(size * size * self.hidden // groups),
        dtype=self.dtype,
        name=f"conv_{size}",
      )(x)
      branch = GroupNorm(groups, dtype=self.dtype, name=f"norm_{size}")(branch)
      total = total + nn.leaky_relu(branch, 0.2)
    return total


class InceptionTranslator(nn.Module):
  """A U of inception blocks over frames stacked as channels.

  Attributes:
    hidden: channels between the blocks.
    blocks: blocks on each side of the U.
    kernel_sizes: windows in a block.
    groups: groups in a block.
    dtype: compute type.
  """

  hidden: int
  blocks: int
  kernel_sizes: tuple[int, ...]
  groups: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape."""

    def block(features, name):
      return InceptionBlock(self.hidden // 2, features, self.kernel_sizes, self.groups, self.dtype, name=name)

    channels = x.shape[-1]
    skips = []
    for index in range(self.blocks):
      x = block(self.hidden, f"down_{index}")(x)
      skips.append(x)
    skips.pop()  # the innermost output goes on directly
    for index in range(self.blocks):
      if index:
        x = jnp.concatenate([x, skips.pop()], axis=-1)
      x = block(channels if index == self.blocks - 1 else self.hidden, f"up_{index}")(x)
    return x


class SimVP(nn.Module):
  """A predictor of `predicted` frames from `given` ones.

  Attributes:
    given: frames it reads; 0: all `predicted` frames are read together with their mask.
    predicted: frames it makes.
    spatial_channels: channels of a frame's code.
    spatial_layers: layers of encoder and of decoder, even.
    temporal_channels: hidden channels of the translator.
    temporal_blocks: blocks on each side of the translator's U.
    kernel_sizes: windows of the translator's convolutions.
    groups: groups of the translator's convolutions and normalisation.
    dtype: compute type.
  """

  given: int = 10
  predicted: int = 10
  spatial_channels: int = 64
  spatial_layers: int = 4
  temporal_channels: int = 512
  temporal_blocks: int = 8
  kernel_sizes: tuple[int, ...] = (3, 5, 7, 11)
  groups: int = 8
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
      train: without effect; this model behaves alike in training.

    Returns:
      A float32 video of the hint's shape.
    """
    translator = InceptionTranslator(
      self.temporal_channels,
      self.temporal_blocks,
      tuple(self.kernel_sizes),
      self.groups,
      self.dtype,
      name="translator",
    )
    return simvp_shell.predict(self, translator, hint, mask)


Module = SimVP
