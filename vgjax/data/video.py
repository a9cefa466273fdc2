"""Video files: probe, decode, encode, by PyAV.

Frames are chosen by their timestamps, never by counting on a constant rate: the frame "on display" at time
t is the last whose timestamp is not after t, so files of variable frame rate come out right. Time counts
from the stream's own start, in seconds.

A clip is one seek to the key frame before it, and the frames from there on (`reader`), scaled (`pixels`) into
one array.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np
from PIL import Image

from vgjax.data import frame_folder, watch
from vgjax.data import reader as reader_lib
from vgjax.data.pixels import pixels_of
from vgjax.data.reader import TooShort, VideoError

MAX_BYTES = 2**32  # a decoded clip; a whole film would fill the memory


class VideoInfo(NamedTuple):
  """What a file's header says; damage further in shows only when decoding."""

  height: int  # as stored: rotation metadata, which phones write, is applied when decoding
  width: int
  fps: float  # the average
  num_frames: int
  duration: float  # seconds
  codec: str = ""  # FFmpeg's name of it, or "frames" for a folder of pictures
  has_audio: bool = False


def probe(path: str | os.PathLike, *, frame_fps: float = 25.0) -> VideoInfo:
  """Reads a file's header, and its packets' timestamps only where the header says too little.

  Args:
    path: a video file, or a folder of pictures (`frame_folder`).
    frame_fps: frames a second of a folder of pictures.

  Raises:
    VideoError: not a video, or one that cannot be opened.
  """
  path = os.fspath(path)
  if os.path.isdir(path):
    height, width, count = frame_folder.probe(path)
    return VideoInfo(height, width, frame_fps, count, count / frame_fps, "frames")
  try:
    with watch.reading(path), reader_lib.open_container(path) as container:
      return _probe(path, container)
  except reader_lib.ERRORS as error:
    raise VideoError(f"{path}: {reader_lib.reason(error)}") from error


def _probe(path: str, container) -> VideoInfo:
  stream = reader_lib.video_stream(path, container)
  rate = stream.average_rate or stream.guessed_rate
  fps = float(rate) if rate else 0.0
  duration = 0.0
  if stream.duration:
    duration = float(stream.duration * (stream.time_base or 0))
  elif container.duration:
    duration = container.duration / av.time_base
  # The index lists what is there; a header's count may include frames it only plans (AVI repeats, MP4).
  num_frames = stream.frames and (len(stream.index_entries) or stream.frames)
  num_frames = num_frames or round(duration * fps)
  if not (num_frames and fps and duration):
    num_frames, duration = _count_packets(path, container, stream)
    fps = num_frames / duration
  elif abs(num_frames / duration / fps - 1) > 0.05:
    fps = num_frames / duration  # of variable rate: the average is what places a clip
  context = stream.codec_context
  audio = bool(container.streams.audio)
  codec = context.codec.canonical_name  # of the format, where `context.name` is that of a decoder
  return VideoInfo(context.height, context.width, fps, num_frames, duration, codec, audio)


def _count_packets(path: str, container, stream) -> tuple[int, float]:
  """(frames, seconds) of a file whose header says too little: it reads the file, but decodes nothing."""
  stamps = [p.dts if p.pts is None else p.pts for p in container.demux(stream) if p.size]
  stamps = [stamp for stamp in stamps if stamp is not None]
  if not stamps:
    raise VideoError(f"{path}: it holds no frames.")
  seconds = float((max(stamps) - min(stamps)) * stream.time_base)
  period = seconds / (len(stamps) - 1) if seconds else 0.04
  return len(stamps), seconds + period


def read_video(
  path: str | os.PathLike,
  *,
  start: float = 0.0,
  num_frames: int | None = None,
  fps: float | None = None,
  stride: int = 1,
  size: int | tuple[int, int] | None = None,
  crop: tuple[float, float] = (0.5, 0.5),
  channels: int = 3,
  frame_fps: float = 25.0,
) -> np.ndarray:
  """Decodes a clip.

  Args:
    path: a file of any format that FFmpeg reads, or a folder of pictures (`frame_folder`).
    start: seconds; the first frame is the one on display then.
    num_frames: how many frames; None reads to the end.
    fps: frames a second: frame k is the one on display at start + k / fps, repeated where the file is
      slower. None takes the file's own frames.
    stride: without `fps`, every how many-th frame of the file.
    size: height and width (one number: both). The frame is scaled with antialiasing to cover them,
      keeping its shape, and cropped. None keeps the file's size.
    crop: where to crop what is too much, (y, x) in [0, 1]; 0.5 is the centre.
    channels: 3 for RGB, 1 for grey.
    frame_fps: frames a second of a folder of pictures.

  Returns:
    [time, height, width, channels], uint8, upright: rotation metadata is applied. Frames with alpha are laid
    over black. 10 bits become 8; the colours of high
    dynamic range are not mapped.

  Raises:
    TooShort: the file ends before the clip does.
    VideoError: the file cannot be read or is damaged within the clip, or the clip takes over `MAX_BYTES`.
  """
  return read_clip(
    path,
    start=start,
    num_frames=num_frames,
    fps=fps,
    stride=stride,
    size=size,
    crop=crop,
    channels=channels,
    frame_fps=frame_fps,
  )[0]


def read_clip(
  path: str | os.PathLike,
  *,
  start: float,
  num_frames: int | None,
  fps: float | None,
  stride: int,
  size: int | tuple[int, int] | None,
  crop: tuple[float, float],
  channels: int,
  frame_fps: float,
) -> tuple[np.ndarray, np.ndarray]:
  """As `read_video`, with each frame's own time in the file: (video, seconds [time], float64)."""
  path = os.fspath(path)
  if channels not in (1, 3):
    raise ValueError(f"channels is 1 (grey) or 3 (RGB), not {channels}.")
  picture = room = None  # the last frame; the whole clip's memory, where its length is known
  video, times = [], []
  try:
    with watch.reading(path):
      if os.path.isdir(path):
        frames = frame_folder.frames(path, start, frame_fps)
        period, tolerance = 1 / frame_fps, 1e-6
      else:
        reader = reader_lib.open_reader(path)
        period, tolerance = reader.period, reader.tolerance
        frames = reader.frames(start, _likely_end(reader, start, num_frames, fps, stride))
      if fps is not None:
        frames = _at_rate(frames, start, fps, period, tolerance)
      else:
        frames = itertools.islice(frames, 0, None, stride)
      for seconds, frame in itertools.islice(frames, num_frames):
        watch.beat()
        if picture is None or frame is not picture:  # at a higher rate than the file's a frame repeats
          out = None if room is None else room[len(times)]
          picture, pixels = frame, pixels_of(frame, size, crop, channels, out)
        elif room is not None:
          room[len(times)] = pixels
        if max(num_frames or 0, len(times) + 1) * pixels.nbytes > MAX_BYTES:
          raise VideoError(f"{path}: the clip takes more than {MAX_BYTES >> 30} GiB; read less, or smaller.")
        if num_frames and room is None:
          room = np.empty((num_frames, *pixels.shape), np.uint8)
          room[0] = pixels
        if not num_frames:
          video.append(pixels)
        times.append(seconds)
  except VideoError:
    reader_lib.forget(path)
    raise
  except reader_lib.ERRORS as error:
    reader_lib.forget(path)
    raise VideoError(f"{path}: {reader_lib.reason(error)}") from error
  wanted = 1 if num_frames is None else num_frames
  if len(times) < wanted:
    error = TooShort(
      f"{path}: it ends after {len(times)} of the {wanted} frames wanted from {start:.2f} s on."
    )
    error.missing = wanted - len(times)
    raise error
  return np.stack(video) if room is None else room, np.array(times)


def _likely_end(
  reader: reader_lib.Reader, start: float, num_frames: int | None, fps: float | None, stride: int
) -> float:
  """When the last frame that is looked at for a clip begins, if the file's rate is constant."""
  if num_frames is None:
    return math.inf
  if fps is None:  # the frame after `start` tells which is the first
    seconds = max(1, (num_frames - 1) * stride) * reader.period
  else:  # the frame after the last wanted tells how long that one is on display
    seconds = (num_frames - 1) / fps + reader.period
  return start + seconds + reader.tolerance + 0.1 * reader.period


def write_video(path: str | os.PathLike, video: np.ndarray, fps: float = 10.0) -> None:
  """Encodes a video; the suffix names the format: mp4 (also mkv, mov; h264) or gif.

  Args:
    path: the file to write.
    video: [time, height, width, channels], uint8, 1 or 3 channels. For h264 an odd height or width is
      made even by repeating the last row or column.
    fps: frames a second.
  """
  path = os.fspath(path)
  video = np.asarray(video)
  if video.dtype != np.uint8 or video.ndim != 4 or video.shape[-1] not in (1, 3) or not video.size:
    raise ValueError(
      f"write_video wants uint8 [time, height, width, 1 or 3], not {video.dtype} {list(video.shape)}."
    )
  video = np.broadcast_to(video, (*video.shape[:3], 3))
  if path.lower().endswith(".gif"):
    _write_gif(path, video, fps)
    return
  height, width = video.shape[1:3]
  video = np.pad(video, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
  with av.open(path, "w") as container:
    rate = Fraction(fps).limit_denominator(1001)
    stream = container.add_stream("libx264", rate=rate, options={"crf": "16", "threads": "1"})
    stream.height, stream.width = video.shape[1:3]
    stream.pix_fmt = "yuv420p"  # what every browser and notebook plays
    for picture in video:
      container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))))
    container.mux(stream.encode())


def _write_gif(path: str, video: np.ndarray, fps: float) -> None:
  pictures = [Image.fromarray(picture) for picture in video]
  milliseconds = max(20, round(1000 / fps))  # viewers slow down what is shorter
  pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0)


def _at_rate(
  frames: Iterator[tuple[float, Any]], start: float, fps: float, period: float, tolerance: float
) -> Iterator[tuple[float, Any]]:
  """The frames on display at start, start + 1 / fps, ..., each with its own time."""
  wanted = (start + number / fps for number in itertools.count())
  when = next(wanted)
  seconds, shown = 0.0, None
  for seconds, frame in frames:
    while shown is not None and when < seconds - tolerance:
      yield shown
      when = next(wanted)
    shown = (seconds, frame)
  end = seconds + period - tolerance  # the last frame stays on display that long
  while shown is not None and when < end:
    yield shown
    when = next(wanted)
