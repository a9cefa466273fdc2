"""The evaluator `trajectory` on models of which the figures are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.evaluators.fakes import FakeRun, videos
from tests.metrics.test_trajectory import true_videos
from vgjax import tasks
from vgjax.evaluators import trajectory

GIVEN = 4


class TruthRun(FakeRun):
  """A run whose batches carry Moving MNIST's truth."""

  def __init__(self, batch, model, **fields):
    super().__init__(batch["video"], tasks.predict(given=GIVEN), model, **fields)
    self.truth = {key: value for key, value in batch.items() if key != "video"}

  def batches(self, *args, **options):
    for number, batch in enumerate(super().batches(*args, **options)):
      rows = np.arange(number * self.batch_size, (number + 1) * self.batch_size) % len(self.videos)
      yield batch | {k: jax.device_put(v[rows], self.sharding) for k, v in self.truth.items()}


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
  """The classifier of a fifth of the digits takes a fifth of the time."""
  for name in ("load_digits", "load_labels"):
    whole = getattr(trajectory, name)
    monkeypatch.setattr(trajectory, name, lambda split, digits, whole=whole: whole(split, digits)[:10_000])
  trajectory._classifier.cache_clear()
  yield
  trajectory._classifier.cache_clear()


def result(run, **fields):
  return dict(trajectory.make(**fields)(run, None))


@pytest.mark.parametrize("num_devices", [1, 8])
def test_a_perfect_model(num_devices):
  found = result(TruthRun(true_videos(), lambda batch: batch["video"], num_devices=num_devices))
  assert found["error"] == 0 and found["present"] == 1 and found["bounce"] == pytest.approx(0, abs=1e-4)
  assert found["identity"] == found["true/identity"] > 0.8
  assert found["time/curve"] == [4, 5, 6, 7] and found["error/curve"] == [0, 0, 0, 0]


def test_copying_the_last_given_frame():
  batch = true_videos()
  run = TruthRun(batch, lambda batch: jnp.repeat(batch["video"][:, GIVEN - 1 : GIVEN], 8, axis=1))
  found = result(run)
  corner = np.floor(batch["position"])
  distance = np.linalg.norm(corner[:, :, GIVEN:] - corner[:, :, GIVEN - 1 : GIVEN], axis=-1).mean((0, 1))
  np.testing.assert_allclose(
    found["error/curve"], distance, rtol=0.05
  )  # a digit behind another is not judged
  assert found["error"] == pytest.approx(np.mean(found["error/curve"]), rel=0.05)
  assert found["present"] > 0.95 and found["bounce"] > 0.5  # it stops, which no digit does


def test_a_model_that_loses_the_digits_says_what_is_missing():
  found = result(TruthRun(true_videos(), lambda batch: jnp.full_like(batch["video"], -1)))
  assert (
    found["present"] == 0 and found["error"] == found["identity"] == "in no frame is there a digit to judge"
  )
  assert found["present/curve"] == [0, 0, 0, 0] and np.isnan(found["error/curve"]).all()


def test_random_motion_has_no_law():
  found = result(TruthRun(true_videos(), lambda batch: batch["video"]), motion="stochastic")
  assert "bounce" not in found and found["error"] == 0
  with pytest.raises(ValueError, match='"bounce" or "stochastic", not "circle"'):
    trajectory.make(motion="circle")


def test_data_without_truth_is_reported():
  found = result(FakeRun(videos(2), tasks.predict(given=2), lambda batch: batch["video"]))
  assert set(found) == set(trajectory.CONVENTIONS)
  assert all("config.data.truth = True" in reason for reason in found.values())


def test_no_video_is_an_error():
  with pytest.raises(ValueError, match="the split valid has no videos"):
    result(FakeRun(videos(1)[:0], tasks.predict(given=2), lambda batch: batch["video"]))
