"""The perceptual losses against the metric, with made-up weights; with the real ones where they are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vgjax
from tests.metrics.test_lpips import PUBLISHED, pictures
from vgjax import losses, sharding
from vgjax.errors import ConfigError, MissingWeights
from vgjax.losses import perceptual
from vgjax.methods import predictor
from vgjax.metrics import lpips, weights
from vgjax.models.layers import imagenet
from vgjax.types import Model, Output

# Optimised code would take longer to compile than it takes to run here.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def random_params(network, seed=0):
  """Weights as they come from `lpips.load`; He initialisation keeps the signal alive."""
  assert network == "alex"
  rng = np.random.default_rng(seed)
  layers, before = {}, 3
  for index, (channels, window) in enumerate(imagenet.ALEX_LAYERS):
    kernel = rng.standard_normal((window, window, before, channels)) * np.sqrt(2 / (window**2 * before))
    bias = rng.standard_normal(channels) * 0.1
    layers[f"conv_{index}"] = dict(kernel=np.float32(kernel), bias=np.float32(bias))
    before = channels
  heads = [np.float32(rng.uniform(0, 1, channels)) for channels, _ in imagenet.ALEX_LAYERS]
  return dict(network=layers, heads=heads)


@pytest.fixture
def made_up(monkeypatch):
  monkeypatch.setattr(lpips, "load", random_params)
  perceptual._weights.cache_clear()
  yield random_params("alex")
  perceptual._weights.cache_clear()


@functools.cache
def compiled():
  """(value, gradient) of the loss; compiled once, with the made-up weights, for one shape."""
  return jax.jit(jax.value_and_grad(losses.lpips_alex), compiler_options=QUICK)


def example(unknown=(2, 1), channels=3):
  """Videos of which the last frames are unknown, another number in each example."""
  rng = np.random.default_rng(0)
  target = rng.uniform(-1, 1, (2, 3, 32, 32, channels)).astype(np.float32)
  prediction = (target + 0.3 * rng.standard_normal(target.shape)).astype(np.float32)
  weight = np.zeros((2, 3, 32, 32, 1), np.float32)
  for index, frames in enumerate(unknown):
    weight[index, 3 - frames :] = 1
  return prediction, target, weight


def distances(params, prediction, target):
  return jax.jit(lpips.lpips, compiler_options=QUICK)(params, prediction, target)


def test_is_the_metrics_mean_over_frames_with_unknown_pixels(made_up):
  prediction, target, weight = example()
  metric = np.asarray(distances(made_up, prediction, target))
  value, _ = compiled()(prediction, target, weight)
  np.testing.assert_allclose(value, (metric[0, 1:].mean() + metric[1, 2]) / 2, rtol=1e-5)


def test_gradient_is_that_of_the_metric(made_up):
  prediction, target, weight = example()

  def plain(prediction):
    metric = lpips.lpips(made_up, jnp.where(weight > 0, prediction, target), target)
    return (metric[0, 1:].mean() + metric[1, 2]) / 2

  expected = jax.jit(jax.grad(plain), compiler_options=QUICK)(prediction)
  _, found = compiled()(prediction, target, weight)
  np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
  assert np.abs(found[1, 2]).max() > 0


def test_given_pixels_do_not_matter(made_up):
  prediction, target, weight = example()
  weight[:, 2, :, :16] = 0  # half a frame
  value, gradient = compiled()(prediction, target, weight)
  other, _ = compiled()(np.where(weight > 0, prediction, 5), target, weight)
  assert float(value) == float(other) > 0
  assert np.all(np.asarray(gradient)[np.broadcast_to(weight == 0, gradient.shape)] == 0)
  assert np.any(gradient != 0)


def test_nothing_unknown_is_zero_and_equal_frames_have_a_finite_gradient(made_up):
  prediction, target, weight = example(unknown=(0, 0))
  value, gradient = compiled()(prediction, target, weight)
  assert float(value) == 0 and np.all(gradient == 0)
  value, gradient = compiled()(target, target, np.ones_like(weight))
  assert float(value) == 0 and np.isfinite(gradient).all()


def test_times_that_nobody_asks_for_are_not_computed(made_up):
  """The frames are given to everybody at the first time: there even no number can do harm."""
  prediction, target, weight = example()
  target[:, 0] = np.nan
  value, gradient = compiled()(prediction, target, weight)
  assert np.isfinite(value) and np.isfinite(gradient[:, 1:]).all()


def test_grey_is_three_equal_channels(made_up):
  prediction, target, weight = example(channels=1)
  grey = jax.jit(losses.lpips_alex, compiler_options=QUICK)(prediction, target, weight)
  colour, _ = compiled()(prediction.repeat(3, -1), target.repeat(3, -1), weight)
  np.testing.assert_allclose(grey, colour, rtol=1e-5)


def test_eight_devices_equal_one(made_up):
  mesh = sharding.make_mesh(data=8)
  batch = [np.concatenate([array] * 4) for array in example()]
  split = sharding.put_batch({str(i): array for i, array in enumerate(batch)}, mesh).values()
  value, gradient = compiled()(*split)
  one, expected = compiled()(*example())
  np.testing.assert_allclose(value, one, rtol=1e-6)
  np.testing.assert_allclose(gradient[:2] * 4, expected, atol=1e-5 * np.abs(expected).max())


def test_the_program_has_each_weight_once(made_up):
  text = compiled().lower(*example()).as_text()
  constants = [line for line in text.splitlines() if "constant dense" in line]
  assert sum("tensor<11x11x3x64xf32>" in line for line in constants) == 1


def test_frames_that_the_network_cannot_see_are_refused():
  _, target, weight = example()
  with pytest.raises(ConfigError, match=r"lpips_alex needs frames of 31x31 pixels or more.*30x32 with 3"):
    losses.lpips_alex(target[:, :, :30], target[:, :, :30], weight[:, :, :30])
  with pytest.raises(ConfigError, match=r"lpips_vgg needs .* 16x16.* with 2"):
    losses.lpips_vgg(target[..., :2], target[..., :2], weight)


def test_is_one_line_of_a_config(made_up):
  prediction, target, weight = example()

  def apply(params, hint, mask, train, rng):
    return Output(prediction + params["predictor"])

  model = Model("predictor", lambda rng, hint, mask: {"predictor": jnp.zeros(())}, apply)
  method = predictor.make({"predictor": model}, losses=dict(mse=1.0, lpips_alex=0.1))
  batch = dict(video=target, hint=target * (1 - weight), mask=1 - weight)
  loss = jax.jit(method.losses["predictor"], compiler_options=QUICK)
  value, aux = loss({"predictor": jnp.zeros(())}, batch, jax.random.key(0), 0)
  np.testing.assert_allclose(aux.metrics["lpips_alex"], compiled()(prediction, target, weight)[0], rtol=1e-6)
  np.testing.assert_allclose(value, aux.metrics["mse"] + 0.1 * aux.metrics["lpips_alex"], rtol=1e-6)


def test_missing_weights_are_said_before_the_first_step(tmp_path, config, monkeypatch):
  monkeypatch.setenv("VGJAX_WEIGHTS", str(tmp_path))
  monkeypatch.setenv("VGJAX_FETCH", "0")
  perceptual._weights.cache_clear()
  config.data.update(size=32, digit_size=20)
  config.method = dict(name="predictor", losses=dict(mse=1.0, lpips_alex=0.1))
  run = vgjax.build(config)
  batches = run.train_batches(0)
  with pytest.raises(MissingWeights, match=r"python -m vgjax\.metrics\.weights fetch lpips_alex"):
    run.update.lower(run.shapes, next(batches))  # what the first step does first
  batches.close()


@pytest.mark.parametrize("network", PUBLISHED)
def test_real_weights_give_the_mean_of_the_published_figures(network):
  if not weights.available(f"lpips_{network}"):
    pytest.skip(f"no weights: python -m vgjax.metrics.weights fetch lpips_{network}")
  perceptual._weights.cache_clear()
  video, target = pictures()
  loss = jax.jit(getattr(losses, f"lpips_{network}"), compiler_options=QUICK)
  found = loss(video, target, np.ones((1, 3, 64, 64, 1), np.float32))
  np.testing.assert_allclose(found, np.mean(PUBLISHED[network]), atol=1e-5)
