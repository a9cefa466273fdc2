"""How well a critic tells real videos from made ones.

A critic that is right about everything has nothing left to teach the generator, and one at chance has learnt
nothing: watch both shares while a GAN trains (Chintala et al. 2016). Held-out real videos beside the training
ones also show whether the critic has learnt those by heart (Brock et al. 2019, section 4.2).

Critics trained by binary cross-entropy, by least squares on ±1 or by the hinge loss are meant to give logits
above 0 to real videos. The logits of a Wasserstein critic have no zero: of them `accuracy_at_best` and `area`
say something, `accuracy` does not. Any shape of logits will do; each entry of a patch critic counts.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array


class Accuracy(NamedTuple):
  """Shares, 0 to 1: of the real ones taken for real, of the fake ones for fake, and the mean of the two."""

  real: Array
  fake: Array
  both: Array


def accuracy(real, fake, *, threshold: float | Array = 0.0) -> Accuracy:
  """The shares on the right side of a threshold; a logit at the threshold is on neither.

  Args:
    real: logits of real videos, any shape; larger is more real.
    fake: logits of made videos, any shape.
    threshold: 0 for logits, 0.5 for least squares on 0 and 1.
  """
  real, fake = _flat(real), _flat(fake)
  shares = jnp.mean(real > threshold), jnp.mean(fake < threshold)
  return Accuracy(*shares, (shares[0] + shares[1]) / 2)


def accuracy_at_best(real, fake) -> tuple[Accuracy, Array]:
  """The accuracy at the threshold where `both` is highest, and that threshold.

  The threshold is chosen on these very logits, so even a critic that knows nothing gets somewhat more than a
  half of a few videos. It lies midway between two logits, or beyond them all.

  Args:
    real: logits of real videos, any shape.
    fake: logits of made videos, any shape.
  """
  real, fake = _flat(real), _flat(fake)
  found = jnp.sort(jnp.concatenate([real, fake]))
  thresholds = jnp.concatenate([found[:1] - 1, (found[1:] + found[:-1]) / 2, found[-1:] + 1])
  above = len(real) - jnp.searchsorted(jnp.sort(real), thresholds, side="right")
  below = jnp.searchsorted(jnp.sort(fake), thresholds, side="left")
  best = jnp.argmax(above / len(real) + below / len(fake))
  return accuracy(real, fake, threshold=thresholds[best]), thresholds[best]


def area(real, fake) -> Array:
  """The area under the curve of true against false positives: how often a real logit is above a fake one.

  Pairs of equal logits count half (Mann and Whitney 1947). 1 is perfect, 0.5 chance; needs no threshold.

  Args:
    real: logits of real videos, any shape.
    fake: logits of made videos, any shape.
  """
  real, fake = _flat(real), jnp.sort(_flat(fake))
  below = jnp.searchsorted(fake, real, side="left").astype(jnp.float32)
  up_to = jnp.searchsorted(fake, real, side="right").astype(jnp.float32)
  return jnp.mean(below + up_to) / (2 * len(fake))


def _flat(logits):
  return jnp.asarray(logits, jnp.float32).ravel()
