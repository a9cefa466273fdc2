"""Clips that `python -m vgjax.data prepare` wrote, as a source.

A record is a clip of some frames, encoded with short groups of pictures or raw (`prepare.record`); an example
is `time` of them. Where they begin, and the crop, is random in training and fixed in validation and test.
The files are opened where they are read, a few a thread: the source itself is a table, and can be pickled.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import os
import pathlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from vgjax.data import transforms as transforms_lib
from vgjax.data.conditions import encode_text
from vgjax.data.prepare import recipe as recipe_lib
from vgjax.data.prepare import record
from vgjax.errors import ConfigError, DataError

SPLITS = ("train", "valid", "test")
CROPS = ("random", "center")
TEXTS = (None, "bytes", "embedding")
OPEN_FILES = 64  # a thread
READER = (
  "readahead_buffer_size:0,max_parallelism:0"  # for random access, as ArrayRecord's documentation has it
)


def make(
  *,
  split: str,
  seed: int,
  path: str,
  time: int = 16,
  stride: int = 1,
  size: int | tuple[int, int] | None = None,
  crop: str = "random",
  labels: bool = False,
  text: str | None = None,
  text_length: int = 128,
  audio: bool = False,
  action: bool = False,
  clips_per_record: int | None = 1,
  transforms: Sequence[Any] = (),
) -> ArrayRecords:
  """Builds the source: reads the index, and looks whether the shards are there.

  Args:
    split: "train", "valid" or "test".
    seed: not used: training's randomness comes from the loader, and the other splits have none.
    path: the folder that `prepare` wrote.
    time: frames in an example; shorter records are left out.
    stride: every how many-th of the records' frames.
    size: height and width (one number: both) to crop the records' frames to; None keeps theirs.
    crop: "random" crops at random in training, "center" never.
    labels: whether to give the class: `label`, int32. Names are numbered in their order; numbers stay.
    text: "bytes" for the caption as UTF-8, "embedding" for its embedding: `text`. None gives none.
    text_length: bytes; longer captions are cut off, shorter ones padded with zeros.
    audio: whether to give the sound: `audio`, float32 [time, mels], and `has_audio`; it has to be prepared
      with --audio, and goes with a stride of 1 only.
    action: whether to give `action`, [time, ...].
    clips_per_record: examples of each record an epoch; None takes as many as fit into it end to end.
    transforms: named transforms of the training clips, see `vgjax.data.transforms`.

  Returns:
    A source of examples with `video`, uint8 [time, *size, channels].

  Raises:
    DataError: not a folder that prepare has finished, a shard is missing or damaged, or there is nothing for
      this split.
  """
  del seed
  if split not in SPLITS:
    raise ConfigError(f"array_records has the splits {', '.join(SPLITS)}, not {split!r}.")
  if crop not in CROPS:
    raise ConfigError(f"array_records: crop is one of {', '.join(CROPS)}, not {crop!r}.")
  if text not in TEXTS:
    raise ConfigError(f'array_records: text is "bytes", "embedding" or None, not {text!r}.')
  if min(time, stride, clips_per_record or 1, text_length) < 1:
    raise ConfigError("array_records: time, stride, clips_per_record and text_length must be at least 1.")
  if audio and stride > 1:
    raise ConfigError(
      "array_records: audio goes with a stride of 1: prepare the videos at the rate you want."
    )
  if importlib.util.find_spec("array_record") is None:
    raise DataError("array_records needs array_record: pip install array-record (there is none for Windows).")
  root = pathlib.Path(path).expanduser()
  recipe = _finished_recipe(root)
  options = recipe["options"]
  wanted = (size, size) if isinstance(size, int) else (size and (size[0], size[1]))
  wanted = wanted or (tuple(options["size"]) if options["crop"] else None)
  if wanted is None:
    raise ConfigError(
      f"config.data.size: the records of {root} are of different sizes (prepare --resize); say what to crop."
    )
  if wanted[0] > options["size"][0] or wanted[1] > options["size"][1]:
    raise ConfigError(
      f"config.data.size {list(wanted)} is more than the records of {root} have, {options['size']}."
    )
  if audio and not options["audio"]:
    raise ConfigError(f"config.data.audio: {root} was prepared without --audio.")
  shards, entries, left_out = _index(root, split, recipe, time, stride, clips_per_record)
  if not len(entries):
    why = f"{left_out} records are shorter than {time} frames at a stride of {stride}" if left_out else ""
    raise DataError(
      f"The split {split!r} of {root} is empty. {why or 'No video of it was prepared'}: change "
      "config.data.time, or prepare with another --time, --valid or --test."
    )
  return ArrayRecords(
    root=str(root),
    split=split,
    time=time,
    stride=stride,
    size=wanted,
    random_crop=crop == "random"
    and split == "train"
    and (not options["crop"] or wanted != tuple(options["size"])),
    labels=_numbers(root, recipe["labels"]) if labels else None,
    text=text,
    text_length=text_length,
    audio=audio,
    action=action,
    shards=shards,
    entries=entries,
    left_out=left_out,
    recipe=recipe,
    transforms=transforms_lib.build(transforms) if split == "train" else (),
  )


@dataclasses.dataclass(frozen=True)
class ArrayRecords:
  """A source of clips; the arguments are those of `make`, worked out.

  Attributes:
    shards: the split's files.
    entries: int32 [examples, 5]: shard, record in it, its frames, and clip `number` of `count` in it.
    left_out: records that are too short.
    recipe: what `recipe.json` holds.
  """

  root: str
  split: str
  time: int
  stride: int
  size: tuple[int, int]
  random_crop: bool
  labels: dict[str | int, int] | None
  text: str | None
  text_length: int
  audio: bool
  action: bool
  shards: tuple[str, ...]
  entries: np.ndarray
  left_out: int
  recipe: dict[str, Any]
  transforms: tuple[transforms_lib.Transform, ...]

  def __len__(self) -> int:
    return len(self.entries)

  def example(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Reads one clip: `video`, uint8 [time, height, width, channels], and what goes with it."""
    return self.examples([index], [rng])[0]

  def examples(
    self, indices: Sequence[int], rngs: Sequence[np.random.Generator]
  ) -> list[dict[str, np.ndarray]]:
    """Several examples, each as `example` gives it; the records of one shard are read in one call."""
    entries = self.entries[np.asarray(indices)]
    found: list[Any] = [None] * len(entries)
    for shard in np.unique(entries[:, 0]).tolist():
      rows = np.flatnonzero(entries[:, 0] == shard).tolist()
      path = os.path.join(self.root, self.shards[shard])
      for row, data in zip(rows, _read(path, entries[rows, 1].tolist())):
        # A generator takes longer to make than raw pixels take to read: none is made in vain.
        rng = rngs[row] if self._draws(entries[row]) else None
        try:
          example = self._cut(data, entries[row], rng)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
          raise DataError(f"{path}, record {entries[row, 1]}: {error}. {_REPAIR}") from error
        found[row] = example if rng is None else transforms_lib.apply(self.transforms, example, rng)
    return found

  def card(self) -> dict[str, Any]:
    """What a protocol card says of this data."""
    options = self.recipe["options"]
    rate = {"fps": options["fps"] / self.stride} if options["fps"] else {}
    return dict(
      dataset="array_records",
      folder=self.recipe["source"]["folder"],
      recipe=self.recipe["hash"],
      split=self.split,
      num_videos=len(self),
      num_records=len(np.unique(self.entries[:, :2], axis=0)),
      frames=self.time,
      **(rate or {"stride": options["stride"] * self.stride}),
      resolution=[*self.size, options["channels"]],
      resize="bicubic with antialiasing until it covers, then "
      + ("a random crop" if self.random_crop else "the centre crop"),
      encoding=f"h264, 4:4:4, crf {options['crf']:g}" if options["gop"] else "raw",
    )

  def fingerprint(self) -> str:
    """Changes when a run that resumes would see other examples."""
    return recipe_lib.digest([self.recipe["hash"], self.split, self.entries.tolist()])

  def _draws(self, entry: np.ndarray) -> bool:
    """Whether anything about an example is random."""
    room = entry[2] > (self.time - 1) * self.stride + 1
    return self.split == "train" and bool(room or self.random_crop or self.transforms)

  def _cut(self, data: bytes, entry: np.ndarray, rng: np.random.Generator | None) -> dict[str, np.ndarray]:
    _, _, frames, number, count = entry.tolist()
    header, begin = record.read_header(data)
    if header["time"] != frames:
      raise ValueError(f"it has {header['time']} frames, and the index says {frames}")
    where = (number + 0.5) / count if rng is None else rng.random()
    first = int(where * (frames - (self.time - 1) * self.stride))
    taken = range(first, first + (self.time - 1) * self.stride + 1, self.stride)
    y, x = (rng.random(), rng.random()) if rng is not None and self.random_crop else (0.5, 0.5)
    video = record.read_video(data, header, begin, taken)
    y, x = round(y * (video.shape[1] - self.size[0])), round(x * (video.shape[2] - self.size[1]))
    example: dict[str, Any] = {"video": video[:, y : y + self.size[0], x : x + self.size[1]]}
    if self.labels is not None:
      example["label"] = np.int32(self.labels[header["label"]])
    if self.text == "bytes":
      example["text"] = encode_text(header.get("text", ""), self.text_length)
    wanted = {"embedding": "text"} if self.text == "embedding" else {}
    wanted |= {"action": "action"} if self.action else {}
    wanted |= {"audio": "audio", "has_audio": "has_audio"} if self.audio else {}
    if wanted:
      arrays = record.read_arrays(data, header, begin)
      for name, key in wanted.items():
        if name not in arrays:
          raise ValueError(f"{header['path']} was prepared without {name}: its manifest did not name one")
        example[key] = arrays[name][list(taken)] if name in ("action", "audio") else arrays[name]
    return example


_REPAIR = "The shard is damaged: remove the folder and prepare the videos again, or restore it from a copy."
_local = threading.local()  # .readers


def _read(path: str, numbers: list[int]) -> list[bytes]:
  """Some records of a shard."""
  array_record = importlib.import_module("array_record.python.array_record_module")  # not for every system

  if not hasattr(_local, "readers"):
    _local.readers = OrderedDict()
  try:
    status = os.stat(path)
    key = path, status.st_size, status.st_mtime_ns
    if key not in _local.readers:
      _local.readers[key] = array_record.ArrayRecordReader(path, READER)
      while len(_local.readers) > OPEN_FILES:
        _local.readers.popitem(last=False)[1].close()
    _local.readers.move_to_end(key)
    return _local.readers[key].read(numbers)
  except OSError as error:
    raise DataError(f"{path}: {error.strerror}. {_REPAIR}") from error
  except Exception as error:  # the reader's errors are of its own, and of many kinds
    _local.readers.clear()
    raise DataError(f"{path}: records {numbers} cannot be read: {str(error)[:200]}. {_REPAIR}") from error


def _finished_recipe(root: pathlib.Path) -> dict[str, Any]:
  recipe = recipe_lib.read(root)
  if recipe is None:
    what = "does not exist" if not root.exists() else f"holds no {recipe_lib.FILE}"
    raise DataError(
      f"The folder {root.absolute()} {what}. Set config.data.path to a folder that was written by "
      "python -m vgjax.data prepare VIDEOS FOLDER."
    )
  if not recipe.get("complete"):
    raise DataError(f"{root} is not finished: run the same `python -m vgjax.data prepare` again to go on.")
  if recipe["format"] != recipe_lib.FORMAT:
    raise DataError(f"{root} has format {recipe['format']}, and this vgjax reads {recipe_lib.FORMAT}.")
  return recipe


def _index(root: pathlib.Path, split: str, recipe: dict[str, Any], time: int, stride: int, count: int | None):
  """(the split's shards, its entries as in `ArrayRecords`, how many records are too short)."""
  span, length = (time - 1) * stride + 1, time * stride
  shards = [shard for shard in recipe["shards"] if shard["split"] == split]
  for shard in shards:
    path = root / shard["file"]
    size = path.stat().st_size if path.exists() else None
    if size != shard["bytes"]:
      state = "is missing" if size is None else f"has {size} bytes instead of {shard['bytes']}"
      raise DataError(f"The shard {path} {state}. {_REPAIR}")
  numbers = {shard["file"]: number for number, shard in enumerate(shards)}
  seen, entries, left_out = [0] * len(shards), [], 0
  for line in recipe_lib.read_index(root):
    if line["split"] != split or line["bad"]:
      continue
    number = numbers[line["shard"]]
    for frames in line["frames"]:
      clips = count or max(1, frames // length)
      if frames < span:
        left_out += 1
      else:
        entries += [(number, seen[number], frames, k, clips) for k in range(clips)]
      seen[number] += 1
  if seen != [shard["records"] for shard in shards]:
    raise DataError(f"{root / recipe_lib.INDEX} does not fit {recipe_lib.FILE}. {_REPAIR}")
  # The first clip of every record, then the second: so the first n are diverse.
  table = np.array(entries, np.int32).reshape(-1, 5)
  return tuple(numbers), table[np.argsort(table[:, 3], kind="stable")], left_out


def _numbers(root: pathlib.Path, labels: list[str | int]) -> dict[str | int, int]:
  """{label in a record: number of the class}."""
  if not labels:
    raise ConfigError(f"config.data.labels: the videos of {root} were prepared without labels.")
  if all(isinstance(label, int) for label in labels):
    return {label: int(label) for label in labels}
  return {label: number for number, label in enumerate(sorted(labels, key=str))}
