"""The files of a video folder: which there are, which split each is in, and what their headers say."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import stat
from collections.abc import Mapping, Sequence
from typing import Any

import tqdm

from vgjax.data import frame_folder, index_cache, video, watch
from vgjax.errors import ConfigError, DataError

FOLDERS = {"train": ("train/",), "valid": ("valid/", "val/", "validation/"), "test": ("test/",)}


def find_videos(root: pathlib.Path, extensions: Sequence[str], *, frame_folders: bool = False) -> list[str]:
  """The video files below a folder, relative to it, sorted; hidden files and folders are left out.

  Args:
    root: the folder.
    extensions: the suffixes of video files, in any case.
    frame_folders: whether a folder below, which holds pictures and no video files, is a video too.
  """
  if not root.is_dir():
    kind = "is a file, not a folder" if root.exists() else "does not exist"
    raise DataError(
      f"The video folder {root} {kind} (looked for {root.absolute()}). Set config.data.path to a folder "
      "of video files. For parts of one long video, list them in a manifest (docs/data.md)."
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
    below = pathlib.Path(folder).relative_to(root).as_posix()
    prefix = "" if below == "." else below + "/"
    visible = [name for name in names if not name.startswith(".")]
    videos = [name for name in visible if name.lower().endswith(wanted)]
    found += [prefix + name for name in videos]
    if frame_folders and prefix and not videos and any(map(frame_folder.is_picture, visible)):
      found.append(below)
    elif not videos:
      others += [prefix + name for name in visible]
  if not found:
    held = f"It holds {len(others)} other files, such as {min(others)}" if others else "It is empty"
    if frame_folders and any("/" not in name and frame_folder.is_picture(name) for name in others):
      held += ". The pictures of one video belong in a folder of their own, below this one"
    if "recipe.json" in others:
      held += '. It was written by prepare: read it with config.data.name="array_records"'
    raise DataError(
      f"No videos in the folder {root.absolute()}. {held}. Looked in it and below for {', '.join(wanted)}: "
      "put videos there, or name another folder (config.data.path) or suffix (config.data.extensions)."
    )
  return sorted(found)


def split_files(
  names: Sequence[str], valid_fraction: float = 0.1, test_fraction: float = 0.1
) -> dict[str, list[str]]:
  """Divides files into train, valid and test.

  Args:
    names: relative paths with forward slashes. Where some are below `train/`, those below `valid/` (or
      `val/`, `validation/`) and `test/` are the other splits, and the rest is left out.
    valid_fraction: the share for validation, by a hash of the path, unless it has its folder.
    test_fraction: the same for the test set.

  Returns:
    {split: names}. A share above 0 gives at least one file.

  Raises:
    DataError: too few files.
  """
  splits = {split: [n for n in names if n.startswith(start)] for split, start in FOLDERS.items()}
  if not splits["train"]:
    splits = {"train": list(names), "valid": [], "test": []}
  return divide(splits, valid_fraction, test_fraction)


def divide(
  splits: Mapping[str, Sequence[str]], valid_fraction: float, test_fraction: float
) -> dict[str, list[str]]:
  """Takes the splits that are still empty from train: shares of it, by a hash of the name."""
  if min(valid_fraction, test_fraction) < 0 or valid_fraction + test_fraction >= 1:
    raise ConfigError("valid_fraction and test_fraction must be at least 0 and add up to less than 1.")
  splits = {split: list(names) for split, names in splits.items()}
  pool = sorted(splits["train"], key=_hash)
  shares = {"test": test_fraction, "valid": valid_fraction}
  shares = {split: share for split, share in shares.items() if share and not splits[split]}
  if shares and len(pool) <= len(shares):
    raise DataError(
      f"{len(pool)} readable video(s) are too few for the splits train, {', '.join(shares)}: add videos, or "
      "list parts of one long video in a manifest, each with its split (docs/data.md). To go without, set "
      "config.data.valid_fraction and config.data.test_fraction (prepare: --valid and --test) to 0, and name "
      "no such split in config.evaluators."
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
  return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:8], "big") / 2**64


def probe_all(
  root: pathlib.Path, names: Sequence[str], *, frame_fps: float = 25.0, cache: bool = True
) -> tuple[dict[str, video.VideoInfo], dict[str, str]]:
  """Reads the headers of all files, or what is remembered of them.

  Args:
    root: the folder.
    names: files, or folders of pictures, relative to it.
    frame_fps: frames a second of folders of pictures.
    cache: whether to use and to keep the index on disk (`index_cache`).

  Returns:
    ({name: info} of the readable files, {name: reason} of the others; a reason names the file).
  """
  kept = index_cache.load(root) if cache else {}
  results: dict[str, video.VideoInfo | str] = {}
  unknown: dict[str, index_cache.Stamp] = {}
  for name in names:
    path = os.path.join(root, name)
    try:
      status = os.stat(path)
    except OSError as error:
      results[name] = f"{path}: {error.strerror}"
      continue
    except ValueError as error:  # a manifest can name anything
      results[name] = f"{path!r}: {error}"
      continue
    stamp = (status.st_size, status.st_mtime_ns)
    size, modified, found = kept.get(name, (None, None, None))
    if stat.S_ISDIR(status.st_mode):  # as quick as the index, and its pictures change without it
      results[name] = _probe(path, frame_fps)
    elif (size, modified) == stamp and _is_entry(found):
      results[name] = _from_json(found, path)
    elif (path, stamp) in _remembered:
      results[name] = _remembered[path, stamp]
    else:
      unknown[name] = stamp
  if unknown:
    _probe_unknown(root, unknown, frame_fps, results)
    if cache:
      fresh = {
        name: (stamp, _to_json(results[name], os.path.join(root, name))) for name, stamp in unknown.items()
      }
      index_cache.save(root, fresh)
  infos = {name: results[name] for name in names}
  return (
    {name: info for name, info in infos.items() if not isinstance(info, str)},
    {name: reason for name, reason in infos.items() if isinstance(reason, str)},
  )


def _probe_unknown(
  root: pathlib.Path,
  unknown: Mapping[str, index_cache.Stamp],
  frame_fps: float,
  results: dict[str, video.VideoInfo | str],
) -> None:
  """Opens files, in threads: opening waits for the disk, and FFmpeg works without the GIL."""
  pool = watch.Threads(8, "probe")
  label = f"reading the headers of {pathlib.Path(root).name}"
  progress = tqdm.tqdm(total=len(unknown), desc=label, unit=" files", delay=3, leave=False, disable=None)
  with progress, contextlib.closing(pool):
    paths = [os.path.join(root, name) for name in unknown]
    found = [pool.submit(_probe, path, frame_fps) for path in paths]
    for (name, stamp), path, future in zip(unknown.items(), paths, found):
      results[name] = _remembered[path, stamp] = pool.result(future)
      progress.update()


# The same within this process, also for files too new to be kept: {(path, stamp): what was found}.
_remembered: dict[tuple[str, index_cache.Stamp], video.VideoInfo | str] = {}


def _probe(path: str, frame_fps: float) -> video.VideoInfo | str:
  """A file's header, or why it has none."""
  try:
    return video.probe(path, frame_fps=frame_fps)
  except video.VideoError as error:
    return str(error)


def _is_entry(found: Any) -> bool:
  """Whether what the index on disk holds can be what `_to_json` made."""
  return isinstance(found, str) or (isinstance(found, list) and len(found) == len(video.VideoInfo._fields))


def _to_json(found: video.VideoInfo | str, path: str) -> Any:
  return found.removeprefix(path) if isinstance(found, str) else list(found)


def _from_json(kept: Any, path: str) -> video.VideoInfo | str:
  return path + kept if isinstance(kept, str) else video.VideoInfo(*kept)
