"""Window after window: a loop that makes what the calls make one by one, in a program of one size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vgjax
from tests import tiny
from vgjax import rollout
from vgjax.types import Model, Output


def model(window):
  """Frames that depend on the whole window, its mask, its action and its key."""

  def apply(params, hint, mask, *, action, rng=None, train=False):
    assert hint.shape[1] == window[0] == action.shape[1]
    seen = jnp.cumsum(params["predictor"] * hint * mask, axis=1) + action[:, :, None, None]
    video = jnp.tanh(seen + jax.random.normal(rng, hint.shape))
    mean = {"mean": jnp.mean(video)}
    return Output(video, {"predictor_stats": mean}, mean) if train else Output(video)

  return Model("predictor", None, apply, window=window, reads=("action",))


def one_by_one(network, params, hint, mask, action, rng, train):
  """The calls as they are told in the docs: each is given the end of the video so far, exactly."""
  length, overlap = network.window
  time = hint.shape[1]
  video, outputs, start = None, [], 0
  while video is None or video.shape[1] < time:
    piece = slice(start, start + length)
    pad = [(0, 0), (0, max(0, start + length - time))] + [(0, 0)] * 3
    part, known = jnp.pad(hint[:, piece], pad), jnp.pad(mask[:, piece], pad)
    beside = jnp.pad(action[:, piece], pad[:3])
    if video is not None:
      pasted = mask[:, : video.shape[1]] * hint[:, : video.shape[1]] + (1 - mask[:, : video.shape[1]]) * video
      part = part.at[:, :overlap].set(pasted[:, start:])
      known = known.at[:, :overlap].set(1.0)
    key = jax.random.fold_in(rng, len(outputs)) if outputs else rng
    outputs.append(network.apply(params, part, known, action=beside, rng=key, train=train))
    new = outputs[-1].value
    video = new if video is None else jnp.concatenate([video, new[:, overlap:]], axis=1)
    start = video.shape[1] - overlap
  return video[:, :time], outputs


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("time", [3, 4, 6, 13])
@pytest.mark.parametrize("window", [(4, 2), (5, 4), (6, 1)])
def test_a_long_video_is_what_calls_one_by_one_make(window, time, train):
  keys = jax.random.split(jax.random.key(0), 4)
  hint = jax.random.normal(keys[0], (2, time, 3, 3, 1))
  mask = (jax.random.uniform(keys[1], (2, time, 3, 3, 1)) < 0.4).astype(jnp.float32)
  action = jax.random.normal(keys[2], (2, time, 1))
  network, params = model(window), {"predictor": jnp.float32(0.7)}
  found = rollout.make_video(network, params, hint, mask, train=train, rng=keys[3], beside={"action": action})
  video, outputs = one_by_one(network, params, hint, mask, action, keys[3], train)
  np.testing.assert_allclose(found.value, video, atol=1e-6)
  if train:  # what the first call wrote, and the mean of all losses
    np.testing.assert_allclose(found.writes["predictor_stats"]["mean"], outputs[0].losses["mean"], atol=1e-6)
    np.testing.assert_allclose(found.losses["mean"], np.mean([o.losses["mean"] for o in outputs]), atol=1e-6)


def test_the_program_of_a_long_video_is_no_larger():
  network, params = model((4, 2)), {"predictor": jnp.float32(1.0)}

  def lines(time):
    def roll(hint, action, rng):
      mask = jnp.zeros_like(hint)
      options = {"train": False, "rng": rng, "beside": {"action": action}}
      return rollout.make_video(network, params, hint, mask, **options).value

    shapes = jnp.zeros((1, time, 3, 3, 1)), jnp.zeros((1, time, 1))
    return jax.jit(roll).lower(*shapes, jax.random.key(0)).as_text().count("\n")

  assert lines(600) == lines(60)


def test_a_model_of_one_length_trains_on_longer_videos(tmp_path):
  """SimVP refuses any other length than its window's: it is built and called for one."""
  config = tiny.config()
  config.models.predictor = dict(
    name="simvp", given=2, predicted=2, spatial_channels=4, temporal_channels=8, temporal_blocks=2
  )
  config.data.time = 7
  config.steps = 1
  run = vgjax.build(config, tmp_path)
  state = vgjax.train(run)
  assert np.isfinite(list(tiny.losses(tmp_path, "predictor/loss").values())).all()
  assert vgjax.sample(run, state, num_videos=1, time=11).shape[1] == 11
