"""The recipe: all that decides which bytes `prepare` writes. `recipe.json` lies beside the shards.

What does not decide them (workers, where the folder lies) is not in it: the same videos and the same recipe
give the same shards, byte for byte, also after a kill.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import av

from vgjax import configs
from vgjax.errors import DataError

FILE = "recipe.json"
INDEX = "inputs.jsonl"
FORMAT = 1  # of the shards; a change that old readers misread counts it up


@dataclasses.dataclass(frozen=True)
class Recipe:
  """The options; see `python -m vgjax.data prepare --help`.

  Attributes:
    size: (height, width).
    crop: the centre is cut to `size`; else the shorter side is scaled to it and the rest kept.
    channels: 3 or 1.
    fps: frames a second; None takes every `stride`-th frame.
    stride: without `fps`.
    frame_fps: frames a second of folders of pictures.
    time: frames in a clip; None makes one clip of a video, or of a scene.
    min_time: a shorter clip, as at a video's end, is left out.
    clips: the most clips of a video, evenly spread; None for all.
    scene_cuts: clips do not cross from one scene to the next.
    audio: the sound goes along, as log-mel a frame.
    gop: frames from key frame to key frame; 0 keeps raw pixels.
    crf: the quality of the encoding.
    shard_bytes: a shard is full at this size.
    valid_fraction, test_fraction: shares of a folder without splits.
    label_folders: subfolders are classes.
  """

  size: tuple[int, int] = (64, 64)
  crop: bool = True
  channels: int = 3
  fps: float | None = None
  stride: int = 1
  frame_fps: float = 25.0
  time: int | None = 64
  min_time: int = 16
  clips: int | None = None
  scene_cuts: bool = False
  audio: bool = False
  gop: int = 8
  crf: float = 12.0
  shard_bytes: int = 256_000_000
  valid_fraction: float = 0.1
  test_fraction: float = 0.1
  label_folders: bool = False


def describe(recipe: Recipe, source: Mapping[str, Any]) -> dict[str, Any]:
  """What `recipe.json` begins with.

  Args:
    recipe: the options.
    source: the folder's name, the number of inputs and their fingerprint.
  """
  return dict(
    format=FORMAT,
    vgjax=importlib.metadata.version("vgjax") if _installed() else "not installed",
    av=av.__version__,
    options=dataclasses.asdict(recipe) | {"size": list(recipe.size)},
    source=dict(source),
  )


def check_same(ours: Mapping[str, Any], out: pathlib.Path, theirs: Mapping[str, Any]) -> None:
  """Raises DataError with the difference if `out` was begun with another recipe, or of other videos."""
  defaults = describe(Recipe(), {})["options"]  # of options that there were not when it was begun
  theirs = {**theirs, "options": defaults | theirs["options"]}
  differences = [
    line
    for key in ours
    for line in configs.differences(theirs.get(key), ours[key], key)
    if not line.startswith("source.fingerprint") or theirs["source"]["inputs"] == ours["source"]["inputs"]
  ]
  if not differences:
    return
  listed = "\n  ".join(_in_words(line) for line in differences)
  raise DataError(
    f"{out} was begun with another recipe:\n  {listed}\n"
    "Give the same options to go on with it, or write to another folder."
  )


def _in_words(line: str) -> str:
  if line.startswith("source.fingerprint"):
    return "the videos have changed: files were replaced, or lines of the manifest"
  return line.removeprefix("options.")


def read(out: pathlib.Path) -> dict[str, Any] | None:
  """The recipe of a folder, or None if it has none."""
  try:
    return json.loads((out / FILE).read_text(encoding="utf-8"))
  except (FileNotFoundError, NotADirectoryError):
    return None
  except (ValueError, OSError) as error:
    raise DataError(f"{out / FILE} cannot be read: {error}") from error


def read_index(out: pathlib.Path) -> list[dict[str, Any]]:
  """The lines of `inputs.jsonl`, one a row: `path`, `split`, `shard`, `frames` of each record, `bad`, ..."""
  try:
    with open(out / INDEX, encoding="utf-8") as file:
      return [json.loads(line) for line in file]
  except (ValueError, OSError) as error:
    raise DataError(f"{out / INDEX} cannot be read: {error}. Prepare the videos again.") from error


def write(path: pathlib.Path, text: str) -> None:
  """Writes a small file whole or not at all."""
  handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
  try:
    with open(handle, "w", encoding="utf-8") as file:
      file.write(text)
      file.flush()
      os.fsync(file.fileno())
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)
  except BaseException:
    os.unlink(temporary)
    raise


def to_text(content: Mapping[str, Any]) -> str:
  return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def digest(content: Any) -> str:
  """A short hash of anything that JSON holds."""
  return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _installed() -> bool:
  try:
    importlib.metadata.version("vgjax")
  except importlib.metadata.PackageNotFoundError:
    return False
  return True
