"""The Fréchet distance between the Gaussians that fit two sets of features: FVD and FID.

  d² = |μ₁ - μ₂|² + tr C₁ + tr C₂ - 2 tr (C₁ C₂)^½

(Dowson and Landau 1982; FID: Heusel et al. 2017; FVD: Unterthiner et al. 2018. All of them report d².)
Covariances divide by N - 1, as `np.cov`, TF-GAN, pytorch-fid and most FVD code do. The training code of
StyleGAN-V divides by N: pass `ddof=0` for its figure; its covariance part is smaller by a factor of
(N - 1) / N.

The usual way takes the matrix square root of C₁ C₂. With fewer videos than dims that product is singular, the
root does not converge or comes out complex, and implementations differ in what they add or throw away.
Here no covariance is made at all. With centred features as rows, C₁ = AᵀA and C₂ = BᵀB, the non-zero
eigenvalues of C₁ C₂ = AᵀA BᵀB are those of (A Bᵀ)(A Bᵀ)ᵀ, and so

  tr (C₁ C₂)^½ = ‖A Bᵀ‖_*,  the sum of the singular values of A Bᵀ.

That is exact for any number of videos, cannot be complex, and keeps the digits of small eigenvalues that a
covariance loses. A and B are first reduced to at most dims rows by QR, which changes neither product.

`exact=False` is for figures of which a few digits are looked at, such as the points of a curve: it factors
the covariance (Cholesky) and takes the roots of the eigenvalues of (A Bᵀ)(A Bᵀ)ᵀ. At 2048 dims that is six
times faster, and the distance is then known to about 1e-8 of the traces for each dim that does not vary.
"""

from typing import NamedTuple

import numpy as np

from vgjax.metrics import feature_sets

_BLOCK = 4096  # rows that are reduced at a time, at least
_LONG = 4  # or so many times the dims, so that little is reduced twice: 2048 dims take 128 MiB


class Moments(NamedTuple):
  """All that the distance needs of a set of features; moments of parts merge into those of the whole.

  Attributes:
    count: how many feature vectors.
    mean: [dims].
    factor: [at most dims, dims]; `factor.T @ factor` is the sum of (x - mean)(x - mean)ᵀ over the set.
  """

  count: int
  mean: np.ndarray
  factor: np.ndarray

  def covariance(self, ddof: int = 1) -> np.ndarray:
    """[dims, dims]."""
    return self.factor.T @ self.factor / (self.count - ddof)


def frechet_distance(real, fake, *, ddof: int = 1) -> float:
  """The squared Fréchet distance between two sets of features.

  Args:
    real: [number, dims], or [videos, time, dims], whose frames are then one set.
    fake: the same dims; any number.
    ddof: covariances divide by N - ddof: 1 as np.cov, TF-GAN and pytorch-fid, 0 as StyleGAN-V's training.

  Returns:
    The distance, 0 or more, in squared units of the features; 0 for equal sets.
  """
  real, fake = feature_sets.pair(real, fake)
  return between(moments(real), moments(fake), ddof=ddof)


def moments(features, *, exact: bool = True) -> Moments:
  """The moments of a set of features, [number, dims] or [videos, time, dims]; `exact` as the module says."""
  features = feature_sets.rows(features)
  if not exact:
    return _of_covariance(features)
  size = max(_BLOCK, _LONG * features.shape[1])
  parts = [_whole(features[start : start + size]) for start in range(0, len(features), size)]
  total = parts[0]
  for part in parts[1:]:
    total = merge(total, part)
  return total


def merge(first: Moments, second: Moments) -> Moments:
  """The moments of two sets together (Chan et al. 1979, with factors in place of sums of squares)."""
  count = first.count + second.count
  change = second.mean - first.mean
  between_means = np.sqrt(first.count * second.count / count) * change
  factor = np.concatenate([first.factor, second.factor, between_means[None]])
  return Moments(count, first.mean + change * (second.count / count), _reduce(factor))


def between(first: Moments, second: Moments, *, ddof: int = 1, exact: bool = True) -> float:
  """The squared Fréchet distance between two sets of which the moments are known."""
  return distance(first.mean - second.mean, scaled(first, ddof), scaled(second, ddof), exact=exact)


def scaled(moments: Moments, ddof: int = 1) -> np.ndarray:
  """The factor of the covariance, [at most dims, dims]."""
  return moments.factor / np.sqrt(moments.count - ddof)


def between_gaussians(mean, covariance, other_mean, other_covariance) -> float:
  """The squared Fréchet distance between Gaussians, such as published statistics of a data set.

  Args:
    mean: [dims].
    covariance: [dims, dims], symmetric and not negative.
    other_mean: [dims].
    other_covariance: [dims, dims].
  """
  change = np.asarray(mean, np.float64) - np.asarray(other_mean, np.float64)
  return distance(change, _root(covariance), _root(other_covariance))


def distance(change: np.ndarray, first: np.ndarray, second: np.ndarray, *, exact: bool = True) -> float:
  """The squared distance from the difference of the means and factors of the covariances.

  Args:
    change: [dims], the difference of the means.
    first: [any, dims], with `first.T @ first` the covariance.
    second: [any, dims].
    exact: as the module says.

  Returns:
    0 or more. What the covariances contribute is known to about 1e-15 of their traces; less than that is 0.
  """
  traces = np.sum(first**2) + np.sum(second**2)
  product = first @ second.T
  if not exact:
    square = product @ product.T if len(first) < len(second) else product.T @ product
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(square), 0)).sum()
    return float(change @ change + max(traces - 2 * shared, 0.0))
  shared = np.linalg.svd(product, compute_uv=False).sum()
  return float(change @ change + significant(traces - 2 * shared, traces, min(len(first), len(second))))


def significant(part: float, traces: float, rank: int) -> float:
  """The covariance part of a distance, 0 where it is not above the rounding of the traces it is left of."""
  return float(part) if part > 4 * np.finfo(np.float64).eps * np.sqrt(rank) * traces else 0.0


def _whole(features):
  mean = features.mean(0)
  return Moments(len(features), mean, _reduce(features - mean))


def _of_covariance(features):
  """Moments by the covariance, whose triangular factor is found sooner than that of the features."""
  mean = features.mean(0)
  centred = features - mean
  if len(centred) <= centred.shape[1]:
    return Moments(len(features), mean, centred)
  squares = centred.T @ centred
  try:
    factor = np.linalg.cholesky(squares).T
  except np.linalg.LinAlgError:  # a direction without spread
    factor = _root(squares)
  return Moments(len(features), mean, factor)


def _reduce(factor):
  """At most dims rows with the same `factor.T @ factor`."""
  return np.asarray(np.linalg.qr(factor, mode="r")) if len(factor) > factor.shape[1] else factor


def _root(covariance):
  values, vectors = np.linalg.eigh(np.asarray(covariance, np.float64))
  return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
