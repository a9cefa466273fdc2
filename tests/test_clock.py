"""The share of time that goes into waiting for data."""

import types

from vgjax import clock as clock_lib


def ticking(monkeypatch, wait):
  """A clock after 60 steps of a second each, of which `wait` is waited for data."""
  now = iter(range(1000))
  batches = types.SimpleNamespace(wait_seconds=0.0)
  monkeypatch.setattr(clock_lib.time, "monotonic", lambda: next(now))
  clock = clock_lib.Clock(4, batches)
  advice = []
  for _ in range(60):
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
