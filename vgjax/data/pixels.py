"""A decoded frame as pixels: scaled, upright, cropped.

All frames of a thread are scaled through one `VideoReformatter`: a frame's own `reformat()` makes a new one
each time, at half the speed.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from vgjax.data import frame_folder

_ACCURATE = 0x40000 | 0x2000  # FFmpeg's SWS_ACCURATE_RND and SWS_FULL_CHR_H_INT

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


def pixels_of(
  frame: Any,
  size,
  crop: tuple[float, float],
  channels: int,
  out: np.ndarray | None = None,
  *,
  accurate: bool = False,
) -> np.ndarray:
  """One frame as [height, width, channels], uint8: scaled, upright, cropped; written to `out` if given.

  Unless `accurate`, colours come out about one level too dark, but faster.
  """
  if isinstance(frame, frame_folder.Picture):
    parts = [frame_folder.pixels(frame, size, crop, channels)]
  else:
    parts = _parts(frame, size, crop, channels, accurate)
  if out is None:
    out = np.empty((*parts[0].shape[:2], channels), np.uint8)
  step = channels // len(parts)
  for number, part in enumerate(parts):
    out[..., number * step : (number + 1) * step] = part
  return out


def _parts(
  frame: av.VideoFrame, size, crop: tuple[float, float], channels: int, accurate: bool
) -> list[np.ndarray]:
  """A frame scaled, upright, cropped: [height, width, channels], or each channel [height, width, 1].

  They are views of the frame's memory: copying them once, to where they are wanted, is enough.
  """
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
    # FFmpeg widens the kernel when it shrinks: antialiased.
    interpolation=Interpolation.BICUBIC | (_ACCURATE if accurate else 0),
    dst_color_range=None if channels == 3 else "JPEG",  # RGB always has all of the range
    threads=1,
  )
  y = round(crop[0] * (scaled[0] - crop_height))
  x = round(crop[1] * (scaled[1] - crop_width))
  planes = frame.planes if len(frame.planes) == 1 else [frame.planes[i] for i in (2, 0, 1)]  # from G, B, R
  parts, depth = [], channels // len(planes)
  for plane in planes:
    rows = np.frombuffer(plane, np.uint8).reshape(stored[0], plane.line_size)
    pixels = rows[:, : stored[1] * depth].reshape(*stored, depth)
    pixels = np.rot90(pixels, quarter_turns) if quarter_turns else pixels
    parts.append(pixels[y : y + crop_height, x : x + crop_width])
  return parts
