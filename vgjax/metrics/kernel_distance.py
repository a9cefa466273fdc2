"""Kernel distances between two sets of features: KVD and KID (polynomial), CMMD (Gaussian).

The squared maximum mean discrepancy of a kernel k (Gretton et al. 2012, Eq. 3, which is unbiased):

  MMD² = 1/(m(m-1)) Σ_{i≠j} k(xᵢ, xⱼ) + 1/(n(n-1)) Σ_{i≠j} k(yᵢ, yⱼ) - 2/(mn) Σ_{i,j} k(xᵢ, yⱼ)

Its mean does not depend on how many videos there are, unlike that of a Fréchet distance: a set of a few
hundred can be compared with one of thousands. It may be negative, where the sets are as alike as chance
allows.

* KVD (Unterthiner et al. 2018) over I3D logits and KID (Bińkowski et al. 2018) over Inception features
  use k(a, b) = (a·b / dims + 1)³. Both are often given as the mean over random subsets.
* CMMD (Jayasumana et al. 2024) uses k(a, b) = exp(-‖a - b‖² / 2σ²) over CLIP embeddings, with σ = 10, and
  reports 1000 MMD². Its code keeps the terms i = j, which adds a bias (`unbiased=False` here).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vgjax.metrics import feature_sets

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]
_BLOCK = 2**23  # elements of the kernel matrix at a time: 64 MiB


class SubsetDistance(NamedTuple):
  """The mean over subsets, and their standard deviation; the subsets overlap, so it is no standard error."""

  mean: float
  std: float
  num_subsets: int
  subset_size: int


def polynomial(*, degree: int = 3, gamma: float | None = None, constant: float = 1.0) -> Kernel:
  """`(gamma a·b + constant)^degree`; gamma None is 1 / dims, as KVD and KID have it."""

  def kernel(a, b):
    scale = 1 / a.shape[1] if gamma is None else gamma
    return (scale * (a @ b.T) + constant) ** degree

  return kernel


def gaussian(bandwidth: float) -> Kernel:
  """`exp(-‖a - b‖² / (2 bandwidth²))`."""
  if not bandwidth > 0:
    raise ValueError(f"bandwidth = {bandwidth}: it must be above 0; are all features alike?")

  def kernel(a, b):
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * (a @ b.T)
    return np.exp(-np.maximum(squares, 0) / (2 * bandwidth**2))

  return kernel


def mmd(real, fake, kernel: Kernel, *, unbiased: bool = True) -> float:
  """The squared maximum mean discrepancy of two sets of features.

  Args:
    real: [number, dims], or [videos, time, dims], whose frames are then one set.
    fake: the same dims; any number.
    kernel: `([m, dims], [n, dims]) -> [m, n]`.
    unbiased: leave out each vector's kernel with itself.

  Returns:
    MMD²; around 0 for equal distributions, below it by chance if unbiased.
  """
  real, fake = feature_sets.pair(real, fake)
  return _mmd(real, fake, kernel, unbiased)


def kernel_video_distance(real, fake) -> float:
  """KVD, KID: unbiased MMD² of the cubic kernel over all vectors; arguments as in `mmd`."""
  return mmd(real, fake, polynomial())


def kernel_distance_of_subsets(
  real, fake, *, num_subsets: int = 100, subset_size: int = 1000, seed: int = 0, kernel: Kernel | None = None
) -> SubsetDistance:
  """KID as it is customarily given: the mean of `mmd` over random subsets of both sets.

  Args:
    real: as in `mmd`.
    fake: as in `mmd`.
    num_subsets: how many.
    subset_size: vectors of each set in a subset, without repetition; at most as many as there are.
    seed: of the choice of subsets.
    kernel: None is the cubic one.
  """
  real, fake = feature_sets.pair(real, fake)
  size = min(subset_size, len(real), len(fake))
  rng, kernel = np.random.default_rng(seed), kernel or polynomial()
  choose = lambda features: features[rng.choice(len(features), size, replace=False)]
  values = [_mmd(choose(real), choose(fake), kernel, True) for _ in range(num_subsets)]
  return SubsetDistance(float(np.mean(values)), float(np.std(values)), num_subsets, size)


def cmmd(real, fake, *, bandwidth: float | None = None, unbiased: bool = True) -> float:
  """1000 MMD² of a Gaussian kernel.

  Args:
    real: as in `mmd`.
    fake: as in `mmd`.
    bandwidth: σ. The paper's 10 is for CLIP embeddings and says nothing of other features; None takes
      `median_bandwidth(real)`, so figures compare on one real set only.
    unbiased: False keeps the terms i = j, as the paper's code does.
  """
  real, fake = feature_sets.pair(real, fake)
  width = median_bandwidth(real) if bandwidth is None else bandwidth
  return 1000 * _mmd(real, fake, gaussian(width), unbiased)


def median_bandwidth(features, *, most: int = 2048) -> float:
  """The median distance between two vectors of a set; of a larger one, of `most`, evenly spread."""
  features = feature_sets.rows(features)
  if len(features) > most:
    features = features[np.linspace(0, len(features) - 1, most).astype(int)]
  features = features - features.mean(0)
  norms = (features**2).sum(1)
  squares = norms[:, None] + norms - 2 * (features @ features.T)
  squares = np.maximum(squares[np.triu_indices(len(features), 1)], 0)
  return float(np.median(np.sqrt(squares)))


def _mmd(real, fake, kernel, unbiased):
  value = -2 * _sum(real, fake, kernel)[0] / (len(real) * len(fake))
  for features in (real, fake):
    number = len(features)
    total, diagonal = _sum(features, features, kernel)
    value += (total - diagonal) / (number * (number - 1)) if unbiased else total / number**2
  return float(value)


def _sum(a, b, kernel):
  """The sum of the kernel matrix and of its diagonal, a block of rows at a time."""
  total = diagonal = 0.0
  rows = max(1, _BLOCK // len(b))
  for start in range(0, len(a), rows):
    block = kernel(a[start : start + rows], b)
    total += block.sum()
    diagonal += np.trace(block, offset=start)
  return total, diagonal
