"""`python -m vgjax.evaluate`: figures of folders of videos, of any program."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence

from vgjax.errors import VgjaxError
from vgjax.evaluate import command


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  arguments = sys.argv[1:] if arguments is None else arguments
  for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
      stream.reconfigure(errors="replace")  # names of files may hold anything, and a terminal may show less
  warnings.showwarning = _show
  try:
    if arguments[:1] == ["compare"]:
      status = command.compare(command.compare_parser().parse_args(arguments[1:]))
    else:
      status = command.run(command.parser().parse_args(arguments))
    sys.stdout.flush()
    return status
  except VgjaxError as error:
    return _fail(str(error))
  except BrokenPipeError:  # `| head` has seen enough
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
  except OSError as error:
    return _fail(f"{error.filename or 'a file'}: {error.strerror}.")
  except KeyboardInterrupt:
    return _fail("stopped. The same command again goes on from here.", 130)


def _show(message, category, filename, lineno, file=None, line=None):
  """A warning as a sentence, without the line of the program that it came from."""
  del category, filename, lineno, file, line
  print(f"warning: {message}", file=sys.stderr, flush=True)


def _fail(message: str, status: int = 1) -> int:
  print(f"\nvgjax: {message}", file=sys.stderr, flush=True)
  return status


if __name__ == "__main__":
  sys.exit(main())
