import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.models.transport import Module, _tracks


def _moving_square(length, size=32, channels=1):
  """A bright square on black, 2 pixels down and 1 right a frame."""
  video = -np.ones((1, length, size, size, channels), np.float32)
  for t in range(length):
    video[:, t, 3 + 2 * t : 9 + 2 * t, 4 + t : 10 + t] = 1
  return video


@pytest.mark.parametrize(("height", "width", "channels"), [(32, 32, 1), (20, 27, 3)])
def test_shape_and_copy_last_at_the_start(height, width, channels):
  model = Module(given=4, predicted=3, hidden=16)
  hint = np.random.default_rng(0).uniform(-1, 1, (2, 7, height, width, channels)).astype(np.float32)
  mask = np.ones((2, 7, height, width, 1), np.float32)
  params = model.init(jax.random.key(0), hint, mask, train=False)
  params = jax.tree.map(jnp.zeros_like, params)
  video = model.apply(params, hint, mask, train=False)
  assert video.shape == hint.shape and video.dtype == jnp.float32
  np.testing.assert_array_equal(video[:, :4], hint[:, :4])
  np.testing.assert_allclose(video[:, 4:], np.repeat(hint[:, 3:4], 3, axis=1), atol=1e-5)
  assert model.window == (7, 4)


def test_reads_only_the_given_frames():
  model = Module(given=4, predicted=3, hidden=16)
  hint, mask = jnp.asarray(_moving_square(7)), jnp.ones((1, 7, 32, 32, 1))
  params = model.init(jax.random.key(0), hint, mask, train=False)
  other = hint.at[:, 4:].set(0.3)
  np.testing.assert_array_equal(
    model.apply(params, hint, mask, train=False)[:, 4:], model.apply(params, other, mask, train=False)[:, 4:]
  )


def test_tracks_follow_a_moving_object():
  video = _moving_square(6)
  saliency = jnp.asarray(((video - video.mean()) ** 2).sum(-1))
  tracks = _tracks(saliency, square=8, sigma=6.0)[0]
  on_object = 2 * 4 + 1  # rows 13-19, columns 9-15 in the last frame
  np.testing.assert_allclose(np.diff(tracks[on_object], axis=0), np.tile([2.0, 1.0], (5, 1)), atol=0.35)


def test_learns_a_motion():
  model = Module(given=4, predicted=3, hidden=32)
  video = jnp.asarray(_moving_square(7))
  mask = jnp.ones((1, 7, 32, 32, 1))
  params = model.init(jax.random.key(0), video, mask, train=True)

  def loss(params):
    return jnp.mean((model.apply(params, video, mask, train=True) - video)[:, 4:] ** 2)

  before = loss(params)
  step = jax.jit(lambda p: jax.tree.map(lambda a, g: a - 0.02 * jnp.sign(g), p, jax.grad(loss)(p)))
  values = []
  for _ in range(60):
    params = step(params)
    values.append(float(loss(params)))
  assert min(values) < 0.25 * before
