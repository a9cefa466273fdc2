"""Initial values of the reference implementations, which are not Flax's.

PyTorch draws kernel and bias of a convolution from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), where
fan_in is the number of inputs of one output: window size times input channels a group.
"""

import math

import jax
from flax import linen as nn


def torch_kernel():
  """PyTorch's default for kernels; in PyTorch's words, Kaiming uniform with a = sqrt(5)."""
  return nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def torch_bias(fan_in: int):
  """PyTorch's default for the bias of a layer whose outputs have `fan_in` inputs each."""
  bound = 1 / math.sqrt(fan_in)

  def init(key, shape, dtype):
    return jax.random.uniform(key, shape, dtype, -bound, bound)

  return init


def he_fan_out(groups: int = 1):
  """N(0, 2 / fan_out), with fan_out counted within one group, as ResNets have it."""
  return nn.initializers.variance_scaling(2.0 * groups, "fan_out", "normal")
