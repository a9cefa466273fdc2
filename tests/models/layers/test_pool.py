"""Max pooling against XLA's windowed reduction."""

import jax
import numpy as np
import pytest
from jax import lax

from vgjax.models.layers.pool import max_pool


@pytest.mark.parametrize("window,stride", [(3, 2), (2, 2), (3, 1)])
@pytest.mark.parametrize("size", [(8, 8), (7, 12), (3, 3)])
def test_equals_reduce_window(window, stride, size):
  x = np.random.default_rng(0).standard_normal((2, *size, 5)).astype(np.float32)
  pooled = lambda x: max_pool(x, window, stride=stride)
  expected = lambda x: lax.reduce_window(
    x, -np.inf, lax.max, (1, window, window, 1), (1, stride, stride, 1), "VALID"
  )
  np.testing.assert_array_equal(pooled(x), expected(x))
  gradients = [jax.grad(lambda x, f=f: (f(x) ** 2).sum())(x) for f in (pooled, expected)]
  np.testing.assert_allclose(*gradients, rtol=1e-6)
