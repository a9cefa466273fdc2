"""The share of time that goes into waiting for data."""

import types

from vgjax import clock as clock_lib


def ticking(monkeypatch, wait, steps=60, first=0.0):
  """A clock after steps of a second each, of which `wait` is waited for data; the first has `first` more."""
  now = 0.0
  batches = types.SimpleNamespace(wait_seconds=0.0)
  monkeypatch.setattr(clock_lib.time, "monotonic", lambda: now)
  clock = clock_lib.Clock(4, batches)
  advice = []
  for step in range(steps):
    now += 1 if step else 1 + first
    batches.wait_seconds += wait
    clock.tick()
    advice.append(clock.advice())
  return clock, [text for text in advice if text]


def test_slow_data_is_said_once_with_what_to_do(monkeypatch):
  clock, advice = ticking(monkeypatch, wait=0.25)
  assert clock.input_wait == 0.25 and clock.videos_per_second == 4
  assert len(advice) == 1 and "25%" in advice[0] and "prepare" in advice[0]


def test_data_that_keeps_up_is_not_worth_a_word(monkeypatch):
  clock, advice = ticking(monkeypatch, wait=0.05)
  assert abs(clock.input_wait - 0.05) < 1e-9 and not advice


def test_compiling_the_first_step_does_not_count_from_the_second_on(monkeypatch):
  assert ticking(monkeypatch, wait=0, steps=1, first=99)[0].steps_per_second == 0.01
  assert ticking(monkeypatch, wait=0, steps=2, first=99)[0].steps_per_second == 1
  assert ticking(monkeypatch, wait=0, steps=9, first=99)[0].videos_per_second == 4
