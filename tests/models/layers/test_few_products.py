"""Convolutions with few multiplications, Winograd's and through the Fourier transform, against plain lax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from vgjax.models.layers import few_products, fourier, winograd
from vgjax.models.layers.recurrent import unroll


def plain(x, kernel):
  """lax's convolution at unchanged size."""
  return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def check(form, window, size, bound):
  rng = np.random.default_rng(0)
  x = rng.normal(size=(2, *size, 3)).astype(np.float32)
  y = rng.normal(size=(2, *size, 5)).astype(np.float32)
  kernel = rng.normal(size=(window, window, 3, 5)).astype(np.float32)
  expected, backward = jax.vjp(plain, x, kernel)
  points = form.transform_kernel(kernel, size)
  for actual, wanted in zip(
    (
      form.convolve(x, points, window),
      form.input_gradient(y, points, window),
      form.kernel_gradient(x, y, window),
    ),
    (expected, *backward(y)),
    strict=True,
  ):
    np.testing.assert_allclose(actual, wanted, atol=bound * np.std(wanted))
  assert len(points) * tiles(form, window, size) == form.products(window, size)


def tiles(form, window, size):
  if form is winograd:
    return np.prod([-(-length // (winograd.TILE + 1 - window)) for length in size])
  return np.prod([fourier.axis(length, window).tiles for length in size])


@pytest.mark.parametrize("window", [3, 5])
@pytest.mark.parametrize("size", [(4, 8), (12, 4), (7, 6), (3, 5)])
def test_winograd_equals_lax_in_value_and_gradients(window, size):
  check(winograd, window, size, 3e-5)


@pytest.mark.parametrize("window", [3, 5, 7])
@pytest.mark.parametrize("size", [(3, 3), (7, 4), (1, 12), (16, 13), (9, 21)])
def test_fourier_equals_lax_in_value_and_gradients(window, size):
  check(fourier, window, size, 6e-6)


def test_winograd_knows_where_it_pays():
  assert winograd.pays((3, 3), (8, 8)) and winograd.pays((5, 5), (8, 8))
  assert winograd.pays((3, 3), (3, 3)) and winograd.pays((5, 5), (7, 7))  # 16 for 9 pixels, 64 for 49
  assert not winograd.pays((3, 3), (5, 5)) and not winograd.pays((5, 5), (3, 3))
  assert not winograd.pays((7, 7), (8, 8)) and not winograd.pays((3, 5), (8, 8))


def test_as_many_products_as_the_docstring_says():
  assert fourier.products(3, (3, 3)) == 22 and fourier.products(5, (7, 7)) == 121


def test_the_form_follows_the_count_of_multiplications():
  assert few_products.form((5, 5), (512, 7, 7), 64, 192) is fourier  # AlexNet's second convolution
  assert few_products.form((3, 3), (512, 3, 3), 384, 256) is fourier
  assert few_products.form((3, 3), (16, 64, 64), 64, 128) is winograd  # Fourier's matrices cost more
  assert few_products.form((3, 3), (16, 64, 64), 64, 64) is None
  assert few_products.form((3, 3), (64, 12, 12), 128, 128) is winograd
  assert few_products.form((3, 3), (16, 8, 8), 16, 16) is None  # of few channels the transforms cost more
  assert few_products.form((3, 3), (2, 4, 4), 512, 512) is None  # a large kernel for few pixels
  assert few_products.form((3, 5), (512, 7, 7), 64, 192) is None
  assert few_products.form_in_loop((5, 5), (16, 16, 16), 128, 512) is fourier
  assert few_products.form_in_loop((5, 5), (2, 16, 16), 128, 512) is winograd


@pytest.mark.parametrize("batch", [4, 16])  # Winograd's form, and Fourier's
def test_a_loop_over_time_equals_lax_in_either_form(batch):
  rng = np.random.default_rng(0)
  inputs = jnp.asarray(rng.normal(size=(3, batch, 9, 10, 4)), jnp.float32)
  kernels = {"x": jnp.asarray(rng.normal(size=(5, 5, 8, 4)) / 10, jnp.float32)}
  form = few_products.form_in_loop((5, 5), (batch, 9, 10), 8, 4)
  assert form is (fourier if batch == 16 else winograd)

  def cell(convolve, carry, x):
    # The first step has no state: its convolution reads fewer channels than the kernel has.
    h = jnp.tanh(convolve("x", x if carry is None else jnp.concatenate([x, carry], axis=-1)))
    return h, h

  def loop(kernels, inputs):
    return unroll(cell, kernels, inputs)[1]

  def written_out(kernels, inputs):
    carry, ys = None, []
    for x in inputs:
      carry, y = cell(lambda name, x: plain(x, kernels[name][:, :, : x.shape[-1]]), carry, x)
      ys.append(y)
    return jnp.stack(ys)

  def run(function):
    y, pull = jax.vjp(function, kernels, inputs)
    return y, pull(jnp.cos(jnp.arange(y.size)).reshape(y.shape))

  for found, expected in zip(*(jax.tree.leaves(run(f)) for f in (loop, written_out)), strict=True):
    np.testing.assert_allclose(found, expected, atol=1e-5 * float(jnp.abs(expected).max()))
