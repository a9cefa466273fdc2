"""The video in hand, frame by frame: a video file, a GIF, a folder of pictures, or pictures by a pattern.

A pattern is a path with `*`, `?` or `%04d` in its last part: `shot/frame_*.png`, `shot/%05d.jpg`. Pictures
come in the order of their names, with numbers read as numbers; their rate is told by the user.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vgjax.data import frame_folder
from vgjax.data import reader as reader_lib
from vgjax.data import video as video_lib
from vgjax.data.reader import VideoError
from vgjax.errors import DataError

UNSPECIFIED = 2  # FFmpeg's number for "not said" of all that `Looks` holds


class Frame(NamedTuple):
  """A frame of a film.

  Attributes:
    seconds: its time, from the film's beginning.
    pixels: uint8 [height, width, 1 or 3], upright.
    cut: whether a new scene begins with it, as far as is known.
    made: whether it is none of the film's own.
  """

  seconds: float
  pixels: np.ndarray
  cut: bool = False
  made: bool = False


class Looks(NamedTuple):
  """How a file says that its pixels are to be shown; what is written from it says the same."""

  colorspace: int = UNSPECIFIED  # FFmpeg's number of the matrix between RGB and YUV
  primaries: int = UNSPECIFIED
  transfer: int = UNSPECIFIED
  aspect: tuple[int, int] = (1, 1)  # of a pixel, as stored (before any rotation): width, height


@dataclasses.dataclass(frozen=True)
class Film:
  """An input that was found readable; `open_film` makes it.

  Attributes:
    path: as the user named it.
    height: of the upright frame.
    width: of the upright frame.
    fps: frames a second, on average.
    num_frames: what the header says, or the number of pictures.
    has_audio: whether the file has sound.
    looks: how it is shown; None for pictures and GIFs, which are RGB.
    pictures: the paths of pictures; empty for a file.
  """

  path: str
  height: int
  width: int
  fps: float
  num_frames: int
  has_audio: bool = False
  looks: Looks | None = None
  pictures: tuple[str, ...] = ()

  def frames(
    self,
    start: float = 0.0,
    end: float | None = None,
    *,
    size: tuple[int, int] | None = None,
    channels: int = 3,
  ) -> Iterator[Frame]:
    """The frames from the one on display at `start` to the last that begins before `end`.

    Args:
      start: seconds.
      end: seconds; None: to the film's end.
      size: height and width; the frame is scaled to cover them and its centre cropped. None: the film's own,
        which is that of its first frame.
      channels: 3 for RGB, 1 for grey.

    Raises:
      VideoError: a frame cannot be decoded; the message says at what time.
    """
    seconds = start
    size = size or ((self.height, self.width) if self.height else None)
    try:
      for seconds, frame in self._raw(start):
        if end is not None and seconds >= end - 1e-6:
          return
        # Accurately: what is written is shown beside the source, and its colours have to match.
        pixels = video_lib.pixels_of(frame, size, (0.5, 0.5), channels, accurate=True)
        yield Frame(seconds, pixels)
    except VideoError:
      raise
    except reader_lib.ERRORS as error:
      reader_lib.forget(self.path)
      raise VideoError(
        f"{self.path}: it is damaged after {seconds:.2f} s ({reader_lib.reason(error)})."
      ) from error

  @functools.cached_property
  def times(self) -> np.ndarray:
    """The times of all frames in seconds, [frames]; nothing is decoded."""
    if self.pictures:
      return np.arange(len(self.pictures)) / self.fps
    return reader_lib.frame_times(self.path)

  @property
  def origin(self) -> float:
    """The time of the first frame on the file's own clock, which its sound shares, in seconds."""
    return 0.0 if self.pictures else reader_lib.open_reader(self.path).origin

  def _raw(self, start: float):
    if not self.pictures:
      return reader_lib.open_reader(self.path).frames(start)
    first = max(0, int(start * self.fps + 1e-6))
    return (
      (number / self.fps, frame_folder.Picture(self.pictures[number]))
      for number in range(first, len(self.pictures))
    )


def open_film(path: str | os.PathLike, *, picture_fps: float = 25.0) -> Film:
  """Looks at an input and decodes its first frame.

  Args:
    path: a video file, a folder of pictures, or a pattern of pictures.
    picture_fps: frames a second of pictures.

  Raises:
    DataError: there is no such file, or it cannot be read as a video.
  """
  path = os.fspath(path)
  pictures = _pictures(path)
  if pictures:
    film = Film(path, 0, 0, picture_fps, len(pictures), pictures=tuple(pictures))
  else:
    info = video_lib.probe(path)
    film = Film(path, 0, 0, info.fps, info.num_frames, info.has_audio, _looks(path))
  first = next(film.frames(), None)
  if first is None:
    raise VideoError(f"{path}: it holds no frames.")
  height, width = first.pixels.shape[:2]
  return dataclasses.replace(film, height=height, width=width)


def _pictures(path: str) -> Sequence[str]:
  """The pictures that a folder or a pattern means; none for the path of a file."""
  folder, name = os.path.split(path)
  if os.path.isdir(path):
    return [os.path.join(path, name) for name in frame_folder.list_pictures(path)]
  if os.path.exists(path):
    return [path] if frame_folder.is_picture(path) else []
  wanted = re.sub(r"%0?\d*d", "*", name)
  if not any(letter in wanted for letter in "*?["):
    raise DataError(f"There is no {path}. Name a video file, a folder of pictures, or a pattern of them.")
  if not os.path.isdir(folder or "."):
    raise DataError(f"There is no folder {folder}, where the pictures {name} should be.")
  names = [n for n in os.listdir(folder or ".") if fnmatch.fnmatch(n, wanted) and frame_folder.is_picture(n)]
  if not names:
    raise DataError(
      f"No picture is called {path}; pictures end in {', '.join(frame_folder.SUFFIXES)}. In a shell, quote a "
      "pattern with *."
    )
  return [os.path.join(folder, n) for n in sorted(names, key=frame_folder.natural_key)]


def _looks(path: str) -> Looks | None:
  with reader_lib.open_container(path) as container:
    if "gif" in container.format.name:
      return None
    stream = reader_lib.video_stream(path, container)
    context = stream.codec_context
    aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio
    shape = (aspect.numerator, aspect.denominator) if aspect else (1, 1)
    return Looks(context.colorspace, context.color_primaries, context.color_trc, shape)
