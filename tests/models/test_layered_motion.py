"""Layered motion: exact shifts, centres, a motion it must continue, and its place among the predictors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import losses
from vgjax.models import layered_motion


def _square(time, size=32, start=(6, 4), speed=(1, 1), side=5):
  """A bright square that drifts over black: [1, time, size, size, 1] in [-1, 1]."""
  video = -np.ones((1, time, size, size, 1), np.float32)
  for t in range(time):
    y, x = start[0] + speed[0] * t, start[1] + speed[1] * t
    video[0, t, y : y + side, x : x + side] = 1.0
  return jnp.asarray(video)


def test_sort_over_time_is_numpys():
  x = jax.random.normal(jax.random.key(0), (2, 7, 3, 4, 1))
  np.testing.assert_array_equal(layered_motion.sort_over_time(x), np.sort(x, axis=1))


def test_shift_by_whole_pixels_is_exact_and_what_leaves_is_gone():
  picture = jax.random.normal(jax.random.key(0), (1, 1, 6, 8, 2))
  moved = layered_motion.shift(picture, jnp.array([[[[2.0, -3.0]]]]))[0, 0, 0]
  np.testing.assert_allclose(moved[2:, :5], picture[0, 0, :4, 3:], atol=1e-6)
  np.testing.assert_array_equal(moved[:2], 0.0)
  np.testing.assert_array_equal(moved[:, 5:], 0.0)


def test_shift_by_parts_of_pixels_is_bilinear():
  picture = jax.random.normal(jax.random.key(0), (1, 1, 6, 8, 1))
  moved = layered_motion.shift(picture, jnp.array([[[[0.25, 0.5]]]]))[0, 0, 0, 1:, 1:]
  p = picture[0, 0]
  rows = 0.75 * p[1:] + 0.25 * p[:-1]
  np.testing.assert_allclose(moved, 0.5 * rows[:, 1:] + 0.5 * rows[:, :-1], atol=1e-6)


@pytest.mark.parametrize("layers", [1, 3])
def test_untrained_it_continues_a_straight_motion(layers):
  video = _square(12, start=(2, 3), speed=(2, 2), side=4)
  model = layered_motion.LayeredMotion(given=8, predicted=4, layers=layers)
  params = model.init(jax.random.key(0), video, video[..., :1], train=False)
  # The last bend is drawn small, not zero; without it the path is the straight line.
  params = jax.tree_util.tree_map_with_path(
    lambda path, x: jnp.zeros_like(x) if x.shape[-1:] == (4,) and "Dense" in str(path) else x, params
  )
  made = model.apply(params, video, video[..., :1], train=False)
  distance = losses.centroid(made, video, jnp.ones_like(video[..., :1]))
  assert float(distance) < 1e-3
  if layers == 1:
    assert float(jnp.abs(made - video)[:, 8:].mean()) < 0.02


@pytest.mark.parametrize("shape", [(2, 6, 16, 16, 1), (1, 6, 21, 30, 3)])
@pytest.mark.parametrize("layers", [1, 2])
def test_any_size_and_channels_and_a_gradient_for_every_parameter(shape, layers):
  video = jnp.clip(jax.random.normal(jax.random.key(1), shape), -1, 1)
  model = layered_motion.LayeredMotion(given=4, predicted=2, layers=layers, channels=8, hidden=16)
  assert model.window == (6, 4)
  params = model.init(jax.random.key(0), video, video[..., :1], train=True)

  def loss(params):
    made = model.apply(params, video, video[..., :1], train=True)
    assert made.shape == shape and made.dtype == jnp.float32
    return jnp.square(made - video).mean()

  gradient = jax.grad(loss)(params)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
  assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient))


def test_one_given_frame_is_refused():
  video = _square(2)
  with pytest.raises(ValueError, match="at least 2"):
    layered_motion.LayeredMotion(given=1, predicted=1).init(
      jax.random.key(0), video, video[..., :1], train=False
    )


def test_centroid_points_the_way_however_far():
  target = _square(1, start=(24, 24))
  weight = jnp.ones_like(target[..., :1])
  near, far = (losses.centroid(_square(1, start=(p, p)), target, weight) for p in (20, 2))
  assert 0 < float(near) < float(far)
  assert float(losses.centroid(target, target, weight)) == 0.0
  # 22 pixels down and right are 22/16 half sides each, but for the light that counts as black
  assert float(far) == pytest.approx(2 * (22 / 16) ** 2, rel=0.02)


def test_centroid_ignores_what_is_given():
  video, other = _square(2), _square(2, start=(20, 20))
  weight = jnp.ones_like(video[..., :1]).at[:, 0].set(0.0)
  mixed = jnp.concatenate([other[:, :1], video[:, 1:]], axis=1)
  assert float(losses.centroid(mixed, video, weight)) == 0.0
