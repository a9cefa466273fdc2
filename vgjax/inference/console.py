"""What the command lines of `predict` and `interpolate` have in common."""

from __future__ import annotations

import argparse
import errno
import io
import os
import pathlib
import sys
import warnings
from collections.abc import Callable, Sequence

import jax

from vgjax import devices
from vgjax.errors import VgjaxError

WHOLE_PIXELS = 2**22  # of a frame; larger ones are worked on in tiles unless the user says otherwise
TILE = (1024, 1024)
EXIT = "exit status: 0 done, 1 could not be done, 2 a wrong option, 130 stopped by Ctrl-C."
_SMALLER = "give a smaller --tile, such as --tile 256, or a smaller --size."
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_WRITE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EISDIR)


def add_arguments(parser: argparse.ArgumentParser, *, size: str) -> None:
  """The arguments that both commands have; `size` is what the help says of --size."""
  parser.add_argument(
    "video",
    metavar="VIDEO",
    help="a video file, a GIF, a folder of pictures, or a pattern such as 'shot/%%04d.png'",
  )
  parser.add_argument(
    "--run", type=pathlib.Path, required=True, metavar="RUNDIR", help="the folder of a run that was trained"
  )
  parser.add_argument(
    "--checkpoint", default="latest", metavar="WHICH", help="latest (default), best, or a number of steps"
  )
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    metavar="OUT",
    help="what to write: .mp4, .mkv, .mov, .gif, or a new folder for pictures (png), which lose nothing",
  )
  parser.add_argument(
    "--picture_fps", type=above_zero, default=25.0, metavar="F", help="the rate of pictures (default: 25)"
  )
  frames = parser.add_argument_group("the frames")
  frames.add_argument("--size", type=size_or_source, metavar="N", help=size)
  frames.add_argument(
    "--tile", type=tile, metavar="N",
    help="work on overlapping tiles of N or HxW pixels, blended where they overlap: less memory for large"
    f" frames; 0: never (default: {TILE[0]}, for frames above {WHOLE_PIXELS >> 20} megapixels)",
  )  # fmt: skip
  frames.add_argument(
    "--overlap", type=positive, default=64, metavar="N", help="pixels that tiles share (default: 64)"
  )
  frames.add_argument(
    "--crf", type=crf, default=16.0, metavar="Q",
    help="the quality of h264: 0 loses least, 16 (default) little, 23 is for the web",
  )  # fmt: skip
  frames.add_argument(
    "--seed", type=int, default=0, metavar="N", help="of what a stochastic model draws (default: 0)"
  )


def main(
  parser: argparse.ArgumentParser,
  run: Callable[[argparse.Namespace], int],
  arguments: Sequence[str] | None,
) -> int:
  """Runs a command; returns its exit status."""
  options = parser.parse_args(arguments)
  for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
      stream.reconfigure(errors="replace")  # names of files may hold anything, and a terminal may show less
  warnings.showwarning = _show
  try:
    devices.initialize()
    return run(options)
  except VgjaxError as error:
    return _fail(str(error))
  except jax.errors.JaxRuntimeError as error:
    if "RESOURCE_EXHAUSTED" not in str(error):
      raise
    return _fail(f"the device's memory is too small: {_SMALLER}")
  except MemoryError:
    return _fail(f"the memory is too small: {_SMALLER}")
  except BrokenPipeError:  # `| head` has seen enough
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
  except OSError as error:
    where = error.filename or options.out or "the video"
    if error.errno in _NO_ROOM:
      return _fail(f"the disk is full; cannot write {where}. Make room, or name another --out.")
    if error.errno in _NO_WRITE:
      return _fail(f"cannot write {where}: {error.strerror}. Name another --out.")
    raise
  except KeyboardInterrupt:
    return _fail("stopped; nothing was written.", 130)


def choose_tile(wanted: tuple[int, int] | None, size: tuple[int, int]) -> tuple[tuple[int, int] | None, str]:
  """The tile for frames of `size`, or None for whole frames; and what to say of it."""
  if wanted == (0, 0):
    return None, ""
  if wanted is None and size[0] * size[1] <= WHOLE_PIXELS:
    return None, ""
  chosen = wanted or TILE
  if size[0] <= chosen[0] and size[1] <= chosen[1]:
    return None, ""
  return chosen, f"in tiles of {chosen[1]}x{chosen[0]}"


def default_out(video: str, ending: str, suffix: str) -> pathlib.Path:
  """A name in the current folder made of the input's."""
  path = pathlib.Path(video.rstrip("/\\"))
  name = path.stem if not any(letter in path.name for letter in "*?[%") else path.absolute().parent.name
  return pathlib.Path(f"{name}{ending}{suffix}")


def say(text: str) -> None:
  print(text, flush=True)


def positive(text: str) -> int:
  value = int(text)
  if value < 1:
    raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
  return value


def above_zero(text: str) -> float:
  value = float(text)
  if not 0 < value < float("inf"):
    raise argparse.ArgumentTypeError(f"{text} is not above 0")
  return value


def seconds(text: str) -> float:
  """Seconds, or minutes:seconds, or hours:minutes:seconds."""
  value = 0.0
  for part in text.split(":"):
    value = 60 * value + float(part)
  if not 0 <= value < float("inf"):
    raise argparse.ArgumentTypeError(f"{text} is no time: seconds, or 1:02.5")
  return value


def crf(text: str) -> float:
  value = float(text)
  if not 0 <= value <= 51:
    raise argparse.ArgumentTypeError(f"{text} is not from 0 to 51")
  return value


def size_or_source(text: str) -> tuple[int, int] | int | str:
  """N, (height, width), or "source"."""
  if text == "source":
    return text
  height, by, width = text.partition("x")
  return (positive(height), positive(width)) if by else positive(height)


def tile(text: str) -> tuple[int, int]:
  """Height and width; (0, 0) for 0."""
  if text == "0":
    return 0, 0
  height, _, width = text.partition("x")
  return positive(height), positive(width or height)


def _show(message, category, filename, lineno, file=None, line=None):
  """A warning as a sentence, without the line of the program that it came from."""
  del category, filename, lineno, file, line
  print(f"warning: {message}", file=sys.stderr, flush=True)


def _fail(message: str, status: int = 1) -> int:
  print(f"\nvgjax: {message}", file=sys.stderr, flush=True)
  return status
