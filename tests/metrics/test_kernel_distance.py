"""Kernel distances against plain double loops, and their bias by simulation."""

import numpy as np
import pytest
import scipy.stats

from vgjax.metrics import kernel_distance as kd


def features(number, dims=5, seed=0, shift=0.0):
  return np.random.default_rng(seed).standard_normal((number, dims)) + shift


def plain(real, fake, kernel, unbiased):
  """The definition, one pair at a time."""

  def mean(a, b, same):
    terms = [
      kernel(a[i], b[j]) for i in range(len(a)) for j in range(len(b)) if not (same and unbiased and i == j)
    ]
    return sum(terms) / len(terms)

  return mean(real, real, True) + mean(fake, fake, True) - 2 * mean(real, fake, False)


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize(
  "kernel,one",
  [
    (kd.polynomial(), lambda a, b: (a @ b / 5 + 1) ** 3),
    (kd.polynomial(degree=2, gamma=0.5, constant=3), lambda a, b: (0.5 * a @ b + 3) ** 2),
    (kd.gaussian(1.7), lambda a, b: np.exp(-((a - b) ** 2).sum() / (2 * 1.7**2))),
  ],
)
def test_equals_a_double_loop(kernel, one, unbiased, monkeypatch):
  real, fake = features(17), features(12, seed=1, shift=0.3)
  expected = plain(real, fake, one, unbiased)
  np.testing.assert_allclose(kd.mmd(real, fake, kernel, unbiased=unbiased), expected, rtol=1e-10)
  monkeypatch.setattr(kd, "_BLOCK", 40)  # three rows at a time
  np.testing.assert_allclose(kd.mmd(real, fake, kernel, unbiased=unbiased), expected, rtol=1e-10)


def test_the_named_figures_are_these_kernels():
  real, fake = features(30), features(20, seed=1, shift=0.5)
  assert kd.kernel_video_distance(real, fake) == kd.mmd(real, fake, kd.polynomial())
  assert kd.cmmd(real, fake, bandwidth=10.0) == 1000 * kd.mmd(real, fake, kd.gaussian(10.0))
  width = kd.median_bandwidth(real)
  assert kd.cmmd(real, fake) == 1000 * kd.mmd(real, fake, kd.gaussian(width))
  biased = kd.mmd(real, fake, kd.gaussian(10.0), unbiased=False)
  assert kd.cmmd(real, fake, bandwidth=10.0, unbiased=False) == 1000 * biased


@pytest.mark.parametrize("kernel", [kd.polynomial(), kd.gaussian(2.0)], ids=["polynomial", "gaussian"])
def test_is_unbiased_at_any_number_where_the_biased_one_is_not(kernel):
  """The mean over 1,000 sets of 4 equals the mean over a few large ones; keeping i = j does not."""
  rng = np.random.default_rng(0)
  draw = lambda number, shift: rng.standard_normal((number, 3)) + shift
  small = np.array(
    [[kd.mmd(*pair, kernel, unbiased=u) for u in (True, False)] for pair in
     ((draw(4, 0), draw(4, 0.7)) for _ in range(1000))]
  )  # fmt: skip
  large = np.array([kd.mmd(draw(400, 0), draw(400, 0.7), kernel) for _ in range(12)])
  error = np.hypot(small.std(0) / np.sqrt(len(small)), large.std() / np.sqrt(len(large)))
  difference = small.mean(0) - large.mean()
  assert abs(difference[0]) < 3 * error[0]
  assert difference[1] > 10 * error[1]


def test_gaussian_kernel_has_a_closed_form():
  """N(0, 1) and N(s, 1) in one dimension: E k = w / √(w² + 2) exp(-s² / 2(w² + 2))."""
  width, shift, number = 1.5, 1.0, 500
  real = scipy.stats.norm.ppf((np.arange(number) + 0.5) / number)[:, None]  # quantiles: no chance in it
  whole = width**2 + 2
  expected = 2 * width / np.sqrt(whole) * (1 - np.exp(-(shift**2) / (2 * whole)))
  found = kd.mmd(real, real + shift, kd.gaussian(width), unbiased=False)
  np.testing.assert_allclose(found, expected, rtol=3e-3)


def test_subsets():
  real, fake = features(40), features(30, seed=1, shift=0.4)
  every = kd.kernel_distance_of_subsets(real, real[:30] + 1, num_subsets=3, subset_size=30)
  assert every.subset_size == 30 and every.num_subsets == 3
  one = kd.kernel_distance_of_subsets(fake, fake[::-1], num_subsets=2, subset_size=1000)
  np.testing.assert_allclose(one.mean, kd.kernel_video_distance(fake, fake), rtol=1e-10)  # the whole sets
  assert one.subset_size == 30 and one.std < 1e-12
  many = kd.kernel_distance_of_subsets(real, fake, num_subsets=400, subset_size=10)
  assert abs(many.mean - kd.kernel_video_distance(real, fake)) < 4 * many.std / np.sqrt(400)
  assert many == kd.kernel_distance_of_subsets(real, fake, num_subsets=400, subset_size=10)
  assert many != kd.kernel_distance_of_subsets(real, fake, num_subsets=400, subset_size=10, seed=1)


def test_median_bandwidth():
  real = features(21)
  distances = [np.linalg.norm(real[i] - real[j]) for i in range(21) for j in range(i)]
  np.testing.assert_allclose(kd.median_bandwidth(real), np.median(distances), rtol=1e-9)
  np.testing.assert_allclose(
    kd.median_bandwidth(features(3000), most=300), kd.median_bandwidth(features(3000)), rtol=0.05
  )
  with pytest.raises(ValueError, match="are all features alike"):
    kd.cmmd(np.ones((5, 2)), features(5, 2))


def test_frames_of_all_videos_are_one_set():
  real, fake = features(24), features(12, seed=1)
  found = kd.kernel_video_distance(real.reshape(6, 4, 5), fake.reshape(4, 3, 5))
  assert found == kd.kernel_video_distance(real, fake)
