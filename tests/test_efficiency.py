"""What sampling costs: counts against closed forms, times against a clock that the test holds."""

import json
import re
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vgjax
from tests import tiny
from vgjax import efficiency


def test_program_bytes_are_arguments_results_and_scratch():
  program = jax.jit(lambda x: x + 1).lower(jnp.ones(1000)).compile()
  assert efficiency.program_bytes(program) == 8000
  assert efficiency.program_bytes(types.SimpleNamespace(memory_analysis=lambda: None)) is None


@pytest.mark.parametrize("each,calls", [(0.001, 5), (0.5, 4), (1.5, 1), (3.0, 0)])
def test_slow_calls_are_timed_less_often(monkeypatch, each, calls):
  clock = [0.0]
  monkeypatch.setattr(efficiency.time, "perf_counter", lambda: clock[0])

  def call():
    clock[0] += each
    return jnp.zeros(())

  times = efficiency.call_times(call, repeats=5, seconds=2.0)
  np.testing.assert_allclose(times, [each] * (1 + calls))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is compared with Linux's VmHWM")
def test_peak_memory_of_a_process_is_what_the_system_says():
  found, of_what = efficiency.peak_memory()
  kibibytes = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
  np.testing.assert_allclose(found, 1024 * kibibytes, rtol=0.02)
  assert "process" in of_what


def test_peak_memory_of_devices_that_count_it(monkeypatch):
  devices = [types.SimpleNamespace(memory_stats=lambda n=n: {"peak_bytes_in_use": n}) for n in (5, 9, 7)]
  monkeypatch.setattr(jax, "local_devices", lambda: devices)
  assert efficiency.peak_memory() == (9, "the fullest device, since the start of the process")


def check(found, run, sizes):
  assert found["parameters"] == run.num_parameters()
  assert [one["videos"] for one in found["sampling"]] == sizes
  for one in found["sampling"]:
    np.testing.assert_allclose(one["videos_per_second"], one["videos"] / one["latency_seconds"])
    assert one["latency_seconds"] > 0 and one["program_bytes"] > 0
    assert one["flops_per_video"] > 2 * 9 * 8 * 16 * 16  # more than one small convolution of a frame
  assert found["peak_memory_bytes"] > 2**20
  json.dumps(found)


def test_measures_one_video_and_a_batch(config):
  run = vgjax.build(config)
  (batch,) = run.batches("test", num_videos=1)
  found = efficiency.measure(run, run.init_state(), batch)
  check(found, run, [1, 8])
  one, whole = (part["flops_per_video"] for part in found["sampling"])
  np.testing.assert_allclose(one, whole, rtol=0.05)  # the same arithmetic, by the video
  assert all(part["calls"] >= 1 for part in found["sampling"])


def test_measures_on_several_devices(config):
  alone = vgjax.build(config)
  config.mesh = dict(data=4)
  run = vgjax.build(config)
  (batch,) = run.batches("test", num_videos=1)
  found = efficiency.measure(run, run.init_state(), batch)
  check(found, run, [4, 8])
  assert found["device"].startswith("4 x ")
  (batch,) = alone.batches("test", num_videos=1)
  expected = efficiency.measure(alone, alone.init_state(), batch)["sampling"][-1]["flops_per_video"]
  np.testing.assert_allclose(found["sampling"][-1]["flops_per_video"], expected, rtol=0.05)


def test_cards_have_it_once_a_run_and_not_between_steps(tmp_path, monkeypatch):
  config = tiny.config(steps=2)
  config.evaluators = {
    name: dict(name="frames", num_videos=2, split="valid", every=1) for name in ("first", "second")
  }
  calls = []
  measure = efficiency.measure
  monkeypatch.setattr(efficiency, "measure", lambda *args: calls.append(1) or measure(*args))
  run = vgjax.build(config, tmp_path)
  state = vgjax.train(run)
  card = lambda step, name="first": json.loads(
    (tmp_path / "evaluations" / f"valid-{name}-{step:07d}.json").read_text()
  )["card"]
  assert card(1)["efficiency"] == {"parameters": run.num_parameters()} and not calls
  vgjax.evaluate(run, state)
  check(card(2)["efficiency"], run, [1, 8])
  assert card(2)["efficiency"] == card(2, "second")["efficiency"] and calls == [1]
  vgjax.evaluate(run, state)
  assert calls == [1]


def test_without_a_workdir_there_is_no_card_and_nothing_is_measured(config, monkeypatch):
  monkeypatch.setattr(efficiency, "measure", lambda *_: pytest.fail("measured for no card"))
  config.evaluators = dict(frames=dict(name="frames", num_videos=2))
  run = vgjax.build(config)
  assert vgjax.evaluate(run, run.init_state())["frames/mse"] > 0
