"""DCGAN frame by frame: the baseline without a model of time (Radford et al. 2016, arXiv:1511.06434).

  frame_t = G([content, motion_t]),   content ~ N(0, 1) once a video, motion_t ~ N(0, 1) for each frame anew

G is DCGAN's generator of images with half its channels, as MoCoGAN has them: with the defaults 100 ->
512 x (4, 4) -> 256 x (8, 8) -> 128 x (16, 16) -> 64 x (32, 32) -> (64, 64). It is MoCoGAN without the
recurrent network: what one frame shows of the motion tells nothing of the next one's, so a critic of videos
can teach it still videos at most. With a critic of frames alone it measures what frames are worth without
motion. Conditions are vectors beside the content.
"""

from typing import Any

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import conditions
from vgjax.models.layers.grow import Grow, Up

Array = Any


class DCGAN2D(nn.Module):
  """A generator of videos of any length, each frame for itself.

  Attributes:
    content: numbers that all frames of a video are made of.
    motion: numbers that one frame is made of.
    channels: of the last hidden layer.
    classes: number of labels that are read; 0 for none.
    conditions: what else is read: "text", "audio", "action".
    dtype: compute type.
  """

  content: int = 90
  motion: int = 10
  channels: int = 64
  classes: int = 0
  conditions: tuple[str, ...] = ()
  dtype: Any = jnp.float32

  @property
  def reads(self) -> tuple[str, ...]:
    return conditions.names(self.classes, self.conditions)

  def latents(self, time: int) -> dict[str, tuple[int, ...]]:
    """What is seen throughout, and what changes with each frame."""
    return {"content": (self.content,), "motion": (time, self.motion)}

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool, latents: dict, **read: Array) -> Array:
    """Makes videos.

    Args:
      hint: [batch, time, height, width, channels]; only its shape matters.
      mask: not read.
      train: normalise with the statistics of this batch.
      latents: `content` [batch, content] and `motion` [batch, time, motion].
      **read: what `reads` names.

    Returns:
      A float32 video of the hint's shape, in [-1, 1].
    """
    del mask
    code = latents["content"]
    beside = conditions.Conditions(self.content, self.classes, self.dtype, name="conditions").beside
    code = beside(code, read)
    code = jnp.repeat(code[:, None], hint.shape[1], axis=1)
    codes = rearrange(jnp.concatenate([code, latents["motion"]], axis=-1), "b t z -> (b t) z")
    x, strides = Grow(self.channels, dtype=self.dtype, name="grow")(codes, hint.shape[2:4], train=train)
    frames = Up(hint.shape[-1], strides, dtype=self.dtype, name="frame")(x)
    return jnp.tanh(frames.astype(jnp.float32)).reshape(hint.shape)


Module = DCGAN2D
