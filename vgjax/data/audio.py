"""Sound as the model sees it: a log-mel spectrum a frame of video.

  power[w, f] = |sum_n hann[n] x[n] e^(-2 pi i f n / N)|^2 / (sum_n hann[n])^2   25 ms windows every 10 ms
  mel(f)      = 2595 log10(1 + f / 700)                                          (O'Shaughnessy 1987)
  audio[k, m] = log(1 + 10^6 * the mean over frame k of sum_f triangle[m, f] power[w, f])

The mean is over the windows whose middle falls into frame k's time on display, so no sound between two frames
is lost however low their rate. A sine of full scale has the power 1/4, about 12.4 after the logarithm;
silence, and a file without sound, is exactly 0. There is no pre-emphasis and no normalization.
"""

from __future__ import annotations

import functools
import os

import av
import numpy as np

from vgjax.data import reader as reader_lib
from vgjax.data import watch
from vgjax.data.reader import VideoError

WINDOW = 0.025  # seconds
HOP = 0.010  # seconds
GAIN = 1e6  # one over the power that counts as quiet
LEAD = 0.2  # seconds decoded before what is wanted: some codecs need a packet to settle


def log_mel(
  samples: np.ndarray, *, sample_rate: int, times: np.ndarray, mels: int = 64, start: float = 0.0
) -> np.ndarray:
  """The spectrum of each frame.

  Args:
    samples: [number], float in [-1, 1], one channel. Beyond its ends it is silent.
    sample_rate: samples a second.
    times: [time + 1], seconds: frame k is on display from times[k] to times[k + 1].
    mels: bands, from 0 Hz to half the sample rate.
    start: the time of the first sample, in seconds.

  Returns:
    [time, mels], float32, from 0 on.
  """
  length = round(WINDOW * sample_rate)
  first = np.ceil((times[:-1] - start) / HOP - 1e-6).astype(int)  # the first window in each frame
  last = np.ceil((times[1:] - start) / HOP - 1e-6).astype(int)
  last = np.maximum(last, first + 1)  # a frame shorter than a hop has the window at its beginning
  numbers = np.arange(first.min(), last.max())
  begins = np.round(numbers * HOP * sample_rate).astype(int) - length // 2
  before = max(0, -begins[0])
  after = max(0, begins[-1] + length - len(samples))
  padded = np.pad(np.asarray(samples, np.float32), (before, after))
  windows = np.lib.stride_tricks.sliding_window_view(padded, length)[begins + before]  # [windows, length]
  hann = np.hanning(length + 1)[:-1].astype(np.float32)
  size = 1 << (length - 1).bit_length()
  power = np.abs(np.fft.rfft(windows * hann, size)) ** 2 / hann.sum() ** 2
  bands = power @ _triangles(mels, size, sample_rate)  # [windows, mels]
  sums = np.concatenate([np.zeros((1, mels)), np.cumsum(bands, axis=0)])
  mean = (sums[last - numbers[0]] - sums[first - numbers[0]]) / (last - first)[:, None]
  return np.log1p(GAIN * np.maximum(mean, 0)).astype(np.float32)


@functools.cache
def _triangles(mels: int, size: int, sample_rate: int) -> np.ndarray:
  """[size / 2 + 1, mels]: triangles of height 1, evenly spaced in mel; a narrow one takes its nearest bin."""
  edges = np.linspace(0, 2595 * np.log10(1 + sample_rate / 2 / 700), mels + 2)
  edges = 700 * (10 ** (edges / 2595) - 1)  # Hz
  bins = np.arange(size // 2 + 1)[:, None] * sample_rate / size
  rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
  fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
  triangles = np.maximum(0, np.minimum(rise, fall))
  empty = np.flatnonzero(triangles.max(axis=0) == 0)
  triangles[np.abs(bins - edges[1:-1]).argmin(axis=0)[empty], empty] = 1
  return triangles


def read_samples(path: str | os.PathLike, *, start: float, end: float, sample_rate: int) -> np.ndarray | None:
  """Decodes a piece of a file's sound, on the clock of its video.

  Args:
    path: the file.
    start: seconds since the first frame of the video (of the sound, if there is no video).
    end: seconds.
    sample_rate: samples a second to resample to.

  Returns:
    [round((end - start) * sample_rate)], float32, the channels averaged, 0 where the file is silent or over;
    None if it has no sound.

  Raises:
    VideoError: the file cannot be read or is damaged within the piece.
  """
  path = os.fspath(path)
  try:
    with watch.reading(path), reader_lib.open_container(path) as container:
      if not container.streams.audio:
        return None
      return _decode(container, start, end, sample_rate)
  except reader_lib.ERRORS as error:
    raise VideoError(f"{path}: its sound: {reader_lib.reason(error)}") from error


def _decode(container, start: float, end: float, sample_rate: int) -> np.ndarray:
  stream = container.streams.audio[0]
  if stream.codec_context is None:
    raise ValueError("its codec is not known to FFmpeg")
  clock = container.streams.video[0] if container.streams.video else stream
  origin = float((clock.start_time or 0) * (clock.time_base or 0))
  samples = np.zeros(round((end - start) * sample_rate), np.float32)
  if start - LEAD > 0:
    container.seek(int((origin + start - LEAD) / stream.time_base), stream=stream, backward=True)
  resampler = av.AudioResampler(format="fltp", layout="mono", rate=sample_rate)
  for frame in container.decode(stream):
    watch.beat()
    if frame.time is None:
      continue
    if frame.time - origin > end + LEAD:
      break
    for piece in resampler.resample(frame):
      _place(samples, piece, origin + start, sample_rate)
  for piece in resampler.resample(None):
    _place(samples, piece, origin + start, sample_rate)
  return samples


def _place(samples: np.ndarray, piece: av.AudioFrame, start: float, sample_rate: int) -> None:
  """Puts decoded sound where its time says."""
  values = piece.to_ndarray().reshape(-1)
  place = round(((piece.time or 0.0) - start) * sample_rate)
  first, last = max(0, -place), min(len(values), len(samples) - place)
  if last > first:
    samples[place + first : place + last] = np.nan_to_num(values[first:last])
