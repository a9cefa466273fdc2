"""Video files: probe, decode, encode, by PyAV.

Frames are chosen by their timestamps, never by counting on a constant rate: the frame "on display" at time
t is the last whose timestamp is not after t, so files of variable frame rate come out right. Time counts
from the stream's own start, in seconds.

A clip is one seek to the key frame before it, and the frames from there on (`reader`). All frames of a thread
are scaled through one `VideoReformatter`: a frame's own `reformat()` makes a new one each time, at half
the speed.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

from vgjax.data import frame_folder
from vgjax.data import reader as reader_lib
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
    with reader_lib.open_container(path) as container:
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
  return VideoInfo(context.height, context.width, fps, num_frames, duration, context.name, audio)


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
    over black (VP8 and VP9 keep theirs apart, where it is not read). 10 bits become 8; the colours of high
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
  picture, video, times, num_bytes = None, [], [], 0
  try:
    if os.path.isdir(path):
      frames = frame_folder.frames(path, start, frame_fps)
      period, tolerance = 1 / frame_fps, 1e-6
    else:
      reader = reader_lib.open_reader(path)
      period, tolerance = reader.period, reader.tolerance
      frames = reader.frames(start)
    if fps is not None:
      frames = _at_rate(frames, start, fps, period, tolerance)
    else:
      frames = itertools.islice(frames, 0, None, stride)
    for seconds, frame in itertools.islice(frames, num_frames):
      if picture is None or frame is not picture:  # at a higher rate than the file's a frame repeats
        picture, pixels = frame, _pixels(frame, size, crop, channels)
      num_bytes += pixels.nbytes
      if num_bytes > MAX_BYTES:
        raise VideoError(f"{path}: the clip takes more than {MAX_BYTES >> 30} GiB; read less, or smaller.")
      video.append(pixels)
      times.append(seconds)
  except VideoError:
    reader_lib.forget(path)
    raise
  except reader_lib.ERRORS as error:
    reader_lib.forget(path)
    raise VideoError(f"{path}: {reader_lib.reason(error)}") from error
  wanted = 1 if num_frames is None else num_frames
  if len(video) < wanted:
    error = TooShort(
      f"{path}: it ends after {len(video)} of the {wanted} frames wanted from {start:.2f} s on."
    )
    error.missing = wanted - len(video)
    raise error
  return np.stack(video), np.array(times)


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


_local = threading.local()  # .reformatter


def _reformatter() -> VideoReformatter:
  """This thread's."""
  if not hasattr(_local, "reformatter"):
    _local.reformatter = VideoReformatter()
  return _local.reformatter


@functools.cache
def _has_alpha(pixel_format: str) -> bool:
  return any(component.is_alpha for component in av.VideoFormat(pixel_format).components)


def over_black(frame: av.VideoFrame) -> av.VideoFrame:
  """A frame with alpha laid over black, without its rotation; a frame without is returned as it is.

  At the full size: scaled before, colours that cannot be seen would bleed into those that can.
  """
  if not _has_alpha(frame.format.name):
    return frame
  reformatter = VideoReformatter()  # this thread's is set up for another format
  pixels = reformatter.reformat(frame, format="rgba", threads=1).to_ndarray()
  alpha = pixels[..., 3:].astype(np.uint16)
  color = (pixels[..., :3] * alpha + 127) // 255
  return av.VideoFrame.from_ndarray(color.astype(np.uint8), format="rgb24")


def _pixels(frame: Any, size, crop: tuple[float, float], channels: int) -> np.ndarray:
  """One frame as [height, width, channels], uint8: scaled, upright, cropped."""
  if isinstance(frame, frame_folder.Picture):
    return frame_folder.pixels(frame, size, crop, channels)
  quarter_turns = round(frame.rotation / 90) % 4
  frame = over_black(frame)
  height, width = (frame.height, frame.width)[:: -1 if quarter_turns % 2 else 1]
  crop_height, crop_width = (size, size) if isinstance(size, int) else size or (height, width)
  scale = max(crop_height / height, crop_width / width)
  scaled = max(crop_height, round(height * scale)), max(crop_width, round(width * scale))
  stored = scaled[:: -1 if quarter_turns % 2 else 1]
  # FFmpeg scales to planes faster, to the same values; at the same size it writes pixels faster.
  color = "rgb24" if stored == (frame.height, frame.width) else "gbrp"
  frame = _reformatter().reformat(
    frame,
    height=stored[0],
    width=stored[1],
    format=color if channels == 3 else "gray",
    interpolation=Interpolation.BICUBIC,  # FFmpeg widens the kernel when it shrinks: antialiased
    dst_color_range=None if channels == 3 else "JPEG",  # RGB always has all of the range
    threads=1,
  )
  pixels = frame.to_ndarray().reshape(*stored, channels)
  pixels = np.rot90(pixels, quarter_turns) if quarter_turns else pixels
  y = round(crop[0] * (scaled[0] - crop_height))
  x = round(crop[1] * (scaled[1] - crop_width))
  return pixels[y : y + crop_height, x : x + crop_width]
