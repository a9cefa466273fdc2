"""Learning curves of several runs."""

import json

import numpy as np
import pytest
from PIL import Image

from vgjax import curves
from vgjax.errors import DataError


def write(folder, lines, batch_size=4):
  folder.mkdir(parents=True)
  (folder / "config.json").write_text(json.dumps({"batch_size": batch_size}))
  (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
  return folder


def logged(*, speed, psnr=(20.0, 22.0, 21.0), loss=0.5):
  """Four lines of speed, one each 10 steps, and three evaluations, of which one falls between them."""
  lines = [
    {"step": step, "predictor/loss": loss / step, "predictor/lr": 1e-3, "videos_per_second": speed}
    for step in (10, 20, 30, 40)
  ]
  for step, value in zip((20, 25, 40), psnr):
    lines.append({"step": step, "valid/frames/psnr": value, "valid/frames/mse": 1 / (value or 1)})
  return sorted(lines, key=lambda line: line["step"])


def test_steps_videos_and_minutes(tmp_path):
  history = curves.read(write(tmp_path / "run", logged(speed=2.0)))
  x, y = history.curve("valid/frames/psnr", "steps")
  assert (x.tolist(), y.tolist()) == ([20, 25, 40], [20, 22, 21])
  assert history.curve("valid/frames/psnr", "videos")[0].tolist() == [80, 100, 160]
  minutes = history.curve("valid/frames/psnr", "minutes")[0]  # 4 videos a step, 2 a second
  np.testing.assert_allclose(minutes, [40 / 60, 50 / 60, 80 / 60])


def test_minutes_add_up_where_the_speed_changes(tmp_path):
  lines = [{"step": 10, "videos_per_second": 4.0}, {"step": 40, "videos_per_second": 1.0}]
  history = curves.read(write(tmp_path / "run", lines))
  np.testing.assert_allclose(history.axes["minutes"], [10 / 60, 130 / 60])


def test_nothing_is_best_of_a_figure_that_may_be_too_large_or_too_small(tmp_path, capsys):
  lines = [{"step": step, "generator/spread": step / 10, "critic/loss": 1 / step} for step in (5, 10, 20)]
  assert curves.main([str(write(tmp_path / "run", lines))]) == 0
  found = [line.split() for line in capsys.readouterr().out.splitlines()]
  assert found[0] == ["critic/loss", "(lower", "is", "better)"] and found[2][:2] == ["run", "0.05"]
  assert found[4] == ["generator/spread"] and found[6] == ["run", "2", "20"]


def test_prints_the_last_and_the_best_and_draws(tmp_path, capsys):
  a = write(tmp_path / "a" / "run", logged(speed=2.0))
  b = write(tmp_path / "b" / "run", logged(speed=1.0, psnr=(18.0, 19.0, 23.0)))
  picture = tmp_path / "new" / "curves.png"
  assert curves.main([str(a), str(b), "--over", "minutes", "--out", str(picture)]) == 0
  lines = capsys.readouterr().out.splitlines()
  assert [line for line in lines if line.startswith("valid/")] == [
    "valid/frames/mse (lower is better)", "valid/frames/psnr (higher is better)"
  ]  # fmt: skip
  at = lines.index("valid/frames/psnr (higher is better)")
  assert lines[at + 2].split() == ["a/run", "21", "1.333", "22", "0.8333"]
  assert lines[at + 3].split() == ["b/run", "23", "2.667", "23", "2.667"]
  assert np.asarray(Image.open(picture)).shape[2] == 3


def test_without_evaluations_losses_are_compared(tmp_path, capsys):
  lines = [line for line in logged(speed=1.0) if "predictor/loss" in line]
  assert curves.main([str(write(tmp_path / "run", lines))]) == 0
  printed = capsys.readouterr().out
  assert "predictor/loss" in printed and "/lr" not in printed and "videos_per_second" not in printed


def test_infinite_figures_are_left_out(tmp_path):
  history = curves.read(write(tmp_path / "run", logged(speed=1.0, psnr=(20.0, None, 22.0))))
  assert history.curve("valid/frames/psnr", "steps")[0].tolist() == [20, 40]


@pytest.mark.parametrize(
  "arguments,message",
  [
    (["{run}", "{missing}"], "no metrics.jsonl"),
    (["{run}", "--figures", "test/frames/fvd"], "has no test/frames/fvd; it has logged: predictor/loss"),
    (["{untimed}", "--over", "minutes"], "logged no speed"),
    (["{run}", "{other}"], "no figure in common"),
    (["{broken}"], "line 1: not a line of a log: '{'"),
    (["{empty}"], "logged nothing yet"),
  ],
)
def test_says_what_is_wrong(tmp_path, capsys, arguments, message):
  folders = {
    "run": write(tmp_path / "run", logged(speed=1.0)),
    "untimed": write(tmp_path / "untimed", [{"step": 1, "a/loss": 1.0}]),
    "other": write(tmp_path / "other", [{"step": 1, "critic/loss": 1.0}]),
    "broken": write(tmp_path / "broken", []),
    "empty": write(tmp_path / "empty", []),
    "missing": tmp_path / "missing",
  }
  (folders["broken"] / "metrics.jsonl").write_text("{")
  assert curves.main([text.format(**folders) for text in arguments]) == 1
  assert message in capsys.readouterr().err


def test_one_evaluation_is_no_curve(tmp_path, capsys):
  folder = write(tmp_path / "run", [{"step": 5, "valid/frames/mse": 1.0}])
  assert curves.main([str(folder), "--out", str(tmp_path / "curves.png")]) == 1
  printed = capsys.readouterr()
  assert "valid/frames/mse was logged once" in printed.err and "valid/frames/mse (lower" in printed.out


def test_a_folder_without_config_is_no_run(tmp_path):
  folder = write(tmp_path / "run", logged(speed=1.0))
  (folder / "config.json").unlink()
  with pytest.raises(DataError, match=r"no config\.json"):
    curves.read(folder)
