"""I3D equals its PyTorch counterpart for any weights, and gives the published logits with the real ones."""

import importlib.util
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.test_predictors import QUICK
from vgjax.metrics import weights
from vgjax.models import i3d

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
# Logits of an all-black video of 15 frames (pixels -1), as printed by users of the TensorFlow Hub network.
BLACK = {0: 0.7422105, 1: 2.829727, 2: 0.39993525, -3: -0.38092658, -2: 0.65539014, -1: -1.4021297}


def random_flat(seed=0):
  """Weights of every unit with their real shapes, of a size that keeps activations near 1."""
  numbers = np.random.default_rng(seed)
  flat = {}

  def unit(name, window, inputs, outputs):
    spread = (2 / (window**3 * inputs)) ** 0.5
    flat[f"{name}/kernel"] = numbers.normal(0, spread, (window,) * 3 + (inputs, outputs)).astype(np.float32)
    flat[f"{name}/beta"] = numbers.normal(0, 0.1, outputs).astype(np.float32)
    flat[f"{name}/mean"] = numbers.normal(0, 0.1, outputs).astype(np.float32)
    flat[f"{name}/var"] = numbers.uniform(0.7, 1.3, outputs).astype(np.float32)
    return outputs

  unit("Conv3d_1a_7x7", 7, 3, 64)
  unit("Conv3d_2b_1x1", 1, 64, 64)
  inputs = unit("Conv3d_2c_3x3", 3, 64, 192)
  for name, (first, second, third, fourth) in i3d.MIXED.items():
    branch = f"Mixed_{name}/Branch_"
    unit(f"{branch}0/Conv3d_0a_1x1", 1, inputs, first)
    unit(f"{branch}1/Conv3d_0a_1x1", 1, inputs, second[0])
    unit(f"{branch}1/Conv3d_0b_3x3", 3, *second)
    unit(f"{branch}2/Conv3d_0a_1x1", 1, inputs, third[0])
    unit(f"{branch}2/Conv3d_0b_3x3", 3, *third)
    unit(f"{branch}3/Conv3d_0b_1x1", 1, inputs, fourth)
    inputs = first + second[1] + third[1] + fourth
  flat["Logits/Conv3d_0c_1x1/kernel"] = numbers.normal(0, 0.03, (1, 1, 1, inputs, 400)).astype(np.float32)
  flat["Logits/Conv3d_0c_1x1/bias"] = numbers.normal(0, 0.1, 400).astype(np.float32)
  return flat


@pytest.fixture(scope="module")
def logits():
  """Logits of two videos of 15 frames; compiled once for all tests."""
  compiled = jax.jit(
    lambda params, video: i3d.Module().apply({"params": params}, video), compiler_options=QUICK
  )
  return lambda flat, video: np.asarray(compiled(i3d.convert(flat), jnp.asarray(video, jnp.float32)))


def torch_i3d():
  """The module benchmarks/torch_i3d.py."""
  pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
  if "torch_i3d" not in sys.modules:
    spec = importlib.util.spec_from_file_location("torch_i3d", BENCHMARKS / "torch_i3d.py")
    sys.modules["torch_i3d"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["torch_i3d"])
  return sys.modules["torch_i3d"]


def test_equals_its_torch_counterpart(logits):
  benchmark = torch_i3d()
  flat, numbers = random_flat(), np.random.default_rng(1)
  video = numbers.uniform(-1, 1, (2, 15, 224, 224, 3)).astype(np.float32)
  expected = benchmark.torch_logits(benchmark.load(flat), video)
  assert expected.std() > 0.1
  np.testing.assert_allclose(logits(flat, video), expected, atol=1e-4 * expected.std())


def test_published_logits_of_a_black_video_and_fvd_of_black_and_white(logits):
  if not weights.available("i3d_kinetics400"):
    pytest.skip("the weights are not here: python -m vgjax.metrics.weights fetch i3d_kinetics400")
  video = np.stack([np.full((15, 224, 224, 3), -1.0), np.full((15, 224, 224, 3), 1.0)])
  black, white = logits(weights.load("i3d_kinetics400"), video)
  for index, value in BLACK.items():
    assert black[index] == pytest.approx(value, abs=1e-4)
  # Equal videos have no covariance, so their Fréchet distance is that of the means. "About 134", others say.
  assert ((black - white) ** 2).sum() == pytest.approx(133.91, abs=0.02)


def test_converted_weights_are_the_modules_parameters():
  shapes = jax.eval_shape(
    lambda: i3d.Module().init(jax.random.key(0), jnp.zeros((1, i3d.MIN_TIME, i3d.SIDE, i3d.SIDE, 3)))
  )["params"]
  flat = random_flat()
  params = i3d.convert(flat)
  assert jax.tree.map(lambda leaf: leaf.shape, shapes) == jax.tree.map(lambda leaf: leaf.shape, params)
  assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(np.float32)}
  # Nothing is left out: the three statistics of a batch norm became one bias.
  kept = sum(array.size for name, array in flat.items() if not name.endswith(("/mean", "/var")))
  assert sum(leaf.size for leaf in jax.tree.leaves(params)) == kept


def test_other_sizes_and_too_few_frames_are_refused():
  for shape in ((1, 8, 224, 224, 3), (1, 16, 112, 112, 3)):
    with pytest.raises(ValueError, match="9 or more frames of 224x224"):
      jax.eval_shape(lambda shape=shape: i3d.Module().init(jax.random.key(0), jnp.zeros(shape)))
  # With MIN_TIME frames the last average has the two steps of time that it needs.
  jax.eval_shape(lambda: i3d.Module().init(jax.random.key(0), jnp.zeros((1, 9, 224, 224, 3))))
