"""Activity, the detectors of frozen and looping videos, and the warping error."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from tests.metrics.test_trajectory import true_videos
from vgjax.metrics import temporal


def drifting(number=3, time=12, size=16, seed=0):
  """Noise that moves on for ever: video [number, time, size, size, 1], in [-1, 1]."""
  wide = np.random.default_rng(seed).uniform(-1, 1, (number, size, size + 2 * time, 1)).astype(np.float32)
  return np.stack([wide[:, :, 2 * t : 2 * t + size] for t in range(time)], 1)


def typical(video):
  return float(np.median(temporal.activity(video)))


def test_activity_equals_numpy():
  video = drifting()
  expected = np.abs(np.diff(video.astype(np.float64), axis=1)).mean((2, 3, 4)) / 2
  np.testing.assert_allclose(temporal.activity(video), expected, rtol=1e-5)
  apart = np.abs(video[:, 3:].astype(np.float64) - video[:, :-3]).mean((2, 3, 4)) / 2
  np.testing.assert_allclose(temporal.activity(video, lag=3), apart, rtol=1e-5)


def test_frozen_steps_are_found():
  video = drifting()
  still = video.copy()
  still[0, 5:9] = still[0, 5]  # three steps without change
  still[1] = video[1, :1] + 0.01 * video[1]  # it only trembles
  found = np.asarray(temporal.frozen(temporal.activity(still), typical(video)))
  assert found[0].tolist() == [False] * 5 + [True] * 3 + [False] * 3
  assert found[1].all() and not found[2].any()
  assert not np.asarray(
    temporal.frozen(temporal.activity(video * 0), 0.0)
  ).any()  # nor are true videos that stand


def test_loops_are_found():
  video = drifting()
  looped = video.copy()
  looped[0] = video[0, np.arange(12) % 4]
  looped[1] = video[1, :1]  # frozen is not looping
  noise = 0.05 * np.random.default_rng(1).standard_normal(video.shape)
  assert np.asarray(temporal.looping(looped + noise, typical(video))).tolist() == [True, False, False]
  assert not np.asarray(temporal.looping(video, typical(video))).any()
  with pytest.raises(ValueError, match="4 frames or more, the video has 3"):
    temporal.looping(video[:, :3], 0.1)


def test_moving_digits_are_neither_frozen_nor_looping():
  video = true_videos()["video"]
  assert not np.asarray(temporal.frozen(temporal.activity(video), typical(video))).any()
  assert not np.asarray(temporal.looping(video, typical(video))).any()


def test_distance_equals_scipy():
  rng = np.random.default_rng(0)
  values, others = rng.normal(0, 1, 40), rng.normal(1, 2, 70)
  assert temporal.distance(values, others) == pytest.approx(scipy.stats.wasserstein_distance(values, others))
  assert temporal.distance(values, values) == 0
  assert temporal.distance(values, values + 3) == pytest.approx(3)


def test_true_digits_follow_their_flow_exactly_and_still_ones_do_not():
  batch = true_videos()
  flow, valid = temporal.digit_flow(batch["digit"], batch["position"], 64)
  assert np.asarray(valid).mean() > 0.5
  error = np.asarray(temporal.warping_error(batch["video"], flow, valid))
  np.testing.assert_allclose(error, 0, atol=1e-6)
  copied = np.repeat(batch["video"][:, :1], 8, axis=1)
  still = np.asarray(temporal.warping_error(copied, flow, valid))
  assert still.mean() > 0.01
  np.testing.assert_allclose(temporal.warping_error(copied, 0 * flow, valid), 0, atol=1e-6)


def test_flow_is_zero_on_the_ground_and_the_way_back_on_a_digit():
  batch = true_videos(1)
  flow, valid = (np.array(x) for x in temporal.digit_flow(batch["digit"], batch["position"], 64))
  corner = np.floor(batch["position"][0, 0]).astype(int)
  y, x = corner[1]
  np.testing.assert_array_equal(
    flow[0, 0, y : y + 28, x : x + 28], np.broadcast_to(corner[0] - corner[1], (28, 28, 2))
  )
  flow[0, 0, y : y + 28, x : x + 28] = 0
  assert not flow[0, 0].any() and valid[0, 0, y : y + 28, x : x + 28].all()


def test_warping_interpolates_and_leaves_out_what_comes_from_outside():
  ramp = np.broadcast_to(np.linspace(-1, 1, 9, dtype=np.float32)[None, :, None], (5, 9, 1))
  video = np.stack([ramp, ramp + 0.125])[None]  # each pixel looks like the one half a pixel to its right
  flow = np.zeros((1, 1, 5, 9, 2), np.float32)
  flow[..., 1] = 0.5
  error = temporal.warping_error(video, flow, np.ones((1, 1, 5, 9), np.float32))
  np.testing.assert_allclose(error, 0, atol=1e-6)  # the last column comes from beyond the edge
  whole = temporal.warping_error(video, 0 * flow, jnp.ones((1, 1, 5, 9)))
  np.testing.assert_allclose(whole, 0.0625, rtol=1e-5)  # in units of [0, 1]
  assert float(temporal.warping_error(video, flow, jnp.zeros((1, 1, 5, 9)))[0, 0]) == 0
