"""The Inception network of 2015-12-05, whose 2048 pooled features FID compares.

Inception v3 as TensorFlow published it, before the paper's network was settled. What differs from the paper
and from the later `inception_v3` of other libraries, and what FID therefore has:

* averages of 3x3 windows are taken over the pixels inside the frame: zeros around it do not count;
* the last module takes the *maximum* of 3x3 windows where the module before it takes their average;
* 5x5 windows between 48 and 64 channels in the first modules, and 1008 classes. The classes are not part of
  the weights that vgjax reads: this module ends at the features.

Each convolution is followed by batch normalisation (no scale, epsilon 1e-3) and ReLU. The network is for use
and not for training: `convert` merges each batch norm into its convolution, and the 1x1 convolutions that
read the same input into one.

Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016,
https://arxiv.org/abs/1512.00567; Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017,
https://arxiv.org/abs/1706.08500, for its use as FID.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax

from vgjax.models.layers.conv import Conv
from vgjax.models.layers.pool import max_pool

Array = Any

SIDE = 299  # height and width it was trained on
FEATURES = 2048
_EPSILON = 1e-3


def _average_pool(x: Array) -> Array:
  """Average of 3x3 windows, over the pixels that are inside the frame."""
  sums = _sums(x)
  counts = _sums(jnp.ones((1, *x.shape[1:3], 1), x.dtype))
  return sums / counts


def _sums(x):
  for axis in (1, 2):
    padding = [(0, 0)] * x.ndim
    padding[axis] = (1, 1)
    padded = jnp.pad(x, padding)
    size = x.shape[axis]
    before, here, after = (lax.slice_in_dim(padded, tap, tap + size, axis=axis) for tap in range(3))
    x = before + here + after
  return x


class Tower(nn.Module):
  """Convolutions one after the other, each with ReLU.

  Attributes:
    layers: (features, window) of each convolution.
    strides: of the last one; above 1 it is not padded.
    dtype: compute type.
  """

  layers: tuple
  strides: int = 1
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """[batch, height, width, inputs] -> [batch, height, width, features of the last layer]."""
    for index, (features, window) in enumerate(self.layers):
      strides = self.strides if index == len(self.layers) - 1 else 1
      padding = "VALID" if strides > 1 else "SAME"
      layer = Conv(features, window, strides=strides, padding=padding, dtype=self.dtype, name=f"conv_{index}")
      x = nn.relu(layer(x))
    return x


class Mixed(nn.Module):
  """A module whose towers begin with 1x1 convolutions of the same input, done as one.

  Attributes:
    first: features of the 1x1 convolution that is a branch by itself; 0 for none.
    towers: for each tower the features of its 1x1 convolution and the layers that follow.
    strides: of the towers' last layers and of the pooling; above 1 the input is pooled and kept as it is.
    pool: "average" or "max", with stride 1.
    pooled: features of the 1x1 convolution behind the pooling.
    dtype: compute type.
  """

  first: int
  towers: tuple
  strides: int = 1
  pool: str = "average"
  pooled: int = 0
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """[batch, height, width, inputs] -> [batch, height, width, outputs]."""
    sizes = [self.first, *(features for features, _ in self.towers)]
    reduced = nn.relu(Conv(sum(sizes), 1, dtype=self.dtype, name="reduce")(x))
    first, *inputs = jnp.split(reduced, np.cumsum(sizes)[:-1], axis=-1)
    branches = [first] if self.first else []
    for index, ((_, layers), part) in enumerate(zip(self.towers, inputs)):
      branches.append(Tower(layers, self.strides, self.dtype, name=f"tower_{index}")(part))
    if self.strides > 1:
      branches.append(max_pool(x, 3, strides=self.strides, padding="VALID"))
    else:
      x = _average_pool(x) if self.pool == "average" else max_pool(x, 3, strides=1, padding="SAME")
      branches.append(nn.relu(Conv(self.pooled, 1, dtype=self.dtype, name="pooled")(x)))
    return jnp.concatenate(branches, axis=-1)


class Fan(nn.Module):
  """A tower that ends in a row and in a column, side by side: [1, 3] and [3, 1].

  Attributes:
    layers: as of `Tower`, before it fans out; may be empty.
    features: of each of the two ends.
    dtype: compute type.
  """

  layers: tuple
  features: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """[batch, height, width, inputs] -> [batch, height, width, 2 * features]."""
    x = Tower(self.layers, dtype=self.dtype, name="tower")(x)
    row = Conv(self.features, (1, 3), dtype=self.dtype, name="row")(x)
    column = Conv(self.features, (3, 1), dtype=self.dtype, name="column")(x)
    return nn.relu(jnp.concatenate([row, column], axis=-1))


class Last(nn.Module):
  """One of the two modules of the smallest size.

  Attributes:
    pool: "average" or "max".
    dtype: compute type.
  """

  pool: str
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """[batch, 8, 8, inputs] -> [batch, 8, 8, 2048]."""
    reduced = nn.relu(Conv(320 + 384 + 448, 1, dtype=self.dtype, name="reduce")(x))
    first, near, far = jnp.split(reduced, (320, 704), axis=-1)
    near = Fan((), 384, self.dtype, name="near")(near)
    far = Fan(((384, (3, 3)),), 384, self.dtype, name="far")(far)
    x = _average_pool(x) if self.pool == "average" else max_pool(x, 3, strides=1, padding="SAME")
    pooled = nn.relu(Conv(192, 1, dtype=self.dtype, name="pooled")(x))
    return jnp.concatenate([first, near, far, pooled], axis=-1)


def _wide(pooled):
  """Fields of a module of 35x35 pixels."""
  return dict(
    first=64,
    towers=((48, ((64, (5, 5)),)), (64, ((96, (3, 3)), (96, (3, 3))))),
    pooled=pooled,
  )


def _long(features):
  """Fields of a module of 17x17 pixels: 7x7 windows as rows and columns."""
  row, column = (1, 7), (7, 1)
  near = ((features, row), (192, column))
  far = ((features, column), (features, row), (features, column), (192, row))
  return dict(first=192, towers=((features, near), (features, far)), pooled=192)


_MODULES = {
  "mixed": _wide(32),
  "mixed_1": _wide(64),
  "mixed_2": _wide(64),
  "mixed_4": _long(128),
  "mixed_5": _long(160),
  "mixed_6": _long(160),
  "mixed_7": _long(192),
  "mixed_8": dict(
    first=0,
    towers=((192, ((320, (3, 3)),)), (192, ((192, (1, 7)), (192, (7, 1)), (192, (3, 3))))),
    strides=2,
  ),
}


class Inception(nn.Module):
  """The features of FID.

  Attributes:
    dtype: compute type.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, frames: Array) -> Array:
    """Maps frames [batch, 299, 299, 3], (pixel - 128) / 128, to float32 features [batch, 2048].

    Raises:
      ValueError: frames of another size.
    """
    if frames.shape[1:] != (SIDE, SIDE, 3):
      raise ValueError(f"Inception reads frames of {SIDE}x{SIDE} and 3 channels, not {frames.shape[1:]}")

    def conv(features, size, name, strides=1, padding="VALID"):
      return Conv(features, size, strides=strides, padding=padding, dtype=self.dtype, name=name)

    x = nn.relu(conv(32, 3, "conv", strides=2)(frames))
    x = nn.relu(conv(32, 3, "conv_1")(x))
    x = nn.relu(conv(64, 3, "conv_2", padding="SAME")(x))
    x = max_pool(x, 3, strides=2, padding="VALID")
    x = nn.relu(conv(80, 1, "conv_3")(x))
    x = nn.relu(conv(192, 3, "conv_4")(x))
    x = max_pool(x, 3, strides=2, padding="VALID")
    for name in ("mixed", "mixed_1", "mixed_2"):
      x = Mixed(**_MODULES[name], dtype=self.dtype, name=name)(x)
    # A convolution and a tower that halve the size.
    halved = nn.relu(conv(384, 3, "mixed_3_conv", strides=2)(x))
    layers = ((64, (1, 1)), (96, (3, 3)), (96, (3, 3)))
    tower = Tower(layers, strides=2, dtype=self.dtype, name="mixed_3_tower")(x)
    x = jnp.concatenate([halved, tower, max_pool(x, 3, strides=2, padding="VALID")], axis=-1)
    for name in ("mixed_4", "mixed_5", "mixed_6", "mixed_7", "mixed_8"):
      x = Mixed(**_MODULES[name], dtype=self.dtype, name=name)(x)
    x = Last("average", self.dtype, name="mixed_9")(x)
    x = Last("max", self.dtype, name="mixed_10")(x)
    return x.mean((1, 2)).astype(jnp.float32)


def convert(flat: Mapping[str, np.ndarray]) -> dict[str, Any]:
  """The module's parameters from the weights `inception_2015` (see `vgjax.metrics.weights`)."""

  def merged(*units):
    kernels, biases = [], []
    for unit in units:
      scale = 1 / np.sqrt(flat[f"{unit}/var"].astype(np.float64) + _EPSILON)
      kernels.append(flat[f"{unit}/kernel"] * scale)
      biases.append(flat[f"{unit}/beta"] - flat[f"{unit}/mean"] * scale)
    kernel, bias = np.concatenate(kernels, -1), np.concatenate(biases)
    return {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}

  def tower(unit, first, layers):
    return {f"conv_{i}": merged(f"{unit}/conv_{first + i}") for i in range(layers)}

  params: dict[str, Any] = {name: merged(name) for name in ("conv", "conv_1", "conv_2", "conv_3", "conv_4")}
  for name, fields in _MODULES.items():
    units = [f"{name}/tower", f"{name}/tower_1"]
    first = [f"{name}/conv"] if fields["first"] else []
    params[name] = {"reduce": merged(*first, *(f"{unit}/conv" for unit in units))}
    for index, (unit, (_, layers)) in enumerate(zip(units, fields["towers"])):
      params[name][f"tower_{index}"] = tower(unit, 1, len(layers))
    if fields.get("pooled"):
      params[name]["pooled"] = merged(f"{name}/tower_2/conv")
  params["mixed_3_conv"] = merged("mixed_3/conv")
  params["mixed_3_tower"] = {"conv_0": merged("mixed_3/tower/conv"), **{
    f"conv_{i}": merged(f"mixed_3/tower/conv_{i}") for i in (1, 2)
  }}  # fmt: skip
  for name in ("mixed_9", "mixed_10"):

    def fan(unit):
      return {"row": merged(f"{unit}_mixed_conv"), "column": merged(f"{unit}_mixed_conv_1")}

    params[name] = {
      "reduce": merged(*(f"{name}/{unit}" for unit in ("conv", "tower_conv", "tower_1_conv"))),
      "near": fan(f"{name}/tower"),
      "far": {"tower": {"conv_0": merged(f"{name}/tower_1_conv_1")}, **fan(f"{name}/tower_1")},
      "pooled": merged(f"{name}/tower_2_conv"),
    }
  return params


Module = Inception
