"""Curves as pictures."""

import math

import numpy as np
import pytest

from vgjax import plot, sheet


def draw(x, curves, unit):
  """`plot.panels` with the same x for all curves."""
  return plot.panels(
    {figure: {name: (x, y) for name, y in each.items()} for figure, each in curves.items()}, unit
  )


def pixels(picture, colour):
  """[n, 2], (y, x) of all pixels of a colour."""
  return np.argwhere((picture == np.array(colour)).all(-1))


def test_a_rising_curve_rises_in_the_models_colour():
  picture = draw([1, 2, 3], {"psnr": {"": [10, 20, 30]}}, "frame")
  assert picture.dtype == np.uint8 and picture.shape[2] == 3
  found = pixels(picture, sheet.MADE)
  left, right = found[found[:, 1].argmin()], found[found[:, 1].argmax()]
  assert left[0] > right[0] + 100  # rows count from above
  assert not len(pixels(picture, sheet.TRUTH))


def test_the_baseline_is_grey_and_the_legend_names_what_is_there():
  alone = draw([1, 2], {"mse": {"": [1, 2]}}, "frame")
  both = draw([1, 2], {"mse": {"": [1, 2], "copy_last": [3, 3]}}, "frame")
  assert len(pixels(both, sheet.TRUTH)) > 200 and both.shape[0] == alone.shape[0] + 30
  flat = pixels(both, sheet.TRUTH)
  line = flat[flat[:, 0] > 40]
  assert np.ptp(line[:, 0]) <= 5  # a constant is a level line, and its points


def test_baselines_keep_their_colours_beside_a_best_sample():
  few = draw([1, 2], {"mse": {"": [1, 2], "blend": [3, 3]}}, "frame")
  many = draw([1, 2], {"mse": {"": [1, 2], "best_of_2": [0, 1], "blend": [3, 3]}}, "frame")
  for picture in (few, many):
    flat = pixels(picture, plot.COLOURS_OF_BASELINES["blend"])
    assert len(flat) > 200 and np.ptp(flat[flat[:, 0] > 40][:, 0]) <= 5


def test_panels_are_three_across():
  size = lambda number: draw([1, 2], {str(i): {"": [0, 1]} for i in range(number)}, "frame").shape
  assert size(2)[0] == size(3)[0] < size(4)[0] and size(4)[1] == size(3)[1] > size(2)[1]


def test_what_is_not_finite_is_left_out():
  holes = draw([1, 2, 3, 4], {"psnr": {"": [10, math.nan, math.inf, 12]}}, "frame")
  assert len(pixels(holes, sheet.MADE)) < 60  # two points, no line
  draw([1, 2], {"psnr": {"": [math.nan, math.inf]}}, "frame")
  draw([1, 2], {"psnr": {"": [5.0, 5.0]}}, "frame")


def test_each_curve_has_its_own_places():
  picture = plot.panels({"mse": {"short": ([1, 2], [5, 4]), "long": ([1, 4], [5, 1])}}, "step")
  ends = []
  for colour in plot.COLOURS[:2]:
    found = pixels(picture, colour)
    ends.append(found[found[:, 0] > 40][:, 1].max())
  assert ends[0] < ends[1] - 100  # two of four steps


def test_ten_runs_have_ten_colours_and_a_legend_of_several_lines():
  curves = {f"a run of some name, {i}": ([1, 2], [i, i + 1]) for i in range(10)}
  one, two = (plot.panels({str(i): curves for i in range(n)}, "step") for n in (1, 2))
  for picture in (one, two):
    assert all(len(pixels(picture, colour)) > 60 for colour in plot.COLOURS)
  assert one.shape[0] > two.shape[0]  # a narrower page has a longer legend


def test_nothing_to_plot_is_an_error():
  with pytest.raises(ValueError, match="two points"):
    draw([1], {"mse": {"": [1]}}, "frame")


@pytest.mark.parametrize(
  "low,high,wanted",
  [
    (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    (1, 10, [2, 4, 6, 8, 10]),
    (0.0013, 0.0021, [0.0014, 0.0016, 0.0018, 0.002]),
    (-3, 3, [-2, 0, 2]),
    (7, 7, [7]),
  ],
)
def test_ticks_are_round(low, high, wanted):
  assert plot.ticks(low, high) == pytest.approx(wanted)
