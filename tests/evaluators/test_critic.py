"""The evaluator `critic` with critics whose scores are known."""

import types

import jax.numpy as jnp
import numpy as np
import pytest

from tests.evaluators import fakes
from vgjax import tasks
from vgjax.errors import ConfigError
from vgjax.evaluators import critic
from vgjax.models.layers.verdict import Verdict
from vgjax.types import Model, Output

STATE = types.SimpleNamespace(params={"critic": jnp.array(2.0), "sign_critic": jnp.array(1.0)}, ema={})


def make_critic(name, score):
  def apply(params, video, hint, mask, *, train=False, rng=None):
    assert not train
    return Output(Verdict(params[name] * score(video), ()))

  return Model(name, init=None, apply=apply)


MEAN = make_critic("critic", lambda video: video.mean((1, 2, 3, 4)))
SIGNS = make_critic("sign_critic", lambda video: jnp.sign(video.mean((2, 3, 4))))  # a score a frame


def figures(models, reals, made, *, method=None, **options):
  """Of videos that are `reals[i]` everywhere, and samples that are `made` everywhere."""
  videos = np.zeros((len(reals), 4, 8, 8, 1), np.float32) + np.float32(reals)[:, None, None, None, None]
  run = fakes.FakeRun(
    videos, tasks.generate(), lambda batch: jnp.full_like(batch["hint"], made), batch_size=4
  )
  run.models = models | {"generator": Model("generator", None, None)}
  run.config = {"method": method or {"name": "gan"}}
  return dict(critic.make(**options)(run, STATE))


def test_shares_by_hand():
  """Five videos in batches of four: what pads the second batch does not count."""
  found = figures({"critic": MEAN}, [0.5, 0.25, -0.25, 0.75, 1.0], -0.125)
  assert found == pytest.approx({"accuracy_real": 0.8, "accuracy_fake": 1.0, "area": 0.8})
  found = figures({"critic": MEAN}, [0.5, 0.25, -0.25, 0.75, 1.0], 0.125, num_videos=2)
  assert found == pytest.approx({"accuracy_real": 1.0, "accuracy_fake": 0.0, "area": 1.0})


def test_the_boundary_is_that_of_the_loss():
  """Scores 0.8 and 0.4: both above 0, on two sides of 1/2."""
  options = dict(models={"critic": MEAN}, reals=[0.4, 0.4], made=0.2)
  assert figures(**options)["accuracy_fake"] == 0
  least_squares = figures(**options, method=dict(name="gan", loss=dict(name="least_squares")))
  assert least_squares == {"accuracy_real": 1, "accuracy_fake": 1, "area": 1}
  assert figures(**options, method=dict(name="cyclegan"))["accuracy_fake"] == 1  # its default
  assert figures(**options, method=dict(name="gan", loss=dict(name="wasserstein"))) == {"area": 1}


def test_several_critics_have_their_names_and_those_of_sources_are_left_out():
  source = make_critic("source_critic", lambda video: video)
  models = {"critic": MEAN, "sign_critic": SIGNS, "source_critic": source}
  found = figures(models, [0.5, -0.5], -0.25)
  names = ("accuracy_real", "accuracy_fake", "area")
  assert [*found] == [f"{name}/{figure}" for name in ("critic", "sign_critic") for figure in names]
  assert found["sign_critic/accuracy_real"] == 0.5 and found["sign_critic/area"] == 0.75


def test_a_run_without_critics():
  with pytest.raises(ConfigError, match="no critic"):
    figures({}, [0.5], 0.0)


def test_critics_that_see_other_videos_than_samples():
  with pytest.raises(ConfigError, match="critics of the method vae_gan see other videos than samples"):
    figures({"critic": MEAN}, [0.5], 0.0, method=dict(name="vae_gan"))


@pytest.mark.parametrize("method, seen", [("gan", 1.0), ("cyclegan", 0.0)])
def test_critics_of_cyclegan_are_shown_nothing_beside_the_video(method, seen):
  """As in training. This critic gives what it is shown, a quarter of videos that are 4, or nothing."""

  def apply(params, video, hint, mask, *, train=False, rng=None):
    return Output(Verdict(hint.mean((1, 2, 3, 4)), ()))

  videos = np.full((4, 4, 8, 8, 1), 4, np.float32)
  run = fakes.FakeRun(videos, tasks.predict(given=1), lambda batch: batch["hint"], batch_size=4)
  run.models = {
    "video_critic": Model("video_critic", None, apply),
    "generator": Model("generator", None, None),
  }
  run.config = {"method": {"name": method, "loss": {"name": "least_squares"}}}
  assert dict(critic.make()(run, STATE))["accuracy_real"] == seen
