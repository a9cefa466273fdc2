"""What a data set on disk holds: its rows by split, and the names of its classes.

The rows come from a manifest, or from the folder itself: every video file and frame folder below it. The
splits come, in this order, from the manifest; from `splits` in the config; from the folders `train/`,
`valid/` (or `val/`) and `test/`; and, where none of these says it, from a hash of the row's content (else its
path), so that a video stays in its split when others come and go.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Mapping, Sequence

from vgjax.data import manifest as manifest_lib
from vgjax.data import video_index
from vgjax.data.manifest import Row
from vgjax.errors import ConfigError, DataError

SPLITS = ("train", "valid", "test")
LABELS = (None, "folder", "manifest")
MAX_CLASSES = 1_000_000
LISTS = (".txt", ".lst", ".list")


@dataclasses.dataclass(frozen=True)
class Listing:
  """Rows, none of them opened yet.

  Attributes:
    root: the folder that the rows' paths are relative to.
    rows: all of them, of every split; `split` is set where something says it.
    classes: the names of the classes, by number; empty without labels.
    numbers: {name or number in a row: number of the class}.
  """

  root: pathlib.Path
  rows: tuple[Row, ...]
  classes: tuple[str, ...]
  numbers: Mapping[str | int | None, int]


def read(
  path: str,
  *,
  manifest: str | Mapping[str, str] | None,
  columns: Mapping[str, str] | None,
  extensions: Sequence[str],
  labels: str | None,
  content: str | None,
  splits: Mapping[str, str],
) -> Listing:
  """Lists a data set; the arguments are those of `video_folder.make`."""
  if labels not in LABELS:
    raise ConfigError(f'config.data.labels is "folder", "manifest" or None, not {labels!r}.')
  for split in splits:
    if split not in SPLITS:
      raise ConfigError(f"config.data.splits names the splits {', '.join(SPLITS)}, not {split!r}.")
  root = pathlib.Path(path).expanduser()
  if manifest is None:
    root, manifest = find_manifest(root)
  if manifest is None:
    names = video_index.find_videos(root, extensions, frame_folders=True)
    rows = [Row(name) for name in names]
  else:
    rows = _read_manifests(root, manifest, columns)
  if manifest is None and (columns or labels == "manifest"):
    raise ConfigError(
      f"config.data.{'columns' if columns else 'labels'} speaks of a manifest, but there is none in {root}: "
      "put manifest.jsonl, .csv or .parquet there, or name it in config.data.manifest."
    )
  if content is not None:
    rows = [_with_content(row, content) for row in rows]
  rows, folders = _with_splits(root, rows, splits)
  classes, numbers = (), {}
  if labels is not None:
    if labels == "folder":
      rows = [dataclasses.replace(row, label=_class_folder(root, row, folders)) for row in rows]
    classes, numbers = _classes(root, rows)
  return Listing(root, tuple(rows), classes, numbers)


def divide(rows: Sequence[Row], valid_fraction: float, test_fraction: float) -> dict[str, list[Row]]:
  """The rows of each split, in their order.

  Rows that nothing gives a split are for training; splits that no row is given are shares of those.

  Raises:
    DataError: too few for such a share.
  """
  by_content: dict[str | None, str] = {
    row.content: row.split for row in rows if row.split and row.content is not None
  }
  given = [row.split or by_content.get(row.content) or "train" for row in rows]
  keys = [row.path if row.content is None else row.content for row in rows]
  names: dict[str, list[str]] = {split: [] for split in SPLITS}
  for key, split in dict.fromkeys(zip(keys, given)):
    names[split].append(key)
  divided = video_index.divide(names, valid_fraction, test_fraction)
  moved = {key: split for split in ("valid", "test") if not names[split] for key in divided[split]}
  result: dict[str, list[Row]] = {split: [] for split in SPLITS}
  for row, key, split in zip(rows, keys, given):
    result[moved.get(key, "train") if split == "train" else split].append(row)
  return result


def find_manifest(path: pathlib.Path) -> tuple[pathlib.Path, str | None]:
  """(the data folder, the manifest's name in it or None) of a folder, or of a manifest."""
  if path.is_file() and path.suffix.lower() in (*manifest_lib.SUFFIXES, ".json"):
    return path.parent, path.name
  found = [name for name in ("manifest" + s for s in manifest_lib.SUFFIXES) if (path / name).is_file()]
  if len(found) > 1:
    raise DataError(f"{path} holds {' and '.join(found)}. Name one of them in config.data.manifest.")
  return path, found[0] if found else None


def _read_manifests(
  root: pathlib.Path, manifest: str | Mapping[str, str], columns: Mapping[str, str] | None
) -> list[Row]:
  if isinstance(manifest, str):
    return manifest_lib.read_manifest(root / manifest, columns=columns)
  rows = []
  for split, name in manifest.items():
    if split not in SPLITS:
      raise ConfigError(f"config.data.manifest names the splits {', '.join(SPLITS)}, not {split!r}.")
    rows += [
      dataclasses.replace(row, split=split)
      for row in manifest_lib.read_manifest(root / name, columns=columns)
    ]
  return rows


def _with_content(row: Row, pattern: str) -> Row:
  """Names what a video was cut from, by a regular expression on its path."""
  try:
    found = re.search(pattern, row.path)
  except re.error as error:
    raise ConfigError(f"config.data.content: {pattern!r} is no regular expression: {error}") from error
  if found is None:
    raise DataError(f"config.data.content: {pattern!r} does not match {row.path}.")
  groups = found.groups(default="")
  return dataclasses.replace(row, content=" ".join(groups) if groups else found[0])


def _with_splits(
  root: pathlib.Path, rows: list[Row], splits: Mapping[str, str]
) -> tuple[list[Row], tuple[str, ...]]:
  """(rows with splits by the config or by the folders, the folders of splits)."""
  if any(row.split for row in rows):
    if splits:
      raise ConfigError("config.data.splits and the manifest both say the splits: remove one of them.")
    return rows, ()
  if splits:
    folders = {s: (w.rstrip("/") + "/",) for s, w in splits.items() if not w.lower().endswith(LISTS)}
  elif any(row.path.startswith("train/") for row in rows):
    folders = video_index.FOLDERS
  else:
    return rows, ()
  of: dict[str, str] = {}  # path: split
  for split, starts in folders.items():
    inside = [row.path for row in rows if row.path.startswith(starts)]
    if splits and not inside:
      raise DataError(f"config.data.splits.{split}: no videos in the folder {root / splits[split]}.")
    of |= dict.fromkeys(inside, split)
  paths = {row.path for row in rows}
  by_stem = {path.rpartition(".")[0]: path for path in paths}
  missing = []
  for split in splits.keys() - folders.keys():
    for name in _read_list(root / splits[split]):
      path = name if name in paths else by_stem.get(name) or by_stem.get(name.rpartition(".")[0])
      if path is None:
        missing.append(Row(name, split=split))  # it is counted as a video that cannot be read
      else:
        of[path] = split
  rest = None if "train" in {*folders, *splits} else "train"
  rows = [dataclasses.replace(row, split=of.get(row.path, rest)) for row in rows]
  used = tuple(start for starts in folders.values() for start in starts)
  return [row for row in rows if row.split] + missing, used


def _read_list(path: pathlib.Path) -> list[str]:
  """The paths of a text file, one a line; a number after it (a class, as UCF-101 has it) is left out."""
  try:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
  except (OSError, UnicodeDecodeError) as error:
    raise DataError(f"{path}: the list of a split cannot be read: {error}") from error
  names = [re.sub(r"\s+\d+$", "", line.strip()) for line in lines if line.strip()]
  if not names:
    raise DataError(f"{path}: the list of a split is empty.")
  return names


def _class_folder(root: pathlib.Path, row: Row, folders: tuple[str, ...]) -> str:
  start = next((start for start in folders if row.path.startswith(start)), "")
  name, _, rest = row.path[len(start) :].partition("/")
  if not rest:
    raise DataError(
      f'{root / row.path}: it is in no folder of a class. With config.data.labels="folder" (prepare: '
      f"--label-folders) every video is in {start}<class>/."
    )
  return name


def _classes(root: pathlib.Path, rows: list[Row]) -> tuple[tuple[str, ...], dict[str | int | None, int]]:
  """Names are numbered in their order; numbers stay."""
  without = [row.path for row in rows if row.label is None]
  if without:
    raise DataError(f"{len(without)} videos of {root} have no label, such as {without[0]}.")
  labels = {row.label for row in rows}
  if all(isinstance(label, int) for label in labels):
    highest = max(int(label) for label in labels if label is not None)
    if highest >= MAX_CLASSES:
      raise DataError(f"{root}: a label is {highest}; labels are the numbers of classes, from 0 on.")
    return tuple(map(str, range(highest + 1))), {label: label for label in range(highest + 1)}
  classes = tuple(sorted(map(str, labels)))
  return classes, {name: number for number, name in enumerate(classes)}
