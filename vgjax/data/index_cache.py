"""What files' headers said, kept on disk between runs: opening ten thousand files takes a while.

One JSON file a data folder, in `~/.cache/vgjax/index` (XDG_CACHE_HOME moves it; VGJAX_INDEX_CACHE=off turns
it off). An entry counts while its file has the same size and time of change, and this code and FFmpeg are the
same. Several processes and hosts may write at once: each merges what it found and replaces the file whole, so
the worst that can happen is that an entry is read from its file again.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import tempfile
import time
import warnings
from collections.abc import Mapping
from typing import Any

import av

VERSION = 2  # of what an entry holds; change it when probing changes
SETTLED = 3.0  # seconds; a file changed this recently may change again without a new time

Stamp = tuple[int, int]  # (bytes, nanoseconds of the last change)


def load(folder: str | os.PathLike) -> dict[str, list[Any]]:
  """{name: [bytes, nanoseconds, what was found]} of a data folder; empty if nothing fit is kept."""
  path = _path(folder)
  if path is None:
    return {}
  try:
    with open(path, encoding="utf-8") as file:
      kept = json.load(file)
    if kept["made_by"] != _made_by() or kept["folder"] != _real(folder):
      return {}
    entries = kept["entries"]
    return entries if all(len(entry) == 3 for entry in entries.values()) else {}
  except FileNotFoundError:
    return {}
  except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
    return {}  # damaged: the files themselves say it all, and a whole one replaces it


def save(folder: str | os.PathLike, found: Mapping[str, tuple[Stamp, Any]]) -> None:
  """Adds what was found in files of a data folder.

  Args:
    folder: the data folder.
    found: {name: ((bytes, nanoseconds of the last change), anything that JSON holds)}.
  """
  path = _path(folder)
  if path is None:
    return
  latest = time.time_ns() - int(SETTLED * 1e9)
  entries = load(folder)
  entries.update({name: [*stamp, value] for name, (stamp, value) in found.items() if stamp[1] < latest})
  kept = {"made_by": _made_by(), "folder": _real(folder), "entries": entries}
  temporary = None
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    with open(handle, "w", encoding="utf-8") as file:
      file.write(json.dumps(kept, separators=(",", ":")))  # json.dump would not use the C encoder
    os.replace(temporary, path)
  except (OSError, UnicodeEncodeError) as error:  # a full or read-only disk; a name which is no Unicode
    warnings.warn(f"The index of {folder} could not be kept for the next start: {error}", stacklevel=2)
    if temporary is not None and os.path.exists(temporary):
      os.unlink(temporary)


def _path(folder: str | os.PathLike) -> pathlib.Path | None:
  if os.environ.get("VGJAX_INDEX_CACHE", "on") == "off":
    return None
  home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
  name = hashlib.sha256(os.fsencode(_real(folder))).hexdigest()[:24]
  return home / "vgjax" / "index" / f"{name}.json"


def _real(folder: str | os.PathLike) -> str:
  return os.path.realpath(folder)


def _made_by() -> list[Any]:
  return [VERSION, av.__version__, *av.library_versions["libavformat"]]
