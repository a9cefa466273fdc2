"""Trains, evaluates and samples video generators.

Train a config. The same command again resumes it; on a cluster, every host runs it:
  python -m vgjax.launch --config configs/quickstart.py --workdir runs/quickstart

A variant of the config, with some of its keys changed:
  python -m vgjax.launch --config configs/quickstart.py:full --config.batch_size=32 --workdir runs/full

Evaluate a run on its test split, or draw samples from it (the run folder knows its config):
  python -m vgjax.launch --mode=evaluate --workdir runs/quickstart
  python -m vgjax.launch --mode=sample --workdir runs/quickstart --time=40

Of a run that draws content and motion apart, eight contents with eight motions as one sheet and video:
  python -m vgjax.launch --mode=sample --workdir runs/mocogan --sample.content=0:7 --sample.motion=0:7

Each file in configs/ says at its top what it trains, on what hardware, and for how long.
"""

import contextlib
import errno
import functools
import io
import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import app, flags
from ml_collections import ConfigDict, config_flags

from vgjax import checkpoint, configs, devices, saved_config, swap
from vgjax.build import build
from vgjax.errors import VgjaxError, WorkdirError
from vgjax.evaluate import Report, evaluate
from vgjax.load_config import check_file, load_config
from vgjax.restore import open_state
from vgjax.sample import write_samples
from vgjax.train import train

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)

_CONFIG = config_flags.DEFINE_config_file(
  "config",
  None,
  "A config file: FILE.py or FILE.py:VARIANT. --config.KEY=VALUE changes one of its keys. With --workdir of"
  " a run that exists, it may be left out.",
  lock_config=False,
  accept_new_attributes=True,
)
_WORKDIR = flags.DEFINE_string(
  "workdir", None, "The run folder; a run that is there goes on. Default: runs/CONFIG-VARIANT."
)
_MODE = flags.DEFINE_enum(
  "mode", "train", ["train", "evaluate", "sample"], "What to do; train also evaluates at its end."
)
_SPLIT = flags.DEFINE_enum(
  "split", "test", ["train", "valid", "test"], "evaluate and sample: the split of the data to use."
)
_CHECKPOINT = flags.DEFINE_string(
  "checkpoint", "latest", "evaluate and sample: latest, best, or a number of steps."
)
_NUM_VIDEOS = flags.DEFINE_integer("num_videos", 8, "sample: how many videos.", lower_bound=1)
_TIME = flags.DEFINE_integer(
  "time",
  None,
  "sample: frames a video, the given ones included; any number, but for generators of a fixed length.",
  lower_bound=1,
)
_SEED = flags.DEFINE_integer("seed", 0, "sample: another seed draws other samples.")
_CODES = "0:7 for the codes 0 to 7, 0,2,5 for these, 0:1:8 for eight on the way from 0 to 1."
_CONTENT = flags.DEFINE_string(
  "sample.content",
  None,
  f"sample: every content with every motion, for models that draw them apart: {_CODES}",
)
_MOTION = flags.DEFINE_string(
  "sample.motion", None, "sample: the motions, alike. Either may be left out: its code is 0 then."
)


def main(argv: Sequence[str]) -> None:
  if len(argv) > 1:
    config = "; did you mean --config?" if ".py" in argv[1] else ""
    _fail(f"what is {argv[1]!r}? Flags start with --{config}")
  if _CONFIG.value is None:
    if _WORKDIR.value:
      _fail(f"there is no run in {_WORKDIR.value}; --config starts one, or is --workdir another folder?")
    _fail("--config is missing, or the --workdir of a run that exists; --help shows what to type")
  if _MODE.value != "sample" and (_CONTENT.value or _MOTION.value):
    _fail("--sample.content and --sample.motion go with --mode=sample")
  try:
    devices.initialize()
    _work(_CONFIG.value, _workdir())
  except VgjaxError as error:
    # For the reader to mend, and the message says how; a traceback would only hide it.
    _fail(str(error), at_once=isinstance(error, WorkdirError))
  except OSError as error:
    if error.errno not in _NO_ROOM:
      raise
    where = f" ({error.filename})" if error.filename else ""
    _fail(
      f"cannot write to the workdir {_workdir()}: {error.strerror}{where}; is the disk full?", at_once=True
    )


def _work(config: ConfigDict, workdir: Path) -> None:
  run = build(config, workdir)
  print(config)
  parameters = ", ".join(f"{branch} {count:,}" for branch, count in run.num_parameters().items())
  print(f"{devices.describe()}; parameters: {parameters}; workdir {workdir}", flush=True)
  if _MODE.value == "train":
    if run.evaluators:
      run.source("test")  # what the end needs is missed at the beginning
    state = train(run)
    _tell(evaluate(run, state, split="test"))
    return
  state = open_state(run, _CHECKPOINT.value)
  if _MODE.value == "evaluate":
    _tell(evaluate(run, state, split=_SPLIT.value))
  elif _CONTENT.value or _MOTION.value:
    codes = {
      flag.name.removeprefix("sample."): swap.parse(flag.value or "0", f"--{flag.name}")
      for flag in (_CONTENT, _MOTION)
    }
    _tell(swap.write_swap(run, state, time=_TIME.value, split=_SPLIT.value, seed=_SEED.value, **codes))
  else:
    _tell(
      write_samples(
        run, state,
        split=_SPLIT.value, num_videos=_NUM_VIDEOS.value, time=_TIME.value, seed=_SEED.value,
      )
    )  # fmt: skip


def _tell(report: Report) -> None:
  if report.table():
    print("\n" + report.table())
  if report.files:
    print("\nwrote\n" + "\n".join(f"  {path}" for path in report.files), flush=True)


def _fail(message: str, *, at_once: bool = False) -> NoReturn:
  """Ends the program with `message` last; `at_once` where threads still try to write, and would complain."""
  say = functools.partial(print, f"\nvgjax: {message}", file=sys.stderr, flush=True)
  if at_once:
    with contextlib.redirect_stderr(io.StringIO()):
      say()
      sys.stdout.flush()
      for worker in multiprocessing.active_children():
        worker.kill()
      os._exit(1)
  say()
  sys.exit(1)


def _workdir() -> Path:
  return Path(_WORKDIR.value) if _WORKDIR.value else default_workdir(_config_argument(sys.argv))


def default_workdir(config: str) -> Path:
  """configs/public/kth.py:smoke -> runs/public/kth-smoke"""
  name, _, variant = config.partition(":")
  path = Path(name)
  folders = path.parts[path.parts.index("configs") + 1 : -1] if "configs" in path.parts else ()
  return Path("runs", *folders, "-".join(filter(None, (path.stem, variant))))


def _config_argument(argv: Sequence[str]) -> str:
  """The value of --config, or an empty text."""
  for position, word in enumerate(argv):
    name, equals, value = word.lstrip("-").partition("=")
    if word.startswith("-") and name == "config":
      return value if equals else (argv[position + 1] if position + 1 < len(argv) else "")
  return ""


def _config_from_workdir(argv: list[str]) -> list[str]:
  """Without --config, the config is the one that the run folder was made with."""
  if _config_argument(argv):
    return argv
  for position, word in enumerate(argv):
    name, equals, value = word.lstrip("-").partition("=")
    if word.startswith("-") and name == "workdir":
      value = value if equals else "".join(argv[position + 1 : position + 2])
      if (Path(value) / "config.json").exists() or checkpoint.saved_config(value):
        return [argv[0], f"--config={saved_config.__file__}:{value}", *argv[1:]]
  return argv


def _parse_flags(argv: list[str]) -> list[str]:
  if {"--help", "-help", "-h"} & set(argv):
    app.usage(shorthelp=True, writeto_stdout=True, exitcode=0)  # by itself absl calls it a failure
  try:
    if file := _config_argument(argv):
      check_file(file)
    rest = flags.FLAGS(argv)
    _ = _CONFIG.value is not None and _CONFIG.value.to_dict()  # a broken config file shows only when used
    return rest
  except flags.Error as error:
    _fail(_without_traceback(str(error)))
  except (LookupError, AttributeError, TypeError, ValueError, OSError, VgjaxError) as error:
    # What ml_collections raises of a config file, a variant or a key that is not there.
    text = error.args[0] if isinstance(error, KeyError) else error
    key = str(text).strip("'\"")
    if isinstance(error, VgjaxError):
      _fail(str(error))
    for flag in (word.partition("=")[0].lstrip("-") for word in argv):
      if f".{key}." in flag:  # all that is said of what is not there
        _fail(_no_part(_config_argument(argv), flag.partition(f".{key}.")[0], key))
    _fail(f"cannot read the config or its overrides: {text}")


def _no_part(config: str, where: str, key: str) -> str:
  """What to say of a flag that sets a part of `key`, which `where` has not."""
  part = load_config(config)
  for name in where.split(".")[1:]:
    part = part[name]
  known = configs.nearest(key, part if isinstance(part, ConfigDict) else ())
  return f'{where} has no "{key}"{known}. To add one, set it whole: --{where}.{key}="{{...}}"'


def _without_traceback(text: str) -> str:
  """What absl says of a flag; of a config file that raised an error, where and what, not how it got there."""
  first, *rest = text.strip().splitlines()
  if any("Traceback" in line for line in rest):
    return f"{first.removesuffix(' Error whilst parsing config file:')} {rest[-1].strip()}"
  name, _, reason = first.partition("=")
  if "as a ConfigDict" in reason:
    return f"{name} is a part with keys of its own; set one, {name.removeprefix('flag ')}.name=... say"
  return text


def run_from_command_line() -> None:
  sys.argv = _config_from_workdir(sys.argv)
  app.run(main, flags_parser=_parse_flags)


if __name__ == "__main__":
  run_from_command_line()
