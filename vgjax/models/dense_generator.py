"""A fully connected generator, for tiny videos: every pixel from every hidden unit.

  z -> [dense, batch normalisation, ReLU] x layers -> dense, tanh

The generator of the first GAN (Goodfellow et al. 2014, arXiv:1406.2661), with batch normalisation and tanh as
DCGAN has them. Its last layer has hidden * time * height * width * channels parameters: 8 frames of 16x16 are
2048 numbers, 16 of 64x64 are 65,536, where convolutions do more with less.
"""

import math
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import conditions
from vgjax.models.layers.grow import near_one
from vgjax.models.layers.norm import BatchNorm

Array = Any


class DenseGenerator(nn.Module):
  """A generator of videos of a fixed length and size.

  Attributes:
    frames: the length of its videos.
    latent: numbers that a video is made of.
    hidden: units of each hidden layer.
    classes: number of labels that are read; 0 for none.
    conditions: what else is read: "text", "audio", "action".
    dtype: compute type.
  """

  frames: int = 8
  latent: int = 100
  hidden: tuple[int, ...] = (256, 512, 1024)
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
    x = latents["video"]
    beside = conditions.Conditions(self.latent, self.classes, self.dtype, name="conditions").beside
    x = beside(x, read)
    options = {"kernel_init": nn.initializers.normal(0.02), "dtype": self.dtype}
    for layer, features in enumerate(self.hidden):
      x = nn.Dense(features, **options, name=f"dense_{layer}")(x)
      x = nn.relu(BatchNorm(not train, scale_init=near_one, dtype=self.dtype, name=f"norm_{layer}")(x))
    video = nn.Dense(math.prod(hint.shape[1:]), **options, name="video")(x)
    return jnp.tanh(video.astype(jnp.float32)).reshape(hint.shape)


Module = DenseGenerator
