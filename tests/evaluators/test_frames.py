"""The evaluator `frames` against numpy on a model that is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.evaluators.fakes import STATE, FakeRun, videos
from tests.metrics.test_lpips import random_params
from vgjax import plot, tasks
from vgjax.errors import ConfigError, MissingWeights
from vgjax.evaluators import frames
from vgjax.metrics import features, lpips, per_frame, pixel, weights


def darker(batch):
  return 0.8 * batch["video"] - 0.1


def result(run, picture=False, **fields):
  return dict(frames.make(picture=picture, **fields)(run, STATE))


def unit_error(prediction, video):
  return ((prediction.astype(np.float64) - video) / 2) ** 2


@pytest.mark.parametrize("num_devices", [1, 8])
def test_means_over_predicted_frames_without_padding(num_devices):
  """13 videos in batches of 8: the padding is NaN and must not count."""
  data = videos(13)
  found = result(FakeRun(data, tasks.predict(given=2), darker, num_devices=num_devices))
  wanted, predicted = data[:, 2:], 0.8 * data[:, 2:] - 0.1
  error = unit_error(predicted, wanted)
  assert found["mse"] == pytest.approx(error.mean(), rel=1e-5)
  assert found["mse_sum"] == pytest.approx(error.mean() * 256, rel=1e-5)
  assert found["mae"] == pytest.approx(np.abs(predicted - wanted).mean() / 2, rel=1e-5)
  assert found["psnr"] == pytest.approx(np.mean(-10 * np.log10(error.mean((2, 3, 4)))), rel=1e-5)
  assert found["ssim"] == pytest.approx(float(pixel.ssim(predicted, wanted).mean()), rel=1e-5)
  openstl = pixel.ssim(predicted, wanted, convention="openstl")
  assert found["ssim_openstl"] == pytest.approx(float(openstl.mean()), rel=1e-5)


def test_copy_last_and_curves():
  data = videos(5)
  found = result(FakeRun(data, tasks.predict(given=2), darker))
  error = unit_error(data[:, 1:2], data[:, 2:]).mean((0, 2, 3, 4))
  assert found["copy_last/mse"] == pytest.approx(error.mean(), rel=1e-5)
  np.testing.assert_allclose(found["copy_last/mse/curve"], error, rtol=1e-5)
  assert found["time/curve"] == [2, 3, 4, 5]
  assert np.mean(found["psnr/curve"]) == pytest.approx(found["psnr"])
  assert all(isinstance(v, list) == k.endswith("/curve") for k, v in found.items())


def test_takes_the_first_videos():
  data = videos(9)
  first = result(FakeRun(data[:3], tasks.predict(given=2), darker))
  assert result(FakeRun(data, tasks.predict(given=2), darker), num_videos=3) == first


def test_a_perfect_model_has_finite_figures():
  found = result(FakeRun(videos(3), tasks.predict(given=2), lambda batch: batch["video"]))
  assert found["mse"] == 0 and found["psnr"] == 100 and found["ssim"] == pytest.approx(1)


def test_interpolation_scores_the_frames_between():
  data = videos(4)
  found = result(FakeRun(data, tasks.interpolate(every=3), darker))  # gives 0, 3 and 5
  assert found["time/curve"] == [1, 2, 4]
  copied = data[:, [0, 0, 3]]
  assert found["copy_last/mse"] == pytest.approx(unit_error(copied, data[:, [1, 2, 4]]).mean(), rel=1e-5)


def test_blend_mixes_the_frames_on_both_sides_by_time():
  data = videos(11)
  found = result(FakeRun(data, tasks.interpolate(every=3), darker))  # gives 0, 3 and 5
  mixed = np.stack(
    [
      2 / 3 * data[:, 0] + 1 / 3 * data[:, 3],
      1 / 3 * data[:, 0] + 2 / 3 * data[:, 3],
      1 / 2 * data[:, 3] + 1 / 2 * data[:, 5],
    ],
    axis=1,
  )
  error = unit_error(mixed, data[:, [1, 2, 4]])
  assert found["blend/mse"] == pytest.approx(error.mean(), rel=1e-5)
  np.testing.assert_allclose(found["blend/mse/curve"], error.mean((0, 2, 3, 4)), rtol=1e-5)
  assert found["blend/psnr"] > found["copy_last/psnr"]


def test_blend_keeps_given_frames_and_needs_both_sides():
  hint = jnp.array([0.0, 7, 4, 7, 7, 10]).reshape(1, 6, 1, 1, 1) * jnp.ones((3, 1, 2, 2, 1))
  given = jnp.array([[0, 2, 5], [1, 2, 5], [0, 2, 4]])
  mask = jnp.zeros((3, 6, 2, 2, 1)).at[jnp.arange(3)[:, None], given].set(1)
  video, exists = jax.jit(frames.blend)(hint, mask)
  np.testing.assert_allclose(video[0, :, 0, 0, 0], [0, 2, 4, 6, 8, 10], atol=1e-6)
  assert exists.tolist() == [True, False, False]
  partly = mask.at[0, 2, 0, 0].set(0)  # no whole frame
  video, exists = jax.jit(frames.blend)(hint, partly)
  np.testing.assert_allclose(video[0, :, 0, 0, 0], [0, 2, 4, 6, 8, 10], atol=1e-6)
  assert exists[0]


@pytest.mark.parametrize("task", [tasks.predict(given=2), tasks.inpaint(size=0.3), tasks.generate()])
def test_no_blend_where_frames_have_one_given_side_or_none(task):
  found = result(FakeRun(videos(3), task, darker))
  assert not any(name.startswith("blend") for name in found)


def test_copy_last_takes_the_nearest_past_frame_else_the_nearest_future_one():
  hint = jnp.arange(6.0).reshape(1, 6, 1, 1, 1) * jnp.ones((2, 1, 2, 2, 1))
  mask = jnp.zeros((2, 6, 2, 2, 1)).at[0, jnp.array([2, 4])].set(1).at[1, :, 0].set(1)
  video, exists = jax.jit(frames.copy_last)(hint, mask)
  assert video[0, :, 0, 0, 0].tolist() == [2, 2, 2, 2, 4, 4]
  assert exists.tolist() == [True, False]


@pytest.mark.parametrize("kind", ["box", "blocks"])
def test_inpainting_scores_the_hole_only(kind):
  """The error is 0.2 everywhere in the hole, whatever share of the frame the hole is."""
  data = videos(4) * 0.5
  found = result(FakeRun(data, tasks.inpaint(kind=kind, size=0.3), lambda batch: batch["video"] + 0.4))
  assert found["mse"] == pytest.approx(0.04, rel=1e-4)
  assert found["psnr"] == pytest.approx(-10 * np.log10(0.04), rel=1e-4)
  assert not any(name.startswith("copy_last") for name in found)  # no whole frame is given


def test_a_mixture_has_a_baseline_only_if_every_video_does():
  mixture = tasks.one_of(tasks=dict(a=tasks.predict(given=1), b=tasks.generate()))
  assert "copy_last/mse" not in result(FakeRun(videos(8), mixture, darker))
  mixture = tasks.one_of(tasks=dict(a=tasks.predict(given=1), b=tasks.predict(given=4)))
  found = result(FakeRun(videos(8), mixture, darker))
  assert "copy_last/mse" in found and found["time/curve"] == [1, 2, 3, 4, 5]


def test_small_frames_report_ssim_as_missing():
  found = result(FakeRun(videos(2, size=8), tasks.predict(given=2), darker))
  assert found["ssim"] == "needs frames of 11x11 or more, these are 8x8"
  assert "copy_last/ssim" not in found and "ssim/curve" not in found
  assert isinstance(found["ssim_openstl"], float) and isinstance(found["psnr"], float)


def test_missing_weights_are_reported_and_replaced_by_nothing(monkeypatch):
  def load(network):
    raise MissingWeights(f"no {network} here: fetch it")

  monkeypatch.setattr(lpips, "load", load)
  run = FakeRun(videos(2, size=32), tasks.predict(given=2), darker)
  found = result(run, metrics=("mse", "lpips_vgg", "ms_ssim"))
  assert found["lpips_vgg"] == "no vgg here: fetch it" and "161x161" in found["ms_ssim"]
  assert {name for name, value in found.items() if not isinstance(value, str)} == {
    "mse", "copy_last/mse", "time/curve", "mse/curve", "copy_last/mse/curve",
  }  # fmt: skip


@pytest.mark.parametrize("num_devices", [1, 8])
def test_lpips_with_made_up_weights(monkeypatch, num_devices):
  params = random_params("alex")
  monkeypatch.setattr(lpips, "load", lambda network: params)
  monkeypatch.setattr(weights, "sha256", lambda name: f"hash of {name}")
  data = videos(9, size=32, time=3)
  run = FakeRun(data, tasks.predict(given=2), darker, num_devices=num_devices)
  found = result(run, metrics=["lpips_alex"])
  wanted = lpips.lpips(params, 0.8 * data[:, 2:] - 0.1, data[:, 2:])
  assert found["lpips_alex"] == pytest.approx(float(wanted.mean()), rel=1e-5)
  copied = lpips.lpips(params, data[:, 1:2], data[:, 2:])
  assert found["copy_last/lpips_alex"] == pytest.approx(float(copied.mean()), rel=1e-5)
  assert found["weights"] == {"lpips_alex": "hash of lpips_alex"}  # for the protocol card


def test_unknown_metric():
  with pytest.raises(ConfigError, match='frames: metrics: unknown name "lpips"; did you mean "lpips_'):
    frames.make(metrics=["lpips"])


def test_no_video_is_an_error():
  with pytest.raises(ValueError, match="the split valid has no video"):
    result(FakeRun(videos(1)[:0], tasks.predict(given=2), darker))


def test_every_figure_has_its_convention():
  found = result(FakeRun(videos(1), tasks.interpolate(), darker))
  paths = [name.removesuffix("/curve").split("/") for name in found if name != "time/curve"]
  assert {path[-1] for path in paths} == set(frames.DEFAULT)
  assert {path[0] for path in paths if len(path) > 1} == set(frames.BASELINES)
  assert set(per_frame.METRICS) | set(frames.BASELINES) == set(frames.CONVENTIONS) - {"mean", "best"}


class Stochastic(FakeRun):
  """Each sample is off by one number of its own; `drawn` keeps them all."""

  def sample(self, state, batch, rng):
    off = jax.random.uniform(
      rng, (len(batch["video"]), batch["video"].shape[1], 1, 1, 1), minval=-0.4, maxval=0.4
    )
    self.drawn = [*getattr(self, "drawn", []), np.asarray(off)[..., 0, 0, 0]]
    self.model = lambda batch: batch["video"] + off
    return super().sample(state, batch, rng)


@pytest.mark.parametrize("num_devices", [1, 8])
def test_the_best_of_several_samples(num_devices):
  """13 videos in two batches, the second one padded, and three samples of each."""
  run = Stochastic(videos(13) * 0.2, tasks.predict(given=2), None, num_devices=num_devices)
  found = result(run, samples=3, metrics=("mse", "psnr"))
  # Of each batch all samples in a row; [samples, videos, predicted frames] of squared errors.
  batches = np.stack(run.drawn).reshape(2, 3, 8, 6)
  error = (batches.transpose(1, 0, 2, 3).reshape(3, 16, 6)[:, :13, 2:] / 2) ** 2
  decibels = -10 * np.log10(error)
  assert found["mse"] == pytest.approx(error.mean(), rel=1e-4)
  assert found["best_of_3/mse"] == pytest.approx(error.mean(2).min(0).mean(), rel=1e-4)
  assert found["best_of_3/psnr"] == pytest.approx(decibels.mean(2).max(0).mean(), rel=1e-4)
  chosen = error[error.mean(2).argmin(0), np.arange(13)]  # one sample a video, not one a frame
  np.testing.assert_allclose(found["best_of_3/mse/curve"], chosen.mean(0), rtol=1e-4)
  assert found["best_of_3/mse"] > error.min(0).mean() * 1.05
  assert found["copy_last/mse"] == result(run, metrics=("mse",))["copy_last/mse"]


def test_the_first_of_several_samples_is_the_one_that_is_drawn_alone():
  runs = [Stochastic(videos(13), tasks.predict(given=2), None) for _ in range(2)]
  result(runs[0], metrics=["mse"])
  result(runs[1], metrics=["mse"], samples=2)
  np.testing.assert_array_equal(runs[0].drawn, runs[1].drawn[::2])
  assert not np.array_equal(runs[1].drawn[0], runs[1].drawn[1])


class Killed(Stochastic):
  """Dies at the sample `last`."""

  def sample(self, state, batch, rng):
    if len(getattr(self, "drawn", [])) == self.last:
      raise KeyboardInterrupt
    return super().sample(state, batch, rng)


def test_an_evaluation_that_was_killed_goes_on(tmp_path, monkeypatch):
  monkeypatch.setattr(features, "SAVE_SECONDS", 0)
  make = lambda kind, workdir: kind(videos(21), tasks.predict(given=2), None, workdir=workdir)
  whole = result(make(Stochastic, None), samples=2)
  killed = make(Killed, tmp_path)
  killed.last = 4  # of six
  with pytest.raises(KeyboardInterrupt):
    result(killed, samples=2)
  assert list(tmp_path.rglob("*.npz"))
  again = make(Stochastic, tmp_path)
  assert result(again, samples=2) == whole
  assert len(again.drawn) == 3  # one sample was on its way when it died
  assert not list(tmp_path.rglob("*.npz"))


def test_curves_are_drawn():
  run = Stochastic(videos(3), tasks.predict(given=2), None)
  found = result(run, picture=True, samples=2, metrics=["mse", "psnr"])
  assert found["curves"].dtype == np.uint8 and found["curves"].ndim == 3
  expected = {
    name: {
      prefix.rstrip("/"): ([3, 4, 5, 6], found[f"{prefix}{name}/curve"])
      for prefix in ("", "best_of_2/", "copy_last/")
    }
    for name in ("mse", "psnr")
  }
  np.testing.assert_array_equal(found["curves"], plot.panels(expected, "frame"))
