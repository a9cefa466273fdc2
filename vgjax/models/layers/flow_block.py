"""What the flow networks of RIFE are made of: convolutions with PReLU, resizing, warping two frames at once.

A block looks at smaller pictures first, so that a large motion is a few pixels there. Values that are flows
shrink and grow with the pictures; that is left to the block.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from vgjax.models.layers.along_axes import along_axes
from vgjax.models.layers.conv import Conv, ConvTranspose
from vgjax.models.layers.initializers import torch_bias, torch_kernel
from vgjax.models.layers.warp import backward_warp

Array = Any


def conv(features: int, inputs: int, *, strides: int = 1, dtype: Any, name: str | None = None) -> Conv:
  """A 3x3 convolution of `inputs` channels with PyTorch's initial values."""
  return Conv(
    features,
    3,
    strides=strides,
    padding=1,
    kernel_init=torch_kernel(),
    bias_init=torch_bias(9 * inputs),
    dtype=dtype,
    name=name,
  )


def deconv(features: int, *, dtype: Any, name: str | None = None) -> ConvTranspose:
  """A transposed 4x4 convolution to twice the size, with PyTorch's initial values.

  For PyTorch the fan-in of a transposed convolution is window times *output* channels.
  """
  uniform = nn.initializers.variance_scaling(1 / 3, "fan_out", "uniform")
  return ConvTranspose(
    features,
    4,
    strides=2,
    padding=1,
    kernel_init=uniform,
    bias_init=torch_bias(16 * features),
    dtype=dtype,
    name=name,
  )


class ConvPReLU(nn.Module):
  """A convolution and a leaky ReLU whose slope each channel learns (He et al. 2015, arXiv:1502.01852).

  Attributes:
    features: output channels.
    kind: "same": 3x3; "down": 3x3, half the size; "up": transposed 4x4, twice the size.
    dtype: compute type.
  """

  features: int
  kind: str = "same"
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to [batch, h, w, features]."""
    if self.kind == "up":
      x = deconv(self.features, dtype=self.dtype, name="conv")(x)
    else:
      strides = 2 if self.kind == "down" else 1
      x = conv(self.features, x.shape[-1], strides=strides, dtype=self.dtype, name="conv")(x)
    slope = self.param("slope", nn.initializers.constant(0.25), (self.features,), jnp.float32)
    return jnp.where(x >= 0, x, slope.astype(x.dtype) * x)


def shrink(x: Array, factor: int) -> Array:
  """Pictures of 1 / factor of the height and width: bilinear, without smoothing.

  Args:
    x: [batch, height, width, channels], both sides multiples of `factor`.
    factor: 1, or even.

  Returns:
    [batch, height / factor, width / factor, channels]: the mean of the two middle pixels of so many, along
    each axis, as PyTorch's `interpolate(mode="bilinear", align_corners=False)`.
  """
  if factor == 1:
    return x
  low = factor // 2 - 1
  x = (x[:, low::factor] + x[:, low + 1 :: factor]) / 2
  return (x[:, :, low::factor] + x[:, :, low + 1 :: factor]) / 2


def enlarge(x: Array, factor: int) -> Array:
  """Pictures of `factor` times the height and width: bilinear, `align_corners=False`."""
  if factor == 1:
    return x
  height, width = x.shape[1:3]
  return along_axes(x, _bilinear(height, factor), _bilinear(width, factor))


def _bilinear(size: int, factor: int) -> np.ndarray:
  """[size * factor, size]: each new pixel's shares of the two old ones around it."""
  centre = (np.arange(size * factor) + 0.5) / factor - 0.5
  place = np.clip(centre, 0, size - 1)  # nothing is extrapolated
  return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(size)))


def warp_pair(first: Array, last: Array, flow: Array) -> tuple[Array, Array]:
  """Both frames as seen from between them.

  Args:
    first, last: [batch, height, width, channels].
    flow: [batch, height, width, 4], from the frame between to the first one (x, y) and to the last one.

  Returns:
    Two arrays of the frames' shape.
  """
  both = backward_warp(jnp.concatenate([first, last]), jnp.concatenate([flow[..., :2], flow[..., 2:]]))
  return both[: len(first)], both[len(first) :]


def pad_to(x: Array, multiple: int) -> Array:
  """Zeros below and to the right, up to multiples of so many pixels."""
  missing = [(0, -size % multiple) for size in x.shape[1:3]]
  return jnp.pad(x, ((0, 0), *missing, (0, 0))) if any(map(any, missing)) else x
