"""Structural similarity of each frame (Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", 2004).

  SSIM(x, y) = (2 m_x m_y + C1) (2 s_xy + C2) / ((m_x^2 + m_y^2 + C1) (s_x^2 + s_y^2 + C2))

with the means m and (co)variances s in a window around each pixel, C1 = (0.01 R)^2, C2 = (0.03 R)^2 and
R the range of intensities; averaged over all windows that lie inside the frame, then over channels.

Two conventions, which differ by several hundredths on the same video:

  "wang"     the paper's: Gaussian window 11x11, sigma 1.5, R = 1 for intensities in [0, 1]. Equals
             scikit-image's `structural_similarity(x, y, data_range=1, gaussian_weights=True,
             use_sample_covariance=False)`.
  "openstl"  video prediction's habit: scikit-image before 0.20 called without `data_range` on floats,
             which takes R = 2 although intensities are in [0, 1]; uniform window 7x7, sample covariance
             (n / (n - 1)). It flatters: errors are weighed against constants four times as large.

The windows are separable; each direction is one matrix product with a banded matrix, in full float32.
On a CPU that is ten times faster than adding shifted arrays, and accelerators like nothing better.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vgjax.metrics.reduce import frame_sum


class _Convention(NamedTuple):
  window: np.ndarray  # 1-D, sums to 1; the 2-D window is its outer product
  data_range: float
  covariance_scale: float


def _gaussian(sigma, radius):
  weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
  return weights / weights.sum()


_CONVENTIONS = {
  "wang": _Convention(_gaussian(1.5, 5), 1.0, 1.0),
  "openstl": _Convention(np.full(7, 1 / 7), 2.0, 49 / 48),
}


def window_size(convention="wang"):
  """The side of the window in pixels; frames must be at least as large."""
  if convention not in _CONVENTIONS:
    raise ValueError(f'SSIM has no convention "{convention}"; known: {", ".join(_CONVENTIONS)}')
  return len(_CONVENTIONS[convention].window)


def ssim(video, target, *, convention="wang"):
  """Mean structural similarity of each frame, the video clipped to its range first.

  Args:
    video: [batch, time, height, width, channels], in [-1, 1].
    target: the same shape and range.
    convention: "wang" or "openstl", see above.

  Returns:
    [batch, time], at most 1; higher is better.

  Raises:
    ValueError: an unknown convention, or frames smaller than its window.
  """
  similarity, _ = similarities(unit(video, clip=True), unit(target), convention=convention)
  return similarity.mean(-1)


def similarities(x, y, *, convention="wang"):
  """Both factors of the similarity, each averaged over all windows.

  Args:
    x: [batch, time, channels, height, width], in [0, 1].
    y: the same shape and range.
    convention: "wang" or "openstl", see above.

  Returns:
    SSIM, and its second factor alone (contrast and structure), both [batch, time, channels].

  Raises:
    ValueError: an unknown convention, or frames smaller than its window.
  """
  side = window_size(convention)
  height, width = x.shape[-2:]
  if min(height, width) < side:
    raise ValueError(f'SSIM "{convention}" needs frames of {side}x{side} or more, got {height}x{width}')
  window, data_range, covariance_scale = _CONVENTIONS[convention]
  # Covariances do not see a shift, and about the mean float32 loses less to cancellation.
  shift = y.mean((-2, -1), keepdims=True)
  x, y = x - shift, y - shift
  mean_x, mean_y = _smooth(x, window), _smooth(y, window)
  covariance = covariance_scale * (_smooth(x * y, window) - mean_x * mean_y)
  variances = covariance_scale * (_smooth(x * x + y * y, window) - mean_x**2 - mean_y**2)
  mean_x, mean_y = mean_x + shift, mean_y + shift
  c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
  structure = (2 * covariance + c2) / (variances + c2)
  similarity = structure * (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
  return _mean(similarity), _mean(structure)


def unit(video, *, clip=False):
  """[batch, time, height, width, channels] in [-1, 1] -> [batch, time, channels, height, width] in [0, 1]."""
  x = (jnp.moveaxis(video.astype(jnp.float32), -1, -3) + 1) / 2
  return jnp.clip(x, 0, 1) if clip else x


def _mean(x):
  """[batch, time, channels, height, width] -> [batch, time, channels]."""
  batch, time, channels, height, width = x.shape
  return frame_sum(x.reshape(batch, time * channels, height, width, 1)).reshape(x.shape[:3]) / (
    height * width
  )


def _smooth(x, window):
  """The weighted mean in every window inside the frame: [..., h, w] -> [..., h - k + 1, w - k + 1]."""
  rows, columns = (_band(n, window) for n in x.shape[-2:])
  exact = jax.lax.Precision.HIGHEST  # accelerators would round to bfloat16 or TF32
  x = jnp.matmul(x, columns, precision=exact)
  return jnp.matmul(rows.T, x, precision=exact)


def _band(size, window):
  """The matrix [size, size - k + 1] whose column i holds the window from row i on."""
  band = np.zeros((size, size - len(window) + 1), np.float32)
  for i in range(band.shape[1]):
    band[i : i + len(window), i] = window
  return band
