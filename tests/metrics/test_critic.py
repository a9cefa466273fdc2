"""The accuracy of critics against counting pairs and thresholds one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.metrics import critic


def logits(numbers=(37, 51), shift=0.8, digits=None):
  rng = np.random.default_rng(0)
  pair = [rng.standard_normal(numbers[0]) + shift, rng.standard_normal(numbers[1])]
  return [np.float32(x if digits is None else np.round(x, digits)) for x in pair]


def test_accuracy_by_hand():
  found = critic.accuracy([2.0, 1.0, -1.0, 0.5], [[-3.0], [4.0]])
  assert (float(found.real), float(found.fake), float(found.both)) == (0.75, 0.5, 0.625)
  found = critic.accuracy([2.0, 1.0], [0.4, 0.6], threshold=0.5)
  assert (float(found.real), float(found.fake)) == (1.0, 0.5)


def test_a_critic_that_says_nothing_is_right_about_nothing():
  assert critic.accuracy(jnp.zeros(4), jnp.zeros(3)) == (0, 0, 0)
  best, _ = critic.accuracy_at_best(jnp.zeros(4), jnp.zeros(3))
  assert float(best.both) == 0.5 and float(critic.area(jnp.zeros(4), jnp.zeros(3))) == 0.5


@pytest.mark.parametrize("digits", [None, 1, 0])
def test_area_counts_pairs(digits):
  real, fake = logits(digits=digits)
  pairs = (real[:, None] > fake).mean() + (real[:, None] == fake).mean() / 2
  np.testing.assert_allclose(critic.area(real, fake), pairs, rtol=1e-6)
  np.testing.assert_allclose(critic.area(fake, real), 1 - pairs, rtol=1e-6)


@pytest.mark.parametrize("digits", [None, 1, 0])
@pytest.mark.parametrize("shift", [-0.5, 0.8, 9.0])
def test_best_threshold_is_the_best_there_is(digits, shift):
  real, fake = logits(shift=shift, digits=digits)
  values = np.unique(np.concatenate([real, fake]))
  tried = np.concatenate([[values[0] - 1], (values[1:] + values[:-1]) / 2, values, [values[-1] + 1]])
  most = max(((real > t).mean() + (fake < t).mean()) / 2 for t in tried)
  found, threshold = critic.accuracy_at_best(real, fake)
  np.testing.assert_allclose(found.both, most, rtol=1e-6)
  assert found == critic.accuracy(real, fake, threshold=threshold)


def test_a_wasserstein_critic_has_no_zero():
  """Logits moved by a constant: the same critic."""
  real, fake = logits(shift=9.0)
  assert float(critic.accuracy(real + 100, fake + 100).both) == 0.5
  assert float(critic.accuracy_at_best(real + 100, fake + 100)[0].both) == 1
  assert float(critic.area(real + 100, fake + 100)) == 1


def test_jits_and_takes_patches_and_half_precision():
  real, fake = (np.reshape(x, (6, 4, 2)) for x in logits((48, 48)))
  whole = jax.jit(lambda r, f: (critic.accuracy(r, f), critic.accuracy_at_best(r, f), critic.area(r, f)))
  plain = whole(real.ravel(), fake.ravel())
  for ours, theirs in zip(jax.tree.leaves(whole(real, fake)), jax.tree.leaves(plain), strict=True):
    assert ours.shape == () and ours.dtype == jnp.float32 and float(ours) == float(theirs)
  assert critic.area(jnp.bfloat16(real), jnp.bfloat16(fake)).dtype == jnp.float32
