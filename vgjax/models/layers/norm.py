"""Batch, group and instance normalisation, written for speed on channels-last data.

All reduce over space first and keep the channels, so the statistics are small arrays, and all
end in one multiply-add, `x * scale + shift`. The backward pass that JAX derives from this form
reads the data twice, which is the least possible. Parameters are called `scale` and `bias` as in
Flax; statistics are always float32.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import lax

Array = Any


class BatchNorm(nn.Module):
  """Batch normalisation, equal to PyTorch's.

  Normalises each channel with the mean and the variance of all other axes. What differs from
  `flax.linen.BatchNorm`: the running variance is the unbiased one (divided by n - 1), as PyTorch
  keeps it, and the defaults are PyTorch's. Over a batch that is sharded in a jitted function, the
  statistics are those of the global batch.

  Attributes:
    use_running_average: normalise with the running statistics and leave them unchanged.
    momentum: share of the old running statistics that survives a step (PyTorch calls 0.1 what is
      0.9 here).
    epsilon: added to the variance.
    use_scale: whether it has a learned scale; a conditional one comes from elsewhere.
    use_bias: whether it has a learned bias.
    scale_init: initial values of the scale.
    dtype: of the result.
  """

  use_running_average: bool
  momentum: float = 0.9
  epsilon: float = 1e-5
  use_scale: bool = True
  use_bias: bool = True
  scale_init: Callable = nn.initializers.ones
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Normalises x [..., channels]; the result has its shape."""
    channels = x.shape[-1]
    scale = self.param("scale", self.scale_init, (channels,), jnp.float32) if self.use_scale else 1.0
    bias = self.param("bias", nn.initializers.zeros, (channels,), jnp.float32) if self.use_bias else 0.0
    running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,), jnp.float32)
    running_var = self.variable("batch_stats", "var", jnp.ones, (channels,), jnp.float32)

    if self.use_running_average:
      mean, var = running_mean.value, running_var.value
    else:
      axes = tuple(range(x.ndim - 1))
      count = x.size // channels
      data = x.astype(jnp.float32)
      mean = jnp.mean(data, axes)
      var = jnp.maximum(jnp.mean(lax.square(data), axes) - lax.square(mean), 0)
      if not self.is_initializing():
        keep = self.momentum
        unbiased = var * (count / max(count - 1, 1))
        running_mean.value = keep * running_mean.value + (1 - keep) * mean
        running_var.value = keep * running_var.value + (1 - keep) * unbiased

    scale = scale * lax.rsqrt(var + self.epsilon)
    shift = bias - mean * scale
    return (x * scale + shift).astype(self.dtype)


class GroupNorm(nn.Module):
  """Group normalisation: mean and variance of each example over space and a group of channels.

  Attributes:
    groups: number of groups; must divide the channels.
    epsilon: added to the variance.
    dtype: of the result.
  """

  groups: int
  epsilon: float = 1e-5
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Normalises x [batch, *spatial, channels]; the result has its shape."""
    batch, *spatial, channels = x.shape
    if channels % self.groups:
      raise ValueError(f"{channels} channels do not divide into {self.groups} groups")
    scale = self.param("scale", nn.initializers.ones, (channels,), jnp.float32)
    bias = self.param("bias", nn.initializers.zeros, (channels,), jnp.float32)

    axes = tuple(range(1, x.ndim - 1))
    data = x.astype(jnp.float32)

    def mean_of(data):  # [batch, groups]
      by_channel = jnp.mean(data, axes)
      return jnp.mean(by_channel.reshape(batch, self.groups, -1), axis=-1)

    mean = mean_of(data)
    var = jnp.maximum(mean_of(lax.square(data)) - lax.square(mean), 0)

    def to_channels(statistic):  # [batch, 1, ..., channels]
      by_channel = jnp.repeat(statistic, channels // self.groups, axis=-1)
      return by_channel.reshape(batch, *(1 for _ in spatial), channels)

    scale = scale * to_channels(lax.rsqrt(var + self.epsilon))
    shift = bias - to_channels(mean) * scale
    return (x * scale + shift).astype(self.dtype)


def instance_norm(x: Array, epsilon: float = 1e-5) -> Array:
  """Mean 0 and variance 1 of each channel of each frame, or video: all axes but the first and the last.

  Without scale and bias, as CycleGAN has it (Ulyanov et al. 2016, arXiv:1607.08022). A video is normalised
  over its time too: frames that are normalised one by one flicker.

  Args:
    x: [batch, *spatial, channels]; the result has its shape and type.
    epsilon: added to the variance.
  """
  axes = tuple(range(1, x.ndim - 1))
  data = x.astype(jnp.float32)
  mean = jnp.mean(data, axes, keepdims=True)
  # Not the mean of squares less the squared mean, which loses the small variance of an almost flat map.
  var = jnp.mean(lax.square(data - mean), axes, keepdims=True)
  return ((data - mean) * lax.rsqrt(var + epsilon)).astype(x.dtype)


class InstanceNorm(nn.Module):
  """`instance_norm` with a learned scale and bias.

  Attributes:
    epsilon: added to the variance; 1.001e-5 is the least that TensorFlow's fused normalisation takes.
    dtype: of the result.
  """

  epsilon: float = 1.001e-5
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Normalises x [batch, *spatial, channels]; the result has its shape."""
    scale = self.param("scale", nn.initializers.ones, (x.shape[-1],), jnp.float32)
    bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],), jnp.float32)
    return (instance_norm(x.astype(jnp.float32), self.epsilon) * scale + bias).astype(self.dtype)
