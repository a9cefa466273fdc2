"""CycleGAN's generator: residual blocks at a quarter of the size (Zhu et al. 2017, arXiv:1703.10593, 7.1).

  in     7x7, 64 channels; then 3x3, stride 2, twice: 128, 256 channels
  blocks 9 (6 for frames of 128 and less): x + 3x3, ReLU, 3x3
  out    3x3 transposed, stride 2, twice: 128, 64 channels; then 7x7, tanh

Each convolution but the last is followed by instance normalisation (without scale and bias), and ReLU but at
the end of a block; 7x7 windows and those of blocks see the frame mirrored at its border. The network is that
of Johnson et al. 2016 (arXiv:1603.08155), with 11,378,179 parameters, as in the authors' program in PyTorch.

With `time=1` every frame is translated by itself, which is the published network. With `time=3` kernels see a
frame's neighbours as well, at three times the cost, and normalisation is over all of a video, not over
frames.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import frames
from vgjax.models.layers.frames import FrameConv, reflect
from vgjax.models.layers.norm import instance_norm

Array = Any


class CycleGANResNet(nn.Module):
  """A generator of videos of any length, shaped as the hint.

  Attributes:
    channels: of the first layer.
    blocks: residual blocks.
    time: frames that a kernel sees: 1, or an odd number.
    dtype: compute type.
  """

  channels: int = 64
  blocks: int = 9
  time: int = 1
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool) -> Array:
    """Translates videos.

    Args:
      hint: [batch, time, height, width, channels], in [-1, 1]; height and width are multiples of 4, at least
      8.
      mask: not read.
      train: nothing depends on it.

    Returns:
      A float32 video of the hint's shape, in [-1, 1].
    """
    del mask, train
    height, width = hint.shape[2:4]
    if height % 4 or width % 4 or min(height, width) < 8:
      raise ValueError(
        f"cyclegan_resnet: frames of {height}x{width}; sides are multiples of 4, and at least 8"
      )
    wide = 4 * self.channels
    x = frames.fold(hint, self.time).astype(self.dtype)
    x = self._layer(reflect(x, 3), "in", self.channels, 7)
    x = self._layer(x, "down_0", 2 * self.channels, 3, stride=2, padding=1)
    x = self._layer(x, "down_1", wide, 3, stride=2, padding=1)
    for block in range(self.blocks):
      inner = self._layer(reflect(x, 1), f"block_{block}_0", wide, 3)
      x = x + instance_norm(self._conv(f"block_{block}_1", wide, 3)(reflect(inner, 1)))
    up = dict(stride=2, padding=1, output_padding=1, transposed=True)
    x = self._layer(x, "grow_0", 2 * self.channels, 3, **up)
    x = self._layer(x, "grow_1", self.channels, 3, **up)
    x = self._conv("video", hint.shape[-1], 7)(reflect(x, 3))
    return jnp.tanh(frames.unfold(x, len(hint)).astype(jnp.float32))

  def _layer(self, x, name, features, window, **options):
    return nn.relu(instance_norm(self._conv(name, features, window, **options)(x)))

  def _conv(self, name, features, window, **options):
    return FrameConv(features, window, time=self.time, dtype=self.dtype, name=name, **options)


Module = CycleGANResNet
