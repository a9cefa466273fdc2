"""Projections of a critic's parameters, against numpy's singular values and the program of TGAN's authors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from vgjax import optim, projections, step
from vgjax.errors import ConfigError
from vgjax.types import Aux, Method, TrainState


def clipped(matrix, limit):
  """TGAN's `_clip_singular_value`: U min(S, limit) V'."""
  u, s, v = np.linalg.svd(np.asarray(matrix, np.float64), full_matrices=False)
  return u @ np.diag(np.minimum(s, limit)) @ v


@pytest.mark.parametrize("shape", [(2, 2, 3, 5), (1, 1, 2, 7), (4, 6), (3, 2, 2, 4, 1)])
def test_singular_values_are_numpys(shape):
  kernel = 2 * np.random.default_rng(0).standard_normal(shape).astype(np.float32)
  ours = np.asarray(projections.clip_singular_values(jnp.asarray(kernel), 1.0)).reshape(-1, shape[-1])
  theirs = clipped(kernel.reshape(-1, shape[-1]), 1.0)
  np.testing.assert_allclose(ours, theirs, atol=2e-6)
  assert np.linalg.svd(kernel.reshape(-1, shape[-1]))[1].max() > 1.5  # there was something to clip


def test_small_kernels_stay_as_they_are():
  kernel = 0.01 * jax.random.normal(jax.random.key(0), (3, 3, 2, 4))
  np.testing.assert_allclose(projections.clip_singular_values(kernel, 1.0), kernel, rtol=1e-5)


def test_singular_values_go_with_the_running_deviation_of_batch_normalisation():
  """`gamma[gamma > std] = std`, `gamma[gamma < 0.01 * std] = 0.01 * std`; biases are left alone."""
  params = {
    "conv": {"kernel": 3 * jnp.ones((2, 2, 1, 2)), "bias": jnp.full(2, 9.0)},
    "batch": {"scale": jnp.array([5.0, -1.0, 0.3]), "bias": jnp.full(3, 9.0)},
    "group": {"scale": jnp.full(3, 5.0)},
  }
  stats = {"batch_stats": {"batch": {"mean": jnp.zeros(3), "var": jnp.array([4.0, 4.0, 4.0])}}}
  project = projections.singular_values(limit=1.0, every=1)
  zero = jax.tree.map(jnp.zeros_like, params)
  updates, _ = project.update(zero, project.init(params), params, stats=stats)
  new = optax.apply_updates(params, updates)
  np.testing.assert_allclose(new["batch"]["scale"], [2.0, 0.02, 0.3], rtol=1e-6)
  np.testing.assert_allclose(np.linalg.svd(new["conv"]["kernel"].reshape(-1, 2))[1].max(), 1.0, rtol=1e-5)
  for part, name in (("conv", "bias"), ("batch", "bias"), ("group", "scale")):
    np.testing.assert_array_equal(new[part][name], params[part][name])


def test_clip_bounds_what_an_update_leads_to_and_every_counts_updates():
  optimizer = optim.make(
    name="sgd", learning_rate=1.0, steps=9, project=dict(name="clip", limit=0.5, every=3)
  )
  params = {"kernel": jnp.array([0.0, 0.4, -0.4]), "bias": jnp.array([0.1])}
  gradient = {"kernel": jnp.array([-1.0, 0.0, 0.0]), "bias": jnp.array([0.0])}
  state, seen = optimizer.transform.init(params), []
  for _ in range(6):
    updates, state = optimizer.transform.update(gradient, state, params, stats=None)
    params = optax.apply_updates(params, updates)
    seen.append(float(params["kernel"][0]))
  np.testing.assert_allclose(seen, [1.0, 2.0, 0.5, 1.5, 2.5, 0.5], rtol=1e-6)
  np.testing.assert_allclose(params["kernel"][1:], [0.4, -0.4])
  np.testing.assert_allclose(params["bias"], [0.1], rtol=1e-6)


def test_the_step_hands_the_statistics_that_the_loss_wrote():
  """The scale's bound is that of the new running variance, as in the authors' program, not of the old one."""
  old, new = ({"batch_stats": {"norm": {"var": jnp.array([v])}}} for v in (1.0, 9.0))

  def loss(params, batch, rng, count):
    del batch, rng, count
    return 0.0 * params["critic"]["norm"]["scale"].sum(), Aux({}, {"critic_stats": new})

  method = Method(lambda rng, batch: {}, {"critic": loss}, lambda params, batch, rng: batch)
  optimizers = {
    "critic": optim.make(
      name="sgd", learning_rate=1.0, steps=1, project=dict(name="singular_values", every=1)
    )
  }
  params = {"critic": {"norm": {"scale": jnp.array([7.0])}}, "critic_stats": old}
  state = TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    opt={"critic": optimizers["critic"].transform.init(params["critic"])},
    ema={},
    rng=jax.random.key_data(jax.random.key(0)),
  )
  update = step.make_update(method, lambda batch, rng: batch, optimizers)
  state, _ = update(state, {"video": jnp.zeros((1, 1, 1, 1, 1))})
  np.testing.assert_allclose(state.params["critic"]["norm"]["scale"], [3.0])


def test_a_projection_asks_for_the_statistics():
  project = projections.clip()
  with pytest.raises(ValueError, match="needs the parameters and the branch's statistics"):
    project.update({}, project.init({}), {})


@pytest.mark.parametrize(
  "project, message",
  [
    (dict(name="clipp"), 'did you mean "clip"'),
    (dict(limit=0.1), 'must be a dict with a "name"'),
    (dict(name="clip", limits=1.0), 'did you mean "limit"'),
    (dict(name="clip", limit=0.0), "config.optim.critic.project: limit=0.0: it must be above 0"),
    (dict(name="singular_values", every=0), "at least 1"),
  ],
)
def test_errors_say_where_and_what(project, message):
  with pytest.raises(ConfigError, match=message):
    optim.make(name="rmsprop", learning_rate=1e-3, steps=10, branch="critic", project=project)
