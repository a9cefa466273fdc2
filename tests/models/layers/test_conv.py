"""Convolutions equal lax's in value and in gradients of every order, under every transformation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from vgjax.models.layers import (
  cell_products,
  conv_cells,
  conv_cpu,
  conv_dense,
  conv_ops,
  few_products,
  parts,
  winograd,
)
from vgjax.models.layers.conv import Conv, ConvTranspose, conv, conv_transpose

# size, window, in, out, and the arguments of conv
CASES = {
  "1d strided": ((9,), (4,), 3, 2, dict(strides=2)),
  "1d depthwise dilated": ((7,), (3,), 4, 4, dict(dilation=2, groups=4)),
  "2d": ((5, 7), (3, 3), 2, 3, dict()),
  "2d pointwise strided": ((5, 6), (1, 1), 3, 2, dict(strides=(2, 3))),
  "2d strided odd": ((9, 7), (3, 4), 2, 3, dict(strides=2, padding=1)),
  "2d asymmetric": ((6, 5), (2, 3), 2, 2, dict(strides=(1, 2), padding=((0, 2), (3, 0)))),
  "2d cropping": ((8, 9), (3, 2), 2, 2, dict(strides=(3, 1), padding=((-1, 0), (1, -2)))),
  "2d dilated strided": ((11, 9), (3, 2), 2, 2, dict(strides=(2, 4), dilation=(3, 2), padding=2)),
  "2d covering": ((4, 4), (4, 4), 2, 3, dict(padding="VALID")),
  "2d grouped": ((5, 4), (3, 3), 6, 3, dict(groups=3, strides=(2, 1))),
  "2d depthwise": ((5, 19), (3, 5), 3, 3, dict(groups=3)),
  "2d depthwise strided, two each": ((7, 6), (3, 3), 2, 4, dict(groups=2, strides=2, dilation=2)),
  "2d wide window": ((2, 2), (5, 5), 1, 2, dict(padding=2)),
  "3d strided": ((4, 6, 5), (4, 4, 4), 2, 3, dict(strides=2, padding=1)),
  "3d in time only": ((5, 3, 3), (3, 1, 1), 2, 2, dict()),
  "3d depthwise": ((3, 4, 5), (3, 3, 3), 2, 2, dict(groups=2)),
}


def arrays(*shapes, seed=0):
  rng = np.random.default_rng(seed)
  return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


def reference(x, kernel, *, strides=1, padding="SAME", dilation=1, groups=1):
  ndim = x.ndim - 2
  many = lambda value: (value,) * ndim if isinstance(value, int) else value
  if not isinstance(padding, str):
    padding = [(p, p) if isinstance(p, int) else p for p in many(padding)]
  letters = "DHW"[3 - ndim :]
  return lax.conv_general_dilated(
    x,
    kernel,
    many(strides),
    padding,
    rhs_dilation=many(dilation),
    feature_group_count=groups,
    dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
  )


def value_and_gradients(function, x, kernel):
  """The value and both gradients under one fixed, not constant, cotangent."""

  def run(x, kernel):
    y, pull = jax.vjp(function, x, kernel)
    return y, *pull(jnp.cos(jnp.arange(y.size)).reshape(y.shape).astype(y.dtype))

  return jax.jit(run)(x, kernel)


def assert_close(found, expected, tolerance=1e-5):
  for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
    assert a.shape == b.shape and a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * float(jnp.abs(b).max() + 1))


DENSE = [case for case in CASES if "groups" not in CASES[case][-1]]


@pytest.mark.parametrize("case", CASES)
def test_equals_lax(case, monkeypatch):
  monkeypatch.setattr(conv_dense, "FEATURES", 1)  # the forms for few pixels of many channels
  check_equals_lax(*CASES[case])


@pytest.mark.parametrize("case", DENSE)
def test_the_forms_for_large_arrays_equal_lax(case, monkeypatch):
  monkeypatch.setattr(conv_dense, "PATCHES", 0)
  monkeypatch.setattr(conv_dense, "PIXELS", 1)
  check_equals_lax(*CASES[case])


@pytest.mark.parametrize(
  "window, size", [((3, 3), (4, 8)), ((3, 3), (7, 6)), ((5, 5), (6, 5)), ((2, 3, 3), (3, 8, 4))]
)
def test_the_form_with_fewer_multiplications_equals_lax(window, size, monkeypatch):
  for name in ("CHANNELS", "PAIRS", "PIXELS"):
    monkeypatch.setattr(few_products, name, 1)
  monkeypatch.setattr(few_products, "TILES", 10**9)  # of `fourier`
  used = []
  transform = winograd.transform_kernel
  monkeypatch.setattr(winograd, "transform_kernel", lambda *arrays: used.append(0) or transform(*arrays))
  check_equals_lax(size, window, 3, 5, dict())
  assert used


def test_kernel_gradients_of_few_channels_take_fewer_multiplications_too(monkeypatch):
  monkeypatch.setattr(few_products, "GRADIENT_PIXELS", 1)
  used = []
  gradient = winograd.kernel_gradient
  monkeypatch.setattr(winograd, "kernel_gradient", lambda *arrays: used.append(0) or gradient(*arrays))
  check_equals_lax((8, 6), (3, 3), 2, 5, dict())
  assert used
  used.clear()
  check_equals_lax((8, 10), (5, 5), 2, 5, dict())  # nothing is gained there
  monkeypatch.setattr(few_products, "GRADIENT_NUMBERS", 1)
  check_equals_lax((8, 8), (3, 3), 2, 5, dict())
  assert not used


@pytest.mark.parametrize(
  "size, window, options", [((8, 6), (3, 3), {}), ((4, 6, 6), (4, 4, 4), dict(strides=2, padding=1))]
)
def test_kernel_gradients_are_summed_over_parts_of_the_batch(size, window, options, monkeypatch):
  monkeypatch.setattr(conv_dense, "PART", 1)
  monkeypatch.setattr(conv_dense, "DEPTH", 1)
  examples = []
  whole = conv_dense._kernel_gradient
  monkeypatch.setattr(
    conv_dense, "_kernel_gradient", lambda x, y, g: examples.append(len(x)) or whole(x, y, g)
  )
  check_equals_lax(size, window, 1, 1, options)
  assert examples and set(examples) == {1}  # of two


@pytest.fixture
def form_of_cells(monkeypatch):
  """Small frames take the form of cells too; returns the names of its maps that are used."""
  for name in ("CONVOLVED_PIXELS", "MOVED_PIXELS"):
    monkeypatch.setattr(conv_cells, name, 0)
  monkeypatch.setattr(conv_cells, "CONVOLVED_DEEPER", 10**9)
  used = set()
  maps = (
    *("input_gradient_convolved", "input_gradient_painted"),
    *("kernel_gradient", "_product_of_moved_y", "_product_of_moved_cells"),
  )
  for name in maps:
    form = getattr(conv_cells, name)
    recorded = lambda *arrays, name=name, form=form, **g: used.add(name) or form(*arrays, **g)
    monkeypatch.setattr(conv_cells, name, recorded)
  return used


CELLS = [
  ((4, 6, 6), (4, 4, 4), 2, 1),
  ((5, 7, 6), (4, 4, 4), 2, 1),  # the last pixels are not read
  ((6, 8, 6), (4, 4, 4), (1, 2, 2), ((0, 0), (1, 1), (1, 1))),
  ((4, 6, 9), (2, 4, 6), (2, 2, 3), ((0, 2), (3, 1), (2, 1))),
  ((8, 6), (4, 4), 2, 1),
]


@pytest.mark.parametrize("size, window, strides, padding", CELLS)
@pytest.mark.parametrize("features, gradient, moved", [(5, "convolved", "y"), (40, "painted", "cells")])
def test_the_form_of_cells_equals_lax(
  size, window, strides, padding, features, gradient, moved, form_of_cells
):
  check_equals_lax(size, window, 3, features, dict(strides=strides, padding=padding))
  assert form_of_cells == {
    *(f"input_gradient_{gradient}", "kernel_gradient"),
    f"_product_of_moved_{moved}",
  }


@pytest.mark.parametrize("size, window, strides, padding", CELLS)
def test_pictures_of_many_channels_have_another_kernel_gradient(
  size, window, strides, padding, form_of_cells, monkeypatch
):
  monkeypatch.setattr(conv_cells, "MOVED_FLAT", 2)
  check_equals_lax(size, window, 3, 5, dict(strides=strides, padding=padding))
  moved = {"kernel_gradient", "_product_of_moved_y"} if len(size) == 3 else set()
  assert form_of_cells == {"input_gradient_convolved", *moved}


def test_a_window_of_one_cell_moves_nothing(form_of_cells):
  check_equals_lax((8, 8), (2, 2), 3, 5, dict(strides=2, padding=0))
  assert form_of_cells == {"input_gradient_painted"}


FEW = [
  *CELLS[:2],
  ((6, 10, 6), (4, 4, 4), 2, 1),  # odd numbers of outputs
  ((5, 8, 6), (2, 4, 4), (2, 2, 2), ((0, 1), (1, 1), (1, 1))),  # one cell in time
  ((5, 6, 8), (1, 4, 2), (1, 2, 1), 0),  # pixels for cells along one axis
  ((8, 6), (4, 4), 2, 1),
  ((9,), (4,), 2, 1),
]


@pytest.mark.parametrize("size, window, strides, padding", FEW)
@pytest.mark.parametrize("swapped, count", [(0, 1), (10**9, 2)])
def test_cells_with_fewer_multiplications_equal_lax(
  size, window, strides, padding, swapped, count, monkeypatch
):
  monkeypatch.setattr(cell_products, "LEAST", dict.fromkeys(cell_products.LEAST, (1, 1, 1)))
  monkeypatch.setattr(cell_products, "SWAPPED", swapped)
  monkeypatch.setattr(parts, "count", lambda *_: count)
  used = set()
  for name in cell_products.LEAST:
    form = getattr(cell_products, name)
    recorded = lambda *arrays, name=name, form=form, **g: used.add(name) or form(*arrays, **g)
    monkeypatch.setattr(cell_products, name, recorded)
  check_equals_lax(size, window, 3, 5, dict(strides=strides, padding=padding))
  assert used == set(cell_products.LEAST)


def test_a_cube_of_outputs_takes_27_products_for_64():
  """Of a layer with many channels, where the transforms are a small part of the arithmetic."""
  g = conv_ops.make_geometry((8, 8, 8), (4, 4, 4), (2, 2, 2), ((1, 1),) * 3, (1, 1, 1), 1)
  x, kernel, y = arrays((16, 8, 8, 8, 128), (4, 4, 4, 128, 256), (16, 4, 4, 4, 256))
  taps = 2 * y.size * 64 * 128
  maps = {"convolve": (x, kernel), "input_gradient": (y, kernel), "kernel_gradient": (x, y)}
  for name, pair in maps.items():
    assert cell_products.pays(name, g, 16, 128, 256)
    compiled = jax.jit(functools.partial(getattr(conv_cpu, name), geometry=g)).lower(*pair).compile()
    assert compiled.cost_analysis()["flops"] == pytest.approx(taps * 27 / 64, rel=0.08)


def test_few_channels_or_few_rows_take_no_points():
  g = conv_ops.make_geometry((8, 8, 8), (4, 4, 4), (2, 2, 2), ((1, 1),) * 3, (1, 1, 1), 1)
  assert not cell_products.pays("kernel_gradient", g, 8, 3, 256)
  assert not cell_products.pays("kernel_gradient", g, 8, 128, 16)
  assert not cell_products.pays("input_gradient", g, 2, 128, 256)
  odd = conv_ops.make_geometry((8, 8, 8), (3, 3, 3), (2, 2, 2), ((1, 1),) * 3, (1, 1, 1), 1)
  wide = conv_ops.make_geometry((16, 16, 16), (6, 6, 6), (2, 2, 2), ((2, 2),) * 3, (1, 1, 1), 1)
  for other in (odd, wide):
    assert not cell_products.pays("convolve", other, 64, 128, 256)


def check_equals_lax(size, window, depth, features, options):
  groups = options.get("groups", 1)
  x, kernel = arrays((2, *size, depth), (*window, depth // groups, features))
  found = value_and_gradients(functools.partial(conv, **options), x, kernel)
  assert_close(found, value_and_gradients(functools.partial(reference, **options), x, kernel))


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


@pytest.mark.parametrize("window, stride", [(3, 1), (5, 1), (7, 2), (11, 1)])
@pytest.mark.parametrize("map_", ["convolve", "input_gradient", "kernel_gradient"])
def test_windows_are_cut_out_side_by_side(map_, window, stride):
  """XLA compiles each slice by itself: as many as a window has taps would take seconds a layer."""
  size = (32, 32)
  geometry = conv_ops.make_geometry(size, (window,) * 2, (stride,) * 2, [(window // 2,) * 2] * 2, (1, 1), 1)
  x, kernel, y = arrays((8, *size, 4), (window, window, 4, 4), (8, *geometry.output, 4))
  given = {"convolve": (x, kernel), "input_gradient": (y, kernel), "kernel_gradient": (x, y)}[map_]
  program = jax.jit(functools.partial(getattr(conv_cpu, map_), geometry=geometry)).lower(*given)
  assert program.as_text().count("stablehlo.slice") <= 2 * window + 4


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
