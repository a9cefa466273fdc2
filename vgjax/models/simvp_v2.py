"""SimVP v2: video prediction with convolutions alone (gSTA translator).

Frames are encoded one by one, translated together by blocks, and decoded one by one
(`layers/simvp_shell.py`). A block is gated spatio-temporal attention and a convolutional MLP:

  x = x + a * attention(BN(x))    attention(x) = W3 (f * sigmoid(g)) + x
  x = x + b * mlp(BN(x))          f, g = W2 dw7(dw5(GELU(W1 x)))     mlp(x) = W5 GELU(dw3(W4 x))

W are 1x1 convolutions, dw depthwise ones (dw7 has dilation 3, so it sees 19x19), and a, b a learned
scale for each channel that starts at 0.01.

Tan et al., SimVPv2: Towards Simple yet Powerful Spatiotemporal Predictive Learning, 2022,
https://arxiv.org/abs/2211.12509. The defaults are OpenSTL's for Moving MNIST, 46,769,665 parameters.
Its `drop_path = 0` is not zero: the rates go evenly from 0.01 in the first block to 0 in the last.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from vgjax.models.layers import simvp_shell, window
from vgjax.models.layers.meta_block import MetaBlock, depthwise, pointwise

Array = Any


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
    y = nn.gelu(pointwise(channels, self.dtype, "inner")(x), approximate=False)
    y = depthwise(channels, 5, self.dtype, "near")(y)
    y = depthwise(channels, 7, self.dtype, "far", dilation=3)(y)
    feature, gate = jnp.split(pointwise(2 * channels, self.dtype, "gate")(y), 2, axis=-1)
    return pointwise(channels, self.dtype, "outer")(feature * nn.sigmoid(gate)) + x


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
    rates = np.linspace(*self.drop_path, self.temporal_blocks).tolist()

    def block(index, features):
      return MetaBlock(
        features,
        GatedAttention,
        mlp_ratio=self.mlp_ratio,
        drop_path=rates[index],
        dtype=self.dtype,
        name=f"block_{index}",
      )

    return simvp_shell.predict_with_blocks(self, block, hint, mask, train=train)


Module = SimVPv2
