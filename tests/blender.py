"""A network for tests of interpolation: it mixes the ends linearly in time, so that its frames are known."""

import jax.numpy as jnp
from flax import linen as nn


class Blender(nn.Module):
  """Frame k of n + 1 is (1 - k / n) first + k / n last + offset; `offset` is a parameter, 0 at first.

  Attributes:
    any_time: whether it does so for any number of frames, or for three only.
    multiple: what height and width must be multiples of.
    dtype: without effect.
  """

  any_time: bool = True
  multiple: int = 1
  dtype: type = jnp.float32

  reads_ends = True

  @property
  def window(self):
    return None if self.any_time else (3, 1)

  @nn.compact
  def __call__(self, hint, mask, *, train):
    if any(n % self.multiple for n in hint.shape[2:4]):
      raise ValueError(f"height and width must be multiples of {self.multiple}")
    offset = self.param("offset", nn.initializers.zeros, ())
    share = jnp.linspace(0.0, 1.0, hint.shape[1])[None, :, None, None, None]
    return (1 - share) * hint[:, :1] + share * hint[:, -1:] + offset


Module = Blender
