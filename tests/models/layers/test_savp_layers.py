"""What SAVP is made of, against plain numpy and against the two steps that a layer joins."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.models.layers import cdna
from vgjax.models.layers.conv import conv
from vgjax.models.layers.lstm import LSTM
from vgjax.models.layers.norm import InstanceNorm
from vgjax.models.layers.resampling_conv import ConvDouble, ConvHalve


def normal(*shape, seed=0):
  return jax.random.normal(jax.random.key(seed), shape)


def variables(layer, x):
  shapes = jax.eval_shape(layer.init, jax.random.key(0), x)
  leaves, tree = jax.tree.flatten(shapes)
  return jax.tree.unflatten(tree, [normal(*leaf.shape, seed=n + 1) for n, leaf in enumerate(leaves)])


@pytest.mark.parametrize("window", [3, 5])
def test_conv_halve_is_a_convolution_then_a_mean(window):
  x, layer = normal(2, 8, 6, 3), ConvHalve(4, window)
  params = variables(layer, x)["params"]
  whole = conv(x, params["kernel"]) + params["bias"]
  wanted = whole.reshape(2, 4, 2, 3, 2, 4).mean((2, 4))
  np.testing.assert_allclose(layer.apply({"params": params}, x), wanted, atol=1e-5)


@pytest.mark.parametrize("window", [3, 5])
def test_conv_double_is_interpolation_then_a_convolution(window):
  """Between zeros beyond the border, as which the picture is also interpolated outside of itself."""
  x, layer, border = normal(2, 4, 3, 3), ConvDouble(4, window), 4
  params = variables(layer, x)["params"]
  padded = jnp.pad(x, ((0, 0), (border, border), (border, border), (0, 0)))
  larger = jax.image.resize(padded, (2, 8 + 4 * border, 6 + 4 * border, 3), "bilinear")
  whole = conv(larger, params["kernel"]) + params["bias"]
  wanted = whole[:, 2 * border : -2 * border, 2 * border : -2 * border]
  np.testing.assert_allclose(layer.apply({"params": params}, x), wanted, atol=1e-5)


def test_kernels_are_distributions_and_the_first_ones_keep_a_frame():
  kernels = cdna.kernels(normal(2, 75), 5, 3)
  assert kernels.shape == (2, 5, 5, 3) and kernels.min() >= 0
  np.testing.assert_allclose(kernels.sum((1, 2)), 1, rtol=1e-6)
  still = cdna.move(frame := normal(2, 6, 7, 3), cdna.kernels(jnp.zeros((2, 75)), 5, 3))
  np.testing.assert_allclose(still, np.broadcast_to(frame[:, :, :, None], (2, 6, 7, 3, 3)), atol=1e-6)


def test_frames_are_moved_by_each_kernel_and_mirrored_beyond_the_border():
  frame, kernels = normal(2, 6, 7, 3), normal(2, 5, 5, 4, seed=1)
  padded = np.pad(frame, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="symmetric")
  wanted = np.zeros((2, 6, 7, 4, 3))
  for i in range(5):
    for j in range(5):
      piece = padded[:, i : i + 6, j : j + 7, None]
      wanted += piece * np.asarray(kernels)[:, i, j, None, None, :, None]
  np.testing.assert_allclose(cdna.move(frame, kernels), wanted, atol=1e-5)


def test_instance_norm():
  x = 3 * normal(2, 5, 4, 3) + 100
  params = {"scale": normal(3, seed=1), "bias": normal(3, seed=2)}
  data = np.asarray(x, np.float64)
  wanted = (data - data.mean((1, 2), keepdims=True)) / np.sqrt(data.var((1, 2), keepdims=True) + 1.001e-5)
  found = InstanceNorm().apply({"params": params}, x)
  np.testing.assert_allclose(found, wanted * params["scale"] + params["bias"], atol=1e-4)


def test_an_lstm_may_remember_from_the_start():
  params = LSTM(3, forget_bias=1.0).init(jax.random.key(0), normal(2, 1, 4))["params"]
  np.testing.assert_array_equal(params["bias"], [0] * 3 + [1] * 3 + [0] * 6)
