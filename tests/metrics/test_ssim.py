"""SSIM in both conventions against scikit-image."""

import jax
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from tests.metrics.test_pixel import each_frame, pair, signed
from vgjax.metrics.ssim import ssim, window_size

REFERENCE = {
  "wang": dict(data_range=1, gaussian_weights=True, use_sample_covariance=False),
  # Before 0.20, scikit-image took the range of all floats, [-1, 1], where data_range was missing.
  "openstl": dict(data_range=2),
}
SHAPES = [(2, 2, 16, 16, 1), (1, 2, 11, 11, 1), (2, 1, 17, 30, 3), (1, 1, 64, 41, 3)]


@pytest.mark.parametrize("convention", REFERENCE)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("noise", [0.02, 0.5])
def test_equals_scikit_image(convention, shape, noise):
  video, target = pair(shape, noise)
  call = lambda v, t: structural_similarity(v, t, channel_axis=-1, **REFERENCE[convention])
  expected = each_frame(call, video.astype(np.float64), target.astype(np.float64))
  found = jax.jit(ssim, static_argnames="convention")(signed(video), signed(target), convention=convention)
  np.testing.assert_allclose(found, expected, atol=2e-6)


def test_default_is_wang_and_the_conventions_differ():
  video, target = map(signed, pair(SHAPES[0]))
  np.testing.assert_array_equal(ssim(video, target), ssim(video, target, convention="wang"))
  assert np.all(ssim(video, target, convention="openstl") > ssim(video, target) + 0.01)


@pytest.mark.parametrize("convention", REFERENCE)
@pytest.mark.parametrize("value", [-1.0, 0.3, 1.0])
def test_identical_flat_videos_have_similarity_one(convention, value):
  """Flat frames have no variance: what rounding leaves of it must not matter."""
  video = np.full((1, 1, 32, 32, 1), value, np.float32)
  np.testing.assert_allclose(ssim(video, video, convention=convention), 1, atol=1e-6)


def test_clips_the_video():
  video, target = map(signed, pair(SHAPES[0]))
  bright = np.where(video > 0.5, 7.0, video)
  np.testing.assert_array_equal(ssim(bright, target), ssim(np.minimum(bright, 1), target))


@pytest.mark.parametrize("convention,side", [("wang", 11), ("openstl", 7)])
def test_frames_smaller_than_the_window(convention, side):
  assert window_size(convention) == side
  video = np.zeros((1, 1, side - 1, 20, 1), np.float32)
  with pytest.raises(ValueError, match=f"{side}x{side} or more, got {side - 1}x20"):
    ssim(video, video, convention=convention)


def test_unknown_convention():
  with pytest.raises(ValueError, match="known: wang, openstl"):
    ssim(np.zeros((1, 1, 16, 16, 1)), np.zeros((1, 1, 16, 16, 1)), convention="matlab")
