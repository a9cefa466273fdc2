"""Makes video files whose frames tell their number, for the tests."""

from fractions import Fraction

import av
import numpy as np

STEP = 8  # grey levels from frame to frame, more than any codec here blurs


def numbered(num_frames, height=48, width=64):
  """[time, height, width, 3]: all of frame k is of grey level 8 k."""
  video = np.zeros((num_frames, height, width, 3), np.uint8)
  for number, frame in enumerate(video):
    frame[:] = (number * STEP) % 256
  return video


def number_of(frames):
  """The frames' numbers, read back from their brightness."""
  level = np.asarray(frames, np.float64).mean(axis=(1, 2, 3))
  return np.rint(level / STEP).astype(int).tolist()


def scene(seed, frames=30, size=(48, 64)):
  """A moving scene of its own: soft waves in colour over a soft background, [time, height, width, 3]."""
  random = np.random.default_rng(seed)
  y, x = np.mgrid[: size[0], : size[1]] / max(size)
  time = np.arange(frames)[:, None, None]
  background = random.normal(0, 1, (6, 8))
  background = np.kron(background, np.ones((size[0] // 6, size[1] // 8)))
  wave = sum(
    np.sin(
      2 * np.pi * (random.uniform(1, 3) * x + random.uniform(1, 3) * y) + random.uniform(0.1, 0.4) * time
    )
    for _ in range(3)
  )
  light = 128 + 30 * background + 25 * wave
  return np.clip(np.stack([light, light * 0.9, light * 0.7], -1), 0, 255).astype(np.uint8)


def write(
  path, video, *, times=None, fps=10, codec="libx264", gop=12, pix_fmt="yuv420p", rotation=None, b_frames=2
):
  """Encodes; h264 with B-frames. `times` (seconds) gives each frame its own; matroska keeps them."""
  video = np.asarray(video)
  with av.open(str(path), "w") as container:
    h264 = {"crf": "10", "bf": str(b_frames), "b_strategy": "0", "threads": "1"}
    options = h264 if codec == "libx264" else {}
    stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options)
    stream.height, stream.width = video.shape[1:3]
    stream.pix_fmt = pix_fmt
    stream.codec_context.gop_size = gop
    stream.codec_context.bit_rate = 4_000_000  # for the codecs which know no quality
    if rotation:
      stream.set_display_rotation(rotation)
    if times is not None:
      stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
    for number, pixels in enumerate(video):
      frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
      if times is not None:
        frame.time_base = Fraction(1, 1000)
        frame.pts = round(times[number] * 1000)
      for packet in stream.encode(frame):
        container.mux(packet)
    for packet in stream.encode():
      container.mux(packet)
  return path
