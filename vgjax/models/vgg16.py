"""The convolutions of VGG-16 (Simonyan and Zisserman 2015, arXiv:1409.1556, configuration D).

Five blocks of 3x3 convolutions, each with a ReLU; 2x2 max pooling between the blocks. The classifier is left
out: what is wanted is the last activation of each block (relu1_2, 2_2, 3_3, 4_3, 5_3), which LPIPS compares
(`vgjax/metrics/lpips.py`) and from which an encoder may start.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import Conv
from vgjax.models.layers.pool import max_pool

Array = Any

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
SIDE = 16  # pixels; smaller pictures leave the last pooling nothing


class VGG16(nn.Module):
  """The activations of VGG-16.

  Attributes:
    dtype: compute type.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool = False) -> list[Array]:
    """Runs the network.

    Args:
      x: [batch, height, width, 3], 16 pixels or more a side; trained weights expect ImageNet's mean 0 and
        standard deviation 1 in each channel.
      train: without effect.

    Returns:
      The last activation of each block, [batch, h, w, channels] with 64, 128, 256, 512, 512 channels, at
      1, 1/2, 1/4, 1/8, 1/16 of the size.
    """
    if min(x.shape[1:3]) < SIDE:
      raise ValueError(f"VGG-16 needs {SIDE}x{SIDE} pixels or more, got {x.shape[1]}x{x.shape[2]}")
    taps, count = [], 0
    for block in BLOCKS:
      if taps:
        x = max_pool(x, 2, strides=2)
      for channels in block:
        x = nn.relu(Conv(channels, 3, padding=1, dtype=self.dtype, name=f"conv_{count}")(x))
        count += 1
      taps.append(x)
    return taps


Module = VGG16
