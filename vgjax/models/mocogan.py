"""MoCoGAN: content stays, motion runs (Tulyakov et al. 2018, arXiv:1707.04993).

  z_t = [content, category, motion_t],   motion_t = GRU(e_t, motion_(t-1)),   frame_t = G(z_t)

The content is drawn once a video, e_t ~ N(0, 1) for each frame anew, and the GRU starts from a drawn state,
so a video may be of any length. G is DCGAN's generator of images, without biases, as in the authors' program.
The category is the label's one-hot vector; with `categories` in the video critic and the loss `category`, the
critic tells it and the generator is asked to make it visible. Text and the like (not in the paper) stand
beside it. What differs: DCGAN's initial values, where the authors' program has those of the PyTorch of its
day (kernels U(-1, 1) / sqrt(fan in), scales of batch normalisation U(0, 1)); and one bias, not two, for each
of the first two gates of the GRU, 20 numbers fewer that say the same.
"""

from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import conditions
from vgjax.models.layers.grow import Grow, Up
from vgjax.models.layers.lstm import torch_uniform

Array = Any


class MoCoGAN(nn.Module):
  """A generator of videos of any length, whose content and motion are drawn apart.

  Attributes:
    content: numbers that say what is seen.
    motion: numbers a frame that say how it moves.
    channels: of the last hidden layer.
    classes: number of categories; 0 for none.
    conditions: what else is read: "text", "audio", "action".
    dtype: compute type.
  """

  content: int = 50
  motion: int = 10
  channels: int = 64
  classes: int = 0
  conditions: tuple[str, ...] = ()
  dtype: Any = jnp.float32

  @property
  def reads(self) -> tuple[str, ...]:
    return conditions.names(self.classes, self.conditions)

  def latents(self, time: int) -> dict[str, tuple[int, ...]]:
    """What is seen, and how it moves: the GRU's first state and what it reads at each frame."""
    return {"content": (self.content,), "motion": (time + 1, self.motion)}

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool, latents: dict, **read: Array) -> Array:
    """Makes videos.

    Args:
      hint: [batch, time, height, width, channels]; only its shape matters.
      mask: not read.
      train: normalise with the statistics of this batch.
      latents: `content` [batch, content] and `motion` [batch, time + 1, motion].
      **read: what `reads` names.

    Returns:
      A float32 video of the hint's shape, in [-1, 1].
    """
    del mask
    time = hint.shape[1]
    still = [latents["content"]]
    if "label" in read:
      still.append(jax.nn.one_hot(read.pop("label"), self.classes))
    beside = conditions.Conditions(self.content, dtype=self.dtype, name="conditions").beside
    still = beside(jnp.concatenate(still, axis=-1), read)
    start, noise = latents["motion"][:, 0], latents["motion"][:, 1:]
    uniform = torch_uniform(self.motion)
    cell = nn.GRUCell(
      self.motion, kernel_init=uniform, recurrent_kernel_init=uniform, bias_init=uniform, name="path"
    )
    # Two loops are never merged into one, but the frames of both losses, without a loop, are.
    motion = nn.RNN(cell, unroll=time if train else 1)(noise, initial_carry=start)
    codes = jnp.concatenate([jnp.repeat(still[:, None], time, axis=1), motion], axis=-1)

    grow = Grow(self.channels, use_bias=False, dtype=self.dtype, name="grow")
    x, strides = grow(rearrange(codes, "b t z -> (b t) z"), hint.shape[2:4], train=train)
    frames = Up(hint.shape[-1], strides, use_bias=False, dtype=self.dtype, name="frame")(x)
    return jnp.tanh(frames.astype(jnp.float32)).reshape(hint.shape)


Module = MoCoGAN
