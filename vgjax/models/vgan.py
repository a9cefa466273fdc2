"""VGAN: a moving foreground over a background that stands still (Vondrick et al. 2016, arXiv:1609.02612).

  video = m * f + (1 - m) * b                                                              Eq. 2

From one vector z a three-dimensional stream makes the foreground f (tanh) and its mask m (sigmoid), a
two-dimensional one the background b (tanh). The paper's sparsity of the mask, 0.1 times its L1 norm, is the
loss `mask`, here the mean of m: `losses=dict(mask=0.1)`. What differs: DCGAN's initial values, N(0, 0.02) for
kernels, where the authors' program has N(0, 0.01). `open_mask`, which is not the paper's, keeps the
background from being the first to learn what moves.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import conditions
from vgjax.models.layers.grow import Grow, Up

Array = Any


class VGAN(nn.Module):
  """A generator of videos of a fixed length, in two streams.

  Attributes:
    frames: the length of its videos.
    latent: numbers that a video is made of.
    channels: of the last hidden layer of both streams.
    open_mask: initial bias of the mask's layer. With 0, the paper's, the mask starts at a half everywhere;
      with 2 at .88, so that nearly all that is seen, and is learned at first, is the foreground.
    classes: number of labels that are read; 0 for none.
    conditions: what else is read: "text", "audio", "action".
    dtype: compute type.
  """

  frames: int = 32
  latent: int = 100
  channels: int = 64
  open_mask: float = 0.0
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
    """One vector for all of a video: both streams start from it."""
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
      A float32 video of the hint's shape, in [-1, 1]. The loss `mask` is sown.
    """
    del mask
    code = latents["video"]
    beside = conditions.Conditions(self.latent, self.classes, self.dtype, name="conditions").beside
    code = beside(code, read)

    def stream(size, name):
      return Grow(self.channels, dtype=self.dtype, name=name)(code, size, train=train)

    def last(x, features, strides, name, bias=0.0):
      up = Up(features, strides, bias_init=nn.initializers.constant(bias), dtype=self.dtype, name=name)
      return up(x).astype(jnp.float32)

    moving, strides = stream(hint.shape[1:4], "moving")
    foreground = jnp.tanh(last(moving, hint.shape[-1], strides, "foreground"))
    matte = nn.sigmoid(last(moving, 1, strides, "matte", self.open_mask))
    still, strides = stream(hint.shape[2:4], "still")
    background = jnp.tanh(last(still, hint.shape[-1], strides, "background"))
    self.sow("losses", "mask", matte.mean())
    return matte * foreground + (1 - matte) * background[:, None]


Module = VGAN
