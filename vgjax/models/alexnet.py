"""AlexNet's convolutions, in the one-column form of Krizhevsky 2014 (arXiv:1404.5997) that PyTorch ships.

  conv 11x11/4, 64 - pool - conv 5x5, 192 - pool - conv 3x3, 384 - conv 3x3, 256 - conv 3x3, 256

with a ReLU after each convolution and 3x3/2 max pooling. The classifier is left out: what is wanted are the
five activations, which LPIPS compares (`vgjax/metrics/lpips.py`) and from which an encoder may start.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import Conv
from vgjax.models.layers.pool import max_pool

Array = Any

SIDE = 31  # pixels; smaller pictures leave the second pooling nothing


class AlexNet(nn.Module):
  """The activations of AlexNet.

  Attributes:
    dtype: compute type.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool = False) -> list[Array]:
    """Runs the network.

    Args:
      x: [batch, height, width, 3], 31 pixels or more a side; trained weights expect ImageNet's mean 0 and
        standard deviation 1 in each channel.
      train: without effect.

    Returns:
      Five activations after the ReLU, [batch, h, w, channels] with 64, 192, 384, 256, 256 channels, at
      about 1/4, 1/8, 1/16, 1/16, 1/16 of the size.
    """
    if min(x.shape[1:3]) < SIDE:
      raise ValueError(f"AlexNet needs {SIDE}x{SIDE} pixels or more, got {x.shape[1]}x{x.shape[2]}")
    taps = []
    for index, (channels, window) in enumerate([(64, 11), (192, 5), (384, 3), (256, 3), (256, 3)]):
      if index in (1, 2):
        x = max_pool(x, 3, strides=2)
      strides, padding = (4, 2) if index == 0 else (1, window // 2)
      conv = Conv(channels, window, strides=strides, padding=padding, dtype=self.dtype, name=f"conv_{index}")
      x = nn.relu(conv(x))
      taps.append(x)
    return taps


Module = AlexNet
