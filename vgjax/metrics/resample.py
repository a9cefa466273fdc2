"""How far a Fréchet distance can be trusted: its interval, its bias at few videos, and what to say of both.

**The interval.** A Fréchet distance of N videos moves when other videos are drawn. The usual bootstrap draws
the videos with repetition; a set with repetitions has a lower rank, so the bootstrap's distances lie above
the figure (at 60 videos in 60 dims, where both sets have one distribution, by seven tenths of it) and its
percentiles need not even contain it. What is sound is the bootstrap's *standard error*, and for that nothing
has to be drawn: the derivative of the figure with respect to the weight of each video is known in closed
form, and gives it to first order, as if there were infinitely many resamples (the infinitesimal jackknife,
Efron 1982, chapter 6). With T the optimal transport from the one Gaussian to the other, the derivative for
video x of the first set is, but for a constant,

  u(x) = 2 (μ₁ - μ₂)·(x - μ₁) + (x - μ₁)ᵀ (1 - T) (x - μ₁),   se² = Σ u²/N₁² + the same of the second set,

and with A Bᵀ = P S Qᵀ as in `frechet`, the terms aᵀTa of all videos are the diagonal of P S Pᵀ: one
singular value decomposition, whatever the number of dims. The interval is value · exp(± z se / value): the
distance is positive and its distribution leans to the right. It is for the mean figure *at this number of
videos*, of which the bias below is a part. In simulations (Gaussian and heavy-tailed, 8 to 60 dims, 30 to 300
videos; `tests/metrics/test_resample.py` repeats some) 91 to 99% of the intervals of 95% hold it. Where both
sets have one distribution they are too wide by half.

**The bias.** The mean figure falls with the number of videos, roughly as 1/N (Bińkowski et al. 2018; Chong
and Forsyth 2020). `curve` shows how; the figure at infinitely many videos is extrapolated as a line in 1/N,
as FID_∞ is by Chong and Forsyth. A parabola in its place tells how far to trust it.
"""

import statistics
from typing import Any, NamedTuple

import numpy as np

from vgjax.metrics import feature_sets, frechet

CUSTOMARY = 2048  # videos, in the published figures of FVD


class Interval(NamedTuple):
  """A Fréchet distance with its standard error, and the interval of the mean figure of so many videos."""

  value: float
  low: float
  high: float
  standard_error: float
  level: float


class Curve(NamedTuple):
  """The figure at several numbers of videos.

  Attributes:
    sizes: videos of each set.
    distances: the mean over pairs of subsets of that size, each set cut into disjoint ones.
    pairs: how many there were.
  """

  sizes: list[int]
  distances: list[float]
  pairs: list[int]


class Extrapolation(NamedTuple):
  """The figure at infinitely many videos, by a line in 1/N.

  Attributes:
    value: may be below 0 by chance.
    bend: what a parabola in 1/N would add.
    standard_error: that of the figure and the bend together. Twice it held the true distance in 95 to 100% of
      simulations, down to as many videos as dims.
  """

  value: float
  bend: float
  standard_error: float


class Note(NamedTuple):
  """Something to tell the reader: `kind` for programs, `text` for people."""

  kind: str
  text: str


class Examined(NamedTuple):
  """All there is to say of one Fréchet figure."""

  interval: Interval
  curve: Curve
  extrapolation: Extrapolation | None
  notes: list[Note]

  def numbers(self, name: str) -> dict[str, Any]:
    """Numbers and curves by name, as evaluators yield them: `fvd`, `fvd/low`, `fvd/by_number/curve`, ..."""
    found = {
      name: self.interval.value,
      f"{name}/low": self.interval.low,
      f"{name}/high": self.interval.high,
      f"{name}/standard_error": self.interval.standard_error,
      f"{name}/number/curve": self.curve.sizes,
      f"{name}/by_number/curve": self.curve.distances,
    }
    if self.extrapolation:
      found |= {
        f"{name}/extrapolated": self.extrapolation.value,
        f"{name}/extrapolated_standard_error": self.extrapolation.standard_error,
      }
    return found


def examine(real, fake, *, level: float = 0.95, ddof: int = 1, seed: int = 0) -> Examined:
  """A Fréchet distance, its interval, its curve over the number of videos, and notes.

  Args:
    real: [videos, dims], or [videos, time, dims] for features of each frame.
    fake: the same dims; any number.
    level: of the interval.
    ddof: as in `frechet.frechet_distance`.
    seed: of the subsets of the curve.
  """
  found = interval(real, fake, level=level, ddof=ddof)
  bias = curve(real, fake, ddof=ddof, seed=seed)
  infinite = extrapolate(bias, found.standard_error)
  return Examined(found, bias, infinite, notes(len(real), len(fake), np.shape(real)[-1], infinite))


def interval(real, fake, *, level: float = 0.95, ddof: int = 1) -> Interval:
  """A Fréchet distance with its interval; arguments as in `examine`.

  Frames of one video are alike, so what is resampled is whole videos.
  """
  first, second = feature_sets.pair(real, fake)
  if not 0 < level < 1:
    raise ValueError(f"level = {level}: between 0 and 1, such as 0.95")
  a, b = (_Factor(rows, ddof) for rows in (first, second))
  left, shared, right = np.linalg.svd(a.reduced @ b.reduced.T, full_matrices=False)
  change = a.mean - b.mean
  traces = a.squares.sum() + b.squares.sum()
  value = change @ change + frechet.significant(traces - 2 * shared.sum(), traces, len(shared))
  if not value > 0:  # equal sets: a distance that is 0 has no derivative
    return Interval(0.0, 0.0, 0.0, 0.0, level)
  variance = _variance(first @ change, a, left, shared, len(real))
  variance += _variance(second @ -change, b, right.T, shared, len(fake))
  error = float(np.sqrt(variance))
  quantile = statistics.NormalDist().inv_cdf(0.5 + level / 2)
  factor = np.exp(min(quantile * error / value, 700))  # exp(700) is about the largest float
  return Interval(float(value), float(value / factor), float(value * factor), error, level)


def curve(
  real, fake, *, sizes: list[int] | None = None, ddof: int = 1, seed: int = 0, most: int = 8
) -> Curve:
  """The Fréchet distance at several numbers of videos, to be drawn over 1/N.

  Args:
    real: as in `examine`.
    fake: as in `examine`.
    sizes: numbers of videos of each set; None: an eighth, a quarter, half and all of the smaller set,
      those of 8 videos or more.
    ddof: as in `frechet.frechet_distance`.
    seed: of the subsets.
    most: the most pairs of subsets of a size; subsets of one set have no video in common.
  """
  feature_sets.pair(real, fake)
  number = min(len(real), len(fake))
  if sizes is None:
    sizes = sorted({number // parts for parts in (8, 4, 2, 1) if number // parts >= 8} or {number})
  if min(sizes) < 2 or max(sizes) > number:
    raise ValueError(f"sizes = {sizes}: 2 to {number}, the videos of the smaller set")
  rng = np.random.default_rng(seed)
  real, fake = (np.asarray(x)[rng.permutation(len(x))[:number]] for x in (real, fake))
  counts = [number // size for size in sizes]
  distances = []
  for size, count in zip(sizes, counts):
    part = lambda features, index, size=size: features[index * size : (index + 1) * size]
    # Each part of the one set against several of the other: the same videos say more.
    pairs = [(i, (i + shift) % count) for shift in range(count) for i in range(count)][:most]
    distances.append([frechet.frechet_distance(part(real, i), part(fake, j), ddof=ddof) for i, j in pairs])
  return Curve(list(sizes), [float(np.mean(d)) for d in distances], [len(d) for d in distances])


def extrapolate(curve: Curve, standard_error: float) -> Extrapolation | None:
  """The figure at infinitely many videos, by a line through the three largest sizes; None if there are fewer.

  Args:
    curve: of `curve`, with all videos as its largest size.
    standard_error: of the figure of all videos. The points are of the same videos and move together, so the
      line's end has about the same.
  """
  if len(curve.sizes) < 3:
    return None
  inverse, distances = 1 / np.array(curve.sizes[-3:]), np.array(curve.distances[-3:])
  line, parabola = (np.polyfit(inverse, distances, degree)[-1] for degree in (1, 2))
  bend = float(parabola - line)
  return Extrapolation(float(line), bend, float(np.hypot(standard_error, bend)))


def notes(num_real: int, num_fake: int, dims: int, extrapolation: Extrapolation | None = None) -> list[Note]:
  """What a reader of a Fréchet figure must be told; empty if nothing.

  Args:
    num_real: videos.
    num_fake: videos.
    dims: of the features.
    extrapolation: of `extrapolate`, if there is one.
  """
  number, found = min(num_real, num_fake), []
  if number < CUSTOMARY:
    found.append(
      Note(
        "few_videos",
        f"{num_real} real and {num_fake} made videos: published figures have {CUSTOMARY} or more of each. The"
        " distance is too large at few videos: compare it with figures of the same number only.",
      )
    )
  if number <= dims:
    found.append(
      Note(
        "fewer_videos_than_dims",
        f"{number} videos do not fill {dims} dims: most of the distance may be bias. Kernel distances have"
        " none.",
      )
    )
  if extrapolation and extrapolation.standard_error > 0.25 * abs(extrapolation.value):
    found.append(
      Note(
        "extrapolation_unsure",
        f"the figure at infinitely many videos is unsure: {extrapolation.value:.4g} with a standard error of"
        f" {extrapolation.standard_error:.2g}.",
      )
    )
  return found


class _Factor:
  """A set as centred rows A with AᵀA its covariance; A = `turn` @ `reduced`, of dims rows or fewer."""

  def __init__(self, rows, ddof):
    self.mean = rows.mean(0)
    self.reduced = (rows - self.mean) / np.sqrt(len(rows) - ddof)
    self.squares = (self.reduced**2).sum(1)  # of each row, before it is reduced
    self.turn = None
    if rows.shape[0] > rows.shape[1]:
      self.turn, self.reduced = np.linalg.qr(self.reduced)


def _variance(along, factor, vectors, shared, videos):
  """What one set adds to the squared standard error.

  Args:
    along: [rows], the rows' product with the difference of the means.
    factor: the set.
    vectors: [rank, k], its singular vectors.
    shared: [k], the singular values.
    videos: how many videos the rows are.
  """
  own = vectors if factor.turn is None else factor.turn @ vectors
  moved = (own**2) @ shared  # aᵀTa of each row
  influence = 2 * along + len(along) * (factor.squares - moved)
  influence = influence.reshape(videos, -1).mean(1)
  return ((influence - influence.mean()) ** 2).sum() / (videos * (videos - 1))
