"""3D DCGAN: one stream of three-dimensional transposed convolutions from a vector to a video.

  z [100] -> 512 x (2, 4, 4) -> 256 x (4, 8, 8) -> 128 x (8, 16, 16) -> 64 x (16, 32, 32) -> (32, 64, 64),
  tanh

for 32 frames of 64x64; other sizes as `layers/grow.py` says. The one-stream generator of Vondrick et al.
2016, arXiv:1609.02612, section 2.2, with DCGAN's initial values (kernels N(0, 0.02) where the authors'
program has N(0, 0.01)). Conditions are vectors beside z (Mirza and Osindero 2014, arXiv:1411.1784).
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import conditions
from vgjax.models.layers.grow import Grow, Up

Array = Any


class DCGAN3D(nn.Module):
  """A generator of videos of a fixed length.

  Attributes:
    frames: the length of its videos.
    latent: numbers that a video is made of.
    channels: of the last hidden layer.
    classes: number of labels that are read; 0 for none.
    conditions: what else is read: "text", "audio", "action".
    dtype: compute type.
  """

  frames: int = 32
  latent: int = 100
  channels: int = 64
  classes: int = 0
  conditions: tuple[str, ...] = ()
  dtype: Any = jnp.float32

  @property
  def window(self) -> tuple[int, int]:
    return self.frames, 0

  @property
  def reads(self) -> tuple[str, ...]:
    return conditions.names(self.classes, self.conditions)

  def latents(self, time: int) -> dict[str, tuple[int, ...]]:
    """One vector for all of a video, what it shows and how that moves together."""
    del time
    return {"video": (self.latent,)}

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool, latents: dict, **read: Array) -> Array:
    """Makes videos.

    Args:
      hint: [batch, frames, height, width, channels]; only its shape matters.
      mask: not read.
      train: normalise with the statistics of this batch.
      latents: `video` [batch, latent].
      **read: what `reads` names.

    Returns:
      A float32 video of the hint's shape, in [-1, 1].
    """
    del mask
    code = latents["video"]
    beside = conditions.Conditions(self.latent, self.classes, self.dtype, name="conditions").beside
    code = beside(code, read)
    x, strides = Grow(self.channels, dtype=self.dtype, name="grow")(code, hint.shape[1:4], train=train)
    return jnp.tanh(Up(hint.shape[-1], strides, dtype=self.dtype, name="video")(x).astype(jnp.float32))


Module = DCGAN3D
