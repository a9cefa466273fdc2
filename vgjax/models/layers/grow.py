"""DCGAN's generator, in two or three dimensions: a vector becomes a small feature map, and that grows.

The first transposed convolution makes a map of at most 7 pixels a side; each of the others doubles height and
width (4 pixels wide, stride 2), and time where it still has to be doubled, and halves the channels. Batch
normalisation and ReLU follow each but the last one, which a model makes itself with `Up`.

Radford et al. 2016, arXiv:1511.06434; in three dimensions Vondrick et al. 2016, arXiv:1609.02612.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import ConvTranspose
from vgjax.models.layers.norm import BatchNorm

Array = Any
SMALLEST = 4  # pixels of the first map's shorter side, at least


def near_one(key, shape, dtype=jnp.float32):
  """N(1, 0.02): initial scales of batch normalisation."""
  return 1 + 0.02 * jax.random.normal(key, shape, dtype)


def plan(size: Sequence[int]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
  """How a video, or a frame, grows.

  Args:
    size: (time, height, width) or (height, width).

  Returns:
    The size of the first map, and the strides of each level, 1 or 2 along each axis. Time is doubled as often
    as it is even, and in the last levels.

  Raises:
    ValueError: height and width cannot be halved as often as it takes.
  """
  height, width = size[-2:]
  levels = (min(height, width) // SMALLEST).bit_length() - 1
  if levels < 1 or height % 2**levels or width % 2**levels:
    raise ValueError(
      f"frames of {height}x{width}: each side must be at least {2 * SMALLEST}, and both multiples of"
      f" {2 ** max(levels, 1)}, as 64x64 is"
    )
  doublings, time = 0, size[0]
  while len(size) == 3 and doublings < levels and time % 2 == 0:
    doublings, time = doublings + 1, time // 2
  strides = [(2, 2)] * levels
  if len(size) == 3:
    strides = [(1 if level < levels - doublings else 2, 2, 2) for level in range(levels)]
  first = (height // 2**levels, width // 2**levels)
  return (time, *first) if len(size) == 3 else first, strides


class Up(nn.Module):
  """A transposed convolution that makes a map `strides` times as large along each axis.

  Attributes:
    features: output channels.
    strides: 1 or 2 along each axis.
    use_bias: whether it has one.
    kernel_init: initial values.
    bias_init: the same of the bias.
    dtype: compute type.
  """

  features: int
  strides: tuple[int, ...]
  use_bias: bool = True
  kernel_init: Callable = nn.initializers.normal(0.02)
  bias_init: Callable = nn.initializers.zeros
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps [batch, *size, channels] to [batch, *larger, features]."""
    window = tuple(4 if stride == 2 else 3 for stride in self.strides)
    return ConvTranspose(
      self.features, window, self.strides, 1, use_bias=self.use_bias, kernel_init=self.kernel_init,
      bias_init=self.bias_init, dtype=self.dtype, name="conv",
    )(x)  # fmt: skip


class Grow(nn.Module):
  """All layers but the last.

  Attributes:
    channels: of the result; the first map has `2^(levels - 1)` times as many.
    use_bias: whether convolutions have one.
    kernel_init: initial values of kernels.
    dtype: compute type.
  """

  channels: int = 64
  use_bias: bool = True
  kernel_init: Callable = nn.initializers.normal(0.02)
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, code: Array, size: Sequence[int], *, train: bool) -> tuple[Array, tuple[int, ...]]:
    """Grows codes [batch, width].

    Args:
      code: what each video, or frame, is made of.
      size: of the video or frame that the last layer shall make.
      train: normalise with the statistics of this batch.

    Returns:
      [batch, *smaller, channels], and the strides of the last layer.
    """
    first, strides = plan(size)
    options = {"use_bias": self.use_bias, "kernel_init": self.kernel_init, "dtype": self.dtype}
    features = self.channels * 2 ** (len(strides) - 1)
    x = code.reshape(len(code), *[1] * len(first), -1).astype(self.dtype)
    x = ConvTranspose(features, first, padding="VALID", **options, name="first")(x)
    for level, step in enumerate(strides):
      norm = BatchNorm(not train, scale_init=near_one, dtype=self.dtype, name=f"norm_{level}")
      x = nn.relu(norm(x))
      if level < len(strides) - 1:
        features //= 2
        x = Up(features, step, **options, name=f"up_{level}")(x)
    return x, strides[-1]
