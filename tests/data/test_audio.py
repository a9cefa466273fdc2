"""Sound is taken from the place that the video's clock says, to the sample, wherever the seek lands."""

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.data import clips
from vgjax.data import audio

RATE = 8000
SECONDS = 9


def write(path, wave, codec, offset=0.0):
  """A video at 10 frames a second that begins at `offset`, and `wave` [samples], which begins at 0."""
  with av.open(str(path), "w") as container:
    stream = container.add_stream("libx264", rate=10, options={"crf": "30"})
    stream.height, stream.width, stream.pix_fmt = 32, 32, "yuv420p"
    track = container.add_stream(codec, rate=RATE, layout="mono")
    for number, pixels in enumerate(clips.numbered(10 * SECONDS, 32, 32)):
      frame = av.VideoFrame.from_ndarray(pixels)
      frame.pts, frame.time_base = number + round(10 * offset), Fraction(1, 10)
      container.mux(stream.encode(frame))
    container.mux(stream.encode())
    kind = "fltp" if codec == "aac" else "s16"
    values = wave[None].astype(np.float32) if codec == "aac" else np.rint(wave[None] * 32767).astype(np.int16)
    sound = av.AudioFrame.from_ndarray(values, kind, "mono")
    sound.sample_rate, sound.pts, sound.time_base = RATE, 0, Fraction(1, RATE)
    container.mux(track.encode(sound))
    container.mux(track.encode())
  return path


@pytest.mark.parametrize("offset", [0.0, 1.0])
@pytest.mark.parametrize("suffix", ["mkv", "mov"])
def test_samples_are_those_of_the_moment(tmp_path, suffix, offset):
  """A ramp tells the time of each sample; the video's first frame is the clock's zero."""
  ramp = np.arange((SECONDS + 1) * RATE) / RATE / 20
  path = write(tmp_path / f"a.{suffix}", ramp, "pcm_s16le", offset)
  for start in (0.0, 0.15, 3.03, 7.4):
    found = audio.read_samples(path, start=start, end=start + 0.5, sample_rate=RATE)
    expected = (offset + start + np.arange(RATE // 2) / RATE) / 20
    np.testing.assert_allclose(found, expected, atol=1e-4)  # 2 milliseconds


def test_a_codec_that_has_to_settle_is_given_the_time(tmp_path):
  """What comes after a seek is what comes without one."""
  time = np.arange(SECONDS * RATE) / RATE
  wave = 0.4 * np.sin(2 * np.pi * 440 * time) + 0.3 * np.sin(2 * np.pi * (500 + 90 * time) * time)
  path = write(tmp_path / "a.mp4", wave, "aac")
  whole = audio.read_samples(path, start=0.0, end=float(SECONDS), sample_rate=RATE)
  assert np.abs(whole[1000:-1000] - wave[1000:-1000]).mean() < 0.05  # it is the sound, and in its place
  for start in (1.3, 4.21, 7.9):
    part = audio.read_samples(path, start=start, end=start + 0.4, sample_rate=RATE)
    first = round(start * RATE)
    np.testing.assert_allclose(part, whole[first : first + len(part)], atol=2e-3)
