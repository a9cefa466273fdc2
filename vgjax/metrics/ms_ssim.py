"""Multi-scale structural similarity of each frame (Wang, Simoncelli, Bovik, "Multi-scale structural
similarity for image quality assessment", 2003, Eq. 7).

  MS-SSIM(x, y) = SSIM_5^w5  prod_{j=1..4} C_j^wj        w = 0.0448, 0.2856, 0.3001, 0.2363, 0.1333

C_j is the second factor of SSIM (contrast and structure), averaged over the windows of scale j; the last
scale has the whole SSIM. A scale is the one before it, averaged over 2x2 pixels; an odd last row or column is
repeated first, as in the authors' program. The window is SSIM's convention "wang": Gaussian 11x11, R = 1 for
intensities in [0, 1].

The paper is silent on averages below 0, which have no such power: they become 0, as in the programs that are
in use (TensorFlow's `ssim_multiscale`, `pytorch_msssim`). These agree with ours, but `pytorch_msssim` pads
odd sizes with black.
"""

import jax.numpy as jnp

from vgjax.metrics import ssim

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SIDE = (ssim.window_size() - 1) * 2 ** (len(WEIGHTS) - 1) + 1  # pixels: 11 are left at the last scale


def ms_ssim(video, target):
  """Mean multi-scale structural similarity of each frame, the video clipped to its range first.

  Args:
    video: [batch, time, height, width, channels], in [-1, 1], 161 pixels or more a side.
    target: the same shape and range.

  Returns:
    [batch, time], in [0, 1]; higher is better. The mean over channels.

  Raises:
    ValueError: frames that are too small for the last scale.
  """
  height, width = video.shape[-3:-1]
  if min(height, width) < SIDE:
    raise ValueError(
      f"MS-SSIM halves the frame four times and needs {SIDE}x{SIDE} pixels or more, got {height}x{width};"
      " SSIM has no such limit"
    )
  x, y = ssim.unit(video, clip=True), ssim.unit(target)
  product = 1.0
  for scale, weight in enumerate(WEIGHTS):
    if scale:
      x, y = _halve(x), _halve(y)
    whole, structure = ssim.similarities(x, y)
    product *= jnp.maximum(whole if scale == len(WEIGHTS) - 1 else structure, 0) ** weight
  return jnp.mean(product, axis=-1)


def _halve(x):
  """The mean of each 2x2 pixels: [..., height, width] -> [..., ceil(height / 2), ceil(width / 2)]."""
  for axis in (-2, -1):
    if x.shape[axis] % 2:
      x = jnp.concatenate([x, jnp.take(x, jnp.array([-1]), axis=axis)], axis=axis)
    x = x.reshape(*x.shape[: x.ndim + axis], -1, 2, *x.shape[x.ndim + axis + 1 :]).mean(axis)
  return x
