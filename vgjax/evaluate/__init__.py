"""Runs a run's evaluators; writes their numbers with a protocol card, their videos and pictures.

`python -m vgjax.evaluate` evaluates plain folders of videos, of any program, with the same metrics:
`folders` reads them, `pairs` and `vgjax.evaluators.distribution` measure, `command` is the command line.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image

from vgjax import cards, efficiency
from vgjax.data import video as video_files
from vgjax.evaluate import table
from vgjax.logs import Logger
from vgjax.run import Run
from vgjax.types import TrainState

FPS = 10  # of the videos written: slow enough to look at


class Report(dict):
  """The numbers of an evaluation, `{"<evaluator>/<metric>": number or curve}`.

  Attributes:
    files: what was written.
    missing: what could not be measured, `{"<evaluator>/<metric>": why, and what to do}`.
    notes: what must be told of a figure, `{"<evaluator>/<metric>": [texts]}`.
    logged: the numbers without the curves, as the logs name them: `{"<split>/<evaluator>/<metric>": number}`.
  """

  def __init__(self, numbers: dict[str, Any] = {}, files: Iterable[Path] = ()):
    super().__init__(numbers)
    self.files = list(files)
    self.missing: dict[str, str] = {}
    self.notes: dict[str, list[str]] = {}
    self.logged: dict[str, float] = {}

  def table(self) -> str:
    """The figures beside the baseline's, what must be told of them, and what is missing; for the console."""
    lines = [f"note on {name}: {text}" for name, texts in self.notes.items() for text in texts]
    lines += [f"missing {name}: {reason}" for name, reason in self.missing.items()]
    return "\n".join(filter(None, [table.format_table(self), *lines]))


def evaluate(
  run: Run,
  state: TrainState,
  *,
  split: str | None = None,
  names: Iterable[str] | None = None,
  logger: Logger | None = None,
) -> Report:
  """Runs evaluators.

  Args:
    run: the run.
    state: the weights to evaluate; branches with a moving average are evaluated by it.
    split: "train", "valid" or "test"; None: each evaluator's own.
    names: which of `config.evaluators`; None: all.
    logger: where numbers and pictures also go.

  Returns:
    The numbers; curves are lists. With a workdir they are also in `evaluations/<split>-<step>.json`,
    videos and pictures in `samples/`.
  """
  step = int(state.step)
  report = Report()
  for name in run.evaluators if names is None else names:
    planned = run.evaluators[name]
    where = split or planned.split
    scalars, curves, missing, facts = {}, {}, {}, {}
    for key, value in planned.make(where)(run, state):
      label = f"{name}/{key}"
      if isinstance(value, str):
        missing[label] = value
      elif isinstance(value, Mapping):
        facts[key] = value
      elif isinstance(value, np.ndarray) and value.ndim >= 3:
        report.files += keep(run, f"{where}-{label.replace('/', '-')}", step, value)
        if logger and value.ndim == 4:
          logger.video(step, f"{where}/{label}", value, FPS)
        elif logger:
          logger.picture(step, f"{where}/{label}", value)
      elif np.ndim(value):
        curves[label] = [float(v) for v in value]
      else:
        scalars[label] = float(value)
    report.update(scalars | curves)
    notes = facts.pop("notes", {})
    report.missing |= missing
    report.notes |= {f"{name}/{key}": texts for key, texts in notes.items()}
    logged = {f"{where}/{label}": number for label, number in scalars.items()}
    report.logged |= logged
    if logged and logger:
      logger.numbers(step, logged)
    if not (scalars or curves or missing) or run.workdir is None:
      continue
    # Every host measures; between training steps nothing is, for it takes a few calls and a compilation.
    cost = efficiency.of(run, state, where, thorough=names is None)
    if jax.process_index() == 0:
      card = cards.protocol_card(run, where, name, step, efficiency=cost)
      card["evaluator"] |= facts
      card |= {"missing": missing, "notes": notes}
      path = run.workdir / "evaluations" / f"{where}-{name}-{step:07d}.json"
      cards.write(path, card, scalars | curves)
      report.files.append(path)
  return report


def keep(run: Run, stem: str, step: int, array: np.ndarray, number: int | None = None) -> list[Path]:
  """Writes a video `[time, h, w, c]` or a picture `[h, w, c]` to `samples/`; returns its path.

  With a number it is one of many, in a folder of their own.
  """
  if run.workdir is None or jax.process_index() != 0:
    return []
  name = f"{stem}-{step:07d}" if number is None else f"{stem}-{step:07d}/{number:03d}"
  path = run.workdir / "samples" / f"{name}.{'mp4' if array.ndim == 4 else 'png'}"
  path.parent.mkdir(parents=True, exist_ok=True)
  if array.ndim == 4:
    video_files.write_video(path, array, FPS)
  else:
    Image.fromarray(array).save(path)
  return [path]
