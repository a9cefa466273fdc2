"""TGAN: a temporal generator makes a vector a frame, a frame generator makes the frames (Saito et al. 2017).

  (z_1, ..., z_T) = G0(z_0),   frame_t = G1(z_0, z_t)                           arXiv:1611.06624, section 3.1

G0 is a chain of one-dimensional transposed convolutions from one vector to T; in G1 z_0 and z_t each become
half of the first map's channels, and that grows as DCGAN's does. Layers and initial values are those of the
authors' program, for 16 frames of 64x64: z_0 is uniform in [-1, 1] (a normal number through its distribution
function), normalisation in G0 has no bias. Other sizes: one doubling more or less. Conditions stand beside
z_0, which the paper has not.

It plays the Wasserstein game with `optim.critic.project = dict(name="singular_values")`. The published critic
is `critic3d` with its defaults, but for initial values, U(-0.01, 0.01), and normalisation without a bias, to
whose variance 2e-5 is added.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import conditions
from vgjax.models.layers.conv import Conv, ConvTranspose
from vgjax.models.layers.grow import Up, plan
from vgjax.models.layers.norm import BatchNorm

Array = Any
WIDTHS = (16, 8, 4, 4)  # of G0's layers, in multiples of `channels`


def uniform(key, shape, dtype=jnp.float32):
  """U(-0.01, 0.01)."""
  return jax.random.uniform(key, shape, dtype, -0.01, 0.01)


class TGAN(nn.Module):
  """A generator of videos of a fixed length.

  Attributes:
    frames: the length of its videos, an even number.
    latent: numbers that a video, and each of its frames, is made of.
    channels: of the last hidden layer.
    classes: number of labels that are read; 0 for none.
    conditions: what else is read: "text", "audio", "action".
    dtype: compute type.
  """

  frames: int = 16
  latent: int = 100
  channels: int = 32
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
    """z_0, from which all frames' vectors follow."""
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
    code = jax.lax.erf(latents["video"] / jnp.sqrt(2.0))  # 2 Phi(z) - 1
    beside = conditions.Conditions(self.latent, self.classes, self.dtype, name="conditions").beside
    code = beside(code, read)
    options = {"kernel_init": uniform, "dtype": self.dtype}
    temporal = _Temporal(self.latent, self.channels, **options, name="temporal")
    codes = temporal(code, hint.shape[1], train=train)
    codes = rearrange(codes, "b t z -> (b t) z")
    code = jnp.repeat(code, hint.shape[1], axis=0)

    def norm(x, name):
      return nn.relu(BatchNorm(not train, epsilon=2e-5, dtype=self.dtype, name=name)(x))

    first, strides = plan(hint.shape[2:4])
    features = self.channels * 2 ** len(strides)
    halves = []
    for name, part in {"video": code, "frame": codes}.items():
      # Normalised number by number, before it is a map.
      half = nn.Dense(first[0] * first[1] * features // 2, use_bias=False, **options, name=f"of_{name}")(part)
      halves.append(norm(half, f"norm_{name}").reshape(len(half), *first, -1))
    x = jnp.concatenate(halves, axis=-1)
    for level, step in enumerate(strides):
      features //= 2
      x = norm(Up(features, step, use_bias=False, **options, name=f"up_{level}")(x), f"norm_{level}")
    frames = Conv(hint.shape[-1], 3, padding=1, **options, name="last")(x)
    return jnp.tanh(frames.astype(jnp.float32)).reshape(hint.shape)


class _Temporal(nn.Module):
  """G0: a vector becomes a vector a frame.

  Attributes:
    latent: numbers a frame.
    channels: of which its layers have multiples.
    kernel_init: initial values.
    dtype: compute type.
  """

  latent: int
  channels: int
  kernel_init: Callable
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, code: Array, time: int, *, train: bool) -> Array:
    """Maps [batch, width] to [batch, time, latent], in [-1, 1]."""
    doublings = min(len(WIDTHS), (time & -time).bit_length() - 1)
    if not doublings:
      raise ValueError(f"frames={time}: time is doubled, so an even number is needed")
    options = {"kernel_init": self.kernel_init, "dtype": self.dtype}
    widths = [width * self.channels for width in WIDTHS[:doublings]]
    x = code[:, None].astype(self.dtype)
    x = ConvTranspose(widths[0], time >> doublings, padding="VALID", **options, name="first")(x)
    for level, features in enumerate([*widths[1:], self.latent]):
      norm = BatchNorm(not train, epsilon=2e-5, use_bias=False, dtype=self.dtype, name=f"norm_{level}")
      x = nn.relu(norm(x))
      x = ConvTranspose(features, 4, 2, 1, **options, name=f"up_{level}")(x)
    return jnp.tanh(x)


Module = TGAN
