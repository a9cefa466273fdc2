"""An open video file: frames in the order of display, with their times, from any moment on.

Containers are kept open, a few a thread, because opening costs more than seeking.
"""

from __future__ import annotations

import heapq
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from vgjax.errors import DataError

OPEN_FILES = 4  # a thread; each holds a decoder's frame buffers
MAX_PIXELS = 2**26  # a frame; a damaged header that asks for more is not believed
ERRORS = (FFmpegError, OSError, ValueError, MemoryError)  # what PyAV raises on damaged files


class VideoError(DataError):
  """A file cannot be read; the message names the file and the reason."""


class TooShort(VideoError):
  """The file ends before the clip does. `missing` counts the frames that were wanted still."""

  missing: int = 0


class Reader:
  """An open file.

  Attributes:
    path: the file.
    period: seconds from frame to frame, on average.
    tolerance: seconds by which a timestamp may be off.
  """

  def __init__(self, path: str):
    self.path = path
    self._container: Any = None
    self._reopen()

  def _reopen(self) -> None:
    self.close()
    self._container = av.open(self.path)
    self._stream = video_stream(self.path, self._container)
    # Parallelism is over clips; a decoder's own threads would only get in its way.
    self._stream.codec_context.thread_count = 1
    self._fresh = True
    self._tick = float(self._stream.time_base or 1)
    self._origin = (self._stream.start_time or 0) * self._tick
    rate = self._stream.average_rate or self._stream.guessed_rate
    self.period = 1 / float(rate) if rate else 1 / 25.0
    # Timestamps are rounded to the container's ticks, times computed from a rate are not. A tick of a
    # whole frame, as in AVI, rounds nothing.
    self.tolerance = min(0.75 * self._tick, 1e-3)

  def close(self) -> None:
    if self._container is not None:
      self._container.close()

  def frames(self, start: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yields (seconds, frame), first the frame on display at `start`, then all after it."""
    limit = start + self.tolerance
    shown = None
    for seconds, frame in self._decode(start):
      if seconds <= limit:
        shown = (seconds, frame)
        continue
      if shown is not None:
        yield shown
        shown = None
      yield seconds, frame
    if shown is not None and start < shown[0] + 1.5 * self.period:  # else `start` is past the end
      yield shown

  def _decode(self, start: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yields (seconds, frame), beginning no later than `start`."""
    placed = not self._seek(start)  # nothing comes before the top of the file
    for seconds, frame in self._stamped():
      if not placed and seconds > start + self.tolerance:
        break  # some containers seek to a later key frame, or lose the timestamps
      placed = True
      yield seconds, frame
    else:
      return
    self._reopen()
    self._fresh = False
    yield from self._stamped()

  def _stamped(self) -> Iterator[tuple[float, av.VideoFrame]]:
    """Decodes from where the container stands; yields (seconds, frame).

    Frames come out in the order of display. Where files give packets no display time of their own (it
    is missing, or a copy of the decoding time although frames are reordered, as old encoders wrote it),
    the packets' times are right but for their order: each frame takes the smallest that is left.
    """
    waiting, trusted = [], not self._stream.codec_context.has_b_frames
    for packet in self._container.demux(self._stream):
      stamp = packet.dts if packet.pts is None else packet.pts
      if stamp is not None:
        heapq.heappush(waiting, stamp)
        trusted = trusted or packet.pts not in (None, packet.dts)
      for frame in packet.decode():
        smallest = heapq.heappop(waiting) if waiting else None
        stamp = frame.pts if trusted and frame.pts is not None else smallest
        if stamp is None:
          raise VideoError(f"{self.path}: its frames have no timestamps.")
        yield stamp * self._tick - self._origin, frame

  def _seek(self, start: float) -> bool:
    """Goes to the key frame before `start`; False if it is at the top of the file instead."""
    if not self._fresh or start > self.period:
      try:
        stamp = int((start + self.tolerance + self._origin) / self._tick)
        self._container.seek(stamp, stream=self._stream, backward=True)
        self._fresh = False
        return True
      except ERRORS:  # a format which cannot seek
        self._reopen()
    self._fresh = False
    return False


_local = threading.local()  # .readers


def open_reader(path: str) -> Reader:
  """This thread's open reader of a file; the least recently used one is closed."""
  if not hasattr(_local, "readers"):
    _local.readers = OrderedDict()
  status = os.stat(path)
  key = (status.st_mtime_ns, status.st_size)  # a file that was written anew is opened anew
  reader, opened = _local.readers.pop(path, (None, None))
  if reader is not None and opened != key:
    reader.close()
    reader = None
  if reader is None:
    reader = Reader(path)
  _local.readers[path] = reader, key
  while len(_local.readers) > OPEN_FILES:
    _, (oldest, _) = _local.readers.popitem(last=False)
    oldest.close()
  return reader


def forget(path: str) -> None:
  """Closes this thread's reader of a file, if it has one: after an error its state is anybody's guess."""
  reader, _ = getattr(_local, "readers", {}).pop(path, (None, None))
  if reader is not None:
    reader.close()


def video_stream(path: str, container: InputContainer) -> VideoStream:
  """The file's video stream; VideoError if there is none, or one of an absurd size."""
  if not container.streams.video:
    raise VideoError(f"{path}: it has no video stream.")
  stream = container.streams.video[0]
  height, width = stream.codec_context.height, stream.codec_context.width
  if not 0 < height * width <= MAX_PIXELS:
    raise VideoError(f"{path}: its header claims a size of {width}x{height}.")
  return stream


def reason(error: BaseException) -> str:
  """What went wrong, without the path that the caller adds."""
  return getattr(error, "strerror", None) or str(error) or type(error).__name__
