"""Results of a long computation, kept on disk part by part: one that was killed goes on where it was.

What the results are a function of (data, weights, seeds, ...), as plain values, names them: a hash of it is
the folder's name, and `made_of.json` in the folder says it to a reader. A part is one `.npz` file, named by
the rows that it holds, written whole or not at all. What computes with another batch size, or on other
devices, goes on from the same parts.

Parts that are worth keeping (the features of a real data set) are in `~/.cache/vgjax/features`:
XDG_CACHE_HOME moves it, VGJAX_FEATURE_CACHE=off turns it off, and it may be deleted at any time. Under
several hosts the first one reads and writes, and hands the others what it read.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import jax
import numpy as np
from jax.experimental import multihost_utils

FORMAT = 1  # of what a part holds; change it when the same names mean other results
_NAME = re.compile(r"(\d{9})-(\d{9})\.npz")
_DAMAGED = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)

Arrays = dict[str, np.ndarray]


def cache() -> Path | None:
  """The folder of what is worth keeping between runs; None if that is turned off."""
  if os.environ.get("VGJAX_FEATURE_CACHE", "on") == "off":
    return None
  return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "vgjax" / "features"


class Parts:
  """The parts of one result.

  Args:
    folder: where results are kept, each in a folder of its own; None keeps nothing.
    made_of: what the result is a function of, in what JSON knows.
  """

  def __init__(self, folder: Path | None, made_of: Mapping[str, Any]):
    text = json.dumps({"format": FORMAT, **made_of}, sort_keys=True, default=str, indent=1)
    self._text = text
    self.folder = None if folder is None else folder / hashlib.sha256(text.encode()).hexdigest()[:24]

  def load(self) -> tuple[int, list[Arrays]]:
    """How many rows are done, and the parts that hold them, in order; (0, []) of a new result."""
    if jax.process_count() == 1:
      return self._read()
    # The others may not see the first host's disk, and all must go on from the same row.
    first = jax.process_index() == 0
    packed = _pack(*self._read()) if first else b""
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(packed))))
    local = np.frombuffer(packed, np.uint8) if first else np.zeros(size, np.uint8)
    return _unpack(np.asarray(multihost_utils.broadcast_one_to_all(local)).tobytes())

  def save(self, start: int, stop: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Keeps the part of the rows from `start` to `stop`; a reader never sees half of it."""
    if self.folder is None or jax.process_index() != 0:
      return
    try:
      self.folder.mkdir(parents=True, exist_ok=True)
      if not (self.folder / "made_of.json").exists():
        _replace(self.folder / "made_of.json", self._text.encode())
      data = io.BytesIO()
      np.savez(data, **cast(Any, arrays))
      _replace(self.folder / f"{start:09d}-{stop:09d}.npz", data.getvalue())
    except OSError as error:  # a full or read-only disk: the result is still computed
      warnings.warn(
        f"Cannot keep partial results in {self.folder}: {error.strerror}; this evaluation will not resume"
        " if it is killed.",
        stacklevel=2,
      )
      self.folder = None

  def discard(self) -> None:
    """Deletes all parts: the result is complete, and kept elsewhere."""
    if self.folder is not None and jax.process_index() == 0:
      shutil.rmtree(self.folder, ignore_errors=True)
      with contextlib.suppress(OSError):  # it holds other results, or was never made
        self.folder.parent.rmdir()

  def _read(self) -> tuple[int, list[Arrays]]:
    if self.folder is None or not self.folder.is_dir():
      return 0, []
    named = (_NAME.fullmatch(path.name) for path in self.folder.iterdir())
    # Of parts that begin alike, the longer one says more.
    spans = sorted((int(m[1]), -int(m[2]), m[0]) for m in named if m)
    done, parts = 0, []
    for start, negative_stop, name in spans:
      if start == done and -negative_stop > done:
        try:
          with np.load(self.folder / name, allow_pickle=False) as file:
            parts.append({key: file[key] for key in file.files})
        except _DAMAGED:
          break  # what follows it is computed again
        done = -negative_stop
    return done, parts


def _replace(path: Path, data: bytes) -> None:
  handle, temporary = tempfile.mkstemp(prefix=".part-", dir=path.parent)
  try:
    with open(handle, "wb") as file:
      file.write(data)
    os.replace(temporary, path)
  except BaseException:
    Path(temporary).unlink(missing_ok=True)
    raise


def _pack(done: int, parts: list[Arrays]) -> bytes:
  data = io.BytesIO()
  flat = {f"{number}/{key}": array for number, part in enumerate(parts) for key, array in part.items()}
  np.savez(data, **cast(Any, {"done": np.int64(done), **flat}))
  return data.getvalue()


def _unpack(data: bytes) -> tuple[int, list[Arrays]]:
  parts: dict[int, Arrays] = {}
  with np.load(io.BytesIO(data), allow_pickle=False) as file:
    for key in file.files:
      number, slash, name = key.partition("/")
      if slash:
        parts.setdefault(int(number), {})[name] = file[key]
    return int(file["done"]), [parts[number] for number in sorted(parts)]
