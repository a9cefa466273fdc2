"""`python -m vgjax.curves`: learning curves of several runs in one picture, and a table of where they got."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from vgjax import plot
from vgjax.errors import ConfigError, DataError, VgjaxError
from vgjax.metrics.direction import LESS, better
from vgjax.workdir import read_config

DESCRIPTION = """\
Draws what runs have learned, from their `metrics.jsonl`: a panel for each figure, a curve for each run. The
table has each figure's last value, and its best one with the step of that where one can be said to be better.

  python -m vgjax.curves runs/gru runs/simvp --figures valid/frames/mse --over minutes --out curves.png

Without --figures: those of evaluations that all runs have; if there are none, what training logs."""

OVER = {"steps": "step", "videos": "videos seen", "minutes": "minutes of training"}
_PER_STEP = ("/lr", "/grad_norm", "videos_per_second", "input_wait")  # not what anybody compares runs by


class History(NamedTuple):
  """What a run has logged.

  Attributes:
    name: the run's folder.
    axes: {"steps", "videos", "minutes": [n]}: where each line of the log stands. Minutes are of training
      (evaluations and compiling not), from the speed that was logged.
    figures: {name: [n]}; NaN where a line lacks it.
  """

  name: str
  axes: Mapping[str, np.ndarray]
  figures: Mapping[str, np.ndarray]

  def curve(self, figure: str, over: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the figure was measured, and its values."""
    values = self.figures[figure]
    there = ~np.isnan(values)
    return self.axes[over][there], values[there]


def read(folder: Path) -> History:
  """Reads a run's log.

  Raises:
    DataError: no log, or none that can be read.
  """
  path = folder / "metrics.jsonl"
  if not path.is_file():
    raise DataError(f"{folder} is no run, or one that has logged nothing: there is no {path.name} in it.")
  lines = []
  for number, text in enumerate(path.read_text().splitlines(), 1):
    try:
      line = json.loads(text)
      line["step"]
    except (json.JSONDecodeError, KeyError, TypeError):
      raise DataError(f"{path}, line {number}: not a line of a log: {text[:60]!r}") from None
    lines.append(line)
  if not lines:
    raise DataError(f"{path} is empty: the run has logged nothing yet.")
  steps = np.array([line["step"] for line in lines], float)
  names = {name for line in lines for name in line} - {"step"}
  # JSON has no infinity; a null is a figure that was not finite.
  number = lambda value: math.nan if value is None else value
  figures = {name: np.array([number(line.get(name)) for line in lines], float) for name in sorted(names)}
  config = read_config(folder)
  if config is None:
    raise DataError(f"{folder} has no config.json: it is no run folder.")
  return History(str(folder), _axes(steps, figures, config["batch_size"]), figures)


def _axes(steps, figures, batch_size):
  axes = {"steps": steps, "videos": steps * batch_size}
  speed = figures.get("videos_per_second", np.full(len(steps), np.nan))
  timed = speed > 0
  if timed.any():
    # An evaluation's line, which has no speed, lies between those that have one.
    seconds = np.cumsum(np.diff(axes["videos"][timed], prepend=0) / speed[timed])
    axes["minutes"] = np.interp(steps, np.r_[0, steps[timed]], np.r_[0, seconds]) / 60
  return axes


def common(histories: Sequence[History]) -> list[str]:
  """The figures that are worth comparing: of evaluations ("split/evaluator/figure"), else losses.

  Raises:
    DataError: the runs have none in common.
  """
  shared = set.intersection(*(set(history.figures) for history in histories))
  found = sorted(name for name in shared if name.count("/") == 2)
  found = found or sorted(name for name in shared if "/" in name and not name.endswith(_PER_STEP))
  if not found:
    each = "; ".join(f"{history.name}: {', '.join(history.figures) or 'none'}" for history in histories)
    raise DataError(f"the runs have logged no figure in common. {each}")
  return found


def table(histories: Sequence[History], figures: Sequence[str], over: str) -> str:
  """Lines of text: for each run and figure the last value and the best, and where they were."""
  names = short_names(histories)
  width = max(map(len, [*names, "run"]))
  lines = []
  for figure in figures:
    arrow = better(figure)
    words = f" ({'lower' if arrow == LESS else 'higher'} is better)" if arrow else ""
    head = f"{'run':{width}}  {'last':>10}  {'at ' + over:>12}"
    lines += ["", figure + words, head + (f"  {'best':>10}  {'at ' + over:>12}" if arrow else "")]
    for name, history in zip(names, histories):
      x, y = history.curve(figure, over)
      line = f"{name:{width}}  {y[-1]:>10.5g}  {x[-1]:>12.4g}"
      if arrow:
        best = int((np.argmin if arrow == LESS else np.argmax)(y))
        line += f"  {y[best]:>10.5g}  {x[best]:>12.4g}"
      lines.append(line)
  return "\n".join(lines[1:])


def short_names(histories: Sequence[History]) -> list[str]:
  """The runs' folders without what is before them in all, so that they differ."""
  parts = [Path(history.name).resolve().parts for history in histories]
  for count in range(1, max(map(len, parts)) + 1):
    names = ["/".join(each[-count:]) for each in parts]
    if len(set(names)) == len(names):
      break
  return names


def run(options: argparse.Namespace) -> None:
  """Reads the runs, prints the table and writes the picture."""
  histories = [read(folder) for folder in options.runs]
  figures = options.figures.split(",") if options.figures else common(histories)
  for history in histories:
    for figure in figures:
      if figure not in history.figures or np.isnan(history.figures[figure]).all():
        raise ConfigError(f"{history.name} has no {figure}; it has logged: {', '.join(history.figures)}")
    if options.over not in history.axes:
      raise ConfigError(f"{history.name} has logged no speed: its {options.over} are not known. --over steps")
  print(table(histories, figures, options.over))
  if options.out:
    names = short_names(histories)
    curves = {
      figure: {name: history.curve(figure, options.over) for name, history in zip(names, histories)}
      for figure in figures
    }
    for figure, each in curves.items():
      if all(len(x) < 2 for x, _ in each.values()):
        raise DataError(f"{figure} was logged once in each run: there is no curve to draw yet.")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(plot.panels(curves, OVER[options.over])).save(options.out)
    print(f"\nwrote {options.out}")


def parser() -> argparse.ArgumentParser:
  """What the command line may say."""
  made = argparse.ArgumentParser(
    prog="python -m vgjax.curves",
    description=DESCRIPTION,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  made.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs")
  made.add_argument("--figures", metavar="A,B", help="what to compare, as metrics.jsonl names it")
  made.add_argument(
    "--over", choices=OVER, default="steps",
    help="what the curves are over (default: steps); minutes are of training, not of evaluations",
  )  # fmt: skip
  made.add_argument("--out", type=Path, metavar="FILE.png", help="where to write the picture")
  return made


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  try:
    run(parser().parse_args(arguments))
  except VgjaxError as error:
    print(f"vgjax: {error}", file=sys.stderr)
    return 1
  except BrokenPipeError:  # `| head` has seen enough
    sys.stderr.close()
    return 1
  return 0


if __name__ == "__main__":
  sys.exit(main())
