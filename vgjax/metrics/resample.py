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

and with A Bᵀ = P S Qᵀ as in `frechet`, T = W Wᵀ where W = Bᵀ Q S^-½ (and Aᵀ P S^-½ for the second set): one
singular value decomposition, whatever the number of videos, and aᵀTa = |aᵀW|² of each. The interval is
value · exp(± z se / value): the distance is positive and its distribution leans to the right. It is for the
mean figure *at this number of videos*, of which the bias below is a part. In simulations (Gaussian and
heavy-tailed, 8 to 60 dims, 30 to 300 videos; `tests/metrics/test_resample.py` repeats some) 91 to 99% of the
intervals of 95% hold it. Where both sets have one distribution they are too wide by half.

**The bias.** The mean figure falls with the number of videos, roughly as 1/N (Bińkowski et al. 2018; Chong
and Forsyth 2020). `curve` shows how; the figure at infinitely many videos is extrapolated as a line in 1/N,
as FID_∞ is by Chong and Forsyth. A parabola in its place tells how far to trust it.
"""

import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from vgjax.metrics import feature_sets, frechet

CUSTOMARY = 2048  # videos, in the published figures of FVD
_MANY_DIMS = 512  # above it, where each distance takes seconds and they differ little, fewer are taken
_BLOCK = 4096  # rows that are looked at at a time
_INTERVAL = 6  # distances of the curve that take as long as the interval, for the progress


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


def examine(
  real,
  fake,
  *,
  level: float = 0.95,
  ddof: int = 1,
  seed: int = 0,
  progress: Callable[[int], None] | None = None,
) -> Examined:
  """A Fréchet distance, its interval, its curve over the number of videos, and notes.

  Args:
    real: [videos, dims], or [videos, time, dims] for features of each frame.
    fake: the same dims; any number.
    level: of the interval.
    ddof: as in `frechet.frechet_distance`.
    seed: of the subsets of the curve.
    progress: called with how much is done, up to `steps(real, fake)`: with features of many frames and 2048
      dims this takes minutes.
  """
  found = interval(real, fake, level=level, ddof=ddof)
  tell = progress or (lambda done: None)
  tell(_INTERVAL)
  bias = curve(real, fake, ddof=ddof, seed=seed, progress=lambda done: tell(_INTERVAL + done))
  infinite = extrapolate(bias, found.standard_error)
  *per_video, dims = np.shape(real)[1:]
  told = notes(len(real), len(fake), dims, infinite, frames=per_video[0] if per_video else 1)
  return Examined(found, bias, infinite, told)


def steps(real, fake) -> int:
  """What `examine` counts up to."""
  number = max(2, min(len(real), len(fake)))  # of fewer, `examine` says what is wrong
  plan = _subsets(number, None, _most(np.shape(real)[-1]))
  return _INTERVAL + sum(len(pairs) for _, pairs in plan)


def interval(real, fake, *, level: float = 0.95, ddof: int = 1) -> Interval:
  """A Fréchet distance with its interval; arguments as in `examine`.

  Frames of one video are alike, so what is resampled is whole videos.
  """
  first, second = feature_sets.pair(real, fake)
  if not 0 < level < 1:
    raise ValueError(f"level = {level}: between 0 and 1, such as 0.95")
  a, b = frechet.moments(first), frechet.moments(second)
  a_factor, b_factor = frechet.scaled(a, ddof), frechet.scaled(b, ddof)
  left, shared, right = np.linalg.svd(a_factor @ b_factor.T, full_matrices=False)
  change = a.mean - b.mean
  traces = np.sum(a_factor**2) + np.sum(b_factor**2)
  value = change @ change + frechet.significant(traces - 2 * shared.sum(), traces, len(shared))
  if not value > 0:  # equal sets: a distance that is 0 has no derivative
    return Interval(0.0, 0.0, 0.0, 0.0, level)
  kept = shared > np.finfo(np.float64).eps * shared[:1]  # the others move nothing
  root = np.sqrt(shared[kept])
  variance = _variance(first, a, change, b_factor.T @ right.T[:, kept] / root, ddof, len(real))
  variance += _variance(second, b, -change, a_factor.T @ left[:, kept] / root, ddof, len(fake))
  error = float(np.sqrt(variance))
  quantile = statistics.NormalDist().inv_cdf(0.5 + level / 2)
  factor = np.exp(min(quantile * error / value, 700))  # exp(700) is about the largest float
  return Interval(float(value), float(value / factor), float(value * factor), error, level)


def curve(
  real,
  fake,
  *,
  sizes: list[int] | None = None,
  ddof: int = 1,
  seed: int = 0,
  most: int | None = None,
  progress: Callable[[int], None] | None = None,
) -> Curve:
  """The Fréchet distance at several numbers of videos, to be drawn over 1/N; by `frechet`'s faster way.

  Args:
    real: as in `examine`.
    fake: as in `examine`.
    sizes: numbers of videos of each set; None: an eighth, a quarter, half and all of the smaller set,
      those of 8 videos or more.
    ddof: as in `frechet.frechet_distance`.
    seed: of the subsets.
    most: the most pairs of subsets of a size; subsets of one set have no video in common. None is 8, and 4
      where there are many dims.
    progress: called with the number of pairs done.
  """
  feature_sets.pair(real, fake)
  number = min(len(real), len(fake))
  plan = _subsets(number, sizes, most or _most(np.shape(real)[-1]))
  rng = np.random.default_rng(seed)
  real, fake = (np.asarray(x)[rng.permutation(len(x))[:number]] for x in (real, fake))
  distances: list[list[float]] = []
  for size, pairs in plan:
    part = lambda features, index, size=size: features[index * size : (index + 1) * size]
    moments: dict[tuple[str, int], frechet.Moments] = {}
    distances.append([])
    for pair in pairs:
      for key, features in zip((("real", pair[0]), ("fake", pair[1])), (real, fake)):
        if key not in moments:
          moments[key] = frechet.moments(part(features, key[1]), exact=False)
      both = moments["real", pair[0]], moments["fake", pair[1]]
      distances[-1].append(frechet.between(*both, ddof=ddof, exact=False))
      if progress:
        progress(sum(map(len, distances)))
  means = [float(np.mean(found)) for found in distances]
  return Curve([size for size, _ in plan], means, [len(found) for found in distances])


def _most(dims):
  """The pairs of subsets of a size."""
  return 4 if dims > _MANY_DIMS else 8


def _subsets(number, sizes, most):
  """[(size, pairs of which part of the one set against which of the other)]; arguments as in `curve`."""
  if sizes is None:
    sizes = sorted({number // parts for parts in (8, 4, 2, 1) if number // parts >= 8} or {number})
  if min(sizes) < 2 or max(sizes) > number:
    raise ValueError(f"sizes = {sizes}: 2 to {number}, the videos of the smaller set")
  plan = []
  for size in sizes:
    count = number // size
    # Each part of the one set against several of the other: the same videos say more.
    plan.append((size, [(i, (i + shift) % count) for shift in range(count) for i in range(count)][:most]))
  return plan


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


def notes(
  num_real: int, num_fake: int, dims: int, extrapolation: Extrapolation | None = None, *, frames: int = 1
) -> list[Note]:
  """What a reader of a Fréchet figure must be told; empty if nothing.

  Args:
    num_real: videos.
    num_fake: videos.
    dims: of the features.
    extrapolation: of `extrapolate`, if there is one.
    frames: feature vectors of each video.
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
  length = f" of {frames} frames" if frames > 1 else ""
  if number * frames <= dims:
    found.append(
      Note(
        "fewer_videos_than_dims",
        f"{number} videos{length} do not fill {dims} dims: most of the distance may be bias. Kernel distances"
        " have none.",
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


def _variance(rows, moments, change, transport, ddof, videos):
  """What one set adds to the squared standard error.

  Args:
    rows: [rows, dims], the set.
    moments: of it.
    change: [dims], its mean less that of the other set.
    transport: [dims, k], W of the module's docstring.
    ddof: as in `frechet.frechet_distance`.
    videos: how many videos the rows are.
  """
  influence = np.empty(len(rows))
  share = len(rows) / (len(rows) - ddof)  # of a row in the covariance
  for start in range(0, len(rows), _BLOCK):
    centred = rows[start : start + _BLOCK] - moments.mean
    moved = ((centred @ transport) ** 2).sum(1)
    influence[start : start + _BLOCK] = 2 * centred @ change + share * ((centred**2).sum(1) - moved)
  influence = influence.reshape(videos, -1).mean(1)
  return ((influence - influence.mean()) ** 2).sum() / (videos * (videos - 1))
