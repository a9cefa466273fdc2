"""FILM's losses against their formulas, with a made-up network; with the real one where it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from tests.metrics.test_lpips import pictures
from vgjax import losses
from vgjax.errors import MissingWeights
from vgjax.losses import gram, perceptual
from vgjax.metrics import lpips

# Optimised code would take longer to compile than it takes to run here.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
CHANNELS = (2, 3, 4, 3, 2)


def kernels():
  rng = np.random.default_rng(0)
  return [np.float32(rng.standard_normal((3, channels))) for channels in CHANNELS]


@pytest.fixture
def made_up(monkeypatch):
  """A network of five pixel-wise layers on smaller and smaller pictures."""

  def activations(params, x):
    return [jnp.tanh(x[:, :: 2**n, :: 2**n] @ kernel) for n, kernel in enumerate(params["network"])]

  monkeypatch.setattr(lpips, "load", lambda network: dict(network=kernels()))
  monkeypatch.setattr(gram, "_activations", activations)
  perceptual._weights.cache_clear()
  yield
  perceptual._weights.cache_clear()


def example():
  """Videos of which one frame, and two frames, are unknown."""
  rng = np.random.default_rng(1)
  target = rng.uniform(-1, 1, (2, 3, 16, 16, 3)).astype(np.float32)
  prediction = (target + 0.3 * rng.standard_normal(target.shape)).astype(np.float32)
  weight = np.zeros((2, 3, 16, 16, 1), np.float32)
  weight[0, 1] = weight[1, 1:] = 1
  return prediction, target, weight


def layers(frame):
  return [np.tanh(frame[:: 2**n, :: 2**n] @ k).reshape(-1, k.shape[1]) for n, k in enumerate(kernels())]


def features_apart(x, y):
  pairs = zip(gram.FEATURE_FACTORS, layers(x), layers(y), strict=True)
  return sum(factor * np.abs(a - b).mean() for factor, a, b in pairs)


def grams_apart(x, y):
  pairs = zip(gram.GRAM_FACTORS, layers(x), layers(y), strict=True)
  return sum(factor * ((a.T @ a / len(a) - b.T @ b / len(b)) ** 2).mean() for factor, a, b in pairs)


@pytest.mark.parametrize("loss, formula", [(losses.vgg, features_apart), (losses.style, grams_apart)])
def test_formula_over_the_unknown_frames_of_each_example(made_up, loss, formula):
  prediction, target, weight = example()
  one = formula(prediction[0, 1], target[0, 1])
  two = np.mean([formula(prediction[1, t], target[1, t]) for t in (1, 2)])
  assert loss(prediction, target, weight) == pytest.approx((one + two) / 2, rel=1e-4)
  prediction[weight[..., 0] == 0] = np.nan
  assert loss(prediction, target, weight) == pytest.approx((one + two) / 2, rel=1e-4)
  assert loss(target, target, weight) == pytest.approx(0, abs=1e-12)


def test_with_the_real_network_textures_count_where_they_are_not_aligned(monkeypatch):
  """A blur is nearer than a shift by pixel errors; by correlations of features it is the other way round."""
  monkeypatch.setenv("VGJAX_FETCH", "0")
  try:
    lpips.load("vgg")
  except MissingWeights as missing:
    pytest.skip(f"the weights of VGG-16 are not on this machine: {missing}")
  target = pictures()[0][:, :1, :32, :32]
  weight = np.ones((1, 1, 32, 32, 1), np.float32)
  blurred = ndimage.gaussian_filter(target, (0, 0, 2, 2, 0), mode="wrap")
  shifted = np.roll(target, 3, axis=3)
  pairs = [(losses.l1, blurred), (losses.l1, shifted), (losses.style, blurred), (losses.style, shifted)]
  run = jax.jit(lambda: [loss(x, target, weight) for loss, x in pairs], compiler_options=QUICK)
  blur, shift, blurred_style, shifted_style = run()
  assert blur < shift and blurred_style > 2 * shifted_style
