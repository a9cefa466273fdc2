"""A frame as one vector and back: SVG's encoders and decoders, after DCGAN and after VGG16.

A level halves height and width, and doubles the channels up to eight times the first level's; levels follow
until less than 8 pixels are left along the shorter side (4 of a frame of 64 or 128). One convolution over all
of them makes the vector. The decoder goes the same way up, and reads at each level the encoder's feature map
of that size, of a frame that may be an earlier one.

  dcgan   a level is a 4x4 convolution of stride 2
  vgg     a level is two 3x3 convolutions, from the third level on three, then max pooling of 2

Each convolution is followed by batch normalisation and a leaky ReLU; tanh at the vector, sigmoid at the
frame. Initial values: kernels N(0, 0.02), the scales of normalisation N(1, 0.02), no bias.

Denton and Fergus 2018, https://arxiv.org/abs/1802.07687, with the layers of the authors' program.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import Conv, ConvTranspose
from vgjax.models.layers.norm import BatchNorm
from vgjax.models.layers.pool import max_pool

Array = Any
KERNEL = nn.initializers.normal(0.02)


def _scale(key, shape, dtype=jnp.float32):
  return 1 + KERNEL(key, shape, dtype)


def count_levels(height: int, width: int) -> int:
  """How many times a frame is halved.

  Raises:
    ValueError: frames that are too small, or that cannot be halved so often.
  """
  levels = min(height, width).bit_length() - 3  # 8 ... 15 pixels: 1
  if levels < 1 or height % 2**levels or width % 2**levels:
    raise ValueError(
      f"a frame of {height}x{width}: each side must be at least 8, and both multiples of"
      f" {2 ** max(levels, 1)}, as 64x64 is"
    )
  return levels


def _channels(width, levels):
  return [width * min(2**level, 8) for level in range(levels)]


def _depth(kind, level):
  """Convolutions of a level."""
  return 1 if kind == "dcgan" else 2 if level < 2 else 3


class Layer(nn.Module):
  """Convolution, batch normalisation, activation.

  Attributes:
    features: output channels.
    window: (height, width) of the kernel.
    stride: 2 halves height and width, or doubles them if transposed.
    padding: zeros at each side.
    transposed: whether the convolution is a transposed one.
    dtype: compute type.
  """

  features: int
  window: tuple[int, int]
  stride: int = 1
  padding: int = 0
  transposed: bool = False
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool, activation=lambda x: nn.leaky_relu(x, 0.2)) -> Array:
    """Maps x [batch, height, width, channels] to [batch, height', width', features]."""
    make = ConvTranspose if self.transposed else Conv
    conv = make(
      self.features, self.window, self.stride, self.padding, kernel_init=KERNEL, dtype=self.dtype, name="conv"
    )
    norm = BatchNorm(not train, scale_init=_scale, dtype=self.dtype, name="norm")
    return activation(norm(conv(x)))


class Encoder(nn.Module):
  """A frame to a vector.

  Attributes:
    kind: "dcgan" or "vgg".
    size: of the vector.
    width: channels of the first level.
    dtype: compute type.
  """

  kind: str
  size: int
  width: int = 64
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool) -> tuple[Array, list[Array]]:
    """Encodes frames.

    Args:
      x: [batch, height, width, channels], in [0, 1].
      train: normalise with the statistics of all of these frames, and update the running ones.

    Returns:
      The vectors [batch, size] in [-1, 1], and the feature map of each level, the largest first.
    """
    dcgan, skips = self.kind == "dcgan", []
    window, stride = ((4, 4), 2) if dcgan else ((3, 3), 1)
    for level, features in enumerate(_channels(self.width, count_levels(*x.shape[1:3]))):
      for index in range(_depth(self.kind, level)):
        layer = Layer(features, window, stride, 1, dtype=self.dtype, name=f"level_{level}_{index}")
        x = layer(x, train=train)
      skips.append(x)
      x = x if dcgan else max_pool(x, 2, strides=2)
    layer = Layer(self.size, x.shape[1:3], dtype=self.dtype, name="vector")
    return layer(x, train=train, activation=jnp.tanh)[:, 0, 0], skips


class Decoder(nn.Module):
  """A vector to a frame.

  Attributes:
    kind: "dcgan" or "vgg".
    width: channels of the last level.
    dtype: compute type.
  """

  kind: str
  width: int = 64
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, code: Array, skips: list[Array], channels: int, *, train: bool) -> Array:
    """Decodes vectors.

    Args:
      code: [batch, size].
      skips: feature maps of the encoder, the largest first.
      channels: of the frame.
      train: as the encoder's.

    Returns:
      [batch, height, width, channels], in [0, 1].
    """
    dcgan = self.kind == "dcgan"
    features = _channels(self.width, len(skips))
    height, width = (side if dcgan else side // 2 for side in skips[-1].shape[1:3])
    first = Layer(features[-1], (height, width), transposed=True, dtype=self.dtype, name="vector")
    x = first(code[:, None, None].astype(self.dtype), train=train)
    window, stride = ((4, 4), 2) if dcgan else ((3, 3), 1)
    for level in reversed(range(len(skips))):
      x = x if dcgan else jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
      x = jnp.concatenate([x, skips[level].astype(self.dtype)], axis=-1)
      # The last layer of a level has the width of the next one; that of the first level makes the frame.
      widths = [features[level]] * (_depth(self.kind, level) - 1) + features[max(level - 1, 0) : level]
      for index, width in enumerate(widths):
        layer = Layer(width, window, stride, 1, dcgan, self.dtype, name=f"level_{level}_{index}")
        x = layer(x, train=train)
    frame = ConvTranspose(
      channels, window, stride, padding=1, kernel_init=KERNEL, dtype=self.dtype, name="frame"
    )
    return nn.sigmoid(frame(x))
