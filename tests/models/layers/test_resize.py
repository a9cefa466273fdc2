"""Twice and half the size against jax's resize and numpy's interpolation."""

import jax
import numpy as np
import pytest

from vgjax.models.layers import resize


@pytest.mark.parametrize("height, width", [(4, 6), (1, 3)])
def test_double_is_bilinear(height, width):
  x = np.float32(np.random.default_rng(0).standard_normal((2, height, width, 3)))
  wanted = jax.image.resize(x, (2, 2 * height, 2 * width, 3), "bilinear")
  np.testing.assert_allclose(resize.double(x), wanted, atol=1e-6)


@pytest.mark.parametrize("height, width", [(4, 6), (1, 3)])
def test_double_keeps_corners_where_they_are(height, width):
  x = np.float32(np.random.default_rng(0).standard_normal((2, height, width, 3)))

  def along(line):
    return np.interp(np.linspace(0, len(line) - 1, 2 * len(line)), np.arange(len(line)), line)

  wanted = np.apply_along_axis(along, 2, np.apply_along_axis(along, 1, x))
  np.testing.assert_allclose(resize.double(x, corners=True), wanted, atol=1e-6)


def test_halve_takes_means_of_squares():
  x = np.arange(2 * 4 * 6 * 3, dtype=np.float32).reshape(2, 4, 6, 3)
  np.testing.assert_allclose(resize.halve(x), x.reshape(2, 2, 2, 3, 2, 3).mean((2, 4)))


def test_what_is_missing_to_a_multiple():
  assert resize.missing(64, 65, 32) == (0, 31)
