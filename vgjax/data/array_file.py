"""One `.npy` or `.npz` file of videos, mapped into memory where its arrays are stored as they are.

`np.load` reads every array of an `.npz` into memory. Those that are not compressed lie in the file as in a
`.npy`, and can be mapped just the same. No pickles are read, and a header is not believed to hold more than
the file does.
"""

from __future__ import annotations

import dataclasses
import functools
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy_format

from vgjax.errors import DataError

AXES = {5: "vthwc", 4: "vthw", 3: "thw"}
KEYS = ("video", "videos", "frames", "images", "obs", "observations", "arr_0")  # the first that is there
LOCAL_HEADER = 30  # bytes of a zip entry before its name
ERRORS = (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error)
ERRORS = (*ERRORS, NotImplementedError, RuntimeError)  # an unknown compression, a password


@dataclasses.dataclass(frozen=True)
class File:
  """One file of videos; opened when asked, in every process anew."""

  path: str
  axes: str | None
  key: str | None
  action: bool
  label: bool

  @functools.cached_property
  def arrays(self) -> dict[str, np.ndarray]:
    """`video` [videos, time, h, w, c], a view of what is on the disk, and `action`, `label` if wanted."""
    try:
      return self._arrays(load(self.path))
    except ERRORS as error:
      raise DataError(f"{self.path}: it cannot be read: {error}") from error

  @property
  def num_videos(self) -> int:
    return self.arrays["video"].shape[0]

  @property
  def num_frames(self) -> int:
    return self.arrays["video"].shape[1]

  def __getstate__(self):
    """Without what is open: a worker maps the file itself."""
    return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

  def _arrays(self, loaded: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    key = self.key or next((key for key in KEYS if key in loaded), None)
    if key not in loaded:
      raise DataError(
        f"{self.path}: there is no array {self.key or 'video'!r}, but {', '.join(loaded)}. Name that of the "
        "videos in config.data.key."
      )
    video = loaded[key]
    axes = self.axes or (
      "thwc" if video.ndim == 4 and video.shape[-1] in (1, 3) else AXES.get(video.ndim, "")
    )
    arrays = {"video": self._arrange(video, axes)}
    count, frames = arrays["video"].shape[:2]
    one = "v" not in axes
    if self.label:
      arrays["label"] = self._beside(loaded, "label", (count,), one).astype(np.int32)
    if self.action:
      actions = self._beside(loaded, "action", (count, frames), one)
      discrete = actions.ndim == 2 and actions.dtype.kind in "iub"
      actions = actions if discrete else actions.reshape(count, frames, -1)
      arrays["action"] = actions.astype(np.int32 if discrete else np.float32)
    return arrays

  def _arrange(self, array: np.ndarray, axes: str) -> np.ndarray:
    """A view [videos, time, height, width, channels]."""
    if array.ndim != len(axes):
      raise DataError(
        f"{self.path}: videos of the shape {list(array.shape)} do not have the axes "
        f'"{axes or "vthwc"}". Say which they are in config.data.axes.'
      )
    if array.dtype != np.uint8:
      raise DataError(f"{self.path}: the videos are {array.dtype}; uint8, from 0 to 255, is wanted.")
    for letter in "vc":
      if letter not in axes:
        array, axes = array[..., None], axes + letter
    array = array.transpose([axes.index(letter) for letter in "vthwc"])
    if array.shape[-1] not in (1, 3) or not array.size:
      raise DataError(
        f"{self.path}: videos of the shape {list(array.shape)} (videos, time, height, width, channels); 1 "
        "or 3 channels are wanted. Say which axes they have in config.data.axes."
      )
    return array

  def _beside(
    self, loaded: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...], one: bool
  ) -> np.ndarray:
    """An array that goes with the videos; `one` video has no axis for them."""
    if name not in loaded:
      raise DataError(f"{self.path}: there is no array {name!r} beside the videos, but {', '.join(loaded)}.")
    array = np.asarray(loaded[name])
    array = array[None] if one else array
    if array.shape[: len(shape)] != shape or array.dtype.kind not in "fiub":
      raise DataError(
        f"{self.path}: {name!r} is {array.dtype} {list(array.shape)}; numbers of the shape {list(shape)} are "
        "wanted, or with more axes for an action of several numbers."
      )
    return array


def load(path: str) -> Mapping[str, np.ndarray]:
  """{name: array}, each read when asked for; the one of a `.npy` file is called "arr_0".

  Raises:
    one of ERRORS, here or when an array is asked for.
  """
  if path.lower().endswith(".npz"):
    return _Npz(path)
  with open(path, "rb") as file:
    return {"arr_0": _map(path, file, 0)}


class _Npz(Mapping):
  """The arrays of an `.npz` file."""

  def __init__(self, path: str):
    self._path = path
    with zipfile.ZipFile(path) as archive:
      self._entries = {
        entry.filename.removesuffix(".npy"): entry
        for entry in archive.infolist()
        if entry.filename.endswith(".npy")
      }

  def __iter__(self) -> Iterator[str]:
    return iter(self._entries)

  def __len__(self) -> int:
    return len(self._entries)

  def __getitem__(self, name: str) -> np.ndarray:
    entry = self._entries[name]
    if entry.compress_type == zipfile.ZIP_STORED:
      with open(self._path, "rb") as file:
        file.seek(entry.header_offset)
        local = file.read(LOCAL_HEADER)
        if len(local) < LOCAL_HEADER or local[:4] != b"PK\x03\x04":
          raise ValueError(f"the entry {name!r} is damaged")
        lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        return _map(self._path, file, entry.header_offset + LOCAL_HEADER + lengths)
    with zipfile.ZipFile(self._path) as archive, archive.open(entry) as file:
      shape, fortran, dtype = _read_header(cast(BinaryIO, file))
      wanted = int(np.prod(shape, dtype=object)) * dtype.itemsize
      array = np.frombuffer(file.read(wanted), dtype)  # what is missing fails below
      return array.reshape(shape, order="F" if fortran else "C")


def _map(path: str, file: BinaryIO, offset: int) -> np.ndarray:
  file.seek(offset)
  shape, fortran, dtype = _read_header(file)
  if not int(np.prod(shape, dtype=object)):
    return np.zeros(shape, dtype)
  order: Any = "F" if fortran else "C"
  mapped = np.memmap(path, dtype, "r", file.tell(), shape, order)  # refuses more than the file holds
  return mapped.view(np.ndarray)  # the same without a memmap's own indexing, which is slow


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
  version = npy_format.read_magic(file)
  read = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
  if version not in read:
    raise ValueError(f"arrays of the format {version} are not read")
  try:
    shape, fortran, dtype = read[version](file)
  except Exception as error:  # its parser raises anything: TokenError, SyntaxError, ...
    raise ValueError(f"the header of an array is damaged: {error}") from error
  if dtype.hasobject:
    raise ValueError("arrays of Python objects are pickles, and not read")
  return shape, fortran, dtype
