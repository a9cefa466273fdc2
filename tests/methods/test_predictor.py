"""What the predictor hands to its model beside the video, and what it asks of its losses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.errors import ConfigError
from vgjax.methods import predictor
from vgjax.types import Model, Output

TIME = 7


def add_actions(params, hint, mask, *, train=False, rng=None, action, **seen):
  """A network whose frames are its actions; the truth is there in training only."""
  assert set(seen) == ({"truth"} if train else set())
  return Output(jnp.zeros_like(hint) + action[:, :, None, None] + params["predictor"]["bias"])


def make(window=None, losses={"mse": 1.0}):
  init = lambda rng, hint, mask, *, action, truth: {"predictor": {"bias": jnp.zeros(())}}
  model = Model("predictor", init, add_actions, window=window, reads=("truth", "action"))
  return predictor.make({"predictor": model}, losses=losses)


def make_batch(actions=TIME, time=TIME):
  action = np.arange(2.0 * actions, dtype=np.float32).reshape(2, actions, 1)
  video = np.zeros((2, time, 4, 4, 1), np.float32)
  mask = (np.arange(time) < 2).astype(np.float32).reshape(1, time, 1, 1, 1) * np.ones_like(video)
  return {"video": video, "hint": video, "mask": mask, "action": action}


@pytest.mark.parametrize("window", [None, (4, 2)])
def test_a_model_gets_the_actions_of_its_frames(window):
  method, batch = make(window), make_batch()
  params = method.init(jax.random.key(0), batch)
  drawn = np.asarray(method.sample(params, batch, jax.random.key(0)))
  expected = np.where(batch["mask"] > 0, 0, batch["action"][:, :, None, None] * np.ones_like(drawn))
  np.testing.assert_array_equal(drawn, expected)
  loss, _ = method.losses["predictor"](params, batch, jax.random.key(0), jnp.zeros((), jnp.int32))
  assert float(loss) == pytest.approx(np.square(batch["action"][:, 2:]).mean())


def test_shorter_videos_leave_actions_unread():
  method, batch = make(), make_batch(time=4)
  assert method.sample(method.init(jax.random.key(0), batch), batch, jax.random.key(0)).shape[1] == 4


def test_says_what_the_data_lack():
  method, batch = make(), make_batch()
  without = {name: array for name, array in batch.items() if name != "action"}
  with pytest.raises(ConfigError, match=r"reads `action`.* have none.*config\.data\.action = True"):
    method.init(jax.random.key(0), without)
  params = method.init(jax.random.key(0), batch)
  with pytest.raises(ConfigError, match="there are 5 frames; a video of 7 needs more"):
    method.sample(params, make_batch(actions=5), jax.random.key(0))


def test_every_loss_has_a_name_that_is_known():
  method, batch = make(losses={"mse": 1.0, "kl": 1.0}), make_batch()
  with pytest.raises(ConfigError, match='unknown name "kl"'):
    method.losses["predictor"](
      method.init(jax.random.key(0), batch), batch, jax.random.key(0), jnp.zeros((), jnp.int32)
    )
