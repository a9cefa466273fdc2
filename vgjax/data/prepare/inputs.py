"""What a command works on: the videos of a folder, or the rows of a manifest."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
from collections import Counter
from collections.abc import Sequence

from vgjax.data import frame_folder, video_index
from vgjax.data import listing as listing_lib
from vgjax.data.manifest import SUFFIXES as MANIFESTS
from vgjax.data.manifest import Row, read_manifest
from vgjax.data.prepare.recipe import Recipe
from vgjax.data.video_folder import EXTENSIONS
from vgjax.errors import DataError


def find(folder: pathlib.Path, extensions: Sequence[str] = EXTENSIONS) -> list[str]:
  """The video files and folders of pictures below a folder, relative to it, sorted.

  Raises:
    DataError: no such folder, or no video in it.
  """
  check_folder(folder)
  try:
    return video_index.find_videos(folder, extensions, frame_folders=True)
  except DataError as error:
    raise DataError(
      f"There are no videos in {folder.absolute()} or below: no file's name ends in {', '.join(extensions)}, "
      "and no folder below it holds pictures (those of one video are in a folder of their own)."
    ) from error


def others(folder: pathlib.Path, names: Sequence[str]) -> dict[str, int]:
  """What else a folder holds, by suffix, the most frequent first: files that `find` does not name or use.

  Args:
    folder: the folder.
    names: what `find` gave.
  """
  found: Counter[str] = Counter()
  known = set(names)
  for path in folder.rglob("*"):
    name = path.relative_to(folder)
    if name.as_posix() in known or any(part.startswith(".") for part in name.parts) or not path.is_file():
      continue
    if name.parent.as_posix() in known and frame_folder.is_picture(name.name):
      continue
    if name.stem != "manifest" or path.suffix.lower() not in MANIFESTS:
      found[path.suffix.lower() or "no suffix"] += 1
  return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def check_folder(folder: pathlib.Path) -> None:
  if not folder.is_dir():
    state = "is a file, not a folder" if folder.exists() else "does not exist"
    raise DataError(
      f"The folder {folder} {state} (looked for {folder.absolute()}). Name the folder that holds the videos."
    )


def rows_of(manifest: pathlib.Path, folder: pathlib.Path) -> list[Row]:
  """The rows of a manifest whose paths are relative to `folder`.

  Raises:
    DataError: it cannot be read, or none of its videos is there.
  """
  check_folder(folder)
  rows = read_manifest(manifest)
  if not any((folder / row.path).exists() for row in rows):
    raise DataError(
      f"{manifest}: none of its {len(rows)} videos is in {folder}, such as {folder / rows[0].path}. Its "
      "paths are relative to the folder that the command names."
    )
  return rows


def divided(folder: pathlib.Path, manifest: pathlib.Path | None, recipe: Recipe) -> list[Row]:
  """The rows to prepare, each with its split, as `video_folder` would divide them; train comes first."""
  if manifest is not None:
    rows_of(manifest, folder)
  else:
    check_folder(folder)
  listing = listing_lib.read(
    str(folder),
    manifest=None if manifest is None else str(manifest.resolve()),
    columns=None,
    extensions=EXTENSIONS,
    labels="folder" if recipe.label_folders else None,
    content=None,
    splits={},
  )
  splits = listing_lib.divide(listing.rows, recipe.valid_fraction, recipe.test_fraction)
  return [dataclasses.replace(row, split=split) for split in listing_lib.SPLITS for row in splits[split]]


def fingerprint(folder: pathlib.Path, rows: Sequence[Row]) -> str:
  """A hash of the rows and of each file's size and ends; the same wherever the folder lies."""
  whole = hashlib.sha256()
  ends: dict[str, str] = {}
  for row in rows:
    for name in (row.path, row.embedding, row.action):
      if name is not None and name not in ends:
        ends[name] = digest(folder / name)
    parts = [ends.get(name or "", "") for name in (row.path, row.embedding, row.action)]
    whole.update(f"{row} {parts}\n".encode("utf-8", "surrogateescape"))
  return whole.hexdigest()[:32]


def digest(path: str | os.PathLike) -> str:
  """A hash of a file's size and of both its ends (64 KiB each): cheap, and equal for equal files.

  Of a folder of pictures, their names and sizes; of a file that cannot be read, an empty text.
  """
  try:
    if os.path.isdir(path):
      entries = sorted((entry.name, entry.stat().st_size) for entry in os.scandir(path))
      return hashlib.sha256(repr(entries).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    size = os.path.getsize(path)
    with open(path, "rb") as file:
      content = file.read(2**16)
      if size > 2**16:
        file.seek(max(2**16, size - 2**16))
        content += file.read(2**16)
  except OSError:
    return ""
  return hashlib.sha256(b"%d " % size + content).hexdigest()[:32]
