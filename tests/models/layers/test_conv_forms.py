"""The forms that convolutions take on a CPU: each equals lax, and is taken where it is meant to be."""

import functools

import jax
import pytest

from tests.models.layers.conv_reference import CASES, arrays, check_equals_lax
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

DENSE = [case for case in CASES if "groups" not in CASES[case][-1]]


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
