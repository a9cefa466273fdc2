"""Convolution with a kernel for each pixel against the sum that it is."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.models.layers import local_conv as layer

# Optimised code would take longer to compile than it takes to run here.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def inputs(batch=2, height=4, width=7, channels=3, taps=5):
  rng = np.random.default_rng(0)
  x = rng.standard_normal((batch, height + taps - 1, width + taps - 1, channels))
  column, row = rng.standard_normal((2, batch, height, width, taps))
  return [np.float32(a) for a in (x, column, row)]


def plain(x, column, row):
  """The sum over all taps."""
  height, width, taps = column.shape[1:]
  return sum(
    x[:, i : i + height, j : j + width] * column[..., i, None] * row[..., j, None]
    for i in range(taps)
    for j in range(taps)
  )


@pytest.mark.parametrize("block", [3, 7, 64])  # a last block that is not full, one block, and a wider one
def test_equals_the_sum_and_so_do_its_gradients(monkeypatch, block):
  monkeypatch.setattr(layer, "BLOCK", block)
  arrays = inputs()
  weight = np.float32(np.random.default_rng(1).standard_normal((2, 4, 7, 3)))

  def loss(convolve, *arrays):
    y = convolve(*arrays)
    return (y * weight).sum(), y

  def run(convolve):
    gradient = jax.value_and_grad(functools.partial(loss, convolve), argnums=(0, 1, 2), has_aux=True)
    return jax.jit(gradient, compiler_options=QUICK)(*arrays)

  (_, found), gradients = run(layer.local_conv)
  (_, wanted), wanted_gradients = run(plain)
  np.testing.assert_allclose(found, wanted, atol=1e-5)
  for one, other in zip(gradients, wanted_gradients, strict=True):
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_kernels_that_pick_one_pixel_move_the_picture():
  x, column, row = inputs()
  column, row = np.zeros_like(column), np.zeros_like(row)
  column[..., 3] = row[..., 1] = 1
  np.testing.assert_array_equal(layer.local_conv(x, column, row), x[:, 3 : 3 + 4, 1 : 1 + 7])


def test_its_memory_is_that_of_a_row():
  """All windows of this picture together would be 128 MB, and twice that for the gradient."""
  shapes = [
    jax.ShapeDtypeStruct(shape, jnp.float32) for shape in [(1, 114, 114, 3), (1, 64, 64, 51), (1, 64, 64, 51)]
  ]
  gradient = jax.grad(lambda *arrays: jnp.square(layer.local_conv(*arrays)).sum(), argnums=(1, 2))
  compiled = jax.jit(gradient, compiler_options=QUICK).lower(*shapes).compile()
  assert compiled.memory_analysis().temp_size_in_bytes < 16e6


def test_bfloat16_is_computed_in_float32():
  arrays = inputs()
  low = [jnp.asarray(a, jnp.bfloat16) for a in arrays]
  found = layer.local_conv(*low)
  assert found.dtype == jnp.float32
  np.testing.assert_allclose(found, plain(*(np.asarray(a, np.float32) for a in low)), atol=1e-5)


def test_kernels_of_another_size_are_refused():
  x, column, row = inputs()
  with pytest.raises(ValueError, match="do not fit x"):
    layer.local_conv(x[:, 1:], column, row)
  with pytest.raises(ValueError, match="do not fit x"):
    layer.local_conv(x, column, row[..., 1:])
