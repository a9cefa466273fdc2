"""Videos in NumPy arrays, `.npy` or `.npz`, as a source: one file, or a folder of them.

Arrays stay on the disk, mapped into memory, and only what a clip needs is read; those of a compressed `.npz`
are unpacked into memory once. `axes` names the axes of the array by their first letters:

  "vthwc"   videos, time, height, width, channels
  "vthw"    grey, without channels
  "tvhw"    time first, as in Moving MNIST's public mnist_test_seq.npy, [20, 10000, 64, 64]
  "thwc"    one video a file: a folder of recordings

An `.npz` may hold `label` [videos] and `action` [videos, time] or [videos, time, dims] beside `video`.

The videos are uint8 and keep their size, unless `size` names another. The loader asks for a batch at once
(`batch`): clips that are not changed are copied once, from the file to their place in the batch.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import os
import pathlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from vgjax.data import transforms as transforms_lib
from vgjax.data import video_index
from vgjax.data.array_file import File
from vgjax.data.frame_folder import natural_key
from vgjax.errors import ConfigError, DataError

SPLITS = ("train", "valid", "test")
SUFFIXES = (".npy", ".npz")
COPIERS = min(4, os.cpu_count() or 1)  # threads; more do not copy faster
COPY_BYTES = 2**22  # of a batch, for each; below, handing over costs more than it saves


def make(
  *,
  split: str,
  seed: int,
  path: str,
  time: int = 16,
  stride: int = 1,
  size: int | tuple[int, int] | None = None,
  axes: str | None = None,
  key: str | None = None,
  action: bool = False,
  label: bool = False,
  splits: Mapping[str, str] = {},
  clips_per_video: int = 1,
  valid_fraction: float = 0.1,
  test_fraction: float = 0.1,
  transforms: Sequence[Any] = (),
) -> Arrays:
  """Builds the source.

  Args:
    split: "train", "valid" or "test".
    seed: not used: training's randomness comes from the loader, and the other splits have none.
    path: a `.npy` or `.npz` file, or a folder of them; `train/`, `valid/` and `test/` below it are splits.
    time: frames in a clip.
    stride: every how many-th frame.
    size: height and width (one number: both). A frame is scaled with antialiasing, keeping its shape, until
      it covers them, and its middle is taken. None keeps the frames as they are.
    axes: the array's axes; None takes "vthwc", "vthw" or "thw" by their number, and "thwc" for four of which
      the last is 1 or 3.
    key: the array of an `.npz` that holds the videos; None takes the first that is there of "video",
      "videos", "frames", "images", "obs", "observations", "arr_0".
    action: whether to give `action`, int32 [time] or float32 [time, dims], cut in step with the clip.
    label: whether to give `label`, int32.
    splits: {split: the file or folder of it below `path`}; without "train", the rest is for training.
    clips_per_video: clips of each video an epoch, or in the fixed set.
    valid_fraction: the share of the videos for validation, where nothing else says which they are.
    test_fraction: the same for the test set.
    transforms: named transforms of the training clips, see `vgjax.data.transforms`.

  Returns:
    A source of examples with `video`, uint8 [time, height, width, channels].

  Raises:
    DataError: no such file, not an array of videos, or too few of them.
  """
  del seed
  if split not in SPLITS:
    raise ConfigError(f"arrays has the splits {', '.join(SPLITS)}, not {split!r}.")
  size = (size, size) if isinstance(size, int) else size
  if min(time, stride, clips_per_video, *(size or ())) < 1:
    raise ConfigError("arrays: time, stride, size and clips_per_video must be at least 1.")
  if axes is not None and (
    set(axes) - set("vthwc") or len(set(axes)) < len(axes) or not {*"thw"} <= set(axes)
  ):
    raise ConfigError(f'arrays: axes are letters of "vthwc", t, h and w among them, not {axes!r}.')
  root = pathlib.Path(path).expanduser()
  names = _find(root)
  files = {name: File(str(root / name) if name else str(root), axes, key, action, label) for name in names}
  _check_alike(files, size)
  videos: list[tuple[str, int]] = []
  short = 0
  for name, file in files.items():
    videos += [(name, number) for number in range(file.num_videos)]
    short += file.num_videos * (file.num_frames < (time - 1) * stride + 1)
  if short:
    raise DataError(
      f"{root}: {short} of {len(videos)} videos are shorter than {time} frames, every {stride}. Set "
      "config.data.time or config.data.stride."
    )
  mine = _divide(root, videos, splits, valid_fraction, test_fraction)[split]
  if not mine:
    raise DataError(f"{root}: the split {split!r} is empty: config.data.{split}_fraction is 0.")
  in_split = {name for name, _ in mine}
  used = [name for name in names if name in in_split]
  place = {name: number for number, name in enumerate(used)}
  table = np.array(sorted((place[name], number) for name, number in mine), np.int64)
  return Arrays(
    root=str(root),
    split=split,
    time=time,
    stride=stride,
    size=size,
    files=tuple(files[name] for name in used),
    videos=table,
    clips_per_video=clips_per_video,
    transforms=transforms_lib.build(transforms) if split == "train" else (),
  )


@dataclasses.dataclass(frozen=True, eq=False)
class Arrays:
  """A source of clips from arrays; the arguments are those of `make`, worked out.

  Attributes:
    videos: [videos, 2], the file and the number in it of each video of the split.
  """

  root: str
  split: str
  time: int
  stride: int
  size: tuple[int, int] | None
  files: tuple[File, ...]
  videos: np.ndarray
  clips_per_video: int
  transforms: tuple[transforms_lib.Transform, ...]

  def __len__(self) -> int:
    return len(self.videos) * self.clips_per_video

  def example(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """One clip: `video`, uint8 [time, height, width, channels], and `label`, `action` if wanted."""
    arrays, number, room = self._find(index)
    part = self._part(index, room, rng)
    example = {name: self._cut(name, array, number, part).copy() for name, array in arrays.items()}
    if self.size:
      example["video"] = transforms_lib.cover(example["video"], self.size)
    return transforms_lib.apply(self.transforms, example, rng)

  def batch(self, indices: Sequence[int], rngs: Sequence[np.random.Generator]) -> dict[str, np.ndarray]:
    """What stacking `example(index, rng)` gives, in one copy where the videos are in one file.

    A generator of `rngs` is only asked for where something is drawn.
    """
    if self.size or self.transforms or len(self.files) > 1:
      made = [self.example(index, rngs[row]) for row, index in enumerate(indices)]
      return {name: np.stack([example[name] for example in made]) for name in made[0]}
    arrays = self.files[0].arrays
    numbers = self.videos[np.asarray(indices) % len(self.videos), 1]
    room = self._room(arrays)
    draws = room and self.split == "train"
    parts = [self._part(i, room, rngs[row] if draws else None) for row, i in enumerate(indices)]
    found = {}
    for name, array in arrays.items():
      first = self._cut(name, array, numbers[0], parts[0])
      found[name] = out = _empty((len(numbers), *first.shape), first.dtype)
      if array.flags.c_contiguous and (name == "label" or not room):
        _take(array, numbers, out)
      else:
        for row, (number, part) in enumerate(zip(numbers, parts)):
          out[row] = self._cut(name, array, number, part)
    return found

  def card(self) -> dict[str, Any]:
    """What a protocol card says of this data."""
    frame = self.files[0].arrays["video"].shape[2:]
    return dict(
      dataset="arrays",
      folder=pathlib.Path(self.root).resolve().name,
      split=self.split,
      num_videos=len(self),
      num_files=len(self.files),
      contents=hashlib.sha256(self._contents().encode()).hexdigest()[:16],
      frames=self.time,
      stride=self.stride,
      resolution=[*(self.size or frame[:2]), frame[2]],
      resize="bicubic with antialiasing until it covers, then center crop" if self.size else "none",
    )

  def fingerprint(self) -> str:
    """Changes when a run that resumes would see other examples: files, their sizes, or their videos."""
    sizes = [os.path.getsize(file.path) for file in self.files]
    return hashlib.sha256(f"{sizes} {self._contents()}".encode()).hexdigest()[:16]

  def _contents(self) -> str:
    names = [os.path.relpath(file.path, self.root) for file in self.files]
    shapes = [{name: array.shape for name, array in file.arrays.items()} for file in self.files]
    return f"{names} {shapes} {self.clips_per_video} {hashlib.sha256(self.videos.tobytes()).hexdigest()}"

  def _find(self, index: int) -> tuple[dict[str, np.ndarray], int, int]:
    """(the file's arrays, the video in it, frames by which it is longer than a clip)."""
    file, number = self.videos[index % len(self.videos)]
    arrays = self.files[file].arrays
    return arrays, number, self._room(arrays)

  def _room(self, arrays: Mapping[str, np.ndarray]) -> int:
    return arrays["video"].shape[1] - (self.time - 1) * self.stride - 1

  def _part(self, index: int, room: int, rng: np.random.Generator | None) -> slice:
    """The clip's frames: anywhere in training, else spread evenly over the video."""
    if self.split == "train" and rng is not None:
      first = int(rng.integers(room + 1)) if room else 0
    else:
      first = int((index // len(self.videos) + 0.5) / self.clips_per_video * (room + 1))
    return slice(first, first + (self.time - 1) * self.stride + 1, self.stride)

  @staticmethod
  def _cut(name: str, array: np.ndarray, number: int, part: slice) -> np.ndarray:
    return array[number] if name == "label" else array[number, part]


def _empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
  """An array that begins on a line of the processor's cache: JAX takes it over without a copy on a CPU."""
  count = int(np.prod(shape)) * dtype.itemsize
  memory = np.empty(count + 64, np.uint8)
  first = -memory.ctypes.data % 64
  return memory[first : first + count].view(dtype).reshape(shape)


def _take(array: np.ndarray, numbers: np.ndarray, out: np.ndarray) -> None:
  """`out[:] = array[numbers]`; the copy of a large batch is shared among threads."""
  parts = min(COPIERS, out.nbytes // COPY_BYTES) or 1
  if parts == 1:
    np.take(array, numbers, axis=0, out=out, mode="clip")  # "raise" would copy twice
    return
  bounds = [len(numbers) * part // parts for part in range(parts + 1)]
  copy = lambda first, last: np.take(array, numbers[first:last], axis=0, out=out[first:last], mode="clip")
  for done in [_copiers().submit(copy, *pair) for pair in itertools.pairwise(bounds)]:
    done.result()


@functools.cache
def _copiers() -> ThreadPoolExecutor:
  return ThreadPoolExecutor(COPIERS, thread_name_prefix="copy")


def _find(root: pathlib.Path) -> list[str]:
  """The files below a folder, relative to it; "" if the path is a file."""
  if root.is_file() and root.suffix.lower() in SUFFIXES:
    return [""]
  paths = [p.relative_to(root) for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()]
  names = [path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts)]
  if not names:
    held = "it holds no .npy or .npz files" if root.is_dir() else "it is no .npy or .npz file, and no folder"
    held = held if root.exists() else "it does not exist"
    raise DataError(
      f"{root.absolute()}: {held}. Set config.data.path to a file of arrays, or a folder of them."
    )
  return sorted(names, key=natural_key)


def _check_alike(files: Mapping[str, File], size: object) -> None:
  """All files give examples of the same shapes, which `size` sees to for frames."""
  first: tuple[str, Any] | None = None
  for file in files.values():
    shape = {name: (array.shape[2:], array.dtype) for name, array in file.arrays.items()}
    if size:
      shape["video"] = shape["video"][0][2:], shape["video"][1]
    first = first or (file.path, shape)
    if shape != first[1]:
      raise DataError(
        f"{file.path}: its videos are {shape}, and those of {first[0]} are {first[1]}. config.data.size "
        "scales all frames to one size."
      )


def _divide(
  root: pathlib.Path,
  videos: Sequence[tuple[str, int]],
  splits: Mapping[str, str],
  valid_fraction: float,
  test_fraction: float,
) -> dict[str, list[tuple[str, int]]]:
  """The videos of each split, by the names of files or by a hash of each video's place."""
  starts: Mapping[str, tuple[str, ...]] = {split: (where.rstrip("/"),) for split, where in splits.items()}
  if not splits and any(name.startswith("train/") for name, _ in videos):
    starts = video_index.FOLDERS
  rest = "train" if "train" not in starts else None
  by_name: dict[str, tuple[str, int]] = {}
  names: dict[str, list[str]] = {split: [] for split in SPLITS}
  for name, number in videos:
    inside = (
      s for s, of in starts.items() if any(name == w or name.startswith(w.rstrip("/") + "/") for w in of)
    )
    split = next(inside, rest)
    if split is not None:
      unique = f"{name}:{number:09}"
      by_name[unique] = (name, number)
      names[split].append(unique)
  for split in splits:
    if split not in SPLITS or not names[split]:
      raise ConfigError(f"config.data.splits.{split}: no arrays in {root / splits[split]}.")
  divided = video_index.divide(names, valid_fraction, test_fraction)
  return {split: [by_name[unique] for unique in of] for split, of in divided.items()}
