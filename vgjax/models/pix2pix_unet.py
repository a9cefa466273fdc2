"""Pix2Pix's generator: a U-Net from one video to another (Isola et al. 2017, arXiv:1611.07004, 6.1.1).

  down   4x4, stride 2, batch normalisation (not in the first and the innermost), leaky ReLU 0.2
         before each but the first; 64, 128, 256, 512, 512, ... channels, until a frame is 1 pixel
  up     ReLU, 4x4 transposed, stride 2, batch normalisation, dropout of a half in the inner ones;
         then the map of that size on the way down is put beside; tanh at the end

for frames of 256x256 8 levels and 54,413,955 parameters, as in the authors' program in PyTorch. The published
network has dropout in the first three layers on the way up; of smaller frames, as many fewer as there are
levels fewer than 8. With `time=1` every frame is translated by itself; with `time=3` kernels see a frame's
neighbours as well, at three times the cost, and dropout is the same over time.

What differs: a sample has no dropout, and is normalised by the running statistics. The paper keeps dropout
and the batch's own statistics there; its translations vary little by it, as it says itself, and frame by
frame that little would flicker.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import frames
from vgjax.models.layers.frames import FrameConv
from vgjax.models.layers.grow import near_one
from vgjax.models.layers.norm import BatchNorm

Array = Any
PUBLISHED_LEVELS = 8  # of 256x256


class Pix2PixUNet(nn.Module):
  """A generator of videos of any length, shaped as the hint.

  Attributes:
    channels: of the first layer; the others have up to eight times as many.
    levels: layers that halve height and width; None: as often as they can be halved, at most 8.
    time: frames that a kernel sees: 1, or an odd number.
    dropout: the share of the inner layers' numbers that is dropped in training.
    reads_mask: whether the mask is read beside the hint, for tasks that give pixels.
    dtype: compute type.
  """

  channels: int = 64
  levels: int | None = None
  time: int = 1
  dropout: float = 0.5
  reads_mask: bool = False
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool) -> Array:
    """Translates videos.

    Args:
      hint: [batch, time, height, width, channels], in [-1, 1].
      mask: [batch, time, height, width, 1]; read with `reads_mask`.
      train: normalise with the statistics of this batch, and drop.

    Returns:
      A float32 video of the hint's shape, in [-1, 1].
    """
    height, width = hint.shape[2:4]
    levels = _levels(height, width, self.levels)
    features = [self.channels * min(2**level, 8) for level in range(levels)]
    seen = jnp.concatenate([hint, mask.astype(hint.dtype)], axis=-1) if self.reads_mask else hint
    x, skips = frames.fold(seen, self.time).astype(self.dtype), []
    for level, count in enumerate(features):
      x = self._conv(count, f"down_{level}")(nn.leaky_relu(x, 0.2) if level else x)
      if 0 < level < levels - 1:
        x = self._norm(train, f"down_norm_{level}")(x)
      skips.append(x)
    skips.pop()  # the innermost map is where the way up begins
    dropped = max(0, 3 - (PUBLISHED_LEVELS - levels))
    for number, level in enumerate(reversed(range(1, levels))):
      x = self._conv(features[level - 1], f"up_{level}", transposed=True)(nn.relu(x))
      x = self._norm(train, f"up_norm_{level}")(x)
      if number < dropped:
        along = (1,) if x.ndim == 5 else ()
        x = nn.Dropout(self.dropout, broadcast_dims=along, deterministic=not train)(x)
      x = jnp.concatenate([skips.pop(), x], axis=-1)
    x = self._conv(hint.shape[-1], "video", transposed=True, use_bias=True)(nn.relu(x))
    return jnp.tanh(frames.unfold(x, len(hint)).astype(jnp.float32))

  def _conv(self, features, name, *, transposed=False, use_bias=False):
    return FrameConv(
      features, 4, 2, 1, transposed=transposed, time=self.time, use_bias=use_bias, dtype=self.dtype, name=name
    )

  def _norm(self, train, name):
    return BatchNorm(not train, scale_init=near_one, dtype=self.dtype, name=name)


def _levels(height: int, width: int, wanted: int | None) -> int:
  """How many layers halve frames of that size."""
  possible = 0
  while possible < PUBLISHED_LEVELS and height % 2 ** (possible + 1) == width % 2 ** (possible + 1) == 0:
    possible += 1
  levels = possible if wanted is None else wanted
  if not 1 <= levels <= possible:
    raise ValueError(
      f"pix2pix_unet: levels={levels}, and frames of {height}x{width} can be halved {possible} times (8 is"
      " the most); use sides that are multiples of 8, as 64x64 is, or fewer levels"
    )
  return levels


Module = Pix2PixUNet
