"""Gaussian latent variables of a video's frames: what SVG and FitVid share.

Both draw a vector z for each frame. In training it comes from the posterior q, a recurrent network which has
seen the frame itself; in sampling from the prior p, which has seen only the frames before it. The loss of
the latent variables is the divergence KL(q || p), for diagonal Gaussians

  KL = 1/2 sum (log v_p - log v_q + (v_q + (m_q - m_p)^2) / v_p - 1)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.lstm import LSTMStack, State

Array = Any


class Gaussian(NamedTuple):
  """A diagonal Gaussian: mean and logarithm of the variance, [..., size] each."""

  mean: Array
  logvar: Array

  def draw(self, noise: Array) -> Array:
    """The point that standard normal `noise` stands for."""
    return self.mean + jnp.exp(0.5 * self.logvar) * noise


def standard(shape: tuple[int, ...]) -> Gaussian:
  """N(0, 1)."""
  return Gaussian(jnp.zeros(shape), jnp.zeros(shape))


def divergence(q: Gaussian, p: Gaussian) -> Array:
  """KL(q || p) in nats, summed over the last dimension."""
  ratio = jnp.exp(q.logvar - p.logvar) + jnp.square(q.mean - p.mean) * jnp.exp(-p.logvar)
  return 0.5 * jnp.sum(p.logvar - q.logvar + ratio - 1, axis=-1)


def sow_divergence(module: nn.Module, q: Gaussian, p: Gaussian):
  """Sows the loss "kl": the sum over the predicted frames divided by all, averaged over the examples.

  So a video of T frames, the first of which is not predicted, is treated as by pixel losses over all frames,
  to which the first one adds nothing.

  Args:
    module: whose loss it is.
    q: of the frames but the first, [time, batch, size].
    p: of the same.
  """
  frames = divergence(q, p)
  module.sow("losses", "kl", frames.sum(0).mean() / (len(frames) + 1))


def noise(module: nn.Module, shape: tuple[int, ...]) -> Array:
  """Standard normal numbers from the random key "sample"; without such a key zeros, for the mean."""
  if not module.has_rng("sample"):
    return jnp.zeros(shape)
  return jax.random.normal(module.make_rng("sample"), shape)


class GaussianLSTM(nn.Module):
  """A recurrent network whose output is a Gaussian.

  Attributes:
    size: of the vector.
    features: size of each layer's state.
    layers: number of LSTMs.
    torch: see `LSTM`.
    kernel_init: initial values of the dense layers.
  """

  size: int
  features: int
  layers: int = 1
  torch: bool = False
  kernel_init: Callable = nn.initializers.lecun_normal()

  @nn.compact
  def __call__(self, xs: Array, states: list[State] | None = None) -> tuple[list[State], Gaussian]:
    """Runs over xs [time, batch, inputs]; returns the last states, and the Gaussian of each step."""
    stack = LSTMStack(self.features, self.layers, self.torch, self.kernel_init, name="stack")
    states, h = stack(xs, states)
    mean = nn.Dense(self.size, kernel_init=self.kernel_init, name="mean")(h)
    logvar = nn.Dense(self.size, kernel_init=self.kernel_init, name="logvar")(h)
    return states, Gaussian(mean, logvar)


def given_frames(mask: Array) -> Array:
  """Which frames belong to the past that is given: bool [batch, time], a run of True, then False.

  The first frame counts as given in any case: there is nothing to predict it from.

  Args:
    mask: [batch, time, height, width, 1], 1 where a pixel is given.
  """
  whole = jnp.all(mask > 0, axis=(2, 3, 4)).at[:, 0].set(True)
  return jnp.cumprod(whole, axis=1).astype(bool)


def at_last_given(x: Array, given: Array) -> Array:
  """What x [batch, time, ...] has at the last given frame: [batch, ...].

  A sum over masked frames: its gradient is a product, where that of an indexed read is a slow scatter.
  """
  following = jnp.pad(given[:, 1:], ((0, 0), (0, 1)))
  last = (given & ~following).reshape(*given.shape, *(1,) * (x.ndim - 2))
  return jnp.sum(jnp.where(last, x, 0), axis=1)
