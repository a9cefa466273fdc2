"""A compact DVD-GAN: convolutional GRUs and residual blocks, conditioned all the way (Clark et al. 2019).

  c = [z, e(label)];   x = linear(c) at 4x4, the same at every frame;
  at each size: x = GRU over time of x; x = two residual blocks, the second of which doubles height and width;
  video = tanh(3x3 convolution(ReLU(batch norm(x))))                              arXiv:1907.06571

Every convolution and linear map is spectrally normalised and starts orthogonal; c sets scale and bias of all
batch normalisations but the last. There is no motion apart: one z tells a video, and what moves is the GRUs'
doing, so the latent is `video`. It is played with the loss `hinge` against the critics `critic2d(frames=8,
norm="spectral")` and `critic3d(downsample=2, norm="spectral")`.

What differs: the authors' program is not public, so layers are those that the paper names; fewer channels;
batch statistics over all frames where the paper has one set a frame, for the sake of any length; no
orthogonal penalty on kernels, no attention; the label's embedding is not normalised; critics start at
N(0, 0.02), have no residual blocks, and of the spatial one each frame's score is a score of its own where the
paper adds them up.
"""

from typing import Any

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import conditions
from vgjax.models.layers.grow import plan
from vgjax.models.layers.norm import BatchNorm
from vgjax.models.layers.residual_gan import ConvGRU, ResidualBlock
from vgjax.models.layers.spectral import SpectralConv

Array = Any
WIDEST = 8  # the first map has at most so many times as many channels as the last


class DVDGAN(nn.Module):
  """A generator of videos of any length.

  Attributes:
    latent: numbers that a video is made of; as many are learned for a class.
    channels: of the last hidden layer; each size before it has twice as many as the one after, up to 8 times.
    classes: number of labels that are read; 0 for none.
    conditions: what else is read: "text", "audio", "action".
    dtype: compute type.
  """

  latent: int = 120
  channels: int = 32
  classes: int = 0
  conditions: tuple[str, ...] = ()
  dtype: Any = jnp.float32

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
      hint: [batch, time, height, width, channels]; only its shape matters.
      mask: not read.
      train: normalise with the statistics of this batch.
      latents: `video` [batch, latent].
      **read: what `reads` names.

    Returns:
      A float32 video of the hint's shape, in [-1, 1].
    """
    del mask
    batch, time = hint.shape[:2]
    code = latents["video"]
    beside = conditions.Conditions(self.latent, self.classes, self.dtype, name="conditions").beside
    code = beside(code, read)
    first, strides = plan(hint.shape[2:4])
    levels = len(strides)
    widths = [self.channels * min(WIDEST, 2 ** (levels - level)) for level in range(levels + 1)]

    x = SpectralConv(first[0] * first[1] * widths[0], dtype=self.dtype, name="first")(code, train=train)
    x = jnp.repeat(x.reshape(batch, 1, *first, -1), time, axis=1)
    codes = jnp.repeat(code, time, axis=0)
    for level in range(levels):
      x = ConvGRU(widths[level], self.dtype, name=f"recurrent_{level}")(x, train=train)
      x = rearrange(x, "b t h w c -> (b t) h w c")
      x = ResidualBlock(widths[level], False, self.dtype, name=f"keep_{level}")(x, codes, train=train)
      x = ResidualBlock(widths[level + 1], True, self.dtype, name=f"double_{level}")(x, codes, train=train)
      x = rearrange(x, "(b t) h w c -> b t h w c", b=batch)
    x = nn.relu(BatchNorm(not train, dtype=self.dtype, name="norm")(x))
    x = rearrange(x, "b t h w c -> (b t) h w c")
    frames = SpectralConv(hint.shape[-1], dtype=self.dtype, name="last")(x, train=train)
    return jnp.tanh(frames.astype(jnp.float32)).reshape(hint.shape)


Module = DVDGAN
