"""The Fréchet distance against scipy's matrix square root, closed forms, and where others break."""

import numpy as np
import pytest
import scipy.linalg

from vgjax.errors import DataError
from vgjax.metrics import frechet


def features(number, dims, seed=0, scale=1.0):
  rng = np.random.default_rng(seed)
  mix = rng.standard_normal((dims, dims)) / np.sqrt(dims)
  return scale * rng.standard_normal((number, dims)) @ mix + rng.standard_normal(dims)


def reference(real, fake, ddof=1):
  """The customary code: np.cov and scipy.linalg.sqrtm."""
  covariance, other = (np.cov(x, rowvar=False, ddof=ddof) for x in (real, fake))
  root = scipy.linalg.sqrtm(covariance @ other)
  change = real.mean(0) - fake.mean(0)
  return change @ change + np.trace(covariance + other) - 2 * np.trace(root).real


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("numbers", [(200, 300), (41, 400), (1000, 60)])
def test_equals_scipy_where_that_is_sound(numbers, ddof):
  real, fake = features(numbers[0], 40), features(numbers[1], 40, seed=1, scale=1.5)
  found = frechet.frechet_distance(real, fake, ddof=ddof)
  np.testing.assert_allclose(found, reference(real, fake, ddof), rtol=1e-9)


def test_ddof_is_a_factor_of_the_covariance_part():
  real, fake = features(50, 8), features(50, 8, seed=1)
  change = real.mean(0) - fake.mean(0)
  parts = [frechet.frechet_distance(real, fake, ddof=ddof) - change @ change for ddof in (0, 1)]
  np.testing.assert_allclose(parts[0] / parts[1], 49 / 50, rtol=1e-12)


def test_diagonal_gaussians_have_a_closed_form():
  rng = np.random.default_rng(0)
  mean, other_mean = rng.standard_normal((2, 9))
  deviation, other = rng.uniform(0, 2, (2, 9))
  found = frechet.between_gaussians(mean, np.diag(deviation**2), other_mean, np.diag(other**2))
  np.testing.assert_allclose(found, ((mean - other_mean) ** 2 + (deviation - other) ** 2).sum(), rtol=1e-12)


def test_rank_one_covariances_have_a_closed_form():
  """C = u uᵀ and v vᵀ: the root's trace is |u · v|. Two points each, in 2048 dims."""
  rng = np.random.default_rng(1)
  u, v = rng.standard_normal((2, 2048))
  real, fake = np.stack([u, -u]) / np.sqrt(2), np.stack([v, -v]) / np.sqrt(2)
  np.testing.assert_allclose(frechet.frechet_distance(real, fake), u @ u + v @ v - 2 * abs(u @ v), rtol=1e-12)


def test_fewer_videos_than_dims():
  """With a large enough ridge the customary code converges to the same figure; without it, it need not."""
  real, fake = features(20, 60), features(12, 60, seed=1)
  covariance, other = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
  # The root of a symmetric positive matrix, by eigenvalues, in extended precision of the small ones.
  values, vectors = np.linalg.eigh(covariance)
  root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
  shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other @ root), 0))[-11:].sum()  # its rank is 11
  change = real.mean(0) - fake.mean(0)
  expected = change @ change + np.trace(covariance + other) - 2 * shared
  np.testing.assert_allclose(frechet.frechet_distance(real, fake), expected, rtol=1e-9)


@pytest.mark.parametrize("shape", [(2, 7), (30, 400), (500, 20), (64, 64)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_sets_have_distance_exactly_zero(shape, dtype):
  real = features(*shape).astype(dtype)
  assert frechet.frechet_distance(real, real) == 0
  shuffled = real[np.random.default_rng(0).permutation(len(real))]
  assert frechet.frechet_distance(real, shuffled) < 1e-25 * np.sum(real**2)  # the means round differently


def test_small_distances_keep_their_digits():
  """A change of a thousandth in one of 50 dims: 1e-9 of the traces is still seen."""
  deviation = np.ones(50)
  other = deviation.copy()
  other[3] += 1e-4
  found = frechet.between_gaussians(np.zeros(50), np.diag(deviation**2), np.zeros(50), np.diag(other**2))
  np.testing.assert_allclose(found, 1e-8, rtol=1e-4)


def test_a_shift_alone_is_its_squared_length():
  real = features(100, 10)
  np.testing.assert_allclose(frechet.frechet_distance(real, real + 3), 90, rtol=1e-12)


def test_is_symmetric_and_does_not_turn_with_the_axes():
  real, fake = features(30, 50), features(80, 50, seed=1)
  turn = np.linalg.qr(np.random.default_rng(2).standard_normal((50, 50)))[0]
  expected = frechet.frechet_distance(real, fake)
  np.testing.assert_allclose(frechet.frechet_distance(fake, real), expected, rtol=1e-11)
  np.testing.assert_allclose(frechet.frechet_distance(real @ turn, fake @ turn), expected, rtol=1e-11)


@pytest.mark.parametrize("sizes", [(1, 99), (30, 30, 40), (7, 3, 90)])
def test_moments_of_parts_merge(sizes):
  whole = features(100, 12)
  parts = np.split(whole, np.cumsum(sizes)[:-1])
  # A part of one vector has a mean and no spread.
  total = frechet.Moments(len(parts[0]), parts[0].mean(0), parts[0] - parts[0].mean(0))
  for part in parts[1:]:
    total = frechet.merge(total, frechet.moments(part))
  assert total.count == 100 and len(total.factor) <= 100
  np.testing.assert_allclose(total.mean, whole.mean(0), rtol=1e-12)
  np.testing.assert_allclose(total.covariance(), np.cov(whole, rowvar=False), rtol=1e-10, atol=1e-14)


def test_moments_are_the_same_in_blocks(monkeypatch):
  whole = features(100, 6)
  monkeypatch.setattr(frechet, "_BLOCK", 9)
  blocked = frechet.moments(whole)
  assert blocked.factor.shape == (6, 6)
  np.testing.assert_allclose(blocked.covariance(), np.cov(whole, rowvar=False), rtol=1e-10)


def test_features_of_frames_are_one_set():
  real, fake = features(40, 6), features(60, 6, seed=1)
  found = frechet.frechet_distance(real.reshape(8, 5, 6), fake.reshape(6, 10, 6))
  assert found == frechet.frechet_distance(real, fake)


def test_large_means_do_not_drown_the_covariance():
  real, fake = features(50, 5), features(70, 5, seed=1)
  expected = frechet.frechet_distance(real, fake)
  np.testing.assert_allclose(frechet.frechet_distance(real + 1e5, fake + 1e5), expected, rtol=1e-8)


@pytest.mark.parametrize(
  "real,fake,error,message",
  [
    (np.zeros((1, 3)), np.zeros((5, 3)), DataError, "real: 1 feature vectors; a distribution needs 2"),
    (
      np.zeros((4, 3)),
      np.full((5, 3), np.nan),
      DataError,
      "fake: 5 of 5 .* not finite, the first is number 0",
    ),
    (np.zeros((4, 3)), np.zeros((5, 4)), ValueError, "real features have 3 dims, fake ones 4"),
    (np.zeros(4), np.zeros((5, 4)), ValueError, r"\[number, dims\]"),
  ],
)
def test_what_is_no_pair_of_sets_is_refused(real, fake, error, message):
  with pytest.raises(error, match=message):
    frechet.frechet_distance(real, fake)


@pytest.mark.parametrize("numbers", [(12, 9), (12, 200), (300, 200)])
def test_the_faster_way_is_about_the_same(numbers):
  """One of the dims does not vary, which Cholesky's factor does not exist for."""
  real, fake = features(numbers[0], 20), features(numbers[1], 20, seed=1) * 1.3
  for dead in (False, True):
    real[:, 3], fake[:, 3] = (0.5, 0.5) if dead else (real[:, 3], fake[:, 3])
    parts = frechet.moments(real, exact=False), frechet.moments(fake, exact=False)
    found = frechet.between(*parts, exact=False)
    assert found == pytest.approx(frechet.frechet_distance(real, fake), rel=1e-6)
    np.testing.assert_allclose(parts[0].covariance(), np.cov(real, rowvar=False), rtol=1e-7, atol=1e-12)
  assert frechet.between(parts[0], parts[0], exact=False) == pytest.approx(0, abs=1e-6)


def test_the_faster_way_needs_no_singular_values(monkeypatch):
  refuse = lambda *args, **kwargs: pytest.fail("this takes six times as long")
  for name in ("svd", "qr"):
    monkeypatch.setattr(np.linalg, name, refuse)
  parts = [frechet.moments(features(50, 6, seed=seed), exact=False) for seed in (0, 1)]
  assert frechet.between(*parts, exact=False) > 0
