"""Spectral normalisation: a kernel over its largest singular value (Miyato et al. 2018, arXiv:1802.05957).

  kernel / sigma,   sigma = v' W u,   W = the kernel as a matrix [window * in, out]

u and v come from power iteration, one step each time the kernel is used in training; u is kept in
`batch_stats`. No gradient flows through u and v, it does through W. Flax's `SpectralNorm` does the same to a
whole layer at each call; this one gives the kernel, which a recurrent layer then uses at every step.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import conv

Array = Any


class SpectralKernel(nn.Module):
  """The parameter `kernel`, divided by its largest singular value.

  Attributes:
    shape: [*window, in, out].
    kernel_init: initial values.
    dtype: of the result.
  """

  shape: tuple[int, ...]
  kernel_init: Callable = nn.initializers.orthogonal()
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, *, train: bool) -> Array:
    """The normalised kernel; in training u makes a step."""
    kernel = self.param("kernel", self.kernel_init, self.shape, jnp.float32)
    matrix = kernel.reshape(-1, self.shape[-1])

    def first():
      return _unit(jax.random.normal(self.make_rng("params"), (self.shape[-1],), jnp.float32))

    kept = self.variable("batch_stats", "u", first)
    still = jax.lax.stop_gradient(matrix)
    v = _unit(still @ kept.value)
    u = _unit(v @ still)
    if train and not self.is_initializing():
      kept.value = u
    sigma = v @ matrix @ u
    return (kernel / jnp.maximum(sigma, 1e-12)).astype(self.dtype)


class SpectralConv(nn.Module):
  """A convolution of stride 1 at unchanged size, its kernel normalised; with a bias.

  Attributes:
    features: output channels.
    window: pixels a side; 1 for a dense layer.
    kernel_init: initial values of the kernel.
    dtype: compute type.
  """

  features: int
  window: int = 3
  kernel_init: Callable = nn.initializers.orthogonal()
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool) -> Array:
    """Maps [batch, height, width, in] or [batch, in] to as many features."""
    window: Sequence[int] = (self.window,) * (x.ndim - 2)
    shape = (*window, x.shape[-1], self.features)
    kernel = SpectralKernel(shape, self.kernel_init, self.dtype, name="spectral")(train=train)
    bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32).astype(self.dtype)
    x = x.astype(self.dtype)
    return (conv(x, kernel) if window else x @ kernel) + bias


def _unit(x):
  return x / (jnp.linalg.norm(x) + 1e-12)
