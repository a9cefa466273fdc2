"""Sets of small grey pictures in MNIST's files: which of them a split draws from, and resizing.

A set is a folder with MNIST's four files, as Yann LeCun, Cortes and Burges published them (format idx: a
magic number, the sizes as big-endian int32, then bytes; all gzipped). MNIST itself ships with the package.
Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747) and Kuzushiji-MNIST (Clanuwat et al. 2018,
arXiv:1812.01718) are published in files of the same names and sizes.

The last 5,000 pictures of a training file are the validation split: the three splits share no picture.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import importlib.resources
import pathlib
import zlib

import numpy as np

from vgjax.errors import DataError

HELD_OUT = 5_000  # training pictures kept for the validation set
SIDE = 28  # pixels
FILES = {
  ("train", "images"): "train-images-idx3-ubyte.gz",
  ("train", "labels"): "train-labels-idx1-ubyte.gz",
  ("test", "images"): "t10k-images-idx3-ubyte.gz",
  ("test", "labels"): "t10k-labels-idx1-ubyte.gz",
}


def load_digits(split: str, digits: str = "mnist") -> np.ndarray:
  """The pictures that a split draws from.

  Args:
    split: "train", "valid" or "test".
    digits: "mnist", or a folder with the four files.

  Returns:
    uint8 [number, 28, 28].

  Raises:
    DataError: the folder or the file is missing, damaged, or not what its name says.
  """
  return _load(split, digits, "images")


def load_labels(split: str, digits: str = "mnist") -> np.ndarray:
  """The class of each picture of `load_digits`, uint8 [number]; arguments and errors are the same."""
  labels, images = _load(split, digits, "labels"), load_digits(split, digits)
  if len(labels) != len(images):
    raise DataError(
      f"{_folder(digits)}: there are {len(labels)} labels for the {len(images)} images of the split "
      f"{split}; the files are not of one set."
    )
  return labels


def describe(split: str, digits: str = "mnist") -> str:
  """What a protocol card says of the pictures; for a folder, its name and a hash of the file read."""
  if digits == "mnist":
    name, file_hash = "MNIST", ""
  else:
    content = _read(digits, _part(split), "images")
    name, file_hash = (
      pathlib.Path(digits).resolve().name,
      f", sha256 {hashlib.sha256(content).hexdigest()[:16]}",
    )
  drawn = {"train": f"{name} train but its last 5,000", "valid": f"the last 5,000 of {name} train"}
  return drawn.get(split, f"{name} test") + file_hash


@functools.cache
def _load(split: str, digits: str, kind: str) -> np.ndarray:
  array = _parse(_read(digits, _part(split), kind), kind, _folder(digits) / FILES[_part(split), kind])
  if split == "test":
    return array
  if len(array) <= HELD_OUT:
    raise DataError(
      f"{_folder(digits) / FILES['train', kind]} has {len(array)} entries; the last {HELD_OUT:,} are the "
      "validation split, so that none is left to train on."
    )
  return {"train": array[:-HELD_OUT], "valid": array[-HELD_OUT:]}[split]


def _part(split: str) -> str:
  return "test" if split == "test" else "train"


def _folder(digits: str):
  return importlib.resources.files("vgjax.data") / "mnist" if digits == "mnist" else pathlib.Path(digits)


def _read(digits: str, part: str, kind: str) -> bytes:
  """A file's bytes, unzipped."""
  file = _folder(digits) / FILES[part, kind]
  if not file.is_file():
    raise DataError(
      f"There is no {file}. Give digits='mnist', or a folder with MNIST's files: {', '.join(FILES.values())}."
    )
  try:
    return gzip.decompress(file.read_bytes())
  except (OSError, EOFError, zlib.error) as error:
    raise DataError(f"{file} cannot be unzipped ({error}). Fetch the file again.") from error


def _parse(content: bytes, kind: str, where) -> np.ndarray:
  """An idx file's bytes as uint8 [number, 28, 28] or [number]."""
  # The third byte is the type, 8 for unsigned bytes; the fourth is the number of axes.
  magic, axes = (0x803, 3) if kind == "images" else (0x801, 1)
  header = np.frombuffer(content[: 4 + 4 * axes], ">i4") if len(content) >= 4 + 4 * axes else np.zeros(1)
  shape = tuple(int(n) for n in header[1:])
  if header[0] != magic:
    raise DataError(f"{where} is no idx file of {kind}: it does not begin with the number {magic:#010x}.")
  if kind == "images" and shape[1:] != (SIDE, SIDE):
    raise DataError(f"{where} has images of {shape[1]}x{shape[2]} pixels; MNIST's are {SIDE}x{SIDE}.")
  array = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
  if array.size != np.prod(shape, dtype=np.int64):
    raise DataError(
      f"{where} says that it has {shape[0]} {kind}, which does not fit its size. Fetch the file again."
    )
  return array.reshape(shape)


def resize(images: np.ndarray, size: int) -> np.ndarray:
  """Resizes square uint8 images [..., side, side] to [..., size, size] with antialiasing."""
  side = images.shape[-1]
  if size == side:
    return images
  weights = _resize_weights(side, size)
  resized = weights @ images.astype(np.float32) @ weights.T
  return np.clip(np.rint(resized), 0, 255).astype(np.uint8)


@functools.cache
def _resize_weights(old: int, new: int) -> np.ndarray:
  """[new, old]: a triangle as wide as the coarser of the two grids, each row summing to one."""
  scale = old / new
  centers = (np.arange(new) + 0.5) * scale - 0.5
  distance = np.abs(np.arange(old)[None, :] - centers[:, None]) / max(scale, 1.0)
  weights = np.maximum(0.0, 1.0 - distance)
  return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
