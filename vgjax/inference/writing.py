"""Writing a film frame by frame: mp4, mkv, mov (h264), gif, or a folder of png pictures.

Each frame has its own time, so a film of variable rate stays one. A file is written beside its name and
renamed at the end: what bears the name is whole.
"""

from __future__ import annotations

import os
import pathlib
from fractions import Fraction
from typing import Any, Self

import av
import numpy as np
from PIL import Image

from vgjax.errors import ConfigError, DataError
from vgjax.inference.film import UNSPECIFIED, Film, Looks
from vgjax.inference.sound import Sound

FILES = (".mp4", ".mkv", ".mov", ".m4v")
GIF_FPS = 50  # at most: viewers slow down what is faster
_TICKS = 90_000  # a second, at least
_RGB_LOOKS = Looks(1, 1, 1)  # pictures are written as BT.709, and the file says so


class Writer:
  """Writes frames, in a `with`; if that ends by an error, nothing is left of the file.

  Args:
    path: where to; the suffix says the format, none means a folder of pictures.
    fps: frames a second, on average.
    like: the film whose colours and sound are kept, or None.
    crf: the quality of h264: 0 loses nothing but colour resolution, 16 little, 23 is for the web.
    sound: whether to keep the film's sound.
    start: seconds of the film at which the new file begins.
    end: seconds at which it ends, or None.
    slower: how many times slower than the film it is shown.
  """

  def __init__(
    self,
    path: str | os.PathLike,
    *,
    fps: float,
    like: Film | None = None,
    crf: float = 16,
    sound: bool = False,
    start: float = 0.0,
    end: float | None = None,
    slower: float = 1.0,
  ):
    self.path = pathlib.Path(path)
    self._fps = Fraction(fps).limit_denominator(1001)
    self._film, self._crf = like, crf
    self._sound_wanted = sound and like is not None and like.has_audio
    self._start, self._end, self._slower = start, end, slower
    self._kind: Any = None
    self.sound_copied: bool | None = None  # None: there is none

  def __enter__(self) -> Self:
    return self

  def __exit__(self, kind, *_) -> None:
    if self._kind is not None:
      self._kind.close(failed=kind is not None)

  def add(self, pixels: np.ndarray, seconds: float) -> None:
    """Writes a frame.

    Args:
      pixels: uint8 [height, width, 1 or 3]; all frames are of one size.
      seconds: its time in the new file; later than that of the frame before.
    """
    pixels = np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    if self._kind is None:
      self._kind = self._begin(pixels.shape[:2])
    self._kind.add(pixels, seconds)

  def _begin(self, size: tuple[int, int]):
    suffix = self.path.suffix.lower()
    if not suffix:
      return _Pictures(self.path)
    self.path.parent.mkdir(parents=True, exist_ok=True)
    part = self.path.with_name(f".{self.path.name}.part{suffix}")
    if suffix == ".gif":
      return _Gif(self.path, part, 1 / self._fps)
    file = _File(self.path, part, size, self._fps, self._film, self._crf)
    if self._sound_wanted and self._film is not None:
      file.sound = Sound(
        self._film, file.container, start=self._start, end=self._end, slower=self._slower
      )  # fmt: skip
      self.sound_copied = file.sound.copied
    return file


def check(path: pathlib.Path, fps: float, source: str) -> None:
  """Finds out before anything is computed whether `path` can be written.

  Raises:
    ConfigError: a format that is not known, or cannot hold this rate.
    DataError: the input would be overwritten, or a folder holds other files.
  """
  suffix = path.suffix.lower()
  if suffix and suffix not in (*FILES, ".gif"):
    raise ConfigError(
      f"--out {path}: written are {', '.join(FILES)}, .gif, and folders of png (a name without a suffix)."
    )
  if suffix == ".gif" and fps > GIF_FPS:
    raise ConfigError(f"--out {path}: a GIF shows up to {GIF_FPS} frames a second, not {fps:g}; write .mp4.")
  if os.path.exists(source) and path.exists() and os.path.samefile(path, source):
    raise DataError(f"--out {path} is the input itself; name another file.")
  if not suffix and path.is_dir() and any(path.iterdir()):
    raise DataError(f"--out {path} is a folder that is not empty; name a new one.")
  if not suffix and path.is_file():
    raise DataError(f"--out {path} is a file; pictures need a new folder. A video's name ends in .mp4.")


class _Pictures:
  """A folder of png, which lose nothing."""

  def __init__(self, path: pathlib.Path):
    self._path, self._count = path, 0
    path.mkdir(parents=True, exist_ok=True)

  def add(self, pixels: np.ndarray, seconds: float) -> None:
    del seconds
    self._count += 1
    Image.fromarray(pixels).save(self._path / f"{self._count:06d}.png", compress_level=1)

  def close(self, failed: bool) -> None:
    if failed:
      for number in range(1, self._count + 1):
        (self._path / f"{number:06d}.png").unlink(missing_ok=True)


class _Gif:
  """256 colours a frame. It is put together in memory, at a byte a pixel."""

  def __init__(self, path: pathlib.Path, part: pathlib.Path, period: Fraction):
    self._path, self._part, self._period = path, part, float(period)
    self._frames: list[Image.Image] = []
    self._times: list[float] = []

  def add(self, pixels: np.ndarray, seconds: float) -> None:
    self._frames.append(Image.fromarray(pixels).quantize(256, dither=Image.Dither.FLOYDSTEINBERG))
    self._times.append(seconds)

  def close(self, failed: bool) -> None:
    if failed:
      return
    # GIF counts in hundredths of a second: the sums are rounded, or the errors would add up.
    ends = np.rint(np.array([*self._times, self._times[-1] + self._period]) * 100)
    milliseconds = np.maximum(np.diff(ends), 2) * 10
    first, *others = self._frames
    first.save(
      self._part, save_all=True, append_images=others, duration=milliseconds.astype(int).tolist(), loop=0
    )
    os.replace(self._part, self._path)


class _File:
  """h264, with the film's sound."""

  def __init__(self, path, part, size, fps: Fraction, film: Film | None, crf: float):
    self._path, self._part = path, part
    self.sound: Sound | None = None
    ticks = fps.numerator * -(-_TICKS // fps.numerator)  # a frame of a constant rate takes a whole number
    self._base, self._last = Fraction(1, ticks), -1
    self.container = av.open(str(part), "w")
    stream: Any = self.container.add_stream("libx264", rate=fps, options={"crf": f"{crf:g}"})
    self._size = tuple(n + n % 2 for n in size)  # for yuv420p
    stream.height, stream.width = self._size
    stream.pix_fmt = "yuv420p"  # what every browser and phone plays
    stream.codec_context.time_base = stream.time_base = self._base
    looks = (film and film.looks) or _RGB_LOOKS
    self._matrix = 5 if looks.colorspace in (UNSPECIFIED, 6) else looks.colorspace  # swscale's: 5 is BT.601
    context = stream.codec_context
    context.colorspace, context.color_primaries, context.color_trc = looks[:3]
    context.color_range = 1  # not all of 8 bits, whatever the film's
    if looks.aspect != (1, 1):
      context.sample_aspect_ratio = Fraction(*looks.aspect)
    self._stream = stream

  def add(self, pixels: np.ndarray, seconds: float) -> None:
    extra = [(0, whole - n) for whole, n in zip(self._size, pixels.shape)]
    if any(after for _, after in extra):
      pixels = np.pad(pixels, [*extra, (0, 0)], mode="edge")
    frame = av.VideoFrame.from_ndarray(pixels).reformat(
      format="yuv420p", dst_colorspace=self._matrix, dst_color_range="MPEG"
    )
    frame.time_base = self._base
    frame.pts = self._last = max(self._last + 1, round(seconds / self._base))
    if self.sound is not None:
      self.sound.write_until(seconds)
    self.container.mux(self._stream.encode(frame))

  def close(self, failed: bool) -> None:
    try:
      if not failed:
        self.container.mux(self._stream.encode(None))
        if self.sound is not None:
          self.sound.write_until(None)
    finally:
      if self.sound is not None:
        self.sound.close()
      self.container.close()
      if failed:
        self._part.unlink(missing_ok=True)
    if not failed:
      os.replace(self._part, self._path)
