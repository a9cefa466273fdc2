"""An open video file: frames in the order of display, with their times, from any moment on.

Containers are kept open, some a thread, because opening costs more than seeking. Between the key frame and
the first frame wanted, frames which no other refers to are not decoded: the rest comes out the same, bit for
bit.

Files are not trusted: a playlist named .mp4 reads no other file and no network address, no picture may be
larger than `MAX_PIXELS`, and a disk that does not answer is given up after `TIMEOUT`.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, cast

import av
import numpy as np
from av.codec import CodecContext
from av.codec.codec import UnknownCodecError
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from vgjax import memory
from vgjax.data import watch
from vgjax.errors import DataError

OPEN_FILES = 48  # a thread
CLOSINGS = 256  # files, after which free memory is given back: decoders come and go, and leave holes behind
OPEN_PIXELS = 2**23  # a thread; the pictures' sizes added up: each open file holds up to 20 of its frames
MAX_PIXELS = 2**26  # a frame; a damaged header that asks for more is not believed
PLAYLISTS = {"concat", "dash", "hls", "applehttp", "imf", "sdp", "rtsp"}  # FFmpeg's names of formats
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own decoders of these leave alpha out
TIMEOUT = 60.0  # seconds, for a file to open, and for each read
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
    pixels: of a frame.
    origin: seconds on the container's clock at which the video begins.
    period: seconds from frame to frame, on average.
    tolerance: seconds by which a timestamp may be off.
  """

  def __init__(self, path: str):
    self.path = path
    self._container: Any = None
    self._regular = True  # until frames are wanted after their likely end, as at a variable rate
    self._reopen()

  def _reopen(self) -> None:
    self.close()
    self._container = open_container(self.path)
    self._stream = video_stream(self.path, self._container)
    self._context = decoder(self.path, self._stream)
    # Parallelism is over clips; a decoder's own threads would only get in its way.
    self._context.thread_count = 1
    # The size may also change within the file.
    self._context.options = {"max_pixels": str(MAX_PIXELS)}
    self.pixels = self._stream.codec_context.height * self._stream.codec_context.width
    self._fresh = True
    self._tick = float(self._stream.time_base or 1)
    self.origin = (self._stream.start_time or 0) * self._tick
    rate = self._stream.average_rate or self._stream.guessed_rate
    self.period = 1 / float(rate) if rate else 1 / 25.0
    # Timestamps are rounded to the container's ticks, times computed from a rate are not. A tick of a
    # whole frame, as in AVI, rounds nothing.
    self.tolerance = min(0.75 * self._tick, 1e-3)

  def close(self) -> None:
    if self._container is not None:
      self._container.close()

  def frames(self, start: float, likely_end: float = math.inf) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yields (seconds, frame), first the frame on display at `start`, then all after it.

    Who most likely wants none after `likely_end` says so: then the packets which a decoder takes in before it
    gives out the last frames are not decoded. Frames after it come all the same, but dearer.
    """
    likely_end = likely_end if self._regular else math.inf
    # At a constant rate the frame on display at `start` is later than this.
    leave_out = start - 2 * self.period
    count = 0
    for frame in self._frames(start, leave_out, likely_end):
      yield frame
      count += 1
    if self._stopped:  # more are wanted: once more from the start
      self._regular = False
      yield from itertools.islice(self._frames(start, leave_out), count, None)

  def _frames(
    self, start: float, leave_out: float, end: float = math.inf
  ) -> Iterator[tuple[float, av.VideoFrame]]:
    limit = start + self.tolerance
    shown = None
    for seconds, frame in self._decode(start, leave_out, end):
      if seconds <= limit:
        shown = (seconds, frame)
        continue
      if shown is not None:
        if self._left_out > shown[0]:  # at a variable rate: what was left out is on display
          yield from self._frames(start, -math.inf)
          return
        yield shown
        shown = None
      yield seconds, frame
    if shown is not None and self._left_out > shown[0]:
      yield from self._frames(start, -math.inf)
    elif shown is not None and start < shown[0] + 1.5 * self.period:  # else `start` is past the end
      yield shown

  def _decode(self, start: float, leave_out: float, end: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yields (seconds, frame), beginning no later than `start`."""
    placed = not self._seek(start)  # nothing comes before the top of the file
    for seconds, frame in self._stamped(leave_out, end):
      if not placed and seconds > start + self.tolerance:
        break  # some containers seek to a later key frame, or lose the timestamps
      placed = True
      yield seconds, frame
    else:
      return
    self._reopen()
    self._fresh = False
    yield from self._stamped(leave_out, end)

  def _stamped(self, leave_out: float, end: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """Decodes from where the container stands; yields (seconds, frame).

    Frames come out in the order of display. Where files give packets no display time of their own (it
    is missing, or a copy of the decoding time although frames are reordered, as old encoders wrote it),
    the packets' times are right but for their order: each frame takes the smallest that is left.

    Frames before `leave_out` are not decoded if no other refers to them, once the file is seen to have
    display times of its own. `_left_out` is the time of the last of them, at the latest. `_stopped` says
    whether it stopped after `end` although the file goes on.
    """
    waiting, trusted = [], not self._stream.codec_context.has_b_frames
    judged = False  # a time unlike the decoding time was seen: the file's display times are its own
    context = self._context
    self._left_out, self._stopped, skipping = -math.inf, False, False
    later: list[av.Packet] = []  # after `end`; decoded once one before it turns out to follow
    try:
      for packet in self._container.demux(self._stream):
        watch.beat()
        stamp = packet.dts if packet.pts is None else packet.pts
        judged = judged or packet.pts not in (None, packet.dts)
        if stamp is not None:
          heapq.heappush(waiting, stamp)
          trusted = trusted or judged
        seconds = packet.pts * self._tick - self.origin if judged and packet.pts is not None else math.inf
        if end < seconds < math.inf:
          later.append(packet)
          if packet.dts is None or packet.dts * self._tick - self.origin <= end:
            continue  # one before `end` may follow
          self._stopped, packets = True, (None,)  # which makes the decoder give out what it holds
        else:
          packets, later = (*later, packet), []
        skip = seconds < leave_out
        if skip:
          self._left_out = max(self._left_out, seconds)
        if skip != skipping:
          context.skip_frame = "NONREF" if skip else "DEFAULT"
          skipping = skip
        for frame in itertools.chain.from_iterable(map(context.decode, packets)):
          smallest = heapq.heappop(waiting) if waiting else None
          stamp = frame.pts if trusted and frame.pts is not None else smallest
          if stamp is None:
            raise VideoError(f"{self.path}: its frames have no timestamps.")
          seconds = stamp * self._tick - self.origin
          if seconds <= end or not self._stopped:  # between later ones others are missing
            yield seconds, frame
        if self._stopped:
          return
    finally:
      if skipping:
        context.skip_frame = "DEFAULT"

  def _seek(self, start: float) -> bool:
    """Goes to the key frame before `start`; False if it is at the top of the file instead."""
    if not self._fresh or start > self.period:
      try:
        stamp = int((start + self.tolerance + self.origin) / self._tick)
        self._container.seek(stamp, stream=self._stream, backward=True)
        self._context.flush_buffers()  # which seeking does for the stream's own decoder alone
        self._fresh = False
        return True
      except ERRORS:  # a format which cannot seek
        self._reopen()
    self._fresh = False
    return False


_local = threading.local()  # .readers
_closings = itertools.count(1)


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
  pixels = sum(opened.pixels for opened, _ in _local.readers.values())
  while len(_local.readers) > OPEN_FILES or (pixels > OPEN_PIXELS and len(_local.readers) > 1):
    _, (oldest, _) = _local.readers.popitem(last=False)
    pixels -= oldest.pixels
    oldest.close()
    if next(_closings) % CLOSINGS == 0:
      memory.give_back()
  return reader


def frame_times(path: str) -> np.ndarray:
  """The times of all frames of a file, [frames], float64, seconds, in order. Nothing is decoded."""
  status = os.stat(path)
  return _frame_times(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(256)
def _frame_times(path: str, size: int, modified: int) -> np.ndarray:
  del size, modified
  try:
    with watch.reading(path), open_container(path) as container:
      stream = video_stream(path, container)
      stamps = [p.dts if p.pts is None else p.pts for p in container.demux(stream) if p.size]
      tick, origin = float(stream.time_base or 1), stream.start_time or 0
  except ERRORS as error:
    raise VideoError(f"{path}: {reason(error)}") from error
  return np.sort(np.array([stamp - origin for stamp in stamps if stamp is not None], np.float64)) * tick


def forget(path: str) -> None:
  """Closes this thread's reader of a file, if it has one: after an error its state is anybody's guess."""
  reader, _ = getattr(_local, "readers", {}).pop(path, (None, None))
  if reader is not None:
    reader.close()


def open_container(path: str) -> InputContainer:
  """The file, opened with no trust in it."""
  container = av.open(path, timeout=(TIMEOUT, TIMEOUT), options={"protocol_whitelist": "file"})
  if PLAYLISTS & set(container.format.name.split(",")):
    container.close()
    raise VideoError(f"{path}: it is a playlist ({container.format.name}), which reads other files.")
  return container


def video_stream(path: str, container: InputContainer) -> VideoStream:
  """The file's video stream; VideoError if there is none, or one of an absurd size.

  The picture of a record's sleeve, which files of music hold, is no video.
  """
  streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
  if not streams:
    raise VideoError(f"{path}: it has no video stream.")
  stream = streams[0]
  if stream.codec_context is None:
    raise VideoError(f"{path}: its codec is not known to FFmpeg.")
  height, width = stream.codec_context.height, stream.codec_context.width
  if not 0 < height * width <= MAX_PIXELS:
    raise VideoError(
      f"{path}: its header claims a size of {width}x{height}; up to {MAX_PIXELS} pixels are read."
    )
  return stream


def decoder(path: str, stream: VideoStream) -> VideoCodecContext:
  """What decodes the stream: its own decoder, but where alpha is kept apart, in WebM, one that reads it."""
  own = stream.codec_context
  reads_alpha = ALPHA_DECODERS.get(own.codec.canonical_name)
  if stream.metadata.get("alpha_mode") != "1" or reads_alpha is None:
    return own
  try:
    context = CodecContext.create(reads_alpha, "r")
  except UnknownCodecError as error:
    raise VideoError(
      f"{path}: it is transparent, and FFmpeg lacks {reads_alpha}, which reads that; PyAV's wheels have it."
    ) from error
  context.extradata = own.extradata
  return cast(VideoCodecContext, context)


def reason(error: BaseException) -> str:
  """What went wrong, without the path that the caller adds."""
  return getattr(error, "strerror", None) or str(error) or type(error).__name__
