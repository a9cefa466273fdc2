"""A plain convolutional encoder and decoder: the smallest network that predicts video.

All frames are stacked as channels. Each level halves height and width and doubles the channels;
the decoder goes back up with transposed convolutions and reads the encoder's level of its size. The
result is added to the last given frame, so an untrained network starts near copying it. A baseline
and a template for new models, after no paper in particular.
"""

from typing import Any

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import window
from vgjax.models.layers.conv import Conv, ConvTranspose
from vgjax.models.layers.norm import GroupNorm

Array = Any


class CNN(nn.Module):
  """A predictor of `predicted` frames from `given` ones.

  Attributes:
    given: frames it reads; 0: all `predicted` frames are read together with their mask.
    predicted: frames it makes.
    channels: channels of the first level; each level has twice as many as the one above.
    levels: how often height and width are halved.
    groups: groups of the normalisation; must divide `channels`.
    dtype: compute type.
  """

  given: int = 10
  predicted: int = 10
  channels: int = 64
  levels: int = 3
  groups: int = 8
  dtype: Any = jnp.float32

  @property
  def window(self) -> tuple[int, int]:
    """(length, overlap): the frames it works on, and how many of them must be known."""
    return window.window(self.given, self.predicted)

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool) -> Array:
    """Predicts a video; see `layers/window.py` for what `given` and `predicted` mean.

    Args:
      hint: [batch, given + predicted, height, width, channels], in [-1, 1].
      mask: [batch, given + predicted, height, width, 1], 1 where the hint is exact.
      train: without effect; this model behaves alike in training.

    Returns:
      A float32 video of the hint's shape.
    """
    height, width, channels = hint.shape[2:]
    if height % 2**self.levels or width % 2**self.levels:
      raise ValueError(
        f"with levels={self.levels} height and width must be multiples of {2**self.levels},"
        f" not {height}x{width}"
      )
    time = self.given or self.predicted
    widths = [self.channels * 2**level for level in range(self.levels + 1)]

    def conv(features, name, strides=1):
      return Conv(features, 3, strides=strides, padding=1, dtype=self.dtype, name=name)

    def up(features, name):
      return ConvTranspose(features, 4, strides=2, padding=1, dtype=self.dtype, name=name)

    def norm(name):
      return GroupNorm(self.groups, dtype=self.dtype, name=name)

    encoder = [
      (conv(features, f"down_{level}", 1 if level == 0 else 2), norm(f"down_norm_{level}"))
      for level, features in enumerate(widths)
    ]
    decoder = [
      (up(widths[level], f"up_{level}"), conv(widths[level], f"merge_{level}"), norm(f"up_norm_{level}"))
      for level in reversed(range(self.levels))
    ]
    readout = Conv(time * channels, 1, kernel_init=nn.initializers.zeros, dtype=self.dtype, name="readout")

    def network(frames):
      x = rearrange(frames, "b t h w c -> b h w (t c)")
      skips = []
      for layer, normalise in encoder:
        x = nn.silu(normalise(layer(x)))
        skips.append(x)
      skips.pop()
      for upsample, merge, normalise in decoder:
        x = jnp.concatenate([upsample(x), skips.pop()], axis=-1)
        x = nn.silu(normalise(merge(x)))
      change = rearrange(readout(x), "b h w (t c) -> b t h w c", t=time)
      base = frames[:, -1:] if self.given else frames
      return base[..., :channels] + change

    return window.predict_window(network, hint, mask, given=self.given, predicted=self.predicted)


Module = CNN
