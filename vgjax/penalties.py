"""Penalties on a critic's gradient by the video, which keep it from being too steep.

  name       what is penalised
  gradient   E (|grad C(x)| - 1)^2, x between a real and a made one (Gulrajani et al. 2017, arXiv:1704.00028)
  r1         E |grad C(x)|^2 / 2, x real (Mescheder et al. 2018, arXiv:1801.04406)
  r2         the same at made videos
  r1_r2      the sum of both, of the same weight (Roth et al. 2017, arXiv:1705.09367; R3GAN, arXiv:2501.05441)

A critic of n scores a video, of its patches or frames, counts as n critics: |grad C|^2 is the mean of theirs,
taken as |grad (s_1 + ... + s_n)|^2 / n, which it is where they do not overlap. With the plain sum in its
place, n patches would be held back n times as much as one score. One video must not be seen in another's
score: a critic with batch normalisation cannot be penalised.

`every = n` computes a penalty on every n-th step only and counts it n times there (lazy regularisation,
Karras et al. 2020, arXiv:1912.04958).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vgjax.types import Array

__all__ = ["gradient", "r1", "r1_r2", "r2"]  # the names for config.method.penalty

Score = Callable[[Array], Array]  # videos [batch, ...] -> scores [batch, ...]


class Penalty(NamedTuple):
  """A penalty, a term of a critic's loss: `(score, real, fake, rng, step) -> scalar`, 0 where it is not due.

  Attributes:
    value: `(score, real, fake, rng) -> scalar`, weighed.
    every: it is due on the steps that this number divides, and counts as often there.
  """

  value: Callable[[Score, Array, Array, Array], Array]
  every: int

  def __call__(self, score: Score, real: Array, fake: Array, rng: Array, step: Array) -> Array:
    def due(real, fake, rng):
      return self.every * self.value(score, real, fake, rng)

    if self.every == 1:
      return due(real, fake, rng)
    skip = lambda real, fake, rng: jnp.zeros((), jnp.float32)
    return jax.lax.cond(step % self.every == 0, due, skip, real, fake, rng)


def gradient(*, weight=10.0, norm=1.0, every=1):
  """The one of WGAN-GP: a gradient of length `norm` between real and made videos."""

  def penalty(score, real, fake, rng):
    share = jax.random.uniform(rng, (len(real), *[1] * (real.ndim - 1)))
    squares = _squared_gradient(score, real + share * (fake - real))
    return jnp.mean(jnp.square(jnp.sqrt(squares + 1e-12) - norm))  # sqrt has no gradient at 0

  return _make(penalty, weight, every)


def r1(*, weight=10.0, every=16):
  """No gradient at real videos; `weight` is the gamma of the paper."""

  def penalty(score, real, fake, rng):
    del fake, rng
    return jnp.mean(_squared_gradient(score, real)) / 2

  return _make(penalty, weight, every)


def r2(*, weight=10.0, every=16):
  """No gradient at made videos."""

  def penalty(score, real, fake, rng):
    del real, rng
    return jnp.mean(_squared_gradient(score, fake)) / 2

  return _make(penalty, weight, every)


def r1_r2(*, weight=10.0, every=16):
  """No gradient at real and at made videos: what a critic needs whose loss is `relativistic`."""

  def penalty(score, real, fake, rng):
    del rng
    return jnp.mean(_squared_gradient(score, real) + _squared_gradient(score, fake)) / 2

  return _make(penalty, weight, every)


def _squared_gradient(score, video):
  """[batch], the squared length of the gradient of each video's score, the mean over its scores."""

  def summed(video):
    scores = score(video).astype(jnp.float32)
    return jnp.sum(scores), scores.size // len(video)

  slope, count = jax.grad(summed, has_aux=True)(video)
  return jnp.sum(jnp.square(slope.astype(jnp.float32)), axis=tuple(range(1, slope.ndim))) / count


def _make(penalty, weight, every) -> Penalty:
  if every < 1 or every != int(every):
    raise ValueError(f"every is {every}; it must be a whole number, at least 1")
  return Penalty(lambda *seen: weight * penalty(*seen), int(every))
