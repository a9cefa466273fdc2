"""Adversarial losses against their formulas, their gradients against what the game wants."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import adversarial

REAL, FAKE = np.array([[2.0, -1.0], [0.5, 3.0]]), np.array([[-0.5, 1.5], [0.0, -2.0]])


def log_sigmoid(x):
  return -np.log1p(np.exp(-x))


CRITIC = {
  "nonsaturating": -log_sigmoid(REAL).mean() - log_sigmoid(-FAKE).mean(),
  "saturating": -log_sigmoid(REAL).mean() - log_sigmoid(-FAKE).mean(),
  "least_squares": (((REAL - 1) ** 2).mean() + (FAKE**2).mean()) / 2,
  "hinge": np.maximum(1 - REAL, 0).mean() + np.maximum(1 + FAKE, 0).mean(),
  "wasserstein": FAKE.mean() - REAL.mean(),
  "relativistic": -log_sigmoid(REAL - FAKE).mean(),
}
GENERATOR = {
  "nonsaturating": -log_sigmoid(FAKE).mean(),
  "saturating": log_sigmoid(-FAKE).mean(),
  "least_squares": ((FAKE - 1) ** 2).mean() / 2,
  "hinge": -FAKE.mean(),
  "wasserstein": -FAKE.mean(),
  "relativistic": -log_sigmoid(FAKE - REAL).mean(),
}


def test_every_loss_is_tested():
  assert set(adversarial.__all__) == set(CRITIC) == set(GENERATOR)


@pytest.mark.parametrize("name", adversarial.__all__)
def test_values(name):
  game = getattr(adversarial, name)()
  assert float(game.critic(REAL, FAKE)) == pytest.approx(CRITIC[name], rel=1e-6)
  assert float(game.generator(REAL, FAKE)) == pytest.approx(GENERATOR[name], rel=1e-6)


@pytest.mark.parametrize("name", adversarial.__all__)
def test_the_two_sides_want_opposite_scores(name):
  game, zero = getattr(adversarial, name)(), jnp.full(4, game_middle(name))
  up = jax.grad(lambda real: game.critic(real, zero))(zero)
  down = jax.grad(lambda fake: game.critic(zero, fake))(zero)
  fooled = jax.grad(lambda fake: game.generator(zero, fake))(zero)
  assert (up < 0).all() and (down > 0).all() and (fooled < 0).all()


def game_middle(name):
  boundary = getattr(adversarial, name)().boundary
  return 0.3 if boundary is None else boundary


@pytest.mark.parametrize("name", ["nonsaturating", "saturating"])
def test_smoothing_moves_the_best_score_of_real_videos(name):
  """With the target 1 - smooth the critic wants the logit log((1 - smooth) / smooth), not infinity."""
  game, smooth = getattr(adversarial, name)(smooth=0.1), 0.1
  best = jnp.full(3, np.log((1 - smooth) / smooth))
  slope = jax.grad(lambda real: game.critic(real, jnp.zeros(3)))
  np.testing.assert_allclose(slope(best), 0, atol=1e-6)
  assert (slope(best + 1) > 0).all() and (slope(best - 1) < 0).all()


def test_least_squares_smoothing():
  assert float(adversarial.least_squares(smooth=0.2).critic(np.full(2, 0.8), np.zeros(2))) == 0


@pytest.mark.parametrize("name", ["nonsaturating", "saturating", "least_squares"])
def test_the_boundary_is_where_nothing_can_be_told(name):
  """Of a score that real and made videos share, the critic wants exactly the boundary."""
  for smooth in (0.0, 0.1, 0.6):
    game = getattr(adversarial, name)(smooth=smooth)
    slope = jax.grad(lambda score, game=game: game.critic(score, score))
    assert float(slope(jnp.float32(game.boundary))) == pytest.approx(0, abs=1e-6)
    assert float(slope(jnp.float32(game.boundary + 0.5))) > 0


def test_no_logit_overflows():
  for name in adversarial.__all__:
    game = getattr(adversarial, name)()
    real, fake = jnp.array([1e4]), jnp.array([-1e4])
    assert np.isfinite([game.critic(real, fake), game.generator(real, fake)]).all(), name


@pytest.mark.parametrize("name", adversarial.__all__)
def test_only_a_game_of_pairs_asks_for_real_scores(name):
  game = getattr(adversarial, name)()
  assert game.paired == (name == "relativistic")
  if game.paired:
    np.testing.assert_allclose(game.generator(REAL + 5, FAKE + 5), game.generator(REAL, FAKE), rtol=1e-6)
  else:
    assert np.isfinite(game.generator(None, FAKE))
