"""Activity, standing still and repetition of the videos of folders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.evaluators.fakes import FakeRun
from tests.metrics.test_temporal import drifting
from vgjax import tasks
from vgjax.evaluate import motion
from vgjax.evaluators import temporal as evaluator

NAMES = tuple(motion.METRICS)


def measured(real, fake, names=NAMES):
  network = motion.extractor(real.shape[1])
  features = [np.asarray(jax.jit(network.apply)(None, videos)) for videos in (real, fake)]
  assert all(one.shape[1] == network.dims for one in features)
  return motion.figures(names, *features, real.shape[1])


@pytest.mark.parametrize(
  "index", [np.arange(12) % 3, np.zeros(12, int), np.arange(12) // 2, np.arange(12)[::-1].copy()]
)
def test_figures_are_those_of_a_runs_evaluator(index):
  """Videos that repeat themselves, stand still, stutter, run backwards."""
  real = drifting(11)
  make = lambda video: jnp.take(video, index, axis=1)
  run = FakeRun(real, tasks.generate(), lambda batch: make(batch["video"]))
  wanted = dict(evaluator.make()(run, None))
  found = measured(real, np.asarray(make(real)))
  for name in NAMES:
    assert found[name] == pytest.approx(wanted[name], rel=1e-5), name
    assert found[f"{name}/real"] == pytest.approx(wanted[f"true/{name}"], rel=1e-5), name
  assert found["activity/distance"] == pytest.approx(wanted["activity_distance"], rel=1e-5, abs=1e-7)
  np.testing.assert_allclose(found["activity/curve"], wanted["activity/curve"], rtol=1e-5)
  np.testing.assert_allclose(found["activity/real/curve"], wanted["true/activity/curve"], rtol=1e-5)


def test_the_shortest_loop_there_is():
  """Every second frame alike, in five frames: nothing but the lag of two says so."""
  real = drifting(4, time=5)
  found = measured(real, real[:, np.arange(5) % 2])
  assert found["looping"] == 1 and found["looping/real"] == 0


def test_short_videos_cannot_be_seen_to_loop():
  ready, missing = motion.prepare(NAMES, 3)
  assert ready == ("activity", "frozen") and missing == {
    "looping": "needs videos of 4 frames or more, these have 3"
  }
  assert set(measured(drifting(2, time=3), drifting(3, time=3), ready)) >= {"activity", "frozen/real"}
  assert motion.prepare(NAMES, 1)[0] == () and motion.prepare(NAMES, 4)[1] == {}
