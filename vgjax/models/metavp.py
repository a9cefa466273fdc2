"""MetaVP: SimVP's shell with the blocks of networks for images as its translator.

A benchmark of what should mix the pixels of frames that are stacked as channels: everything but the blocks
is SimVP's (`layers/simvp_shell.py`), and a block is, except for ConvNeXt's, one mixer of pixels and one MLP
of channels (`layers/meta_block.py`). Parameters at the published size, for Moving MNIST:

  convnext     37,313,921   large depthwise windows before the MLP
  hornet       45,738,305   recursive products of depthwise convolutions
  mlp_mixer    38,192,449   an MLP along the pixels; for frames of one size only
  moganet      46,777,065   gated depthwise convolutions over three ranges
  poolformer   37,115,393   the mean of the pixels around
  swin         46,105,409   self-attention in windows that shift from block to block
  uniformer    44,834,817   convolutions where the width changes, self-attention elsewhere
  van          44,520,833   large-kernel attention
  vit          46,102,273   self-attention between all pixels, without their positions

Tan et al., OpenSTL, NeurIPS 2023, https://arxiv.org/abs/2306.11249; the sources of the blocks are named with
them in `layers/conv_mixers.py` and `layers/token_mixers.py`. The same shell has files of their own for SimVP,
SimVP v2, TAU and ConvMixer. As in SimVP v2, drop path goes from 0.01 to 0.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from vgjax.models.layers import conv_mixers, simvp_shell, token_mixers, window
from vgjax.models.layers.initializers import he_fan_out
from vgjax.models.layers.meta_block import MetaBlock, Mlp
from vgjax.models.layers.norm import GroupNorm

Array = Any

SelfAttention = token_mixers.SelfAttention


def layer_norm(epsilon: float) -> Callable:
  """`MetaBlock.norm`: each pixel's channels."""

  def make(*, train, dtype, name):
    del train  # it is alike in training
    return nn.LayerNorm(epsilon=epsilon, dtype=dtype, name=name)

  return make


def one_group_norm(*, train: bool, dtype: Any, name: str) -> nn.Module:
  """`MetaBlock.norm`: all pixels and channels of an example."""
  del train  # it is alike in training
  return GroupNorm(1, dtype=dtype, name=name)


PLAIN = functools.partial(MetaBlock, mlp=Mlp)
TRANSFORMER = functools.partial(PLAIN, norm=layer_norm(1e-5), scale=None)
BLOCKS: dict[str, Callable] = {
  "convnext": conv_mixers.ConvNeXtBlock,
  "hornet": functools.partial(PLAIN, mixer=conv_mixers.RecursiveGatedConv, norm=layer_norm(1e-6), scale=1e-6),
  "mlp_mixer": functools.partial(PLAIN, mixer=token_mixers.TokenMlp, norm=layer_norm(1e-6), scale=None),
  "moganet": functools.partial(
    MetaBlock, mixer=conv_mixers.MultiOrderAttention, mlp=conv_mixers.ChannelAggregation, scale=1e-5
  ),
  "poolformer": functools.partial(PLAIN, mixer=conv_mixers.Pooling, norm=one_group_norm, scale=1e-5),
  "van": functools.partial(MetaBlock, mixer=conv_mixers.LargeKernelAttention),
  "vit": functools.partial(TRANSFORMER, mixer=SelfAttention),
}
# Those of which a model has two kinds.
SWIN = [
  functools.partial(TRANSFORMER, mixer=functools.partial(SelfAttention, windows=True, shift=shift))
  for shift in (False, True)
]
UNIFORMER_LOCAL = functools.partial(
  MetaBlock,
  mixer=conv_mixers.SeparableConv,
  mlp=functools.partial(Mlp, kernel_init=he_fan_out()),
  scale=None,
  position=True,
)
UNIFORMER_GLOBAL = functools.partial(TRANSFORMER, mixer=SelfAttention, scale=1e-6, position=True)


class MetaVP(nn.Module):
  """A predictor of `predicted` frames from `given` ones.

  Attributes:
    mixer: kind of block, one of those listed above.
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

  mixer: str = "convnext"
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
      train: drop paths (random key "dropout"); with batch normalisation (moganet, uniformer, van) also
        normalise with the batch's statistics and update the running ones (collection "batch_stats").

    Returns:
      A float32 video of the hint's shape.

    Raises:
      ValueError: an unknown mixer, or channels or a size that do not suit it.
    """
    rates = np.linspace(*self.drop_path, self.temporal_blocks).tolist()

    def block(index, features):
      return self._kind(index, features)(
        features,
        mlp_ratio=self.mlp_ratio,
        drop_path=rates[index],
        dtype=self.dtype,
        name=f"block_{index}",
      )

    return simvp_shell.predict_with_blocks(self, block, hint, mask, train=train)

  def _kind(self, index, features):
    """What makes the block at a place in the translator."""
    if self.mixer == "swin":
      return SWIN[index % 2]
    if self.mixer == "uniformer":
      same_width = features == self.temporal_channels
      return UNIFORMER_GLOBAL if index > 0 and same_width else UNIFORMER_LOCAL
    if self.mixer not in BLOCKS:
      known = sorted([*BLOCKS, "swin", "uniformer"])
      raise ValueError(f'MetaVP: there is no mixer "{self.mixer}"; known: {", ".join(known)}')
    return BLOCKS[self.mixer]


Module = MetaVP
