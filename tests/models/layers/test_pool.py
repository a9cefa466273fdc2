"""Max pooling against Flax's, which is XLA's windowed reduction."""

import jax
import numpy as np
import pytest
from flax import linen as nn

from vgjax.models.layers.pool import max_pool


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
@pytest.mark.parametrize(
  "size, window, strides",
  [
    ((8, 8), (3, 3), (2, 2)),
    ((7, 12), (3, 3), (2, 2)),
    ((3, 3), (2, 2), (2, 2)),
    ((6, 5), (3, 3), (1, 1)),
    ((5, 6, 7), (1, 3, 3), (1, 2, 2)),
    ((5, 6, 7), (3, 3, 3), (2, 2, 2)),
    ((4, 6, 7), (2, 2, 2), (2, 2, 2)),
    ((5, 6, 7), (1, 1, 3), (2, 1, 2)),
    ((9,), (3,), (2,)),
  ],
)
def test_equals_flax(size, window, strides, padding):
  x = np.random.default_rng(0).standard_normal((2, *size, 5)).astype(np.float32)
  pooled = lambda x: max_pool(x, window, strides=strides, padding=padding)
  expected = lambda x: nn.max_pool(x, window, strides, padding)
  np.testing.assert_array_equal(pooled(x), expected(x))
  if len(size) == 2:
    gradients = [jax.grad(lambda x, f=f: (f(x) ** 2).sum())(x) for f in (pooled, expected)]
    np.testing.assert_allclose(*gradients, rtol=1e-6)


def test_one_number_is_for_all_dimensions():
  x = np.random.default_rng(0).standard_normal((1, 6, 6, 2)).astype(np.float32)
  np.testing.assert_array_equal(max_pool(x, 3, strides=2), max_pool(x, (3, 3), strides=(2, 2)))
