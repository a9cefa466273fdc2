"""TAU: the temporal attention unit in SimVP's shell.

A block is SimVP v2's (`layers/meta_block.py`) with another attention. Frames are channels there, so a weight
for each channel is attention over time; it is squeezed from the mean over space, as in SE-Net:

  u            = GELU(W1 x)
  attention(x) = W3 (s * f * u) + x      f = W2 dw7(dw5(u))      s = sigmoid(V2 relu(V1 mean(u)))

W are 1x1 convolutions, dw depthwise ones (dw7 has dilation 3), and V matrices without bias. In training the
paper adds the divergence of frame differences, `difference_divergence` in `vgjax/losses/`.

Tan et al., Temporal Attention Unit: Towards Efficient Spatiotemporal Predictive Learning, CVPR 2023,
https://arxiv.org/abs/2206.12126. The defaults are OpenSTL's for Moving MNIST, 44,656,001 parameters. As
there, the attention starts from PyTorch's default values, all else in a block from SimVP v2's.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from vgjax.models.layers import simvp_shell, window
from vgjax.models.layers.conv import Conv
from vgjax.models.layers.initializers import torch_bias, torch_kernel
from vgjax.models.layers.meta_block import MetaBlock

Array = Any


class TemporalAttention(nn.Module):
  """Large-kernel attention times a weight for each channel, with a shortcut.

  Attributes:
    dtype: compute type.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape."""
    channels = x.shape[-1]

    def conv(size, name, *, dilation=1, groups=1):
      return Conv(
        channels,
        size,
        padding=dilation * (size // 2),
        dilation=dilation,
        groups=groups,
        kernel_init=torch_kernel(),
        bias_init=torch_bias(size * size * channels // groups),
        dtype=self.dtype,
        name=name,
      )

    def dense(features, name):
      return nn.Dense(features, use_bias=False, kernel_init=torch_kernel(), dtype=self.dtype, name=name)

    u = nn.gelu(conv(1, "inner")(x), approximate=False)
    near = conv(5, "near", groups=channels)(u)
    feature = conv(1, "feature")(conv(7, "far", dilation=3, groups=channels)(near))
    squeezed = channels // max(channels // 16, 4)
    weight = dense(channels, "expand")(nn.relu(dense(squeezed, "squeeze")(u.mean((1, 2)))))
    weight = nn.sigmoid(weight)[:, None, None]  # [batch, 1, 1, channels]
    return conv(1, "outer")(weight * feature * u) + x


class TAU(nn.Module):
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
        TemporalAttention,
        mlp_ratio=self.mlp_ratio,
        drop_path=rates[index],
        dtype=self.dtype,
        name=f"block_{index}",
      )

    return simvp_shell.predict_with_blocks(self, block, hint, mask, train=train)


Module = TAU
