"""Convolutions over time, height and width, each with group normalisation and SiLU."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import Conv
from vgjax.models.layers.norm import GroupNorm

Array = Any


class VideoBlock(nn.Module):
  """Some convolutions of 3x3x3, one after the other.

  Attributes:
    features: output channels of each.
    factored: a convolution of 1x3x3 and one of 3x1x1 instead, with normalisation and SiLU between them: the
      "(2+1)D" of Tran et al. 2018 (arXiv:1711.11248), but for the channels between, which are `features`
      (there as many as give the parameters of 3x3x3): 2.25 times fewer multiplications between equal widths.
    groups: groups of the normalisation; must divide all features.
    dtype: compute type.
  """

  features: tuple[int, ...]
  factored: bool = False
  groups: int = 8
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, time, height, width, channels] to [batch, time, height, width, features[-1]]."""
    windows = {"space": (1, 3, 3), "time": (3, 1, 1)} if self.factored else {"conv": (3, 3, 3)}
    # Without the barrier the compiler folds what was joined before this block into every sum that reads it.
    x = jax.lax.optimization_barrier(x)
    for index, features in enumerate(self.features):
      for name, window in windows.items():
        x = Conv(features, window, dtype=self.dtype, name=f"{name}_{index}")(x)
        x = nn.silu(GroupNorm(self.groups, dtype=self.dtype, name=f"{name}_norm_{index}")(x))
    return x
