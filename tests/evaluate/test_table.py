"""The table of figures that a run's evaluation prints."""

from vgjax.evaluate.table import format_table


def test_table_has_the_model_above_the_baseline():
  table = format_table({
    "frames/mse": 0.0123, "frames/psnr": 21.5, "frames/ssim": 0.9, "frames/mse/curve": [1.0, 2.0],
    "frames/copy_last/mse": 0.05, "frames/copy_last/psnr": 13.25, "frames/blend/mse": 0.04,
  })  # fmt: skip
  head, rule, model, copied, blended = table.splitlines()
  assert head.split() == ["PSNR", "↑", "SSIM", "↑", "MSE", "↓"] and set(rule) == {"─"}
  assert model.split() == ["model", "21.50", "0.9000", "0.01230"]
  assert copied.split() == ["copy", "last", "frame", "13.25", "-", "0.05000"]
  assert blended.split() == ["blend", "of", "given", "frames", "-", "-", "0.04000"]
  assert len({len(line) for line in table.splitlines()}) == 1


def test_table_names_evaluators_where_there_are_several_and_lists_other_figures():
  table = format_table({"short/mse": 0.1, "long/mse": 0.2, "fvd/fvd": 123.456789})
  assert "short: model" in table and "long: model" in table
  assert table.splitlines()[-1].startswith("fvd/fvd ↓  123.46  Fréchet distance")
  assert format_table({}) == ""


def test_table_has_the_best_of_several_samples_and_intervals():
  table = format_table({
    "frames/psnr": 20.0, "frames/best_of_3/psnr": 22.5, "frames/copy_last/psnr": 13.0,
    "sets/fvd": 134.5, "sets/fvd/low": 120.0, "sets/fvd/high": 150.25, "sets/fvd/standard_error": 7.0,
  })  # fmt: skip
  lines = table.splitlines()
  assert [line.split() for line in lines[2:5]] == [
    ["model", "20.00"], ["best", "of", "3", "22.50"], ["copy", "last", "frame", "13.00"],
  ]  # fmt: skip
  assert len(lines) == 6 and lines[5].startswith("sets/fvd ↓  134.50  95% interval 120.00 to 150.25; Fréchet")


def test_figures_of_real_videos_and_of_chance_stand_beside_their_own():
  table = format_table({
    "shapes/kept": 0.25, "shapes/real_kept": 0.98, "swap/motion_kept": 0.5, "swap/motion_chance": 0.125,
    "swap/own": 3,
  })  # fmt: skip
  kept, motion, own = table.splitlines()
  assert kept.split("  ")[-1] == "of real videos 0.98; videos that keep shape and color"
  assert motion.startswith("swap/motion_kept ↑") and "0.5  by chance 0.125; pairs of one motion" in motion
  assert own.split() == ["swap/own", "3"]


def test_a_figure_whose_owner_is_not_there_has_its_own_line():
  assert [line.split()[0] for line in format_table({"a/real_kept": 1, "a/x_chance": 0.5}).splitlines()] == [
    "a/real_kept", "a/x_chance",
  ]  # fmt: skip
