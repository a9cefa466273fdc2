"""Layers that treat each frame by itself, or see its neighbours too: one field, `time`, says which.

With `time=1` the frames of all videos become one batch of pictures, and a layer is the published,
two-dimensional one. With `time=3` it has three taps along time, the frame's and its neighbours', so that what
is made of one frame fits the next; the number of frames stays, and beyond the ends zeros are read.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers.conv import Conv, ConvTranspose

Array = Any


def fold(video: Array, time: int) -> Array:
  """[batch * time, height, width, channels] for layers that see one frame, else the video as it is.

  Raises:
    ValueError: an even number of taps has no middle.
  """
  if time < 1 or time % 2 == 0:
    raise ValueError(f"time must be 1, 3 or another odd number of frames that a kernel sees, not {time}")
  return rearrange(video, "b t h w c -> (b t) h w c") if time == 1 else video


def unfold(x: Array, batch: int) -> Array:
  """`fold` undone, for a result with `batch` videos."""
  return x if x.ndim == 5 else x.reshape(batch, -1, *x.shape[1:])


class FrameConv(nn.Module):
  """A convolution of frames, or with taps in time.

  Attributes:
    features: output channels.
    window: height and width of the kernel.
    stride: of height and width.
    padding: zeros at each side of height and width; of `transposed` ones as in PyTorch.
    output_padding: pixels that a transposed convolution adds at the high ends of height and width.
    transposed: whether it is a transposed convolution.
    time: taps in time.
    use_bias: whether it has one.
    kernel_init: initial values of the kernel.
    dtype: compute type.
  """

  features: int
  window: int
  stride: int = 1
  padding: int = 0
  output_padding: int = 0
  transposed: bool = False
  time: int = 1
  use_bias: bool = True
  kernel_init: Callable = nn.initializers.normal(0.02)
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps what `fold` gave, [..., height, width, channels], to [..., height', width', features]."""
    taps = x.ndim == 5

    def sizes(space, time):
      return (time, space, space) if taps else (space, space)

    options = dict(use_bias=self.use_bias, kernel_init=self.kernel_init, dtype=self.dtype, name="conv")
    window, strides = sizes(self.window, self.time), sizes(self.stride, 1)
    padding = sizes(self.padding, self.time // 2)
    if self.transposed:
      extra = sizes(self.output_padding, 0)
      return ConvTranspose(self.features, window, strides, padding, output_padding=extra, **options)(x)
    return Conv(self.features, window, strides, padding, **options)(x)


def reflect(x: Array, border: int) -> Array:
  """A border of height and width in which the picture is mirrored, without its last row or column twice."""
  pad = [(0, 0)] * (x.ndim - 3) + [(border, border)] * 2 + [(0, 0)]
  return jnp.pad(x, pad, mode="reflect")
