"""MS-SSIM against the paper's equation, with scikit-image and SciPy, and against PyTorch's usual package."""

import jax
import numpy as np
import pytest
import scipy.ndimage
from skimage.metrics import structural_similarity

from tests.metrics.test_pixel import pair, signed
from vgjax.metrics.ms_ssim import SIDE, WEIGHTS, ms_ssim

# Made with pytorch_msssim 1.0.0: ms_ssim(x, y, data_range=1, size_average=False) of the pair below.
PUBLISHED = (0.807690668, 0.806193851)


def blur(x):
  """The Gaussian window 11x11, where it lies inside the frame."""
  return scipy.ndimage.gaussian_filter(x, 1.5, truncate=3.5)[5:-5, 5:-5]


def reference(video, target):
  """One frame [height, width, channels] in [0, 1], in float64, every step as in the authors' program."""
  figures = []
  for x, y in zip(
    np.moveaxis(video, -1, 0).astype(np.float64), np.moveaxis(target, -1, 0).astype(np.float64)
  ):
    product = 1.0
    for scale, weight in enumerate(WEIGHTS):
      covariance = blur(x * y) - blur(x) * blur(y)
      variances = blur(x * x) - blur(x) ** 2 + blur(y * y) - blur(y) ** 2
      term = np.mean((2 * covariance + 0.03**2) / (variances + 0.03**2))
      if scale == len(WEIGHTS) - 1:
        term = structural_similarity(x, y, data_range=1, gaussian_weights=True, use_sample_covariance=False)
      product *= max(term, 0) ** weight
      # A 2x2 box whose corner is the pixel, mirrored at the edge; every second pixel is kept.
      x, y = (scipy.ndimage.uniform_filter(a, 2, mode="reflect", origin=-1)[::2, ::2] for a in (x, y))
    figures.append(product)
  return np.mean(figures)


@pytest.mark.parametrize("size", [(176, 176), (161, 179)])
@pytest.mark.parametrize("noise", [0.05, 0.4])
def test_equals_the_equation(size, noise):
  video, target = pair((1, 2, *size, 2), noise)
  found = jax.jit(ms_ssim)(signed(video), signed(target))
  expected = [[reference(v, t) for v, t in zip(video[0], target[0])]]
  np.testing.assert_allclose(found, expected, atol=3e-6)


def test_equals_pytorch_msssim():
  video, target = pair((1, 2, 176, 192, 3), 0.3)
  np.testing.assert_allclose(ms_ssim(signed(video), signed(target))[0], PUBLISHED, atol=3e-6)


def test_equal_videos_are_1_and_opposite_ones_0():
  video, _ = pair((1, 1, SIDE, SIDE, 1))
  np.testing.assert_allclose(ms_ssim(signed(video), signed(video)), 1, atol=1e-5)
  assert float(ms_ssim(signed(video), -signed(video))[0, 0]) == 0  # averages below 0 have no power


def test_small_frames_are_refused():
  video = np.zeros((1, 1, 160, 200, 1), np.float32)
  with pytest.raises(ValueError, match="needs 161x161 pixels or more, got 160x200"):
    ms_ssim(video, video)
