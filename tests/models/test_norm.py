"""Normalisations against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.models.layers.norm import BatchNorm, GroupNorm


def test_batch_norm_keeps_pytorchs_statistics():
  x = np.random.default_rng(0).normal(3, 2, (4, 5, 6, 3)).astype(np.float32)
  norm = BatchNorm(use_running_average=False)
  variables = norm.init(jax.random.key(0), x)
  np.testing.assert_array_equal(variables["batch_stats"]["mean"], 0)  # init does not count
  y, written = norm.apply(variables, x, mutable=["batch_stats"])
  mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
  np.testing.assert_allclose(y, (x - mean) / np.sqrt(var + 1e-5), atol=1e-5)
  np.testing.assert_allclose(written["batch_stats"]["mean"], 0.1 * mean, rtol=1e-5)
  unbiased = x.var((0, 1, 2), ddof=1)
  np.testing.assert_allclose(written["batch_stats"]["var"], 0.9 + 0.1 * unbiased, rtol=1e-5)

  still = BatchNorm(use_running_average=True)
  y = still.apply({"params": variables["params"]} | written, x)
  stats = written["batch_stats"]
  np.testing.assert_allclose(y, (x - stats["mean"]) / np.sqrt(stats["var"] + 1e-5), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("spatial", [(7,), (4, 6), (2, 4, 3)])
def test_group_norm_normalises_each_group(spatial):
  rng = np.random.default_rng(0)
  x = rng.normal(3, 2, (2, *spatial, 6)).astype(np.float32)
  params = {
    "scale": rng.normal(size=6).astype(np.float32),
    "bias": rng.normal(size=6).astype(np.float32),
  }
  y = GroupNorm(2).apply({"params": params}, x)
  grouped = x.reshape(2, -1, 2, 3)
  expected = grouped - grouped.mean((1, 3), keepdims=True)
  expected /= np.sqrt(grouped.var((1, 3), keepdims=True) + 1e-5)
  expected = expected.reshape(x.shape) * params["scale"] + params["bias"]
  np.testing.assert_allclose(y, expected, atol=2e-5)


def test_group_norm_refuses_groups_that_do_not_divide():
  with pytest.raises(ValueError, match="do not divide"):
    GroupNorm(4).init(jax.random.key(0), jnp.ones((1, 2, 6)))


def test_norms_compute_in_their_dtype_with_float32_parameters():
  x = jnp.ones((2, 3, 4), jnp.bfloat16)
  for norm in (GroupNorm(2, dtype=jnp.bfloat16), BatchNorm(True, dtype=jnp.bfloat16)):
    y, variables = norm.init_with_output(jax.random.key(0), x)
    assert y.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
