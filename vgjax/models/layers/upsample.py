"""Pictures of twice the height and width: by transposed convolution, or by pixel shuffle."""

from typing import Any, Literal

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers.conv import Conv, ConvTranspose

Array = Any


class Upsample(nn.Module):
  """Doubles height and width.

  Attributes:
    features: output channels.
    kind: "deconv": a transposed convolution of stride 2, whose window of 4x4 covers each pixel equally
      often; "pixel_shuffle": a 3x3 convolution to four times the channels, which become the four pixels of
      a square (Shi et al. 2016, arXiv:1609.05158). Its four kernels start equal, so that it starts as
      the copying of pixels and leaves no checkerboard (Aitken et al. 2017, arXiv:1707.02937).
    dtype: compute type.
  """

  features: int
  kind: Literal["deconv", "pixel_shuffle"] = "deconv"
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to [batch, 2 * height, 2 * width, features]."""
    if self.kind == "deconv":
      return ConvTranspose(self.features, 4, strides=2, padding=1, dtype=self.dtype, name="deconv")(x)
    if self.kind != "pixel_shuffle":
      raise ValueError(f'upsample is "deconv" or "pixel_shuffle", not "{self.kind}"')
    x = Conv(4 * self.features, 3, padding=1, kernel_init=_four_alike, dtype=self.dtype, name="shuffle")(x)
    return rearrange(x, "b h w (i j c) -> b (h i) (w j) c", i=2, j=2)


def _four_alike(key, shape, dtype):
  """A kernel whose four groups of output channels are equal."""
  *window, features = shape
  return jnp.tile(nn.initializers.lecun_normal()(key, (*window, features // 4), dtype), 4)
