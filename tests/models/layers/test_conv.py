"""Convolutions equal lax's in value and in gradients of every order, under every transformation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.models.layers.conv_reference import (
  CASES,
  arrays,
  assert_close,
  check_equals_lax,
  reference,
  value_and_gradients,
)
from vgjax.models.layers import conv_dense
from vgjax.models.layers.conv import Conv, ConvTranspose, conv, conv_transpose


@pytest.mark.parametrize("case", CASES)
def test_equals_lax(case, monkeypatch):
  monkeypatch.setattr(conv_dense, "FEATURES", 1)  # the forms for few pixels of many channels
  check_equals_lax(*CASES[case])


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("window, stride", [(4, 2), (3, 2), (2, 3), (1, 2), (5, 1)])
def test_transpose_equals_lax(window, stride, padding):
  x, kernel = arrays((2, 3, 4, 2), (window, 3, 2, 3))
  options = dict(strides=(stride, 2), padding=padding)
  found = value_and_gradients(functools.partial(conv_transpose, **options), x, kernel)
  assert_close(found, value_and_gradients(lambda x, k: lax.conv_transpose(x, k, **options), x, kernel))


@pytest.mark.parametrize("window, stride, padding, extra", [(4, 2, 1, 0), (3, 2, 1, 1), (3, 3, 0, 2)])
def test_transpose_with_numbers_is_the_gradient_of_a_convolution(window, stride, padding, extra):
  """PyTorch's definition: the transposed map of the convolution with the same kernel, not flipped."""
  x, kernel = arrays((2, 3, 4, 2, 2), (window,) * 3 + (2, 3))
  found = conv_transpose(x, kernel, strides=stride, padding=padding, output_padding=extra)
  size = [(n - 1) * stride - 2 * padding + window + extra for n in x.shape[1:-1]]
  assert found.shape == (2, *size, 3)
  flipped = jnp.flip(kernel, axis=(0, 1, 2)).swapaxes(-2, -1)
  forward = lambda image: reference(image, flipped, strides=stride, padding=padding)
  assert_close(found, jax.linear_transpose(forward, found)(x)[0])


@pytest.mark.parametrize("case", ["2d dilated strided", "2d depthwise", "3d strided", "2d grouped"])
def test_second_derivatives_equal_lax(case):
  size, window, depth, features, options = CASES[case]
  groups = options.get("groups", 1)
  x, kernel = arrays((2, *size, depth), (*window, depth // groups, features))

  def penalty(function, x, kernel):  # as of a Wasserstein critic, and of its kernel too
    value = lambda x, kernel: jnp.sin(function(x, kernel, **options)).sum()
    return sum((gradient**2).sum() for gradient in jax.grad(value, argnums=(0, 1))(x, kernel))

  second = lambda f: jax.jit(jax.grad(functools.partial(penalty, f), argnums=(0, 1)))(x, kernel)
  assert_close(second(conv), second(reference), 1e-4)


def test_forward_derivative_equals_lax():
  x, kernel, dx, dkernel = arrays((2, 5, 5, 2), (3, 3, 2, 3), (2, 5, 5, 2), (3, 3, 2, 3))
  push = lambda f: jax.jvp(functools.partial(f, strides=2), (x, kernel), (dx, dkernel))
  assert_close(push(conv), push(reference))


def test_scan_and_checkpoint_equal_an_unrolled_loop():
  x, kernel = arrays((2, 6, 6, 3), (3, 3, 3, 3))

  @jax.checkpoint
  def step(x, kernel):
    return jnp.tanh(conv(x, kernel))

  def scanned(x, kernel):
    return lax.scan(lambda x, _: (step(x, kernel), None), x, length=3)[0].sum()

  def unrolled(x, kernel):
    for _ in range(3):
      x = jnp.tanh(reference(x, kernel))
    return x.sum()

  both = lambda f: jax.jit(jax.value_and_grad(f, argnums=(0, 1)))(x, kernel)
  assert_close(both(scanned), both(unrolled))


@pytest.mark.parametrize("axes", [(0, None), (None, 3), (1, 0)])
def test_vmap_equals_lax(axes):
  shape, window = [2, 5, 5, 2], [3, 3, 2, 3]
  for dims, axis in zip((shape, window), axes):
    if axis is not None:
      dims.insert(axis, 3)
  x, kernel = arrays(shape, window)

  def mapped(function):  # of the gradients, so that all three maps are batched
    loss = lambda x, kernel: jnp.sin(function(x, kernel, strides=2)).sum()
    return jax.jit(jax.vmap(jax.grad(loss, argnums=(0, 1)), in_axes=axes))(x, kernel)

  assert_close(mapped(conv), mapped(reference))


def test_bfloat16_is_float32_rounded_once():
  x, kernel = (array.astype(jnp.bfloat16) for array in arrays((2, 6, 6, 4), (3, 3, 4, 4)))
  wide = value_and_gradients(reference, x.astype(jnp.float32), kernel.astype(jnp.float32))
  found = value_and_gradients(conv, x, kernel)
  assert_close(found, jax.tree.map(lambda a: a.astype(jnp.bfloat16), wide), 1e-2)
  assert conv(x, kernel.astype(jnp.float32)).dtype == jnp.float32


def test_sharded_inputs_give_the_result_of_one_device():
  if jax.device_count() < 8:
    pytest.skip("needs 8 devices; tests/conftest.py asks for as many fake ones")
  mesh = jax.make_mesh((4, 2), ("data", "fsdp"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
  spec = jax.sharding.PartitionSpec
  place = lambda array, *names: jax.device_put(array, jax.sharding.NamedSharding(mesh, spec(*names)))
  x, dense, depthwise = arrays((8, 6, 6, 4), (3, 3, 4, 4), (3, 3, 1, 4))

  def loss(x, dense, depthwise):
    return jnp.sin(conv(conv(x, dense, strides=2), depthwise, groups=4)).sum()

  gradients = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))
  names = (("data", "fsdp"),), (None, None, None, "fsdp"), (None, None, None, "fsdp")
  sharded = [place(array, *spec) for array, spec in zip((x, dense, depthwise), names)]
  assert_close(gradients(*sharded), gradients(x, dense, depthwise))


def test_accelerators_get_the_native_convolution():
  """One traced program: on the CPU a depthwise convolution is none at all, elsewhere it is XLA's."""
  x, kernel = arrays((2, 8, 8, 4), (3, 3, 1, 4))
  traced = jax.jit(jax.grad(lambda k: conv(x, k, groups=4).sum())).trace(kernel)
  for platform in ("cuda", "tpu"):
    assert "stablehlo.convolution" in traced.lower(lowering_platforms=(platform,)).as_text()
  assert "stablehlo.convolution" not in traced.lower(lowering_platforms=("cpu",)).as_text()


def test_modules_have_the_parameters_and_types_that_they_say():
  (x,) = arrays((2, 6, 6, 4))
  module = Conv(8, 3, strides=2, groups=2, dtype=jnp.bfloat16)
  params = module.init(jax.random.key(0), x)["params"]
  assert jax.tree.map(lambda a: (a.shape, a.dtype), params) == {
    "kernel": ((3, 3, 2, 8), jnp.float32),
    "bias": ((8,), jnp.float32),
  }
  y = module.apply({"params": params}, x)
  assert y.shape == (2, 3, 3, 8) and y.dtype == jnp.bfloat16
  params = {"kernel": params["kernel"], "bias": jnp.full((8,), 3.0)}
  more = module.apply({"params": params}, x)
  np.testing.assert_allclose((more - y).astype(np.float32), 3, atol=0.05)

  module = ConvTranspose(5, (4, 2), strides=(2, 1), padding=((1, 1), (0, 1)), use_bias=False)
  params = module.init(jax.random.key(0), x)["params"]
  assert jax.tree.map(jnp.shape, params) == {"kernel": (4, 2, 4, 5)}
  assert module.apply({"params": params}, x).shape == (2, 12, 6, 5)


@pytest.mark.parametrize(
  "shape, window, options, message",
  [
    ((2, 5, 5, 4), (3, 3, 3, 4), {}, "groups"),
    ((2, 5, 5, 4), (3, 3, 4), {}, "spatial dimensions"),
    ((2, 5, 5, 4), (7, 7, 4, 4), dict(padding="VALID"), "larger than the padded"),
    ((2, 5, 5, 4), (3, 3, 4, 4), dict(strides=(1, 2, 3)), "3 entries for 2"),
  ],
)
def test_what_does_not_fit_is_named(shape, window, options, message):
  with pytest.raises(ValueError, match=message):
    conv(*arrays(shape, window), **options)
