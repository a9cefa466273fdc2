"""The convolutions of VGG-16 and AlexNet, for which there are weights trained on ImageNet.

VGG-16 (Simonyan and Zisserman 2015, arXiv:1409.1556, configuration D): five blocks of 3x3 convolutions with
2x2 max pooling between them. AlexNet, in the one-column form of Krizhevsky 2014 (arXiv:1404.5997) that
PyTorch ships, with 3x3 max pooling of stride 2:

  conv 11x11/4, 64 - pool - conv 5x5, 192 - pool - conv 3x3, 384 - conv 3x3, 256 - conv 3x3, 256

Each convolution is followed by a ReLU. The classifiers are left out: what is wanted are activations, which
LPIPS compares (`vgjax/metrics/lpips.py`) and from which a frame generator makes its frames. The parameters
are called `conv_<i>/kernel` and `bias`, as in the weights `lpips_vgg` and `lpips_alex`.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import Conv
from vgjax.models.layers.pool import max_pool

Array = Any

VGG_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
ALEX_LAYERS = ((64, 11), (192, 5), (384, 3), (256, 3), (256, 3))  # (channels, window)
# ImageNet's mean and standard deviation for pixels in [-1, 1], as the authors of LPIPS round them.
MEAN, DEVIATION = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


def normalise(x: Array) -> Array:
  """[..., 1 or 3] in [-1, 1] -> [..., 3] with mean 0 and deviation 1 over ImageNet; grey is repeated."""
  return (x - jnp.array(MEAN)) / jnp.array(DEVIATION)


class VGG16(nn.Module):
  """The activations of VGG-16.

  Attributes:
    blocks: how many of the five blocks there are.
    dtype: compute type.
  """

  SIDE = 16  # pixels; smaller pictures leave the last pooling nothing

  blocks: int = len(VGG_BLOCKS)
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> list[Array]:
    """Runs the network.

    Args:
      x: [batch, height, width, 3], normalised; 16 pixels or more a side.

    Returns:
      The last activation of each block, [batch, h, w, channels] with 64, 128, 256, 512, 512 channels, at
      1, 1/2, 1/4, 1/8, 1/16 of the size.
    """
    if min(x.shape[1:3]) < self.SIDE:
      raise ValueError(f"VGG-16 needs {self.SIDE}x{self.SIDE} pixels or more, got {x.shape[1]}x{x.shape[2]}")
    taps, count = [], 0
    for block in VGG_BLOCKS[: self.blocks]:
      if taps:
        x = max_pool(x, 2, strides=2)
      for channels in block:
        x = nn.relu(Conv(channels, 3, padding=1, dtype=self.dtype, name=f"conv_{count}")(x))
        count += 1
      taps.append(x)
    return taps


class AlexNet(nn.Module):
  """The activations of AlexNet.

  Attributes:
    dtype: compute type.
  """

  SIDE = 31  # pixels; smaller pictures leave the second pooling nothing

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> list[Array]:
    """Runs the network.

    Args:
      x: [batch, height, width, 3], normalised; 31 pixels or more a side.

    Returns:
      Five activations after the ReLU, [batch, h, w, channels] with 64, 192, 384, 256, 256 channels, at
      about 1/4, 1/8, 1/16, 1/16, 1/16 of the size.
    """
    if min(x.shape[1:3]) < self.SIDE:
      raise ValueError(f"AlexNet needs {self.SIDE}x{self.SIDE} pixels or more, got {x.shape[1]}x{x.shape[2]}")
    taps = []
    for index, (channels, window) in enumerate(ALEX_LAYERS):
      if index in (1, 2):
        x = max_pool(x, 3, strides=2)
      strides, padding = (4, 2) if index == 0 else (1, window // 2)
      conv = Conv(channels, window, strides=strides, padding=padding, dtype=self.dtype, name=f"conv_{index}")
      x = nn.relu(conv(x))
      taps.append(x)
    return taps
