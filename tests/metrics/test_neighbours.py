"""Precision, recall, density and coverage against brute force, closed cases and a collapsed model."""

import numpy as np
import pytest

from vgjax.errors import DataError
from vgjax.metrics import neighbours as nn


def features(number, dims=4, seed=0, shift=0.0):
  return np.random.default_rng(seed).standard_normal((number, dims)) + shift


def brute(real, fake, k, k_coverage):
  """The definitions, with every distance by itself."""
  far = lambda a, b: np.array([[np.linalg.norm(x - y) for y in b] for x in a])
  radius = lambda x, k: np.sort(far(x, x), 1)[:, k]
  cross = far(real, fake)
  return (
    (cross <= radius(real, k)[:, None]).any(0).mean(),
    (cross <= radius(fake, k)).any(1).mean(),
    (cross <= radius(real, k_coverage)[:, None]).sum(0).mean() / k_coverage,
    (cross <= radius(real, k_coverage)[:, None]).any(1).mean(),
  )


@pytest.mark.parametrize("numbers", [(40, 40), (25, 60), (60, 20)])
@pytest.mark.parametrize("shift", [0.0, 1.5])
@pytest.mark.parametrize("ks", [(3, 5), (1, 2), (6, 4)])
@pytest.mark.parametrize("block", [nn._BLOCK, 150])
def test_equals_brute_force(numbers, shift, ks, block, monkeypatch):
  monkeypatch.setattr(nn, "_BLOCK", block)
  real, fake = features(numbers[0]), features(numbers[1], seed=1, shift=shift)
  found = nn.neighbours(real, fake, k=ks[0], k_coverage=ks[1])
  np.testing.assert_allclose(found, brute(real, fake, *ks), rtol=1e-12)


def test_k_is_three_for_precision_and_five_for_coverage():
  real, fake = features(50), features(50, seed=1, shift=0.5)
  assert nn.neighbours(real, fake) == nn.neighbours(real, fake, k=3, k_coverage=5)


def test_points_on_a_line_by_hand():
  """Real 0 ... 9, k = 1: balls of radius 1. Fakes at 0.5 (in 2 balls), 9.5 (1 ball), 20 and 21 (none)."""
  real, fake = np.arange(10.0)[:, None], np.array([0.5, 9.5, 20, 21])[:, None]
  found = nn.neighbours(real, fake, k=1, k_coverage=1)
  assert found.precision == 0.5 and found.density == 3 / 4 and found.coverage == 0.3
  # Fake radii: 9, 9, 1, 1. The ball of 0.5 reaches from -8.5 to 9.5: every real point.
  assert found.recall == 1


@pytest.mark.parametrize("dims", [2, 300])
def test_equal_sets_are_perfect_also_where_vectors_repeat(dims):
  real = np.repeat(features(12, dims, shift=50.0), 4, axis=0)
  found = nn.neighbours(real, real[::-1])
  assert found.precision == found.recall == found.coverage == 1


def test_vectors_that_differ_by_rounding_are_one():
  real = features(50)
  ((_, squares),) = nn._blocks(real, real * (1 + 3e-8))
  assert not np.diag(squares).any() and (squares[~np.eye(50, dtype=bool)] > 0).all()


def test_sets_far_apart_share_nothing():
  assert nn.neighbours(features(30), features(30, seed=1, shift=1000)) == (0, 0, 0, 0)


def test_mode_collapse_is_precise_and_does_not_cover():
  """Ten kinds of video; a model that makes one of them, all different, and one that makes all."""
  kinds = 30 * np.random.default_rng(2).standard_normal((10, 4))
  real = np.repeat(kinds, 20, axis=0) + features(200)
  collapsed = nn.neighbours(real, kinds[0] + features(200, seed=1))
  healthy = nn.neighbours(real, np.repeat(kinds, 20, axis=0) + features(200, seed=1))
  assert collapsed.precision > 0.8 and collapsed.recall <= 0.1 and collapsed.coverage <= 0.1
  assert healthy.precision > 0.8 and healthy.recall > 0.8 and healthy.coverage > 0.9


def test_an_outlier_fools_precision_and_not_density():
  """One real outlier has a large ball that takes in fakes near nothing real."""
  real = np.concatenate([features(100), [[100.0] * 4]])
  fake = features(100, seed=1, shift=60.0)
  found = nn.neighbours(real, fake)
  assert found.precision == 1 and found.density < 0.25


def test_frames_of_all_videos_are_one_set():
  real, fake = features(40), features(24, seed=1)
  assert nn.neighbours(real.reshape(8, 5, 4), fake.reshape(6, 4, 4)) == nn.neighbours(real, fake)


def test_too_few_videos():
  with pytest.raises(DataError, match="need 6 or more videos of each kind: 5 are real, 30 fake"):
    nn.neighbours(features(5), features(30))
