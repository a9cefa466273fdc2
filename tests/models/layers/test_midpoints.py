"""Recursion on midpoints with networks whose frames are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.models.layers import midpoints


def hint(factor, batch=2):
  return jax.random.uniform(jax.random.key(0), (batch, factor + 1, 4, 6, 3), minval=-1)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_means_of_neighbours_make_a_linear_mix(factor):
  given = hint(factor)
  share = np.arange(factor + 1).reshape(1, -1, 1, 1, 1) / factor
  video = midpoints.fill(lambda a, b: (a + b) / 2, given, factor)
  np.testing.assert_allclose(video, (1 - share) * given[:, :1] + share * given[:, -1:], atol=1e-6)
  np.testing.assert_array_equal(video[:, [0, -1]], given[:, [0, -1]])


def test_the_network_gets_frames_in_0_to_1_in_their_order_and_one_call_a_level():
  given, calls = hint(4), []

  def earlier(first, last):
    calls.append(first.shape[0])
    assert first.min() >= 0 and first.max() > 0.5
    return first

  video = midpoints.fill(earlier, given, 4)
  np.testing.assert_allclose(video[:, :4], given[:, :1].repeat(4, axis=1), atol=1e-6)
  assert calls == [2, 4]


@pytest.mark.parametrize("factor", [1, 3, 6])
def test_other_factors_are_refused(factor):
  with pytest.raises(ValueError, match="power of two"):
    midpoints.fill(lambda a, b: a, hint(factor), factor)


def test_windows():
  assert midpoints.window(4) == (5, 1)
  with pytest.raises(ValueError, match="at least 2"):
    midpoints.window(1)
  with pytest.raises(ValueError, match="ends of 5 frames"):
    midpoints.fill(lambda a, b: jnp.maximum(a, b), hint(3), 4)
