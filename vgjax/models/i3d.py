"""I3D: the video classifier whose logits FVD compares (Inception v1 with its windows inflated in time).

A stem of three convolutions, nine inception modules with max pooling between them, an average over space, and
400 logits which are averaged over time. Each convolution is followed by batch normalisation and ReLU. All
padding is TensorFlow's "SAME", which puts more zeros at the end. This is the network `i3d-kinetics-400` of
TensorFlow Hub, for use and not for training: `convert` merges each batch norm into its convolution,

  (x * k - mean) / sqrt(var + 1e-3) + beta = x * (k / sqrt(var + 1e-3)) + (beta - mean / sqrt(var + 1e-3)),

and the 1x1x1 convolutions that read the same input into one. The logits differ by 1e-5 from those of the
original; of an all-black video of 15 frames the first are 0.74221, 2.82973, 0.39994.

Carreira and Zisserman, Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset, CVPR 2017,
https://arxiv.org/abs/1705.07750.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from vgjax.models.layers.conv import Conv
from vgjax.models.layers.pool import max_pool

Array = Any

SIDE = 224  # height and width it was trained on
MIN_TIME = 9  # frames; the last average needs two steps of time, and time is halved three times
# Channels of an inception module: 1x1; 1x1 then 3x3x3; 1x1 then 3x3x3; pool then 1x1.
MIXED = {
  "3b": (64, (96, 128), (16, 32), 32),
  "3c": (128, (128, 192), (32, 96), 64),
  "4b": (192, (96, 208), (16, 48), 64),
  "4c": (160, (112, 224), (24, 64), 64),
  "4d": (128, (128, 256), (24, 64), 64),
  "4e": (112, (144, 288), (32, 64), 64),
  "4f": (256, (160, 320), (32, 128), 128),
  "5b": (256, (160, 320), (32, 128), 128),
  "5c": (384, (192, 384), (48, 128), 128),
}
# (window, strides) of the max pooling before a module, over time, height and width.
_POOLS = {
  "3b": ((1, 3, 3), (1, 2, 2)),
  "4b": ((3, 3, 3), (2, 2, 2)),
  "5b": ((2, 2, 2), (2, 2, 2)),
}
_EPSILON = 1e-3
CLASSES = 400


class Mixed(nn.Module):
  """An inception module: four branches, side by side in the channels.

  Attributes:
    channels: of the branches, see `MIXED`.
    dtype: compute type.
  """

  channels: tuple
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """[batch, time, height, width, inputs] -> [batch, time, height, width, outputs]."""
    first, second, third, fourth = self.channels
    reduced = nn.relu(Conv(first + second[0] + third[0], 1, dtype=self.dtype, name="reduce")(x))
    one, two, three = jnp.split(reduced, (first, first + second[0]), axis=-1)
    two = nn.relu(Conv(second[1], 3, dtype=self.dtype, name="second")(two))
    three = nn.relu(Conv(third[1], 3, dtype=self.dtype, name="third")(three))
    four = max_pool(x, 3, strides=1, padding="SAME")
    four = nn.relu(Conv(fourth, 1, dtype=self.dtype, name="fourth")(four))
    return jnp.concatenate([one, two, three, four], axis=-1)


class I3D(nn.Module):
  """The classifier of Kinetics-400.

  Attributes:
    dtype: compute type.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, video: Array) -> Array:
    """Maps video [batch, time, 224, 224, 3] in [-1, 1] to float32 logits [batch, 400].

    Raises:
      ValueError: fewer frames than `MIN_TIME`, or frames of another size.
    """
    time, height, width = video.shape[1:4]
    if time < MIN_TIME or (height, width) != (SIDE, SIDE):
      raise ValueError(
        f"I3D reads {MIN_TIME} or more frames of {SIDE}x{SIDE}, not {time} of {height}x{width}"
      )

    def conv(features, size, name, strides=1):
      return Conv(features, size, strides=strides, dtype=self.dtype, name=name)

    x = nn.relu(conv(64, 7, "conv_1a", strides=2)(video))
    x = max_pool(x, (1, 3, 3), strides=(1, 2, 2), padding="SAME")
    x = nn.relu(conv(64, 1, "conv_2b")(x))
    x = nn.relu(conv(192, 3, "conv_2c")(x))
    for name, channels in MIXED.items():
      if name in _POOLS:
        window, strides = _POOLS[name]
        x = max_pool(x, window, strides=strides, padding="SAME")
      x = Mixed(channels, self.dtype, name=f"mixed_{name}")(x)
    x = (x[:, :-1] + x[:, 1:]).mean((2, 3)) / 2  # an average over [2, 7, 7] steps
    logits = nn.Dense(CLASSES, dtype=self.dtype, name="logits")(x)
    return logits.mean(1).astype(jnp.float32)


def convert(flat: Mapping[str, np.ndarray]) -> dict[str, Any]:
  """The module's parameters from the weights `i3d_kinetics400` (see `vgjax.metrics.weights`)."""

  def merged(*units):
    kernels, biases = [], []
    for unit in units:
      scale = 1 / np.sqrt(flat[f"{unit}/var"].astype(np.float64) + _EPSILON)
      kernels.append(flat[f"{unit}/kernel"] * scale)
      biases.append(flat[f"{unit}/beta"] - flat[f"{unit}/mean"] * scale)
    kernel, bias = np.concatenate(kernels, -1), np.concatenate(biases)
    return {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}

  params: dict[str, Any] = {
    "conv_1a": merged("Conv3d_1a_7x7"),
    "conv_2b": merged("Conv3d_2b_1x1"),
    "conv_2c": merged("Conv3d_2c_3x3"),
  }
  for name in MIXED:
    branch = f"Mixed_{name}/Branch_".__add__
    params[f"mixed_{name}"] = {
      "reduce": merged(*(branch(f"{i}/Conv3d_0a_1x1") for i in range(3))),
      "second": merged(branch("1/Conv3d_0b_3x3")),
      "third": merged(branch("2/Conv3d_0b_3x3")),
      "fourth": merged(branch("3/Conv3d_0b_1x1")),
    }
  logits = "Logits/Conv3d_0c_1x1"
  params["logits"] = {"kernel": flat[f"{logits}/kernel"][0, 0, 0], "bias": flat[f"{logits}/bias"]}
  return params


Module = I3D
