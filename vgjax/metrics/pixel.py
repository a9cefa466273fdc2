"""Pixel metrics of each frame: squared and absolute error, PSNR, SSIM.

Videos come in [-1, 1]; every figure is in units of [0, 1] intensity, as the field reports them. Two
conventions for the errors are common and 4,096 times apart on 64x64 grey video, so both have a name:
`mse` and `mae` are means over pixels and channels, `mse_sum` and `mae_sum` are sums over them, as in
OpenSTL (Tan et al. 2023, https://github.com/chengtan9907/OpenSTL, `openstl/core/metrics.py`).

As in OpenSTL the errors are taken of the prediction as it is, PSNR and SSIM after clipping to [0, 1];
nothing is rounded to 8 bits. The figure of a set of videos is the mean over videos and frames of the
per-frame figure (so PSNR is a mean of decibels, not the PSNR of the mean error).
"""

import jax.numpy as jnp

from vgjax.metrics.reduce import frame_sum
from vgjax.metrics.ssim import ssim, window_size

__all__ = ["mae", "mae_sum", "mse", "mse_sum", "psnr", "ssim", "window_size"]

PSNR_CAP = 100.0  # dB; an 8-bit copy of a float video has about 59 dB


def mse(video, target, *, weight=None):
  """Mean squared error over the pixels and channels of each frame.

  Args:
    video: [batch, time, height, width, channels], in [-1, 1].
    target: the same shape and range.
    weight: [batch, time, height, width, 1], how much a pixel counts; None counts all alike. A frame
      in which nothing counts has error 0.

  Returns:
    [batch, time], in squared units of [0, 1] intensity; lower is better.
  """
  return _mean((_unit(video) - _unit(target)) ** 2, weight)


def mae(video, target, *, weight=None):
  """Mean absolute error over the pixels and channels of each frame; arguments as in `mse`."""
  return _mean(jnp.abs(_unit(video) - _unit(target)), weight)


def mse_sum(video, target, *, weight=None):
  """Squared error summed over the pixels and channels of each frame (OpenSTL's "MSE").

  Args:
    video: [batch, time, height, width, channels], in [-1, 1].
    target: the same shape and range.
    weight: [batch, time, height, width, 1], how much a pixel counts; None counts all alike.

  Returns:
    [batch, time], in squared units of [0, 1] intensity; it grows with the resolution.
  """
  return _sum((_unit(video) - _unit(target)) ** 2, weight)


def mae_sum(video, target, *, weight=None):
  """Absolute error summed over each frame (OpenSTL's "MAE"); arguments as in `mse_sum`."""
  return _sum(jnp.abs(_unit(video) - _unit(target)), weight)


def psnr(video, target, *, weight=None, cap=PSNR_CAP):
  """Peak signal-to-noise ratio of each frame, `-10 log10(mse)` after clipping the video to [0, 1].

  Args:
    video: [batch, time, height, width, channels], in [-1, 1].
    target: the same shape and range.
    weight: [batch, time, height, width, 1], how much a pixel counts; None counts all alike.
    cap: the PSNR of a frame without error is infinite, and one such frame would make the mean over a
      data set infinite too. Values above `cap` are therefore reported as `cap`; `math.inf` leaves them.

  Returns:
    [batch, time], in decibels; higher is better.
  """
  error = _mean((jnp.clip(_unit(video), 0, 1) - _unit(target)) ** 2, weight)
  return jnp.minimum(-10 * jnp.log10(error), cap)


def _unit(video):
  return (video.astype(jnp.float32) + 1) / 2


def _sum(error, weight):
  return frame_sum(error if weight is None else error * weight)


def _mean(error, weight):
  channels = error.shape[-1]
  if weight is None:
    return frame_sum(error) / (error.shape[-3] * error.shape[-2] * channels)
  count = frame_sum(weight) * channels
  return _sum(error, weight) / jnp.where(count > 0, count, 1)
