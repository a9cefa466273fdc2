"""`python -m vgjax.data`: tools for folders of videos."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import pathlib
import sys
from collections.abc import Sequence

from vgjax.configs import nearest
from vgjax.errors import VgjaxError

COMMANDS = ("doctor", "prepare")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_WRITE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST)
DESCRIPTION = """\
Tools for folders of videos: first let the doctor look at yours, then train on the folder as it is, or
prepare it once to small clips that load faster. docs/data.md walks through it."""


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs a command; returns its exit status."""
  parser = argparse.ArgumentParser(
    prog="python -m vgjax.data",
    description=DESCRIPTION,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
  modules = {}
  for name in COMMANDS:
    module = modules[name] = importlib.import_module(f"vgjax.data.{name}.command")
    module.add_arguments(
      commands.add_parser(
        name,
        help=module.HELP,
        description=module.DESCRIPTION,
        epilog=module.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
      )
    )
  options, unknown = parser.parse_known_args(arguments)
  if unknown:
    command = commands.choices[options.command]
    known = [word for action in command._actions for word in action.option_strings]
    option = unknown[0].partition("=")[0]
    command.error(f"unknown option {option}{nearest(option, known)}")
  for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
      stream.reconfigure(errors="replace")  # names of files may hold anything, and a terminal may show less
  try:
    status = modules[options.command].run(options)
    sys.stdout.flush()
    return status
  except VgjaxError as error:
    return _fail(str(error))
  except BrokenPipeError:  # `| head` has seen enough; the files are written
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
  except OSError as error:
    where = error.filename or options.out or "the report"
    if error.errno in _NO_ROOM:
      return _fail(
        f"the disk is full; cannot write {where}. Make room, or write elsewhere, and run it again."
      )
    if error.errno in _NO_WRITE or _on_the_way(error.filename, options.out):
      return _fail(f"cannot write {where}: {error.strerror}. Name another folder to write to.")
    raise
  except KeyboardInterrupt:
    return _fail("stopped. The same command again goes on (prepare), or begins anew (doctor).", 130)


def _on_the_way(path: str | None, out: str | None) -> bool:
  """Whether a folder that could not be made is one above where the files go, or that itself."""
  if path is None or out is None:
    return False
  wanted = pathlib.Path(out).absolute()
  return pathlib.Path(path).absolute() in (wanted, *wanted.parents)


def _fail(message: str, status: int = 1) -> int:
  print(f"\nvgjax: {message}", file=sys.stderr, flush=True)
  return status


if __name__ == "__main__":
  sys.exit(main())
