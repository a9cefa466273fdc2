"""The files of a video folder: which there are, which split each is in, and what their headers say."""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from vgjax.data import video
from vgjax.errors import ConfigError, DataError


def find_videos(root: pathlib.Path, extensions: Sequence[str]) -> list[str]:
  """The video files below a folder, relative to it, sorted; hidden files and folders are left out."""
  if not root.is_dir():
    kind = "is a file, not a folder" if root.exists() else "does not exist"
    raise DataError(
      f"The video folder {root} {kind} (looked for {root.absolute()}). Set config.data.path to a folder "
      "of video files."
    )
  wanted = tuple("." + extension.lower().lstrip(".") for extension in extensions)
  found, others, seen = [], [], set()
  for folder, subfolders, names in os.walk(root, followlinks=True):
    real = os.path.realpath(folder)
    if real in seen:  # a link back to a folder above would never end
      subfolders.clear()
      continue
    seen.add(real)
    subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
    for name in names:
      if not name.startswith("."):
        relative = pathlib.Path(folder, name).relative_to(root).as_posix()
        (found if name.lower().endswith(wanted) else others).append(relative)
  if not found:
    held = f"It holds {len(others)} other files, such as {min(others)}" if others else "It is empty"
    raise DataError(
      f"No videos in the folder {root.absolute()}. {held}. Looked in it and below for "
      f"{', '.join(wanted)}: put videos there, or set config.data.path or config.data.extensions."
    )
  return sorted(found)


def split_files(
  names: Sequence[str], valid_fraction: float = 0.1, test_fraction: float = 0.1
) -> dict[str, list[str]]:
  """Divides files into train, valid and test.

  Args:
    names: relative paths with forward slashes. Where some are below `train/`, those below `valid/` (or
      `val/`) and `test/` are the other splits, and the rest is left out.
    valid_fraction: the share for validation, by a hash of the path, unless it has its folder.
    test_fraction: the same for the test set.

  Returns:
    {split: names}. A share above 0 gives at least one file.

  Raises:
    DataError: too few files.
  """
  if min(valid_fraction, test_fraction) < 0 or valid_fraction + test_fraction >= 1:
    raise ConfigError("valid_fraction and test_fraction must be at least 0 and add up to less than 1.")
  folders = {"train": ("train/",), "valid": ("valid/", "val/"), "test": ("test/",)}
  splits = {split: [n for n in names if n.startswith(start)] for split, start in folders.items()}
  if not splits["train"]:
    splits = {"train": list(names), "valid": [], "test": []}
  pool = sorted(splits["train"], key=_hash)
  shares = {"test": test_fraction, "valid": valid_fraction}
  shares = {split: share for split, share in shares.items() if share and not splits[split]}
  if len(pool) <= len(shares):
    raise DataError(
      f"{len(pool)} readable video(s) are too few for the splits train, {', '.join(shares)}: add videos, "
      "put them into the folders train/, valid/ and test/ yourself, or set config.data.valid_fraction and "
      "config.data.test_fraction to 0 to train without."
    )
  threshold = 0.0
  while shares:  # pool is in the order of its hashes: each split takes the next interval of [0, 1)
    split, share = shares.popitem()
    threshold += share
    count = sum(_hash(name) < threshold for name in pool)
    count = min(max(1, count), len(pool) - 1 - len(shares))
    splits[split], pool = sorted(pool[:count]), pool[count:]
  splits["train"] = sorted(pool)
  return splits


def _hash(name: str) -> float:
  """A number in [0, 1) that depends on the path alone."""
  return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def probe_all(root: pathlib.Path, names: Sequence[str]) -> tuple[dict[str, video.VideoInfo], dict[str, str]]:
  """Reads the headers of all files.

  Returns:
    ({name: info} of the readable files, {name: reason} of the others; a reason names the file).
  """

  def probe(name: str) -> video.VideoInfo | str:
    path = root / name
    try:
      status = path.stat()
    except OSError as error:
      return f"{path}: {error.strerror}"
    return _probe(os.fspath(path), status.st_size, status.st_mtime_ns)

  with ThreadPoolExecutor(8) as pool:  # opening a file waits for the disk, without the GIL
    results = dict(zip(names, pool.map(probe, names)))
  infos = {name: result for name, result in results.items() if not isinstance(result, str)}
  return infos, {name: result for name, result in results.items() if isinstance(result, str)}


@functools.cache
def _probe(path: str, size: int, modified: int) -> video.VideoInfo | str:
  """A file's header, or why it has none; read once for all splits while the file stays as it is."""
  del size, modified
  try:
    return video.probe(path)
  except video.VideoError as error:
    return str(error)
