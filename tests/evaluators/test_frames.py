"""The evaluator `frames` against numpy on a model that is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.evaluators.fakes import FakeRun, videos
from vgjax import tasks
from vgjax.evaluators import frames
from vgjax.metrics import pixel


def darker(batch):
  return 0.8 * batch["video"] - 0.1


def result(run, **fields):
  return dict(frames.make(**fields)(run, None))


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


def test_small_frames_leave_out_ssim():
  found = result(FakeRun(videos(2, size=8), tasks.predict(given=2), darker))
  assert "ssim" not in found and "ssim_openstl" in found and "psnr" in found


def test_no_video_is_an_error():
  with pytest.raises(ValueError, match="the split valid has no video"):
    result(FakeRun(videos(1)[:0], tasks.predict(given=2), darker))


def test_every_figure_has_its_convention():
  found = result(FakeRun(videos(1), tasks.predict(given=2), darker))
  names = {name.removeprefix("copy_last/").removesuffix("/curve") for name in found} - {"time"}
  assert names == set(frames.CONVENTIONS) - {"mean"}
