"""The run folder: whose it is, and the config and the data it was made with.

config.json  data.json  checkpoints/  metrics.jsonl  tensorboard/  samples/  evaluations/
"""

import json
import os
from pathlib import Path
from typing import Any

import jax

from vgjax import checkpoint, configs
from vgjax.errors import WorkdirError
from vgjax.run import Run

# What may differ when a run is resumed: none of it changes what is computed.
_FREE = ("log", "evaluators", "checkpoint", "loader", "mesh", "rules")


def read_config(folder: str | Path) -> dict[str, Any] | None:
  """The config that a run folder was made with, or None if it has none.

  If `config.json` is gone, the copy in the newest checkpoint is taken.

  Raises:
    WorkdirError: the file is damaged.
  """
  path = Path(folder) / "config.json"
  try:
    return configs.to_plain(json.loads(path.read_text()))
  except (FileNotFoundError, NotADirectoryError):
    saved = checkpoint.saved_config(folder)
    return None if saved is None else configs.to_plain(saved)
  except (json.JSONDecodeError, UnicodeDecodeError) as error:
    raise WorkdirError(
      f"{path} is damaged ({error}); delete it: the newest checkpoint has a copy, without one give --config"
    ) from error


def claim(run: Run) -> None:
  """Makes the run's folder and saves the config in it.

  Raises:
    WorkdirError: the folder cannot be written, or was made with another config; the message lists the
      differences.
  """
  if run.workdir is None:
    return
  saved = read_config(run.workdir)
  if saved is not None:
    before, now = (_what_counts(config) for config in (saved, run.config))
    if lines := configs.differences(before, now):
      raise WorkdirError(
        f"{run.workdir} was made with another config:\n  " + "\n  ".join(lines)
        + "\nUse another --workdir, or the config that made this one. To train longer, begin another run"
        + f" with the weights of this one: {_begin_from(run)}"
      )  # fmt: skip
  if jax.process_index() == 0:
    try:
      run.workdir.mkdir(parents=True, exist_ok=True)
      write_atomically(run.workdir / "config.json", json.dumps(run.config, indent=2) + "\n")
    except OSError as error:
      raise WorkdirError(
        f"cannot write to the workdir {run.workdir}: {error.strerror}; name another with --workdir"
      ) from error


def check_data(run: Run, *, resumes: bool) -> None:
  """Keeps what identifies the training data and its card, and compares with it when the run goes on.

  Raises:
    WorkdirError: the files are not those that the run began with, so it would not go on as it was.
  """
  if run.workdir is None:
    return
  source, path = run.source("train"), run.workdir / "data.json"
  identify = getattr(source, "fingerprint", None)
  found = {"train": identify() if identify else None}
  if resumes and path.exists() and (kept := read_data(run.workdir)).get("train") != found["train"]:
    raise WorkdirError(
      f"the training data is not what {run.workdir} began with: files were added, removed or changed"
      f" (fingerprint {kept.get('train')} then, {found['train']} now). Bring the old files back, use another"
      f" --workdir, or delete {path} to go on with the data as it is now."
    )
  if jax.process_index() == 0:
    write_atomically(path, json.dumps(found | {"card": source.card()}, default=str) + "\n")


def read_data(folder: str | Path) -> dict[str, Any]:
  """What `check_data` keeps: `train`, the fingerprint, and `card`; empty if nothing was kept."""
  path = Path(folder) / "data.json"
  try:
    return json.loads(path.read_text())
  except (FileNotFoundError, NotADirectoryError):
    return {}
  except (json.JSONDecodeError, UnicodeDecodeError) as error:
    raise WorkdirError(f"{path} is damaged ({error}); delete it to go on with the data as it is") from error


def write_atomically(path: Path, text: str) -> None:
  """Writes a file so that a reader sees the old text or the new one, never a part."""
  temporary = path.with_name(path.name + ".tmp")
  temporary.write_text(text)
  os.replace(temporary, path)


def _begin_from(run: Run) -> str:
  """The flag that begins a run with all weights of the one in `run`'s folder."""
  weights = {branch: f"{run.workdir}:{branch}" for branch in run.shapes.params}
  return f'--config.init_from="{weights}"'


def _what_counts(config: dict[str, Any]) -> dict[str, Any]:
  plain = configs.to_plain(json.loads(json.dumps(config)))
  return {key: value for key, value in plain.items() if key not in _FREE}
