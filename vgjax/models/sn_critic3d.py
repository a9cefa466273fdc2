"""A critic of short videos by spectral normalisation: SAVP's, after the one of frames in SNGAN.

  3x3x3 convolution; then, for each level, 4x4x4 of stride 2 with twice the channels and 3x3x3; then one score

A leaky ReLU of 0.1 follows each convolution, and each kernel is divided by its largest singular value
(`layers/spectral.py`). The last level alone halves time as well; those of the others take one frame of it.
The critic sees `length` frames in a row, from a place drawn for each video.

Lee et al. 2018, arXiv:1804.01523, with the layers and initial values of the authors' program
(https://github.com/alexlee-gk/video_prediction); Miyato et al. 2018, arXiv:1802.05957. What differs from it:
no gradient flows through the power iteration, as Miyato et al. have it.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import conv
from vgjax.models.layers.spectral import SpectralKernel
from vgjax.models.layers.verdict import Verdict

Array = Any
KERNEL = nn.initializers.truncated_normal(0.02)


class SNCritic3D(nn.Module):
  """Scores of videos.

  Attributes:
    length: how many frames of a video are judged, at least 2 ** (levels - 1).
    channels: of the first layer.
    levels: how often height and width are halved.
    dtype: compute type.
  """

  length: int = 10
  channels: int = 32
  levels: int = 3
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, video: Array, hint: Array, mask: Array, *, train: bool) -> Verdict:
    """Judges videos.

    Args:
      video: [batch, time, height, width, channels], in [-1, 1]; at least `length` frames, of one size.
      hint: not read.
      mask: not read.
      train: whether the estimates of singular values make a step.

    Returns:
      Scores [batch], and the features of all layers but the last.

    Raises:
      ValueError: a video that is too short or too small.
    """
    del hint, mask
    x = (self._piece(video).astype(self.dtype) + 1) / 2  # in [0, 1]
    features = []
    plan = [(self.channels, 3, 1)]
    for level in range(self.levels):
      width = self.channels * 2 ** (level + 1)
      plan += [(width, 4, (2 if level == self.levels - 1 else 1, 2, 2)), (width, 3, 1)]
    for index, (width, window, strides) in enumerate(plan):
      if min(x.shape[1:-1]) + 2 < window:
        raise ValueError(
          f"sn_critic3d: {video.shape[1:4]} frames and pixels do not last {self.levels} levels"
        )
      kernel, bias = self._parameters((*[window] * 3, x.shape[-1], width), f"down_{index}", train)
      x = nn.leaky_relu(conv(x, kernel, strides=strides, padding=1) + bias, 0.1)
      features.append(x)
    x = x.reshape(len(x), -1)
    kernel, bias = self._parameters((x.shape[-1], 1), "scores", train)
    return Verdict((x @ kernel + bias)[:, 0].astype(jnp.float32), tuple(features))

  def _piece(self, video):
    """`length` frames in a row, as a product with a choice: a gather's gradient would scatter."""
    batch, time = video.shape[:2]
    if time < self.length:
      raise ValueError(f"sn_critic3d: length={self.length}, but the videos have {time} frames")
    if time == self.length:
      return video
    start = jax.random.randint(self.make_rng("sample"), (batch, 1), 0, time - self.length + 1)
    choice = jax.nn.one_hot(start + jnp.arange(self.length), time, dtype=video.dtype)
    return jnp.einsum("bkt,bthwc->bkhwc", choice, video)

  def _parameters(self, shape, name, train):
    kernel = SpectralKernel(shape, KERNEL, self.dtype, name=name)(train=train)
    bias = self.param(f"{name}_bias", nn.initializers.zeros, (shape[-1],), jnp.float32)
    return kernel, bias.astype(self.dtype)


Module = SNCritic3D
