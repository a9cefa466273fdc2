"""What tests of layers share: arrays, how to compile what runs once, a convolution by numpy."""

import jax
import numpy as np

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def normal(shapes, scale=1.0):
  """Arrays of these shapes; by numpy, which need not compile for each."""
  rng = np.random.default_rng(1)
  return jax.tree.map(lambda s: (scale * rng.normal(size=s.shape)).astype(np.float32), shapes)


def convolved(x, kernel):
  """A 3x3 convolution of x [batch, height, width, in] at unchanged size, by numpy."""
  x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
  return np.einsum("bhwiyx,yxio->bhwo", windows, kernel)
