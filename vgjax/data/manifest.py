"""A manifest: one row a video, or a part of one, with what is known of it. CSV, JSON lines or Parquet.

  path,label,text,split,start,end
  cats/one.mp4,cat,"a cat sleeps",train,0.0,4.5

Only `path` is required. A cell that is empty (in JSON: null, or not there) says nothing. An unknown column is
an error which names the nearest known one, since a misspelt `label` would train without labels.

Lists that came with a data set are read as they are, with `columns` saying what fills ours: a column of
theirs, or a pattern of several. For Kinetics:

  columns=dict(path="{youtube_id}_{time_start:0>6}_{time_end:0>6}.mp4", label="label", split="split")
"""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import pathlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vgjax.configs import nearest
from vgjax.errors import ConfigError, DataError

SUFFIXES = (".jsonl", ".csv", ".parquet")
SPLITS = {"train": "train", "test": "test"}
SPLITS |= dict.fromkeys(("valid", "val", "validate", "validation"), "valid")
WHOLE_NUMBER = re.compile(r"0|[1-9]\d{0,8}")  # "007" is a name


@dataclasses.dataclass(frozen=True)
class Row:
  """One video, or the part of it from `start` to `end`.

  Attributes:
    path: the video file or frame folder, relative to the manifest's folder.
    label: its class: a name, or a number from 0 on.
    text: its caption.
    split: "train", "valid" or "test"; None leaves it to a hash of `content` or `path`.
    start: seconds.
    end: seconds.
    embedding: a `.npy` file with the caption's embedding, relative as `path` is.
    action: a `.npz` (its key `action`) or `.npy` file with the video's actions, one a frame; relative too.
    content: what names the video this one was cut from; all rows of one content are in one split.
  """

  path: str
  label: str | int | None = None
  text: str | None = None
  split: str | None = None
  start: float | None = None
  end: float | None = None
  embedding: str | None = None
  action: str | None = None
  content: str | None = None


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))


def read_manifest(path: str | os.PathLike, *, columns: Mapping[str, str] | None = None) -> list[Row]:
  """Reads and checks a manifest.

  Args:
    path: a `.csv` (with a header, UTF-8), `.jsonl` or `.parquet` file, or a `.json` list of objects.
    columns: {our column: the file's column, or a pattern `"{of}_{several}.mp4"`}, for files that were written
      for other programs; only these are read then. None: the file has our columns.

  Returns:
    Its rows in their order. Where every label of a CSV file is a whole number, the labels are ints.

  Raises:
    DataError: it names the file, the line (of JSON and Parquet: the row, from 1 on) and the column.
  """
  path = os.fspath(path)
  suffix = pathlib.Path(path).suffix.lower()
  readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet, ".json": _read_json}
  if suffix not in readers:
    raise DataError(f"{path}: a manifest is one of {', '.join('*' + s for s in SUFFIXES)}.")
  for name in columns or ():
    if name not in COLUMNS:
      raise ConfigError(f'config.data.columns: unknown column "{name}"{nearest(name, COLUMNS)}.')
  rows, lines = [], []
  try:
    for line, cells in readers[suffix](path):
      where = f"{path}, line {line}"
      rows.append(_row(where, _rename(where, cells, columns) if columns else cells))
      lines.append(line)
  except (OSError, UnicodeDecodeError, csv.Error) as error:
    how = ". Save it as UTF-8." if isinstance(error, UnicodeDecodeError) else ""
    raise DataError(f"{path}: the manifest cannot be read: {error}{how}") from error
  if not rows:
    raise DataError(f"{path}: the manifest has no rows.")
  if suffix == ".csv":
    rows = _number_labels(rows)
  _check_together(path, rows, lines)
  return rows


def write_manifest(path: str | os.PathLike, rows: Iterable[Row]) -> None:
  """Writes a manifest, whole or not at all; only columns in which a row says something are written.

  Args:
    path: a `.csv`, `.jsonl` or `.parquet` file; it is replaced.
    rows: what to write. Read back they are the same, but that CSV knows no difference between 3 and "3",
      and trims its cells.
  """
  path, rows = pathlib.Path(path), list(rows)
  suffix = path.suffix.lower()
  if suffix not in SUFFIXES:
    raise DataError(f"{path}: a manifest is one of {', '.join('*' + s for s in SUFFIXES)}.")
  used = [name for name in COLUMNS if name == "path" or any(getattr(row, name) is not None for row in rows)]
  handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".manifest-", suffix=suffix)
  os.close(handle)
  try:
    {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}[suffix](temporary, rows, used)
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(temporary, 0o666 & ~umask)  # a temporary file is the user's alone
    os.replace(temporary, path)
  except BaseException:
    os.unlink(temporary)
    raise


def _read_csv(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
  with open(path, newline="", encoding="utf-8-sig") as file:  # spreadsheets begin a file with a BOM
    lines = csv.reader(file, strict=True)
    header = [name.strip() for name in next(lines, [])]
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
      if len(header) == 1 and mark in header[0]:
        raise DataError(f"{path}, line 1: its cells are parted by {name}. Save it with commas between them.")
    if len(set(header)) < len(header):
      raise DataError(f"{path}, line 1: a column appears twice: {', '.join(header)}.")
    line = lines.line_num + 1  # where a row begins; a cell may have several lines
    for cells in lines:
      if cells:
        if len(cells) != len(header):
          raise DataError(
            f"{path}, line {line}: {len(cells)} cells for {len(header)} columns. "
            'A comma within a cell needs quotes around the cell: "a, b".'
          )
        yield line, {name: cell.strip() or None for name, cell in zip(header, cells)}
      line = lines.line_num + 1


def _read_jsonl(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
  with open(path, encoding="utf-8-sig") as file:
    for line, text in enumerate(file, 1):
      if not text.strip():
        continue
      try:
        cells = json.loads(text)
      except (ValueError, RecursionError) as error:
        raise DataError(f"{path}, line {line}: not JSON: {error}") from error
      if not isinstance(cells, dict):
        raise DataError(f'{path}, line {line}: an object such as {{"path": "one.mp4"}} is wanted.')
      yield line, cells


def _read_json(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
  with open(path, encoding="utf-8-sig") as file:
    try:
      rows = json.load(file)
    except (ValueError, RecursionError) as error:
      raise DataError(f"{path}: not JSON: {error}") from error
  if not isinstance(rows, list) or not all(isinstance(cells, dict) for cells in rows):
    raise DataError(f'{path}: a list of objects such as [{{"path": "one.mp4"}}] is wanted.')
  yield from enumerate(rows, 1)


def _read_parquet(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
  parquet = _pyarrow(path)[1]
  try:
    table = parquet.ParquetFile(path)
    batches = table.iter_batches(4096)
    line = 1
    for batch in batches:
      for cells in batch.to_pylist():
        yield line, cells
        line += 1
  except DataError:
    raise
  except Exception as error:  # pyarrow has errors of its own, which are not to be imported here
    if not type(error).__module__.startswith("pyarrow"):
      raise
    raise DataError(f"{path}: the manifest cannot be read: {error}") from error


def _write_csv(path: str, rows: list[Row], used: list[str]) -> None:
  with open(path, "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(used)
    writer.writerows([getattr(row, name) for name in used] for row in rows)


def _write_jsonl(path: str, rows: list[Row], used: list[str]) -> None:
  with open(path, "w", encoding="utf-8") as file:
    for row in rows:
      cells = {name: getattr(row, name) for name in used if getattr(row, name) is not None}
      file.write(json.dumps(cells, ensure_ascii=False) + "\n")


def _write_parquet(path: str, rows: list[Row], used: list[str]) -> None:
  arrow, parquet = _pyarrow(path)
  try:
    table = arrow.table({name: [getattr(row, name) for row in rows] for name in used})
  except (arrow.ArrowInvalid, arrow.ArrowTypeError) as error:
    raise DataError(f"{path}: a column of Parquet has one type: {error}") from error
  parquet.write_table(table, path)


def _pyarrow(path: str):
  try:
    import pyarrow
    import pyarrow.parquet
  except ImportError as error:
    raise DataError(f"{path}: Parquet needs pyarrow: pip install pyarrow") from error
  return pyarrow, pyarrow.parquet


def _rename(where: str, cells: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
  """A row of another program's file in our columns."""
  renamed = {}
  for ours, theirs in columns.items():
    try:
      renamed[ours] = theirs.format_map(cells) if "{" in theirs else cells[theirs]
    except KeyError as error:
      raise DataError(
        f"{where}: there is no column {error.args[0]!r}{nearest(str(error.args[0]), map(str, cells))}. "
        "config.data.columns asks for it."
      ) from error
    except (ValueError, AttributeError, LookupError) as error:
      raise DataError(
        f"{where}: config.data.columns.{ours} = {theirs!r} cannot be filled: {error}"
      ) from error
  return renamed


def _row(where: str, cells: Mapping[str, Any]) -> Row:
  """Checks one row. `where` is its file and line."""
  known = {}
  for name, value in cells.items():
    if name not in COLUMNS:
      raise DataError(
        f'{where}: unknown column "{name}"{nearest(str(name), COLUMNS)}. Rename or remove it, or say which '
        "columns to read with config.data.columns."
      )
    if value is not None:
      known[name] = _cell(f'{where}, column "{name}"', name, value)
  if "path" not in known:
    raise DataError(f'{where}: the column "path" is missing or empty.')
  row = Row(**known)
  if row.end is not None and row.end <= (row.start or 0.0):
    raise DataError(f'{where}, column "end": {row.end} is not after the start, {row.start or 0.0}.')
  return row


def _cell(where: str, column: str, value: Any) -> Any:
  """A value in its column's type. CSV gives strings only."""
  if column in ("start", "end"):
    try:
      number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
      number = math.nan
    if not (math.isfinite(number) and number >= 0):
      raise DataError(f"{where}: seconds from 0 on are wanted, not {value!r}.")
    return number
  if column == "label" and isinstance(value, int) and not isinstance(value, bool):
    if not 0 <= value < 2**31:
      raise DataError(f"{where}: a number of a class is from 0 on, below 2**31, not {value}.")
    return value
  if column == "content" and isinstance(value, int) and not isinstance(value, bool):
    return str(value)
  if not isinstance(value, str):
    raise DataError(f"{where}: a string is wanted, not {value!r}.")
  if column == "split":
    if value not in SPLITS:
      raise DataError(f"{where}: a split is train, valid or test, not {value!r}{nearest(value, SPLITS)}.")
    return SPLITS[value]
  if "\0" in value or (not value and column != "text"):
    raise DataError(f"{where}: {value!r} is no {column}.")
  return value


def _number_labels(rows: list[Row]) -> list[Row]:
  """CSV has no numbers: labels are numbers where all of them look like it."""
  labels = [row.label for row in rows if row.label is not None]
  if not all(WHOLE_NUMBER.fullmatch(str(label)) for label in labels):
    return rows
  return [row if row.label is None else dataclasses.replace(row, label=int(row.label)) for row in rows]


def _check_together(path: str, rows: list[Row], lines: list[int]) -> None:
  """What no row shows alone: labels of one kind, and one split for all that has one content."""
  first: dict[Any, tuple[int, Row]] = {}
  for line, row in zip(lines, rows):
    if row.label is not None:
      before, one = first.setdefault("label", (line, row))
      if type(one.label) is not type(row.label):
        raise DataError(
          f'{path}, line {line}, column "label": {row.label!r} is no {type(one.label).__name__} as in line '
          f"{before}, {one.label!r}. Labels are all names or all numbers."
        )
    if row.content is not None and row.split is not None:
      before, one = first.setdefault(("content", row.content), (line, row))
      if one.split != row.split:
        raise DataError(
          f'{path}, line {line}, column "split": {row.split}, but line {before} has the same content '
          f"{row.content!r} in {one.split}. All rows of one content are in one split."
        )
