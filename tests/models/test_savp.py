"""SAVP: published sizes, what is drawn and what is read, and that everything learns."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.test_predictors import QUICK
from vgjax import linen
from vgjax.models import savp, sn_critic3d
from vgjax.models.layers import latent

TIME, GIVEN, SIDE = 5, 2, 16
MODULE = savp.Module(channels=2, latent=3, moved=2, posterior_channels=2, posterior_layers=2)


def make_inputs(given=GIVEN):
  """(video, mask) of two videos."""
  video = jax.random.uniform(jax.random.key(3), (2, TIME, SIDE, SIDE, 1), minval=-1, maxval=1)
  mask = (jnp.arange(TIME) < given).astype(jnp.float32).reshape(1, TIME, 1, 1, 1)
  return video, jnp.broadcast_to(mask, video.shape)


@functools.cache
def make_variables():
  """Weights away from where they start: with the first ones all frames are nearly the same."""
  video, mask = make_inputs()
  shapes = jax.eval_shape(functools.partial(MODULE.init, train=False), jax.random.key(0), video, mask)
  rng = np.random.default_rng(0)
  values = lambda path, shape: (
    0.5 * rng.standard_normal(shape.shape).astype(np.float32) + (path[-1].key == "scale")
  )
  return jax.tree_util.tree_map_with_path(values, shapes)


@functools.partial(jax.jit, compiler_options=QUICK)
def call(hint, mask, key=None, **options):
  rngs = None if key is None else {"sample": key}
  return MODULE.apply(make_variables(), hint, mask, train=False, rngs=rngs, **options)


def count(module, *inputs):
  init = functools.partial(module.init, train=False)
  params = jax.eval_shape(init, {"params": jax.random.key(0), "sample": jax.random.key(1)}, *inputs)["params"]
  return sum(x.size for x in jax.tree.leaves(params))


def test_published_sizes():
  """Counted in the authors' program with their settings for BAIR; benchmarks/references/savp.py."""
  frames = jnp.zeros((1, 3, 64, 64, 3))
  assert count(savp.Module(), frames, frames[..., :1]) == 7_349_993
  clip = jnp.zeros((1, 11, 64, 64, 3))
  assert count(sn_critic3d.Module(), clip, clip, clip[..., :1]) == 5_144_001


def test_another_key_draws_another_future_and_none_the_mean():
  video, mask = make_inputs(given=1)  # so z comes from the prior from the start
  one, again, other = (call(video * mask, mask, jax.random.key(n)) for n in (1, 1, 2))
  assert one.shape == video.shape and one.dtype == jnp.float32 and np.abs(one[:, 1:]).max() <= 1
  np.testing.assert_array_equal(one, again)
  np.testing.assert_array_equal(one[:, 0], video[:, 0])
  assert np.abs(one - other)[:, 1:].max() > 1e-3
  assert np.abs(one[0] - one[1])[1:].max() > 1e-3
  mean = call(video * mask, mask)
  np.testing.assert_array_equal(mean, call(video * mask, mask))
  assert np.abs(mean - one)[:, 1:].max() > 1e-3


def test_reads_its_own_frames_where_nothing_is_given():
  video, mask = make_inputs()
  key = jax.random.key(1)
  free = call(video * mask, mask, key)
  np.testing.assert_array_equal(free, call(video * mask + 7 * (1 - mask), mask, key))
  # The model's own pixels, given in half a frame, change nothing; others do, in the frames that follow.
  half = mask.at[:, GIVEN, :4].set(1)
  own = (video * mask).at[:, GIVEN, :4].set(free[:, GIVEN, :4])
  np.testing.assert_allclose(call(own, half, key), free, atol=1e-5)
  changed = call(own.at[:, GIVEN, :4].add(1), half, key)
  np.testing.assert_allclose(changed[:, : GIVEN + 1], free[:, : GIVEN + 1], atol=1e-5)
  assert np.abs(changed - free)[:, GIVEN + 1].max() > 1e-4


def test_follows_the_truth_in_z_alone():
  """The frames that it reads are the hint's and its own, whatever the truth is."""
  video, mask = make_inputs()
  key = jax.random.key(1)
  frames = call(video * mask, mask, key, truth=video)
  later = call(video * mask, mask, key, truth=video.at[:, 3].set(0.5))
  np.testing.assert_allclose(later[:, :3], frames[:, :3], atol=1e-6)
  assert np.abs(later - frames)[:, 3].max() > 1e-4  # z has seen the frame that it describes
  fed = call(video, jnp.ones_like(mask), key, truth=video)
  np.testing.assert_allclose(fed[:, : GIVEN + 1], frames[:, : GIVEN + 1], atol=1e-6)
  assert np.abs(fed - frames)[:, GIVEN + 1 :].max() > 1e-4


def test_follow_mask_says_up_to_where_z_follows():
  video, mask = make_inputs()
  key, ones = jax.random.key(1), jnp.ones_like(mask)
  np.testing.assert_array_equal(
    call(video * mask, mask, key, truth=video, follow_mask=ones), call(video * mask, mask, key, truth=video)
  )
  # With the truth at hand as without it, the future is drawn: also where more frames are read.
  drawn = call(video * mask, mask, key)
  np.testing.assert_array_equal(drawn, call(video * mask, mask, key, truth=video, follow_mask=mask))
  fed = functools.partial(call, video, ones, key, follow_mask=mask)
  np.testing.assert_array_equal(fed(truth=video), fed(truth=video.at[:, GIVEN:].set(0.5)))
  assert np.abs(fed(truth=video) - call(video, ones, key, truth=video))[:, GIVEN:].max() > 1e-4


def test_any_length_and_what_it_refuses():
  video, mask = make_inputs()
  longer = [jnp.concatenate([x, jnp.zeros_like(x)], axis=1) for x in (video * mask, mask)]
  found = call(*longer)
  assert found.shape[1] == 2 * TIME
  np.testing.assert_allclose(found[:, :TIME], call(video * mask, mask), atol=1e-5)
  for shape, what in (((1, 1, 16, 16, 1), "2 frames"), ((1, 3, 12, 16, 1), "16"), ((1, 3, 34, 36, 1), "4")):
    with pytest.raises(ValueError, match=what):
      MODULE.init(jax.random.key(0), jnp.zeros(shape), jnp.ones(shape), train=False)
  with pytest.raises(ValueError, match="kernel_size=4"):
    savp.Module(kernel_size=4).init(jax.random.key(0), video, mask, train=False)


def test_the_divergence_is_that_of_the_posterior():
  video, mask = make_inputs()
  model = linen.wrap(MODULE, "generator")
  params = {"generator": make_variables()["params"]}
  found = model.apply(params, video * mask, mask, train=True, truth=video).losses["kl"]
  pairs = (jnp.concatenate([video[:, :-1], video[:, 1:]], -1) + 1) / 2
  posterior = savp.Posterior(3, 2, 2)
  q = posterior.apply({"params": params["generator"]["posterior"]}, pairs.reshape(-1, SIDE, SIDE, 2))
  wanted = latent.divergence(q, latent.standard(q.mean.shape)).reshape(2, -1).sum(1).mean() / TIME
  assert float(found) == pytest.approx(float(wanted), rel=1e-5) and found > 1e-3
  assert not model.apply(params, video * mask, mask, train=True).losses  # without the truth there is none


def test_a_gradient_reaches_every_parameter():
  """But for biases before a normalisation, which takes them away again."""
  video, mask = make_inputs()

  def loss(params):
    rngs = {"sample": jax.random.key(1)}
    made = MODULE.apply({"params": params}, video * mask, mask, train=False, truth=video, rngs=rngs)
    return jnp.mean(jnp.square(made - video))

  gradient = jax.jit(jax.grad(loss), compiler_options=QUICK)(make_variables()["params"])
  for path, value in jax.tree_util.tree_leaves_with_path(gradient):
    *_, layer, kind = (key.key for key in path)
    if kind == "bias" and (f"{layer}_norm" in gradient["cell"] or layer == "layer_1"):
      assert np.abs(value).max() < 1e-6, path
    else:
      assert np.abs(value).max() > 1e-7, path


def test_frames_of_each_size_are_halved_so_often():
  for side, levels in ((16, 1), (32, 2), (64, 3), (128, 4), (256, 5), (512, 5)):
    shapes = jax.eval_shape(
      lambda x: savp.Module(channels=2, posterior_channels=2).init(jax.random.key(0), x, x, train=False),
      jnp.zeros((1, 2, side, side, 1)),
    )
    names = set(shapes["params"]["cell"])
    assert {f"down_{n}" for n in range(levels)} | {f"up_{n}" for n in range(levels)} <= names
    assert f"down_{levels}" not in names


def test_the_critic_sees_frames_in_a_row_from_a_place_drawn_for_each_video():
  critic = sn_critic3d.Module(length=4, channels=2, levels=1)
  video = jnp.broadcast_to(jnp.arange(9.0).reshape(1, 9, 1, 1, 1), (32, 9, 1, 1, 1))
  piece = functools.partial(critic.apply, {}, video, method="_piece")
  seen = piece(rngs={"sample": jax.random.key(0)})[..., 0, 0, 0]
  np.testing.assert_array_equal(seen - seen[:, :1], np.broadcast_to(np.arange(4), (32, 4)))
  assert set(np.asarray(seen[:, 0])) == set(range(6))
  with pytest.raises(ValueError, match="length=4"):
    piece = critic.apply({}, video[:, :3], method="_piece")


def test_the_critics_scores_follow_the_largest_singular_values():
  """Kernels twice as large change nothing but by way of the biases."""
  critic = sn_critic3d.Module(length=4, channels=2, levels=1)
  video = jax.random.normal(jax.random.key(0), (3, 4, 8, 8, 1))
  variables = critic.init(jax.random.key(1), video, video, video, train=False)
  twice = jax.tree_util.tree_map_with_path(
    lambda path, x: 2 * x if path[-1].key == "kernel" else x, variables["params"]
  )
  one = critic.apply(variables, video, video, video, train=False)
  other = critic.apply(variables | {"params": twice}, video, video, video, train=False)
  np.testing.assert_allclose(one.scores, other.scores, rtol=1e-4)
  assert one.scores.shape == (3,) and len(one.features) == 3 and np.std(one.scores) > 1e-6
