"""Intervals and curves of Fréchet distances: against derivatives, the bootstrap, and simulations."""

import numpy as np
import pytest

from vgjax.metrics import frechet, resample


def draw(rng, number, dims, kind):
  """A set whose mean, scale or axes differ from kind "same"; spectra fall as a power, as features' do."""
  deviation = np.arange(1, dims + 1) ** -0.7
  if kind == "heavy":
    return rng.standard_t(5, (number, dims)) * deviation * 1.3 + 0.2
  rows = rng.standard_normal((number, dims)) * deviation
  turn = np.linalg.qr(np.random.default_rng(5).standard_normal((dims, dims)))[0]
  return {"same": rows, "mean": rows + 0.3 * deviation, "scale": 1.5 * rows, "turned": rows @ turn}[kind]


def weighted(real, weights, fake):
  """The distance with videos counted `weights` times; covariances divide by the sum of the weights."""
  total = weights.sum()
  mean = weights @ real / total
  factor = (real - mean) * np.sqrt(weights / total)[:, None]
  other = fake - fake.mean(0)
  return frechet.distance(mean - fake.mean(0), factor, other / np.sqrt(len(fake)))


@pytest.mark.parametrize("shape,others", [((12, 30), 9), ((9, 30), 12), ((40, 6), 25)])
def test_standard_error_is_that_of_the_derivatives(shape, others):
  """Each video's weight moved by a little, in both sets, with more and with fewer videos than dims."""
  rng = np.random.default_rng(0)
  real, fake = draw(rng, *shape, "same"), draw(rng, others, shape[1], "scale")
  variance, step = 0.0, 1e-6
  for one, other in ((real, fake), (fake, real)):
    number = len(one)
    influence = []
    for index in range(number):
      change = step * number * (np.arange(number) == index)
      up, down = weighted(one, 1 + change, other), weighted(one, 1 - change, other)
      influence.append((up - down) / (2 * step))
    influence = np.array(influence)
    variance += ((influence - influence.mean()) ** 2).sum() / (number * (number - 1))
  found = resample.interval(real, fake, ddof=0)
  np.testing.assert_allclose(found.standard_error, np.sqrt(variance), rtol=1e-5)


@pytest.mark.parametrize("shape", [(20, 40), (60, 7)])
@pytest.mark.parametrize("ddof", [0, 1])
def test_value_is_the_distance_and_the_interval_is_around_it(shape, ddof):
  rng = np.random.default_rng(0)
  real, fake = draw(rng, *shape, "same"), draw(rng, *shape, "mean")
  found = resample.interval(real, fake, ddof=ddof)
  np.testing.assert_allclose(found.value, frechet.frechet_distance(real, fake, ddof=ddof), rtol=1e-10)
  np.testing.assert_allclose(found.low * found.high, found.value**2, rtol=1e-12)
  np.testing.assert_allclose(
    np.log(found.high / found.value), 1.959964 * found.standard_error / found.value, rtol=1e-6
  )
  assert found.level == 0.95 and 0 < found.low < found.value < found.high
  wider = resample.interval(real, fake, ddof=ddof, level=0.99)
  assert wider.low < found.low and wider.high > found.high and wider.standard_error == found.standard_error


def test_standard_error_is_the_bootstraps_where_that_is_sound():
  """Many videos, few dims: 150 resamples give the standard error to about 6%."""
  rng = np.random.default_rng(3)
  real, fake = draw(rng, 400, 5, "same"), draw(rng, 500, 5, "scale")
  again = lambda x: x[rng.integers(0, len(x), len(x))]
  drawn = [frechet.frechet_distance(again(real), again(fake)) for _ in range(150)]
  np.testing.assert_allclose(resample.interval(real, fake).standard_error, np.std(drawn), rtol=0.2)


@pytest.mark.parametrize(
  "kind,number,dims,least",
  [
    ("same", 60, 12, 0.95),
    ("mean", 100, 8, 0.88),
    ("scale", 30, 40, 0.9),
    ("turned", 120, 20, 0.89),
    ("heavy", 150, 12, 0.86),
  ],
)
def test_intervals_hold_the_mean_figure(kind, number, dims, least):
  """The share of 300 intervals of 95% that do; it is known to 1.3%, and `least` leaves room for 3 of that."""
  rng = np.random.default_rng(1)
  found = [
    resample.interval(draw(rng, number, dims, "same"), draw(rng, number, dims, kind)) for _ in range(300)
  ]
  mean = np.mean([one.value for one in found])
  share = np.mean([one.low < mean < one.high for one in found])
  assert share >= least
  # Not wide for nothing: about the true spread, and at most twice that where both sets are alike.
  ratio = np.mean([one.standard_error for one in found]) / np.std([one.value for one in found])
  assert 0.85 < ratio < (2 if kind == "same" else 1.4)


def test_the_bootstraps_percentiles_would_not_hold_it():
  """Why they are not used: at as many videos as dims every resample lies far above the figure."""
  rng = np.random.default_rng(0)
  real, fake = draw(rng, 40, 40, "same"), draw(rng, 40, 40, "same")
  again = lambda x: x[rng.integers(0, len(x), len(x))]
  drawn = [frechet.frechet_distance(again(real), again(fake)) for _ in range(60)]
  assert min(drawn) > frechet.frechet_distance(real, fake)


def test_frames_are_resampled_by_the_video():
  """Twenty equal frames a video are no more evidence than one."""
  rng = np.random.default_rng(0)
  real, fake = draw(rng, 80, 6, "same"), draw(rng, 90, 6, "mean")
  one = resample.interval(real, fake, ddof=0)
  repeat = lambda x: np.repeat(x[:, None], 20, axis=1)
  many = resample.interval(repeat(real), repeat(fake), ddof=0)
  np.testing.assert_allclose(many, one, rtol=1e-8)
  assert resample.curve(repeat(real), repeat(fake)).sizes == [10, 20, 40, 80]


def test_equal_sets():
  real = draw(np.random.default_rng(0), 30, 50, "same")
  assert resample.interval(real, real)[:4] == (0, 0, 0, 0)


def test_curve_falls_and_its_line_meets_the_truth():
  """Two equal Gaussians: all is bias. The mean of 30 extrapolations is 0, and 2 standard errors hold it."""
  rng = np.random.default_rng(0)
  curves, ends = [], []
  for _ in range(30):
    real, fake = draw(rng, 256, 12, "same"), draw(rng, 300, 12, "same")
    curves.append(resample.curve(real, fake))
    ends.append(resample.extrapolate(curves[-1], resample.interval(real, fake).standard_error))
  assert curves[0].sizes == [32, 64, 128, 256] and curves[0].pairs == [8, 8, 4, 1]
  mean = np.mean([curve.distances for curve in curves], axis=0)
  np.testing.assert_allclose(mean[1:] / mean[:-1], 0.5, atol=0.08)  # as 1/N
  values = np.array([end.value for end in ends])
  assert abs(values.mean()) < 4 * values.std() / np.sqrt(30) and abs(values.mean()) < 0.15 * mean[-1]
  assert np.mean([abs(end.value) < 2 * end.standard_error for end in ends]) >= 0.9


def test_curve_is_repeatable_and_ends_with_the_figure():
  rng = np.random.default_rng(0)
  real, fake = draw(rng, 64, 5, "same"), draw(rng, 64, 5, "mean")
  found = resample.curve(real, fake)
  assert found == resample.curve(real, fake) and found != resample.curve(real, fake, seed=1)
  np.testing.assert_allclose(found.distances[-1], frechet.frechet_distance(real, fake), rtol=1e-9)
  chosen = resample.curve(real, fake, sizes=[4, 30])
  assert chosen.sizes == [4, 30] and chosen.pairs == [8, 4]
  with pytest.raises(ValueError, match="2 to 64"):
    resample.curve(real, fake, sizes=[4, 65])


def test_extrapolation_is_exact_for_a_line():
  sizes = [10, 20, 40, 80]
  line = resample.Curve(sizes, [3 + 5 / n for n in sizes], [1] * 4)
  np.testing.assert_allclose(resample.extrapolate(line, 0.5), (3, 0, 0.5), atol=1e-12)
  bent = resample.Curve(sizes, [3 + 5 / n + 90 / n**2 for n in sizes], [1] * 4)
  found = resample.extrapolate(bent, 0.0)
  np.testing.assert_allclose(found.value + found.bend, 3)
  assert found.standard_error == abs(found.bend) > 0.01
  assert resample.extrapolate(resample.Curve([4, 8], [2.0, 1.0], [2, 1]), 0.1) is None


def test_notes():
  assert resample.notes(2048, 3000, 400) == []
  (few,) = resample.notes(2047, 3000, 400)
  assert few.kind == "few_videos" and "2047 real" in few.text and "2048" in few.text
  kinds = [note.kind for note in resample.notes(300, 300, 400, resample.Extrapolation(10.0, 2.0, 3.0))]
  assert kinds == ["few_videos", "fewer_videos_than_dims", "extrapolation_unsure"]
  assert len(resample.notes(2048, 2048, 400, resample.Extrapolation(10.0, 0.5, 1.0))) == 0
  # Frames count as vectors: 300 videos of 16 frames are 4800.
  assert [note.kind for note in resample.notes(300, 300, 2048, frames=16)] == ["few_videos"]
  assert "300 videos of 4 frames do not fill 2048" in resample.notes(300, 300, 2048, frames=4)[1].text


def test_examine_says_all_of_it():
  rng = np.random.default_rng(0)
  real, fake = draw(rng, 70, 9, "same"), draw(rng, 64, 9, "scale")
  found = resample.examine(real, fake)
  numbers = found.numbers("fvd")
  np.testing.assert_allclose(numbers["fvd"], frechet.frechet_distance(real, fake), rtol=1e-10)
  assert numbers["fvd/low"] < numbers["fvd"] < numbers["fvd/high"]
  assert numbers["fvd/number/curve"] == [8, 16, 32, 64] and len(numbers["fvd/by_number/curve"]) == 4
  assert {"fvd/standard_error", "fvd/extrapolated", "fvd/extrapolated_standard_error"} <= set(numbers)
  assert found.notes[0].kind == "few_videos"


def test_looks_at_many_rows_in_blocks(monkeypatch):
  rng = np.random.default_rng(0)
  real, fake = draw(rng, 70, 9, "same"), draw(rng, 64, 9, "scale")
  whole = resample.interval(real, fake)
  monkeypatch.setattr(resample, "_BLOCK", 11)
  np.testing.assert_allclose(resample.interval(real, fake), whole, rtol=1e-12)


def test_a_feature_that_does_not_vary():
  """Nor does it say anything: the standard error is that without it."""
  rng = np.random.default_rng(0)
  real, fake = draw(rng, 70, 9, "same"), draw(rng, 64, 9, "scale")
  dead = lambda rows: np.insert(rows, 4, 0.5, axis=1)
  np.testing.assert_allclose(
    resample.interval(dead(real), dead(fake)), resample.interval(real, fake), rtol=1e-9
  )
  # A direction in which only the one set varies.
  found = resample.interval(dead(real), np.insert(fake, 4, fake[:, 0], axis=1))
  assert np.isfinite(found).all() and found.standard_error > 0


@pytest.mark.parametrize("collapsed", ["real", "fake"])
def test_a_model_that_makes_one_video(collapsed):
  """One of the sets has no spread: all of the figure's own comes from the other."""
  rng = np.random.default_rng(0)
  spread, one = draw(rng, 60, 9, "same"), np.repeat(draw(rng, 1, 9, "mean"), 50, axis=0)
  found = resample.interval(*((one, spread) if collapsed == "real" else (spread, one)))
  assert np.isfinite(found).all() and 0 < found.low < found.value < found.high
  own = ((spread - one[0]) ** 2).sum(1)  # with one point, the distance is the mean of these
  np.testing.assert_allclose(found.value, own.mean(), rtol=0.03)
  np.testing.assert_allclose(found.standard_error, own.std() / np.sqrt(60), rtol=0.05)


@pytest.mark.parametrize("numbers", [(70, 64), (12, 300), (3, 2)])
def test_progress_reaches_what_was_said(numbers):
  rng, told = np.random.default_rng(0), []
  real, fake = draw(rng, numbers[0], 5, "same"), draw(rng, numbers[1], 5, "scale")
  resample.examine(real, fake, progress=told.append)
  assert told == sorted(told) and told[-1] == resample.steps(real, fake)


def test_of_many_dims_fewer_pairs_are_taken(monkeypatch):
  rng, told = np.random.default_rng(0), []
  real, fake = draw(rng, 64, 5, "same"), draw(rng, 64, 5, "scale")
  monkeypatch.setattr(resample, "_MANY_DIMS", 4)
  assert resample.examine(real, fake, progress=told.append).curve.pairs == [4, 4, 4, 1]
  assert told[-1] == resample.steps(real, fake)


def test_the_curve_takes_the_faster_way(monkeypatch):
  """At 2048 dims singular values of 21 pairs took minutes."""
  rng, calls = np.random.default_rng(0), []
  original = np.linalg.svd
  monkeypatch.setattr(np.linalg, "svd", lambda *args, **kwargs: calls.append(1) or original(*args, **kwargs))
  resample.examine(draw(rng, 70, 9, "same"), draw(rng, 64, 9, "scale"))
  assert len(calls) == 1


def test_four_videos_are_enough_to_say_something():
  rng = np.random.default_rng(0)
  found = resample.examine(draw(rng, 4, 9, "same"), draw(rng, 4, 9, "scale"))
  assert found.extrapolation is None and found.curve.sizes == [4]
  assert "fvd/extrapolated" not in found.numbers("fvd") and np.isfinite(found.interval).all()
