"""Fidelity and diversity apart: precision, recall, density and coverage by nearest neighbours.

A Fréchet distance mixes two faults: videos that look wrong, and kinds of video that are never made. Here each
set is drawn as a union of balls, one around each feature vector x, that reach to its k-th nearest neighbour
in its own set, NN_k(x):

* precision (Kynkäänniemi et al. 2019, k = 3): the share of fake vectors inside the balls of the real set;
* recall: the share of real vectors inside the balls of the fake set;
* density (Naeem et al. 2020, k = 5): how many real balls a fake vector lies in, over k: above 1 where real
  vectors are dense, and not fooled by one far outlier with a large ball, as precision is;
* coverage: the share of real balls with a fake vector in them. A model that makes one kind of video only
  (mode collapse) has a high precision and a low coverage.

A point on the rim counts as inside, as in the code of the first paper; that of the second leaves it out,
which makes no difference unless vectors repeat (a set that repeats vectors, compared with itself, has
precision, recall and coverage 1 here). More videos make smaller balls: compare figures of equal numbers only.
"""

from typing import NamedTuple

import numpy as np

from vgjax.errors import DataError
from vgjax.metrics import feature_sets

_BLOCK = 2**23  # distances at a time: 64 MiB


class Neighbours(NamedTuple):
  """Precision, recall and coverage are shares, 0 to 1; density is 0 or more. Higher is better."""

  precision: float
  recall: float
  density: float
  coverage: float


def neighbours(real, fake, *, k: int = 3, k_coverage: int = 5) -> Neighbours:
  """Precision and recall with `k` neighbours, density and coverage with `k_coverage`.

  Args:
    real: [number, dims], or [videos, time, dims], whose frames are then one set.
    fake: the same dims; any number, but as many as `real` is customary.
    k: of precision and recall.
    k_coverage: of density and coverage.

  Raises:
    DataError: a set has k vectors or fewer.
  """
  real, fake = feature_sets.pair(real, fake)
  most = max(k, k_coverage)
  if min(k, k_coverage) < 1 or len(real) <= most or len(fake) <= k:
    raise DataError(
      f"precision, recall and coverage with k = {k} and {k_coverage} need {most + 1} or more videos of each"
      f" kind: {len(real)} are real, {len(fake)} fake"
    )
  middle = real.mean(0)  # near the origin, differences of squares keep their digits
  real, fake = real - middle, fake - middle
  real_radius, wide_radius = radii(real, (k, k_coverage))
  (fake_radius,) = radii(fake, (k,))

  precise = np.zeros(len(fake), bool)
  in_balls = np.zeros(len(fake))
  recalled, covered = np.zeros((2, len(real)), bool)
  for part, squares in _blocks(real, fake):
    precise |= (squares <= real_radius[part, None]).any(0)
    recalled[part] = (squares <= fake_radius).any(1)
    inside = squares <= wide_radius[part, None]
    in_balls += inside.sum(0)
    covered[part] = inside.any(1)
  return Neighbours(
    float(precise.mean()), float(recalled.mean()), float(in_balls.mean() / k_coverage), float(covered.mean())
  )


def radii(features: np.ndarray, ks: tuple[int, ...]) -> np.ndarray:
  """The squared distance of each vector to its k-th nearest neighbour, itself not counted.

  Args:
    features: [number, dims].
    ks: which neighbours, below `number`.

  Returns:
    [len(ks), number].
  """
  found = np.empty((len(ks), len(features)))
  for part, squares in _blocks(features, features):
    # A vector is its own nearest neighbour, at distance 0; so the k-th other one has index k.
    found[:, part] = np.partition(squares, ks, axis=1)[:, ks].T
  return found


def _blocks(a, b):
  """Yields (rows of a, their squared distances to all of b), at most `_BLOCK` distances at a time."""
  norms = (b**2).sum(1)
  size = max(1, _BLOCK // len(b))
  for start in range(0, len(a), size):
    part = slice(start, start + size)
    sums = (a[part] ** 2).sum(1)[:, None] + norms
    squares = sums - 2 * (a[part] @ b.T)
    # What is left of equal vectors is rounding: 0, or a copy would lie outside of the ball of its original.
    squares[squares < 16 * np.finfo(np.float64).eps * sums] = 0
    yield part, squares
