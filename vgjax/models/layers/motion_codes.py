"""StyleGAN-V's motion codes: a vector at every time, from noise at anchors (Skorokhodov et al. 2022).
arXiv:2112.14683, section 3.2. Anchors are `distance` frames apart. Noise at each becomes u by two
convolutions over time without a border. Between the anchors l and l + 1, with a = (t - t_l) / distance, the
code is

  v(t) = p(t) - (1 - a) p(t_l) - a p(t_(l + 1)) + (1 - a) A u_l + a A u_(l + 1)
  p(t) = [sin, cos](f * (1 + tanh(W u_l)) * t + s * V u_l)

with frequencies f of periods from `distance` to `longest` frames, evenly spaced by their logarithms, and s =
longest / period. At an anchor v is A u; between anchors the waves of that place are added, so no motion comes
back.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from vgjax.models.layers.modulated_conv import EqualConv

Array = Any


def num_anchors(span: float, distance: int) -> int:
  """Anchors around `span` frames that begin anywhere: one before, one after."""
  return math.ceil(span / distance) + 2


class MotionCodes(nn.Module):
  """Codes at given times.

  Attributes:
    features: numbers of u.
    waves: number of frequencies; a code has twice as many numbers.
    window: anchors that each of the two convolutions sees.
    distance: frames between anchors.
    longest: the longest period, in frames.
  """

  features: int = 512
  waves: int = 256
  window: int = 11
  distance: int = 16
  longest: int = 1024

  @nn.compact
  def __call__(self, noise: Array, times: Array) -> Array:
    """Codes.

    Args:
      noise: [batch, anchors + 2 * (window - 1), width]; the first anchor is the last one before all times.
      times: [batch, time], in frames, ascending, from 0.

    Returns:
      [batch, time, 2 * waves], float32.
    """
    x = noise
    for layer in range(2):
      x = nn.leaky_relu(EqualConv(self.features, self.window, rate=0.01, name=f"path_{layer}")(x), 0.2)
    anchors = x.shape[1]
    before = jnp.floor(times[:, :1] / self.distance)
    # At the very end rounding could ask for one more; there the place between the last two is 1.
    left = jnp.minimum(jnp.floor(times / self.distance) - before, anchors - 2)
    start = (left + before) * self.distance
    place = ((times - start) / self.distance)[..., None]

    def between(first, second):
      return (1 - place) * first + place * second

    def at(x, index):
      """What x [batch, anchors, ...] has there, as a product: a gather's gradient would scatter."""
      return jnp.einsum("bta,baz->btz", jax.nn.one_hot(index.astype(jnp.int32), anchors, dtype=x.dtype), x)

    def linear(features, name):
      return EqualConv(features, use_bias=False, name=name)(x)  # without a bias, or all motions are alike

    periods = np.geomspace(self.longest, self.distance, self.waves).astype(np.float32)
    frequency = (2 * np.pi / periods) * (1 + jnp.tanh(at(linear(self.waves, "period"), left)))
    phase = (self.longest / periods) * at(linear(self.waves, "phase"), left)

    def wave(t):
      angle = frequency * t[..., None] + phase
      return jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)

    aligned = linear(2 * self.waves, "aligner")
    waves = wave(times) - between(wave(start), wave(start + self.distance))
    return waves + between(at(aligned, left), at(aligned, left + 1))
