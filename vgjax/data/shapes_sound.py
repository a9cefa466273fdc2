"""The sound of `moving_shapes`: a drum whose beat the shapes follow.

The drum is struck at the beginning of every beat's frame. A shape swells with it, by

  radius * (1 + 0.3 * 2^-n)        n frames after the last beat

so what is heard and what is seen say the same. The rhythm goes on for ever, before the first frame too.

`features` are those of a real file's sound, `vgjax.data.audio`: a log-mel spectrum a frame.
"""

from __future__ import annotations

import functools
from typing import NamedTuple, Self

import numpy as np

from vgjax.data import audio

PERIODS = (4, 5, 6, 8)  # frames
SWELL = 0.3
RATE = 16_000  # samples a second
DELAY = (
  audio.WINDOW / 2
)  # seconds into the frame: no window that counts for the frame before hears the stroke


class Rhythm(NamedTuple):
  """A beat every `period` frames, at the frames phase, phase + period, ...; 0 <= phase < period."""

  period: int
  phase: int

  @property
  def id(self) -> int:
    return PERIODS.index(self.period) * max(PERIODS) + self.phase

  @classmethod
  def from_id(cls, number: int) -> Self:
    period, phase = divmod(int(number), max(PERIODS))
    return cls(PERIODS[period], phase)


def draw_rhythm(rng: np.random.Generator) -> Rhythm:
  """Any period, any phase."""
  period = int(rng.choice(PERIODS))
  return Rhythm(period, int(rng.integers(period)))


def beats(rhythm: Rhythm, time: int) -> np.ndarray:
  """int32 [time]: 1 at a frame with a beat, else 0."""
  return (_since(rhythm, time) == 0).astype(np.int32)


def pulse(rhythm: Rhythm | None, time: int) -> np.ndarray:
  """How much larger than at rest a shape is at each frame: [time], from 1 to 1.3; 1 without a rhythm."""
  if rhythm is None:
    return np.ones(time)
  return 1 + SWELL * 0.5 ** _since(rhythm, time)


def _since(rhythm: Rhythm, time: int) -> np.ndarray:
  return (np.arange(time) - rhythm.phase) % rhythm.period


def waveform(rhythm: Rhythm, time: int, fps: float) -> np.ndarray:
  """The sound of `time` frames at `fps` frames a second.

  Returns:
    float32 [samples] in [-1, 1], `RATE` samples a second.
  """
  clock = np.arange(round(time * RATE / fps)) / RATE  # seconds
  # Counted in frames since the last beat, fractions included.
  seconds = (((clock - DELAY) * fps - rhythm.phase) % rhythm.period) / fps
  tone = np.sin(2 * np.pi * 180 * seconds) + 0.5 * np.sin(2 * np.pi * 470 * seconds)
  hiss = np.random.default_rng(0).standard_normal(len(seconds))  # the same at every call
  drum = 0.5 * tone * np.exp(-seconds / 0.06) + 0.2 * hiss * np.exp(-seconds / 0.01)
  return np.clip(drum + 0.001 * hiss, -1, 1).astype(np.float32)


@functools.lru_cache(maxsize=64)
def features(rhythm: Rhythm, time: int, fps: float, mels: int) -> np.ndarray:
  """The sound's log-mel spectrum, float32 [time, mels]. There are few rhythms: each is worked out once."""
  wave = waveform(rhythm, time, fps)
  return audio.log_mel(wave, sample_rate=RATE, times=np.arange(time + 1) / fps, mels=mels)
