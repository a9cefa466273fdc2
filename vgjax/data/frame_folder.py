"""A video as a folder of pictures, one a frame: png, jpg, webp, bmp.

The frames' order is that of their names with numbers read as numbers: `2.png` comes before `10.png`. Their
rate is not written anywhere; the config says it. Pictures of a folder may differ in size; each is scaled and
cropped as a frame of a video is. One with alpha is laid over black, and the orientation of a camera (EXIF)
applied.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from vgjax.data.reader import MAX_PIXELS, VideoError, reason

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


class Picture(NamedTuple):
  """A frame that is not read yet."""

  path: str


def is_picture(name: str) -> bool:
  """By its suffix; hidden files are none."""
  return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def natural_key(name: str) -> tuple:
  """Sorts names with their numbers as numbers."""
  parts = re.split(r"(\d+)", name)
  return tuple(int(part) if k % 2 else part for k, part in enumerate(parts)), name


def list_pictures(folder: str | os.PathLike) -> list[str]:
  """The names of a folder's pictures in the order of display."""
  folder = os.fspath(folder)
  try:
    return _list_pictures(folder, os.stat(folder).st_mtime_ns)
  except OSError as error:
    raise VideoError(f"{folder}: {reason(error)}") from error


@functools.lru_cache(256)  # a clip of a long folder should not list all of it each time
def _list_pictures(folder: str, modified: int) -> list[str]:
  del modified  # a folder's time changes when files come or go
  names = sorted(filter(is_picture, os.listdir(folder)), key=natural_key)
  if not names:
    raise VideoError(f"{folder}: a folder without pictures ({', '.join(SUFFIXES)}).")
  return names


def probe(folder: str | os.PathLike) -> tuple[int, int, int]:
  """(height, width, frames), by the first picture's header."""
  names = list_pictures(folder)
  with _open(os.path.join(folder, names[0])) as image:
    width, height = image.size
    turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
  return (width, height, len(names)) if turned else (height, width, len(names))


def frames(folder: str, start: float, fps: float) -> Iterator[tuple[float, Picture]]:
  """Yields (seconds, picture), first the one on display at `start`, then all after it."""
  names = list_pictures(folder)
  for number in range(max(0, int(start * fps + 1e-6)), len(names)):
    yield number / fps, Picture(os.path.join(folder, names[number]))


def pixels(picture: Picture, size, crop: tuple[float, float], channels: int) -> np.ndarray:
  """One picture as [height, width, channels], uint8: scaled with antialiasing to cover `size`, and cropped.

  Args:
    picture: which.
    size: height and width (one number: both), or None to keep its own.
    crop: where to crop what is too much, (y, x) in [0, 1].
    channels: 3 for RGB, 1 for grey.
  """
  mode = "RGB" if channels == 3 else "L"
  try:
    with _open(picture.path) as opened:
      if size is not None:
        # JPEG can be decoded at an eighth, a quarter or half its size; twice what is wanted keeps the
        # quality of the scaling that follows.
        side = size if isinstance(size, int) else max(size)
        opened.draft(mode, (2 * side, 2 * side))
      image = ImageOps.exif_transpose(opened)
      if image.mode in ("I;16", "I;16B", "I"):  # converting would clip 16 bits at 255
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
      if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
      image = image.convert(mode)
      width, height = image.size
      if size is not None:
        wanted = (size, size) if isinstance(size, int) else (size[0], size[1])
        scale = max(wanted[0] / height, wanted[1] / width)
        window = wanted[0] / scale, wanted[1] / scale
        y, x = crop[0] * (height - window[0]), crop[1] * (width - window[1])
        box = (max(0.0, x), max(0.0, y), min(width, x + window[1]), min(height, y + window[0]))
        image = image.resize((wanted[1], wanted[0]), Image.Resampling.BICUBIC, box=box)
      return np.asarray(image).reshape(image.height, image.width, channels)
  except VideoError:
    raise
  except Exception as error:  # parsers of damaged pictures raise anything: SyntaxError, struct.error, ...
    raise VideoError(f"{picture.path}: {reason(error)}") from error


def _open(path: str) -> Image.Image:
  """A picture whose header was read and believed."""
  try:
    image = Image.open(path, formats=("PNG", "JPEG", "WEBP", "BMP"))
  except Exception as error:  # as above
    raise VideoError(f"{path}: {reason(error)}") from error
  width, height = image.size
  if not 0 < width * height <= MAX_PIXELS:
    image.close()
    raise VideoError(
      f"{path}: its header claims a size of {width}x{height}; up to {MAX_PIXELS} pixels are read."
    )
  return image
