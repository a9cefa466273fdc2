"""Writes shards so that a killed run goes on, to the same bytes.

Workers leave parts (`clips`), each there whole or not at all. This process puts them into shards in the
order of the rows, so it does not matter which worker was faster. A shard ends with the row that fills it, or
with its split. It is written under a temporary name, renamed, and entered in `.work/shards.jsonl` with the
rows it holds; only then its parts are removed. A run that was killed goes on after the last line of that
file, with the parts that are there. At the end the lines become `inputs.jsonl`, and `recipe.json` is marked
complete.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib
import itertools
import json
import os
import pathlib
import shutil
import time
from collections.abc import Iterator, Sequence
from typing import Any

from vgjax import progress
from vgjax.data.manifest import Row
from vgjax.data.prepare import clips, pool
from vgjax.data.prepare import recipe as recipe_lib
from vgjax.data.prepare.recipe import Recipe
from vgjax.errors import DataError

WRITER = "group_size:1,uncompressed"  # each record is read alone; pictures hardly shrink any further
NAMED = 20  # bad inputs that a message lists


def write(
  folder: pathlib.Path,
  rows: Sequence[Row],
  out: pathlib.Path,
  recipe: Recipe,
  description: dict[str, Any],
  *,
  workers: int,
  max_bad_fraction: float,
) -> dict[str, Any]:
  """Writes, or finishes, all shards; returns the finished recipe.

  Args:
    folder: what the rows' paths are relative to.
    rows: with `split`; those of one split follow each other.
    out: the folder to write to; its recipe.json is checked already.
    recipe: the options.
    description: what recipe.json holds.
    workers: processes.
    max_bad_fraction: the share of the rows that may be bad; one always may, unless it is 0.

  Raises:
    DataError: too many bad rows, or another process is at it.
  """
  work = out / ".work"
  (work / "parts").mkdir(parents=True, exist_ok=True)
  with _only_one(work):
    for torn in (work / "parts").glob("*.*"):
      torn.unlink()  # of a worker that was killed
    recipe_lib.write(out / recipe_lib.FILE, recipe_lib.to_text(description | {"complete": False}))
    state = _State(work / "shards.jsonl")
    most = max(1.0, max_bad_fraction * len(rows)) if max_bad_fraction else 0
    bad = {line["path"]: line["bad"] for line in state.lines() if line["bad"]}
    jobs = [
      clips.Job(str(folder), row, recipe, str(work / "parts" / f"{i:09}"))
      for i, row in enumerate(rows)
      if i >= state.rows
    ]
    results = pool.ordered(clips.make_part, jobs, workers=workers)
    with progress.Progress(len(rows), "video") as bar, contextlib.closing(results):
      bar.update(state.rows)
      shard, done = None, _speed(results, bar)
      for split, group in itertools.groupby(done, lambda pair: pair[0].row.split):
        for job, found in group:
          if isinstance(found, pool.Crashed):
            found = clips.Done(found.reason, [], [])
            clips.write_part(job.part, found, [])
          if found.bad:
            bad[job.row.path] = found.bad
            if len(bad) > most:
              raise DataError(_list_bad(len(rows), bad, out))
          shard = shard or _Shard(out, split, state.count(split))
          shard.add(job, found)
          if shard.bytes >= recipe.shard_bytes:
            state.enter(shard.close())
            shard = None
        if shard is not None:
          state.enter(shard.close())
          shard = None
    return _finish(out, work, state, description)


class _Shard:
  """One file, growing under a temporary name."""

  def __init__(self, out: pathlib.Path, split: str, number: int):
    array_record = importlib.import_module("array_record.python.array_record_module")  # not for every system

    self._path = out / f"{split}-{number:05}.array_record"
    self._temporary = out / f".{self._path.name}.part"
    self._writer = array_record.ArrayRecordWriter(str(self._temporary), WRITER)
    self._split, self._lines, self._parts = split, [], []
    self.bytes = 0

  def add(self, job: clips.Job, found: clips.Done) -> None:
    for data in clips.records_of(job.part):
      _checked(self._writer.write, data, self._temporary)
    self.bytes += sum(found.sizes)
    self._parts.append(job.part)
    kept = {"path": job.row.path, "split": self._split, "shard": self._path.name}
    known = {k: v for k in ("label", "start", "end") if (v := getattr(job.row, k)) is not None}
    self._lines.append({**kept, **known, "frames": found.frames, "bad": found.bad})

  def close(self) -> tuple[dict[str, Any], list[str]]:
    """Finishes the file; (its line for the state, the parts it was made of). Without records, no file."""
    _checked(self._writer.close, None, self._temporary)
    line = dict(file="", split=self._split, records=sum(len(row["frames"]) for row in self._lines))
    if line["records"]:
      with open(self._temporary, "rb") as file:
        os.fsync(file.fileno())
        line["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        line["bytes"] = file.tell()
      os.replace(self._temporary, self._path)
      line["file"] = self._path.name
    else:
      self._temporary.unlink()
    return line | {"rows": self._lines}, self._parts


class _State:
  """`.work/shards.jsonl`: a line for each finished shard, with its rows."""

  def __init__(self, path: pathlib.Path):
    self._path = path
    self.shards: list[dict[str, Any]] = []
    if path.exists():
      text = path.read_bytes().decode("utf-8", "replace")
      whole, _, torn = text.rpartition("\n")
      self.shards = [json.loads(line) for line in whole.splitlines()]
      if torn:  # a line that a kill cut short
        recipe_lib.write(path, whole + "\n" if whole else "")

  @property
  def rows(self) -> int:
    """How many rows are done."""
    return sum(len(shard["rows"]) for shard in self.shards)

  def lines(self) -> Iterator[dict[str, Any]]:
    return (line for shard in self.shards for line in shard["rows"])

  def count(self, split: str) -> int:
    return sum(shard["split"] == split and bool(shard["file"]) for shard in self.shards)

  def enter(self, closed: tuple[dict[str, Any], list[str]]) -> None:
    line, parts = closed
    with open(self._path, "a", encoding="utf-8") as file:
      file.write(json.dumps(line) + "\n")
      file.flush()
      os.fsync(file.fileno())
    self.shards.append(line)
    for part in parts:
      os.unlink(part)


def _finish(
  out: pathlib.Path, work: pathlib.Path, state: _State, description: dict[str, Any]
) -> dict[str, Any]:
  files = [shard for shard in state.shards if shard["file"]]
  if not files:
    raise DataError(_list_bad(state.rows, {line["path"]: line["bad"] for line in state.lines()}, out))
  lines = list(state.lines())
  recipe_lib.write(out / recipe_lib.INDEX, "".join(json.dumps(line) + "\n" for line in lines))
  shards = [{key: shard[key] for key in ("file", "split", "records", "bytes", "sha256")} for shard in files]
  counts = dict(
    videos=sum(not line["bad"] for line in lines),
    bad=sum(bool(line["bad"]) for line in lines),
    records=sum(shard["records"] for shard in files),
    frames=sum(sum(line["frames"]) for line in lines),
    bytes=sum(shard["bytes"] for shard in files),
  )
  labels = {line["label"] for line in lines if "label" in line}
  finished = description | dict(
    counts=counts, labels=sorted(labels, key=lambda label: (isinstance(label, str), label)), shards=shards
  )
  finished |= dict(hash=recipe_lib.digest(finished), complete=True)
  recipe_lib.write(out / recipe_lib.FILE, recipe_lib.to_text(finished))
  shutil.rmtree(work)
  return finished


def _speed(done, bar: progress.Progress):
  """Passes results on and shows how fast they come."""
  start, count = time.monotonic(), 0
  for job, found in done:
    if not isinstance(found, pool.Crashed):
      count += len(found.frames)
    yield job, found
    bar.update(1, f"{count:,} clips, {count / max(1e-3, time.monotonic() - start):,.1f} clips/s")


def _checked(function, argument: bytes | None, path: pathlib.Path) -> None:
  """Calls a function of the writer, whose errors are of its own."""
  try:
    ok = function() if argument is None else function(argument)
  except Exception as error:
    room = shutil.disk_usage(path.parent).free
    raise OSError(28 if room < 2**20 else 5, f"{error}"[:200], str(path)) from error
  if ok is False:
    raise OSError(28, "the shard cannot be written", str(path))


@contextlib.contextmanager
def _only_one(work: pathlib.Path):
  """Holds the folder: the operating system lets go of it with this process, however that ends."""
  with open(work / "lock", "w") as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
      raise DataError(f"Another process is preparing {work.parent}. Wait for it, or stop it.") from error
    yield


def _list_bad(total: int, bad: dict[str, str], out: pathlib.Path) -> str:
  lines = [f"{name}: {reason}" for name, reason in list(bad.items())[:NAMED]]
  more = [f"and {len(bad) - NAMED} more"] if len(bad) > NAMED else []
  return "\n  ".join(
    [f"{len(bad)} of {total} videos are bad, more than allowed (--max-bad). What is done is kept in {out}:"]
    + lines
    + more
  )
