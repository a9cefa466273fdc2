"""The kernels of several inputs as one, because one large convolution is faster than some that add up."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.initializers import torch_kernel

Array = Any


class JoinedKernel(nn.Module):
  """The kernels of several inputs whose convolutions add up, as the one kernel of the inputs joined.

  Each is a parameter of its own, "<input>_kernel", and drawn as PyTorch draws it.

  Attributes:
    outputs: channels of the result.
    kernel_size: window, odd.
    kernel_init: how each is drawn.
  """

  outputs: int
  kernel_size: int
  kernel_init: Callable = torch_kernel()

  @nn.compact
  def __call__(self, **channels: int) -> Array:
    """[window, window, sum of channels, outputs], in the order of the keywords {input: its channels}."""
    window = (self.kernel_size, self.kernel_size)
    parts = [
      self.param(f"{name}_kernel", self.kernel_init, (*window, count, self.outputs), jnp.float32)
      for name, count in channels.items()
    ]
    return jnp.concatenate(parts, axis=-2)
