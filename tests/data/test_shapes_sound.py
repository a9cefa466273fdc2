"""The sound of moving shapes: what is heard and what is seen have one beat."""

import numpy as np
import pytest

from vgjax.data import moving_shapes, shapes_sound


def test_the_sound_is_loudest_and_the_shape_largest_on_the_beat():
  fields = dict(sound=True, time=24, shapes=("circle",), colors=("white",), sizes=("medium",))
  source = moving_shapes.make(split="test", seed=0, **fields)
  for index in range(12):
    example = source.example(index, np.random.default_rng(0))
    beat = np.flatnonzero(example["beat"])
    rhythm = shapes_sound.Rhythm.from_id(example["rhythm"])
    assert beat.tolist() == list(range(rhythm.phase, 24, rhythm.period))
    loudness = example["audio"].mean(1)
    area = example["video"].astype(float).sum((1, 2, 3))
    for signal, rise in ((loudness, 0.5), (area, 0.2 * area.mean())):
      onset = np.flatnonzero(np.diff(signal) > rise) + 1
      np.testing.assert_array_equal(onset, beat[beat > 0])
    assert (loudness[beat].min() > np.delete(loudness, beat)).all()


@pytest.mark.parametrize("fps", [4, 12.5, 29.97])
def test_the_drum_is_struck_at_the_frame(fps):
  wave = shapes_sound.waveform(shapes_sound.Rhythm(8, 3), 20, fps)
  assert len(wave) == round(20 * shapes_sound.RATE / fps) and np.abs(wave).max() <= 1
  for beat in (3, 11, 19):
    strike = (beat / fps + shapes_sound.DELAY) * shapes_sound.RATE
    after, before = wave[round(strike) : round(strike + 300)], wave[round(strike - 300) : round(strike)]
    assert after.std() > 5 * before.std()
