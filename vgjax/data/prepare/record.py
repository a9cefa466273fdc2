"""The layout of one record: a clip with all that is known of it.

  4 bytes    "VGJ1"
  4 bytes    the length of the header, little-endian
  header     JSON
  payload    the bytes of the arrays, one after the other

The header has `time`, `height`, `width`, `channels`, `fps`, `path`, `start` (seconds), where known `label`,
`text` and `content`, and `arrays`: {name: [dtype, shape]} in the payload's order. The video is either `raw`,
and then an array as any other, or `h264`: `packets` has the size of each frame's packet, and every `gop`-th
begins anew. The packets behind each other are an H.264 stream (Annex B), which any player shows.

No field is executed on reading, and no length is believed that goes past the record's end.
"""

from __future__ import annotations

import json
import math
import struct
import threading
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

MAGIC = b"VGJ1"
DTYPES = ("|u1", "<i4", "<i8", "<f4", "<f8", "<f2", "|b1", "|i1", "<i2")


def pack(
  header: Mapping[str, Any], video: np.ndarray, arrays: Mapping[str, np.ndarray] = {}, *, gop: int, crf: float
) -> bytes:
  """Makes a record.

  Args:
    header: what is known of the clip; the video's shape is added.
    video: uint8 [time, height, width, channels], 1 or 3 channels.
    arrays: others, by name, such as `action` [time, ...].
    gop: frames from key frame to key frame; 0 keeps the video raw.
    crf: x264's constant rate factor: 0 loses nothing, 18 hardly anything visible.
  """
  time, height, width, channels = video.shape
  header = dict(header) | dict(time=time, height=height, width=width, channels=channels)
  if gop:
    packets = encode(video, gop=gop, crf=crf)
    header |= dict(codec="h264", gop=gop, packets=[len(packet) for packet in packets])
  else:
    header |= dict(codec="raw")
    packets = [np.ascontiguousarray(video).data.cast("B")]
  parts = {name: np.array(array, order="C") for name, array in arrays.items()}
  parts = {name: array.astype(array.dtype.newbyteorder("<")) for name, array in parts.items()}
  header["arrays"] = {name: [array.dtype.str, list(array.shape)] for name, array in parts.items()}
  text = json.dumps(header, separators=(",", ":")).encode()
  return b"".join(
    [MAGIC, struct.pack("<I", len(text)), text, *packets, *(array.tobytes() for array in parts.values())]
  )


def read_header(data: bytes) -> tuple[dict[str, Any], int]:
  """A record's header, and where its payload begins.

  Raises:
    ValueError: not a record, or one cut short.
  """
  if data[:4] != MAGIC or len(data) < 8:
    raise ValueError("not a record of vgjax")
  (length,) = struct.unpack_from("<I", data, 4)
  header = json.loads(data[8 : 8 + length])
  wanted = 8 + length + _video_bytes(header) + sum(_bytes(*shape) for shape in header["arrays"].values())
  if len(data) != wanted:
    raise ValueError(f"a record of {wanted} bytes has {len(data)}")
  return header, 8 + length


def read_video(data: bytes, header: Mapping[str, Any], begin: int, frames: range) -> np.ndarray:
  """Some of a record's frames.

  Args:
    data: the record.
    header: of `read_header`, as is `begin`.
    begin: where the payload begins.
    frames: which frames, within the clip, in rising order.

  Returns:
    uint8 [len(frames), height, width, channels]; of a raw record a view, not to be written to.
  """
  shape = header["time"], header["height"], header["width"], header["channels"]
  if header["codec"] == "raw":
    video = np.frombuffer(data, np.uint8, math.prod(shape), begin).reshape(shape)
    return video[frames.start : frames.stop : frames.step]
  return decode(data, header, begin, frames)


def read_arrays(data: bytes, header: Mapping[str, Any], begin: int) -> dict[str, np.ndarray]:
  """A record's other arrays, as views."""
  place, found = begin + _video_bytes(header), {}
  for name, (dtype, shape) in header["arrays"].items():
    found[name] = np.frombuffer(data, dtype, math.prod(shape), place).reshape(shape)
    place += _bytes(dtype, shape)
  return found


def encode(video: np.ndarray, *, gop: int, crf: float) -> list[bytes]:
  """Encodes with x264, one packet a frame in the order of display; the same input gives the same bytes.

  Colours keep their full resolution (4:4:4): halved, as players want it, little would be left of them in a
  video of 64 pixels. Grey is one plane.
  """
  _, height, width, channels = video.shape
  codec = av.CodecContext.create("libx264", "w")
  codec.height, codec.width = height, width
  codec.pix_fmt = "yuv444p" if channels == 3 else "gray"
  codec.time_base = Fraction(1, 25)  # packets carry no times: the header has the rate
  codec.gop_size = gop
  codec.options = {
    "preset": "medium", "crf": f"{crf:g}", "threads": "1", "bf": "0", "sc_threshold": "0",
    "keyint_min": str(gop), "forced-idr": "1",
  }  # fmt: skip
  packets = []
  for number, picture in enumerate(video):
    frame = av.VideoFrame.from_ndarray(
      np.ascontiguousarray(picture if channels == 3 else picture[..., 0]),
      format="rgb24" if channels == 3 else "gray",
    )
    frame.pts = number
    packets += codec.encode(frame)
  packets += codec.encode(None)
  keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
  if len(packets) != len(video) or keys != list(range(0, len(video), gop)):
    raise RuntimeError(f"x264 made {len(packets)} packets of {len(video)} frames, key frames {keys}")
  return [bytes(packet) for packet in packets]


_local = threading.local()  # .codec, .reformatter


def decode(data: bytes, header: Mapping[str, Any], begin: int, frames: range) -> np.ndarray:
  """Decodes some frames of an h264 record, from the key frame before them on."""
  if not hasattr(_local, "codec"):
    _local.codec = av.CodecContext.create("h264", "r")
    _local.codec.thread_count = 1  # parallelism is over clips
    _local.reformatter = VideoReformatter()
  sizes = header["packets"]
  first = frames.start - frames.start % header["gop"]
  place = begin + sum(sizes[:first])
  shape = header["height"], header["width"], header["channels"]
  video = np.empty((len(frames), *shape), np.uint8)
  shown = []
  try:
    for size in sizes[first : frames[-1] + 1]:
      packet = av.Packet(data[place : place + size])
      place += size
      shown += _local.codec.decode(packet)
    shown += _local.codec.decode(None)
    _local.codec.flush_buffers()
  except FFmpegError as error:
    del _local.codec
    raise ValueError(f"its video does not decode: {error.strerror}") from error
  if len(shown) != frames[-1] + 1 - first:
    raise ValueError(f"{len(shown)} of {frames[-1] + 1 - first} frames decode")
  for out, number in zip(video, frames):
    out[:] = _pixels(shown[number - first], shape)
  return video


def _pixels(frame: av.VideoFrame, shape: tuple[int, int, int]) -> np.ndarray:
  height, width, channels = shape
  if (frame.height, frame.width) != (height, width):
    raise ValueError(f"a frame of {frame.width}x{frame.height} in a clip of {width}x{height}")
  if channels == 1:  # the first plane is what was encoded, whatever range the decoder takes it to have
    plane: Any = frame.planes[0]
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:height, :width, None]
  return _local.reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()


def _video_bytes(header: Mapping[str, Any]) -> int:
  if header["codec"] == "h264":
    return sum(header["packets"])
  if header["codec"] != "raw":
    raise ValueError(f"a record of a newer vgjax: its codec is {header['codec']!r}")
  return header["time"] * header["height"] * header["width"] * header["channels"]


def _bytes(dtype: str, shape: list[int]) -> int:
  if dtype not in DTYPES or any(side < 0 for side in shape):
    raise ValueError(f"an array of type {dtype!r} and shape {shape}")
  return math.prod(shape) * np.dtype(dtype).itemsize
