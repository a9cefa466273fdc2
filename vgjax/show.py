"""Looking at a video in a notebook."""

from typing import Any

import numpy as np

from vgjax import sheet
from vgjax.logs import gif_bytes
from vgjax.sample import to_uint8


def show(video: Any, *, fps: float = 10.0, width: int | None = None):
  """A video, several side by side, or a batch of the loader, as an animated picture.

  Args:
    video: `[time, height, width, channels]` or `[batch, time, height, width, channels]`, uint8 or float
      in [-1, 1]; or a dict whose `video` is one.
    fps: frames a second.
    width: of the picture shown, in pixels; None: at least 256.

  Returns:
    An `IPython.display.Image`; the last line of a notebook cell shows it.
  """
  from IPython.display import Image  # there is IPython wherever there is a notebook

  video = np.asarray(video["video"] if isinstance(video, dict) else video)
  if video.ndim not in (4, 5):
    raise ValueError(f"show: a video has 4 axes, a batch of them 5; this has the shape {video.shape}")
  if video.dtype != np.uint8:
    video = to_uint8(video)
  if video.ndim == 5:
    video = sheet.tile(video)
  return Image(data=gif_bytes(video, fps), format="gif", width=width or max(256, video.shape[2]))
