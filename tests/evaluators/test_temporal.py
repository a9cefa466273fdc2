"""The evaluator `temporal` on models of which the figures are known."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.evaluators.fakes import FakeRun
from tests.evaluators.test_trajectory import TruthRun
from tests.metrics.test_temporal import drifting
from tests.metrics.test_trajectory import true_videos
from vgjax import tasks
from vgjax.evaluators import temporal


def result(run, **fields):
  return dict(temporal.make(**fields)(run, None))


@pytest.mark.parametrize("num_devices", [1, 8])
def test_a_perfect_model(num_devices):
  """11 videos in batches of 8: the padding is NaN and must not count."""
  run = FakeRun(drifting(11), tasks.predict(given=3), lambda batch: batch["video"], num_devices=num_devices)
  found = result(run)
  assert found["activity"] == found["true/activity"] > 0.1 and found["activity_distance"] == 0
  assert found["frozen"] == found["looping"] == found["true/frozen"] == found["true/looping"] == 0
  assert found["time/curve"] == list(range(3, 12))
  assert found["activity/curve"] == found["true/activity/curve"] and "warping" not in found
  assert all(np.isfinite(value).all() for value in found.values())


def test_a_model_that_stands_still():
  data = drifting(11)
  run = FakeRun(data, tasks.predict(given=3), lambda batch: jnp.repeat(batch["video"][:, 2:3], 12, axis=1))
  found = result(run)
  assert found["frozen"] == 1 and found["activity"] == 0
  assert found["activity_distance"] == pytest.approx(found["true/activity"])
  steps = np.abs(np.diff(data.astype(np.float64), axis=1)).mean((2, 3, 4)) / 2
  assert found["true/activity"] == pytest.approx(steps[:, 2:].mean(), rel=1e-5)
  np.testing.assert_allclose(found["true/activity/curve"], steps[:, 2:].mean(0), rtol=1e-5)


def test_a_model_that_repeats_itself():
  run = FakeRun(drifting(5), tasks.generate(), lambda batch: batch["video"][:, jnp.arange(12) % 3])
  found = result(run)
  assert found["looping"] == 1 and found["true/looping"] == 0 and found["frozen"] == 0


def test_short_videos_cannot_be_seen_to_loop():
  found = result(FakeRun(drifting(2, time=3), tasks.predict(given=1), lambda batch: batch["video"]))
  assert found["looping"] == "needs videos of 4 frames or more" and found["frozen"] == 0


def test_warping_where_the_truth_is_known():
  batch = true_videos()
  found = result(TruthRun(batch, lambda batch: batch["video"]))
  assert found["warping"] == found["true/warping"] == pytest.approx(0, abs=1e-6)
  still = result(TruthRun(batch, lambda batch: jnp.repeat(batch["video"][:, 3:4], 8, axis=1)))
  assert still["warping"] > 0.01 and still["true/warping"] == pytest.approx(0, abs=1e-6)


def test_a_flow_in_the_batch_is_used():
  data = drifting(3)
  flow = np.zeros((3, 11, 16, 16, 2), np.float32)
  flow[..., 1] = 2  # the window moves two pixels to the right, so what is seen came from there
  run = TruthRun(
    {"video": data, "flow": flow, "valid": np.ones((3, 11, 16, 16), np.float32)}, lambda b: b["video"]
  )
  assert result(run)["warping"] == pytest.approx(0, abs=1e-6)


def test_no_video_is_an_error():
  with pytest.raises(ValueError, match="the split valid has no videos"):
    result(FakeRun(drifting(1)[:0], tasks.predict(given=3), lambda batch: batch["video"]))
