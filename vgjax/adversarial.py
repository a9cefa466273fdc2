"""What a critic and a generator want of each other: adversarial losses, by the names of the literature.

Each is a pair of functions of scores, `[batch, ...]`, of any shape; larger is more real. With C the critic
and s its scores of real (r) and of made videos (f), means over all entries:

  name            critic                            generator            boundary
  nonsaturating   softplus(-s_r) + softplus(s_f)    softplus(-s_f)       0
  saturating      softplus(-s_r) + softplus(s_f)    -softplus(s_f)       0
  least_squares   ((s_r - 1)^2 + s_f^2) / 2         (s_f - 1)^2 / 2      1/2
  hinge           relu(1 - s_r) + relu(1 + s_f)     -s_f                 0
  wasserstein     s_f - s_r                         -s_f                 none
  relativistic    softplus(s_f - s_r)               softplus(s_r - s_f)  none

The first two are binary cross-entropy on logits (Goodfellow et al. 2014, arXiv:1406.2661; `saturating` is the
minimax game, whose gradient fades where the critic is sure); then Mao et al. 2017 (arXiv:1611.04076), Lim and
Ye 2017 (arXiv:1705.02894), Arjovsky et al. 2017 (arXiv:1701.07875) and Jolicoeur-Martineau 2019
(arXiv:1807.00734), which compares pairs; with the penalty `r1_r2` it is R3GAN's (Huang et al. 2024,
arXiv:2501.05441). `smooth` takes the real side's target from 1 down to 1 - smooth (one-sided label smoothing,
Salimans et al. 2016, arXiv:1606.03498); the boundary, the best score where real and made videos are equally
likely, is then log((1 - smooth) / (1 + smooth)) in place of 0, and (1 - smooth) / 2.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vgjax.types import Array

# The names for config.method.loss.
__all__ = ["hinge", "least_squares", "nonsaturating", "relativistic", "saturating", "wasserstein"]


class Game(NamedTuple):
  """One adversarial loss.

  Attributes:
    critic: `(scores of real videos, scores of made ones) -> scalar`.
    generator: the same of what the generator wants; `real` may be None where `paired` is False.
    boundary: what the critic means to give real videos more than, and made ones less; None if it has no zero.
    paired: whether real videos' scores matter to the generator.
  """

  critic: Callable[[Array, Array], Array]
  generator: Callable[[Array | None, Array], Array]
  boundary: float | None
  paired: bool = False


def nonsaturating(*, smooth=0.0):
  """Binary cross-entropy; the generator maximises the probability of its videos' being real."""
  critic, boundary = _cross_entropy(smooth)
  return Game(critic, lambda _, fake: _mean(jax.nn.softplus(-fake)), boundary)


def saturating(*, smooth=0.0):
  """Binary cross-entropy as the minimax game has it: the generator minimises what the critic maximises."""
  critic, boundary = _cross_entropy(smooth)
  return Game(critic, lambda _, fake: -_mean(jax.nn.softplus(fake)), boundary)


def least_squares(*, smooth=0.0):
  """Squared distance to 1 for real, to 0 for made videos."""

  _check_smooth(smooth)

  def critic(real, fake):
    return (_mean(jnp.square(real - (1.0 - smooth))) + _mean(jnp.square(fake))) / 2

  return Game(critic, lambda _, fake: _mean(jnp.square(fake - 1)) / 2, (1.0 - smooth) / 2)


def hinge():
  """Only scores within the margin count for the critic."""

  def critic(real, fake):
    return _mean(jax.nn.relu(1 - real)) + _mean(jax.nn.relu(1 + fake))

  return Game(critic, lambda _, fake: -_mean(fake), 0.0)


def wasserstein():
  """The difference of mean scores: needs a critic that is held Lipschitz, by a penalty or by clipping."""
  return Game(lambda real, fake: _mean(fake) - _mean(real), lambda _, fake: -_mean(fake), None)


def relativistic():
  """Binary cross-entropy of which of a real and a made video is real: scores may drift."""

  def critic(real, fake):
    return _mean(jax.nn.softplus(fake - real))

  return Game(critic, lambda real, fake: critic(fake, real), None, paired=True)


def _cross_entropy(smooth):
  _check_smooth(smooth)

  def critic(real, fake):
    # -(1 - smooth) log p - smooth log(1 - p), with p = sigmoid(real)
    right = _mean(jax.nn.softplus(-real) + smooth * real)
    return right + _mean(jax.nn.softplus(fake))

  return critic, math.log((1 - smooth) / (1 + smooth))


def _check_smooth(smooth):
  if not 0 <= smooth < 1:
    raise ValueError(f"smooth is {smooth}; it must be at least 0 and less than 1")


def _mean(x):
  return jnp.mean(x.astype(jnp.float32))
