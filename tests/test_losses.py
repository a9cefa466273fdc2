"""The losses against numpy, and what they must not depend on."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import losses

# But for those that need weights and larger frames: tests/test_perceptual_losses.py.
THROUGH_NETWORKS = ("lpips_alex", "lpips_vgg", "style", "vgg")
NAMES = [name for name in losses.__all__ if name not in THROUGH_NETWORKS]


def jitted(name, **options):
  return jax.jit(functools.partial(getattr(losses, name), **options))


ELEMENTWISE = dict(mse=lambda d: d**2, l1=np.abs, charbonnier=lambda d: np.sqrt(d**2 + 1e-6))


def example(shape=(3, 4, 7, 10, 2), seed=0, unknown=0.5):
  rng = np.random.default_rng(seed)
  prediction, target = rng.uniform(-1, 1, (2, *shape)).astype(np.float32)
  weight = (rng.random((*shape[:4], 1)) < unknown).astype(np.float32)
  return prediction, target, weight


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_means_over_the_unknown_pixels_of_each_example(name):
  prediction, target, weight = example()
  weight[1, 1:] = 0  # another number of unknown pixels in each example
  expected = [
    ELEMENTWISE[name](p - t)[np.broadcast_to(w, p.shape) > 0].mean()
    for p, t, w in zip(prediction, target, weight)
  ]
  found = jitted(name)(prediction, target, weight)
  np.testing.assert_allclose(found, np.mean(expected), rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_given_pixels_do_not_matter(name):
  loss = jitted(name)
  prediction, target, weight = example()
  elsewhere = np.where(weight > 0, prediction, 5.0)
  np.testing.assert_allclose(loss(prediction, target, weight), loss(elsewhere, target, weight), rtol=1e-6)
  gradient = jax.jit(jax.grad(loss))(jnp.asarray(prediction), target, weight)
  assert np.all(np.asarray(gradient)[np.broadcast_to(weight == 0, gradient.shape)] == 0)
  assert np.any(gradient != 0)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_unknown_is_zero_with_zero_gradient(name):
  prediction, target, weight = example(unknown=0.0)
  value, gradient = jax.jit(jax.value_and_grad(getattr(losses, name)))(
    jnp.asarray(prediction), target, weight
  )
  assert float(value) == 0 and np.all(gradient == 0)


@pytest.mark.parametrize("name", NAMES)
def test_batch_is_the_mean_of_its_parts(name):
  """So accumulated gradients, and losses on many devices, are those of the whole batch."""
  loss = jitted(name)
  prediction, target, weight = example(shape=(4, 2, 8, 8, 1))
  weight[0] = 1
  parts = [loss(prediction[i : i + 2], target[i : i + 2], weight[i : i + 2]) for i in (0, 2)]
  np.testing.assert_allclose(loss(prediction, target, weight), np.mean(parts), rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_finite_gradient_of_a_perfect_prediction(name):
  _, target, weight = example()
  gradient = jax.jit(jax.grad(getattr(losses, name)))(jnp.asarray(target), target, weight)
  assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_is_summed_in_float32(name):
  prediction, target, weight = example(shape=(1, 4, 64, 64, 1))
  low = jitted(name)(jnp.asarray(prediction, jnp.bfloat16), target, weight)
  assert low.dtype == jnp.float32
  np.testing.assert_allclose(low, jitted(name)(prediction, target, weight), rtol=1e-2)


@pytest.mark.parametrize("power", [1, 2])
def test_pyramid_without_mask_is_the_mean_over_pooled_levels(power):
  prediction, target, weight = example(shape=(2, 3, 8, 12, 2), unknown=1.1)
  difference, terms = prediction - target, []
  for side in (1, 2, 4):
    pooled = difference.reshape(2, 3, 8 // side, side, 12 // side, side, 2).mean((3, 5))
    terms.append((np.abs(pooled) ** power).mean())
  found = jitted("pyramid", levels=3, power=power)(prediction, target, weight)
  np.testing.assert_allclose(found, np.mean(terms), rtol=1e-5)


def test_difference_divergence_compares_changes_as_distributions_over_the_frame():
  prediction, target, weight = example(shape=(2, 4, 3, 5, 2), unknown=1.1)
  weight[:, 0] = 0  # a given frame: the change from it does not count
  weight[1, 1] = 0

  def distribution(change):
    changes = np.exp(change / 2 / 0.1)  # of videos in [0, 1]
    return changes / changes.sum()

  examples = []
  for p, t, first in zip(prediction, target, (1, 2), strict=True):
    terms = []
    for time in range(first, 3):
      ours, theirs = distribution(p[time + 1] - p[time]), distribution(t[time + 1] - t[time])
      terms.append((ours * np.log(ours / theirs)).mean())
    examples.append(np.mean(terms))
  loss = jitted("difference_divergence")
  np.testing.assert_allclose(loss(prediction, target, weight), np.mean(examples), rtol=1e-4)
  # What stays alike from frame to frame is none of its business.
  np.testing.assert_allclose(loss(target + 0.3, target, weight), 0, atol=1e-6)


def test_pyramid_sees_on_coarse_levels_what_does_not_average_away():
  """Noise averages away, a constant offset does not."""
  target = np.zeros((1, 1, 16, 16, 1), np.float32)
  checker = np.indices((16, 16)).sum(0)[None, None, ..., None] % 2 * 2.0 - 1
  weight = np.ones_like(target)
  assert float(jitted("pyramid", levels=2)(checker, target, weight)) == pytest.approx(0.5)
  assert float(jitted("pyramid", levels=4)(target + 1, target, weight)) == pytest.approx(1)


def test_pyramid_stops_at_one_pixel():
  prediction, target, weight = example(shape=(1, 1, 3, 5, 1), unknown=1.1)
  deep = jitted("pyramid", levels=50)(prediction, target, weight)
  assert np.isfinite(deep)
