"""The pixel metrics against numpy and scikit-image."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import metrics as reference

from vgjax.metrics import pixel

METRICS = [pixel.mse, pixel.mae, pixel.mse_sum, pixel.mae_sum, pixel.psnr]


def pair(shape, noise=0.2, seed=0):
  """A smooth video and a disturbed one, both in [0, 1] and both float32."""
  rng = np.random.default_rng(seed)
  grid = np.add.outer(np.arange(shape[2]), np.arange(shape[3])) / 9
  phase = rng.uniform(0, 6, (shape[0], shape[1], 1, 1, shape[4]))
  target = 0.5 + 0.5 * np.sin(grid[None, None, ..., None] + phase)
  video = np.clip(target + noise * rng.standard_normal(shape), 0, 1)
  return video.astype(np.float32), target.astype(np.float32)


def signed(unit):
  return 2 * unit - 1


def each_frame(function, video, target):
  return np.array([[function(v, t) for v, t in zip(*pair)] for pair in zip(video, target)])


SHAPE = (2, 3, 13, 18, 3)


def test_errors_equal_numpy():
  video, target = pair(SHAPE)
  difference = video.astype(np.float64) - target
  expected = {
    pixel.mse: (difference**2).mean((2, 3, 4)),
    pixel.mae: np.abs(difference).mean((2, 3, 4)),
    pixel.mse_sum: (difference**2).sum((2, 3, 4)),
    pixel.mae_sum: np.abs(difference).sum((2, 3, 4)),
  }
  for metric, value in expected.items():
    np.testing.assert_allclose(metric(signed(video), signed(target)), value, rtol=1e-5)


def test_sums_follow_openstl():
  """OpenSTL: the mean over batch and time, then the sum over pixels and channels."""
  video, target = pair(SHAPE)
  expected = np.mean((video - target) ** 2, axis=(0, 1)).sum()
  np.testing.assert_allclose(pixel.mse_sum(signed(video), signed(target)).mean(), expected, rtol=1e-5)


def test_errors_do_not_clip_but_psnr_does():
  video = jnp.full((1, 1, 4, 4, 1), 3.0)  # 2 in [0, 1] units
  target = jnp.full_like(video, 0.0)  # 0.5
  assert float(pixel.mse(video, target)[0, 0]) == 2.25
  np.testing.assert_allclose(pixel.psnr(video, target), -10 * math.log10(0.25), rtol=1e-6)


def test_psnr_equals_scikit_image():
  video, target = pair(SHAPE)
  expected = each_frame(lambda v, t: reference.peak_signal_noise_ratio(t, v, data_range=1), video, target)
  np.testing.assert_allclose(pixel.psnr(signed(video), signed(target)), expected, atol=1e-4)


def test_psnr_of_an_exact_frame_is_the_cap():
  video = jnp.zeros((1, 2, 8, 8, 1))
  assert pixel.psnr(video, video).tolist() == [[100.0, 100.0]]
  assert np.isinf(pixel.psnr(video, video, cap=math.inf)).all()


@pytest.mark.parametrize("metric", METRICS)
def test_weight_counts_only_its_pixels(metric):
  video, target = pair(SHAPE)
  weight = np.zeros((*SHAPE[:4], 1), np.float32)
  weight[:, :, 2:9, 3:11] = 1
  disturbed = np.where(weight > 0, video, 0.7).astype(np.float32)
  inside = metric(signed(video[:, :, 2:9, 3:11]), signed(target[:, :, 2:9, 3:11]))
  found = metric(signed(disturbed), signed(target), weight=weight)
  np.testing.assert_allclose(found, inside, rtol=1e-5)


def test_weight_of_nothing_is_no_nan():
  video, target = pair(SHAPE)
  weight = np.zeros((*SHAPE[:4], 1), np.float32)
  assert all(np.isfinite(m(signed(video), signed(target), weight=weight)).all() for m in METRICS)


@pytest.mark.parametrize("metric", [*METRICS, pixel.ssim])
def test_jits_to_float32_of_batch_and_time(metric):
  video, target = pair(SHAPE)
  out = jax.jit(metric)(signed(video), signed(target).astype(jnp.bfloat16))
  assert out.shape == (2, 3) and out.dtype == jnp.float32 and np.isfinite(out).all()
