"""A 3D U-Net that predicts video: all frames at once, with convolutions over time, height and width.

Each level has two convolutions of 3x3x3, the second with twice the channels of the first; a level ends in max
pooling of 2x2x2. The way back goes up by transposed convolutions of 2x2x2, joins the level's features as
channels, and has two convolutions again; a 1x1x1 convolution makes the frames.

Çiçek et al., 3D U-Net: Learning Dense Volumetric Segmentation from Sparse Annotation, MICCAI 2016,
https://arxiv.org/abs/1606.06650. The paper segments volumes of 3 channels into 3 classes with 19,069,955
parameters, not counting those of the normalisation; with 2 channels and a mask, and 2 channels out, this
network has the same but for the last layer (tests/models/test_unet3d.py). What it is for differs:

  given = 0   for any task: it reads what is given of all frames (grey elsewhere) and, as one more channel,
              the mask; it makes all frames, as a change of what it read
  given > 0   for prediction only: it reads the given frames and makes as many, the next ones, as a change of
              the last given frame

What else differs: convolutions keep the size (the paper's crop), group instead of batch normalisation, SiLU
instead of ReLU, a last layer that starts at zero, and `time_levels`: time may be halved at fewer levels than
space.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import window
from vgjax.models.layers.conv import Conv, ConvTranspose
from vgjax.models.layers.pool import max_pool
from vgjax.models.layers.video_block import VideoBlock

Array = Any


class UNet3D(nn.Module):
  """A predictor of `predicted` frames.

  Attributes:
    given: frames it reads; 0: all `predicted` frames are read together with their mask.
    predicted: frames it makes.
    channels: of the first convolution; each level has twice as many as the one above.
    levels: how often height and width are halved.
    time_levels: at how many of these, from the first on, time is halved as well. A number of frames that
      does not divide is filled up with copies of the last one, and what is made of them is dropped.
    factored: convolve over space, then over time; see `layers/video_block.py`.
    groups: groups of the normalisation; must divide `channels`.
    dtype: compute type.
  """

  given: int = 10
  predicted: int = 10
  channels: int = 32
  levels: int = 3
  time_levels: int = 3
  factored: bool = False
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

    Raises:
      ValueError: a video of another length, or of a size that the halvings do not divide.
    """
    height, width, channels = hint.shape[2:]
    if height % 2**self.levels or width % 2**self.levels:
      raise ValueError(
        f"with levels={self.levels} height and width must be multiples of {2**self.levels},"
        f" not {height}x{width}"
      )
    if not 0 <= self.time_levels <= self.levels:
      raise ValueError(f"time_levels={self.time_levels} must be from 0 to levels={self.levels}")
    halves = [(2 if level < self.time_levels else 1, 2, 2) for level in range(self.levels)]

    def block(features, name):
      return VideoBlock(features, self.factored, self.groups, self.dtype, name=name)

    widths = [self.channels * 2**level for level in range(self.levels + 1)]
    down = [block((width, 2 * width), f"down_{level}") for level, width in enumerate(widths)]
    up, merge = {}, {}
    for level in reversed(range(self.levels)):
      up[level] = ConvTranspose(
        4 * widths[level],
        halves[level],
        strides=halves[level],
        padding="VALID",
        use_bias=False,
        dtype=self.dtype,
        name=f"up_{level}",
      )
      merge[level] = block((2 * widths[level],) * 2, f"merge_{level}")
    readout = Conv(channels, 1, kernel_init=nn.initializers.zeros, dtype=self.dtype, name="readout")

    def network(frames):
      time = frames.shape[1]
      x = jnp.pad(
        frames.astype(self.dtype),
        ((0, 0), (0, -time % 2**self.time_levels), (0, 0), (0, 0), (0, 0)),
        mode="edge",
      )
      skips = []
      for level in range(self.levels):
        skips.append(down[level](x))
        x = max_pool(skips[-1], halves[level], strides=halves[level])
      x = down[self.levels](x)
      for level in reversed(range(self.levels)):
        x = merge[level](jnp.concatenate([up[level](x), skips[level]], axis=-1))
      base = frames[:, -1:] if self.given else frames
      return base[..., :channels] + readout(x)[:, :time]

    return window.predict_window(network, hint, mask, given=self.given, predicted=self.predicted)


Module = UNet3D
