"""Penalties against closed forms, and second derivatives through all that a critic is made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from vgjax import linen, penalties
from vgjax.models import critic2d, critic3d
from vgjax.models.layers import critic

SHAPE = (3, 4, 8, 8, 2)
REAL = jax.random.normal(jax.random.key(0), SHAPE)
FAKE = jax.random.normal(jax.random.key(1), SHAPE)
STEP = jnp.zeros((), jnp.int32)


def linear(weights):
  return lambda video: jnp.einsum("bthwc,thwc->b", video, weights)


def test_a_linear_critics_gradient_is_its_weights():
  weights = jax.random.normal(jax.random.key(2), SHAPE[1:])
  square = float((weights**2).sum())
  arguments = (linear(weights), REAL, FAKE, jax.random.key(3), STEP)
  assert float(penalties.r1(weight=10, every=1)(*arguments)) == pytest.approx(5 * square, rel=1e-5)
  assert float(penalties.r2(weight=10, every=1)(*arguments)) == pytest.approx(5 * square, rel=1e-5)
  assert float(penalties.r1_r2(weight=10, every=1)(*arguments)) == pytest.approx(10 * square, rel=1e-5)
  wanted = 10 * (np.sqrt(square) - 1) ** 2
  assert float(penalties.gradient()(*arguments)) == pytest.approx(wanted, rel=1e-5)


def test_each_looks_where_it_says():
  """A critic whose slope at x is x itself: |x|^2 at real, at made, and between."""
  quadratic = lambda video: (video**2).sum((1, 2, 3, 4)) / 2
  squares = lambda video: float((video**2).sum((1, 2, 3, 4)).mean())
  arguments = (quadratic, REAL, FAKE, jax.random.key(3), STEP)
  assert float(penalties.r1(weight=2, every=1)(*arguments)) == pytest.approx(squares(REAL), rel=1e-5)
  assert float(penalties.r2(weight=2, every=1)(*arguments)) == pytest.approx(squares(FAKE), rel=1e-5)
  both = squares(REAL) + squares(FAKE)
  assert float(penalties.r1_r2(weight=2, every=1)(*arguments)) == pytest.approx(both, rel=1e-5)
  same = (quadratic, REAL, REAL, jax.random.key(3), STEP)  # all that is between is REAL
  lengths = np.sqrt((np.asarray(REAL) ** 2).sum((1, 2, 3, 4)))
  assert float(penalties.gradient(weight=1)(*same)) == pytest.approx(((lengths - 1) ** 2).mean(), rel=1e-5)


def test_a_critic_of_parts_is_held_back_as_each_of_them_is():
  """Four frames scored one by one: the mean of four critics' penalties, not that of their sum."""
  weights = jax.random.normal(jax.random.key(2), SHAPE[1:])
  frames = lambda video: jnp.einsum("bthwc,thwc->bt", video, weights)
  square = float((weights**2).sum()) / 4
  arguments = (frames, REAL, FAKE, jax.random.key(3), STEP)
  assert float(penalties.r1(weight=10, every=1)(*arguments)) == pytest.approx(5 * square, rel=1e-5)
  wanted = 10 * (np.sqrt(square) - 1) ** 2
  assert float(penalties.gradient()(*arguments)) == pytest.approx(wanted, rel=1e-5)


def test_a_lazy_penalty_counts_as_much():
  weights = jnp.ones(SHAPE[1:])
  lazy, eager = penalties.r1(every=4), penalties.r1(every=1)
  run = lambda penalty, step: float(
    penalty(linear(weights), REAL, FAKE, jax.random.key(0), jnp.array(step, jnp.int32))
  )
  found = [run(lazy, step) for step in range(8)]
  assert found[1:4] == found[5:] == [0, 0, 0]
  assert sum(found) / 8 == pytest.approx(run(eager, 0), rel=1e-6)


def test_a_slope_of_zero_has_a_gradient():
  flat = lambda weight: penalties.gradient()(
    lambda video: weight * video.sum((1, 2, 3, 4)) * 0, REAL, FAKE, jax.random.key(0), STEP
  )
  assert np.isfinite(jax.grad(flat)(1.0))


CRITICS = {
  "halving": critic3d.Module(channels=2, norm="none", levels=1),
  "sliding": critic3d.Module(channels=2, norm="none", time="slide", levels=1),
  "spectral": critic3d.Module(channels=2, norm="spectral", levels=1),
  "patches": critic3d.Module(channels=2, norm="none", patches=True, levels=1),
  "downsampled": critic3d.Module(channels=2, norm="none", downsample=2, levels=1),
  "frames": critic2d.Module(channels=2, norm="spectral", frames=2, levels=1),
  "labels": critic3d.Module(channels=2, norm="none", classes=3, levels=1),
  "text": critic3d.Module(channels=2, norm="none", conditions=("text",), levels=1),
}
BESIDE = {"label": jnp.array([0, 2, 1]), "text": jax.random.randint(jax.random.key(4), (3, 6), 0, 128)}


@pytest.mark.parametrize("name", CRITICS)
def test_second_derivatives_through_critics(name, monkeypatch):
  """The gradient of a penalty by the parameters, against differences of the penalty."""
  # A penalty jumps where a leaky ReLU has its kink, and differences with it.
  monkeypatch.setattr(critic.nn, "leaky_relu", lambda x, slope: nn.silu(x))
  model = linen.wrap(CRITICS[name], "critic")
  read = {key: BESIDE[key] for key in model.reads}
  mask = jnp.zeros((*SHAPE[:-1], 1))
  key = jax.random.key(5)
  params = model.init(key, REAL, REAL, mask, **read)
  direction = jax.tree.map(lambda p: jax.random.normal(key, p.shape), params["critic"])
  params["critic"] = jax.tree.map(lambda p, d: p + 0.1 * d, params["critic"], direction)
  for _ in range(60):  # until singular vectors are found: then they need no derivative of their own
    params |= model.apply(params, REAL, REAL, mask, train=True, rng=key, **read).writes

  @jax.jit
  def penalty(share):
    moved = jax.tree.map(lambda p, d: p + share * d, params["critic"], direction)

    def score(video):
      output = model.apply(params | {"critic": moved}, video, REAL, mask, train=True, rng=key, **read)
      return output.value.scores

    return penalties.gradient(norm=0.0)(score, 10 * REAL, 10 * FAKE, key, STEP)

  slope, step = float(jax.grad(penalty)(0.0)), 3e-3
  difference = float(penalty(step) - penalty(-step)) / (2 * step)
  assert slope != 0 and slope == pytest.approx(difference, rel=0.02)
