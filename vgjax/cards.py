"""Protocol cards: what a figure was measured on, kept beside the figure.

Figures of two papers often differ because they were measured differently. A card says how: the parts in
`PROTOCOL` (data, split, number of videos, task, evaluator, conventions) decide whether two figures may
stand in one table; `compare` lists where two cards disagree there. The other parts (model, seeds, step,
efficiency, code) say where a figure comes from; they may differ, that is what a comparison is about.
"""

import contextlib
import importlib.metadata
import json
import math
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vgjax import configs

PROTOCOL = ("data", "split", "num_videos", "task", "evaluator", "conventions", "value_range")


def protocol_card(
  run: Any, split: str, name: str, step: int, *, efficiency: Mapping[str, Any] = {}
) -> dict[str, Any]:
  """The card of one evaluation.

  Args:
    run: what `build` made.
    split: the split that was evaluated.
    name: the evaluator's name in `config.evaluators`.
    step: the training step of the evaluated state.
    efficiency: what the model costs, of `vgjax.efficiency`.

  Returns:
    Plain dicts, lists, numbers and strings, with the keys of `PROTOCOL` and the figure's origin.
  """
  source = run.source(split)
  module_name, options = configs.split_name(run.config["evaluators"][name], f"evaluators.{name}")
  module = configs.find("evaluators", module_name, f"evaluators.{name}.name")
  defaults = {k: p.default for k, p in configs.parameters(module.make).items()}
  # Which figures are taken changes none of them, so `metrics` is no part of the protocol.
  beside = ("split", "every", "num_videos", "metrics", "picture", "intervals")
  fields = {k: v for k, v in (defaults | options).items() if k not in beside}
  num_videos = (defaults | options).get("num_videos")
  return _plain(
    dict(
      data=source.card(),
      split=split,
      num_videos=len(source) if num_videos is None else min(num_videos, len(source)),
      task=run.config["task"],
      evaluator={"name": module_name, **fields},
      conventions=getattr(module, "CONVENTIONS", {}),
      value_range=[-1, 1],  # of the videos that evaluators see
      step=step,
      seed=run.seed,
      ema={branch: o.ema for branch, o in run.optimizers.items() if o.ema is not None},
      models=run.config["models"],
      method=run.config["method"],
      efficiency=efficiency,
      code=code_version() | dict(jax=jax.__version__, device=jax.devices()[0].device_kind),
    )
  )


def code_version() -> dict[str, Any]:
  """vgjax's version, and in a checkout its git commit and whether files were changed since."""
  try:
    found: dict[str, Any] = {"vgjax": importlib.metadata.version("vgjax")}
  except importlib.metadata.PackageNotFoundError:
    found = {"vgjax": "not installed"}
  root = Path(__file__).resolve().parents[1]
  with contextlib.suppress(OSError, subprocess.SubprocessError):
    # A virtual environment may lie inside another project's checkout: that commit is not ours.
    if Path(_git(root, "rev-parse", "--show-toplevel")).resolve() == root:
      found["commit"] = _git(root, "rev-parse", "HEAD")
      found["changed"] = bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
  return found


def write(path: str | os.PathLike, card: Mapping[str, Any], numbers: Mapping[str, Any]) -> None:
  """Writes `{"card": ..., "numbers": ...}`; a reader never sees half a file.

  Args:
    path: the JSON file; its folder is made.
    card: of `protocol_card`.
    numbers: {name: number, or list of numbers}. JSON has no NaN or infinity; they become the strings
      "nan", "inf" and "-inf", which `read` turns back.
  """
  path = Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  content = dict(card=_plain(card), numbers=_plain(numbers))
  text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
  handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
  try:
    with open(handle, "w", encoding="utf-8") as file:
      file.write(text)
      file.flush()
      os.fsync(file.fileno())
    os.chmod(temporary, 0o644)  # mkstemp's files are private
    os.replace(temporary, path)
  except BaseException:
    with contextlib.suppress(OSError):
      os.unlink(temporary)
    raise


def read(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, Any]]:
  """The card and the numbers of a file that `write` made."""
  content = json.loads(Path(path).read_text(encoding="utf-8"))
  numbers = {
    name: [float(v) for v in value] if isinstance(value, list) else float(value)
    for name, value in content["numbers"].items()
  }
  return content["card"], numbers


def compare(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
  """Why the figures of two cards may not be compared.

  Returns:
    A line for each difference in a part of `PROTOCOL`, such as "data.stride: 1 here, 2 there"; an empty
    list if the figures are comparable.
  """
  protocol = [_plain({key: card.get(key) for key in PROTOCOL}) for card in (ours, theirs)]
  return _differences(protocol[0], protocol[1], "")


def _git(root, *arguments):
  return subprocess.run(
    ["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=10
  ).stdout.strip()


def _differences(ours, theirs, path):
  if isinstance(ours, dict) and isinstance(theirs, dict):
    return [
      line
      for key in dict.fromkeys([*ours, *theirs])
      for line in _differences(ours.get(key), theirs.get(key), f"{path}.{key}" if path else key)
    ]
  shown = ["not said" if value is None else value for value in (ours, theirs)]
  return [] if ours == theirs else [f"{path}: {shown[0]} here, {shown[1]} there"]


def _plain(value: Any) -> Any:
  """The same in what JSON knows: tuples as lists, numpy numbers as numbers, keys as strings."""
  if isinstance(value, Mapping):
    return {str(key): _plain(part) for key, part in value.items()}
  if isinstance(value, (list, tuple)):
    return [_plain(part) for part in value]
  if isinstance(value, (np.ndarray, np.generic, jax.Array)):
    return _plain(np.asarray(value).tolist())
  if isinstance(value, float) and not math.isfinite(value):
    return str(value)
  if value is None or isinstance(value, (bool, int, float, str)):
    return value
  return str(value)
