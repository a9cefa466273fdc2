"""The method `gan` in whole runs: what is refused before training, what is logged, what is sampled."""

import shutil

import numpy as np
import pytest

import vgjax
from tests import all_configs, tiny
from vgjax.errors import ConfigError, DataError
from vgjax.models.layers.conditions import NUMBERED

SMALL = f"{all_configs.ROOT}/moving_shapes/dcgan3d.py:smoke"


def test_numbers_that_are_not_there_at_every_step_are_logged_all_the_same(tmp_path):
  """The generator learns at steps 1, 3, 5, the penalty is due at 1 and 4; steps 2, 4, 6 are logged.

  What goes on after step 4 logs the penalty of step 4, too.
  """
  config = vgjax.load_config(SMALL)
  config.update(steps=6, evaluators={}, log=dict(every=2), checkpoint=dict(every=2, keep=9))
  config.models.critic.norm = "none"
  config.method.penalty = dict(name="r1", every=3)
  config.optim.generator.every = 2
  vgjax.train(vgjax.build(config, tmp_path))
  whole = {}
  for name in ("generator/loss", "generator/spread", "critic/penalty"):
    whole[name] = logged = tiny.losses(tmp_path, name)
    assert list(logged) == [2, 4, 6] and all(np.isfinite(value) for value in logged.values())
  penalties = list(tiny.losses(tmp_path, "critic/penalty").values())
  assert penalties[0] != penalties[1] == penalties[2] > 0
  shutil.rmtree(tmp_path / "checkpoints/6")
  vgjax.train(vgjax.build(config, tmp_path))
  assert {name: tiny.losses(tmp_path, name) for name in whole} == whole


def test_penalties_that_cannot_be_right_are_refused():
  config = vgjax.load_config(SMALL)
  config.method.penalty = dict(name="r1", every=4)
  with pytest.raises(ConfigError, match=r"config.models.critic has batch normalisation.*norm = \"none\""):
    vgjax.build(config).num_parameters()
  for norm in ("none", "instance", "spectral"):
    config.models.critic.norm = norm
    vgjax.build(config).num_parameters()
  config.optim.critic.every = 6
  with pytest.raises(ConfigError, match=r"optim.critic.every = 6 .* penalty would count 2 times too much"):
    vgjax.build(config)
  config.optim.critic.every = 3
  vgjax.build(config)


def test_the_config_of_the_docs_is_one():
  text = (all_configs.ROOT.parent / "docs/gans.md").read_text()
  parts = {}
  exec(text.split("```python\n")[1].split("```")[0], parts)
  config = vgjax.load_config(all_configs.ROOT / "moving_shapes/mocogan.py:smoke")
  with config.unlocked():
    for name in ("models", "method", "optim"):
      config[name] = parts[name]
  for model in config.models.values():
    model.channels = 2
  assert set(vgjax.build(config).num_parameters()) >= set(parts["models"])


def test_a_value_that_a_model_refuses_is_an_error_of_the_config():
  config = vgjax.load_config(SMALL)
  config.models.critic.norm = "layer"
  with pytest.raises(ConfigError, match=r"config\.models: a critic has norm in"):
    vgjax.build(config).num_parameters()


def test_a_label_beyond_the_classes_is_an_error():
  """Of a class that is not there a lookup would be no number."""
  config = vgjax.load_config(all_configs.ROOT / "moving_shapes/dvdgan.py:smoke")
  run = vgjax.build(config)
  known, number = config.models.generator.classes, run.mesh.size
  run.put({"label": np.full(number, known - 1)})
  for wrong in (known, -1):
    with pytest.raises(DataError, match=f"label {wrong}, but config.models.generator knows 0 to {known - 1}"):
      run.put({"label": np.full(number, wrong)})


def test_a_numbered_action_that_is_not_known_is_an_error():
  """A vector would be looked up past the end of the table."""
  config = vgjax.load_config(SMALL)
  config.models.generator.conditions = ("action",)
  run = vgjax.build(config)
  run.put({"action": np.full((8, 4), NUMBERED - 1)})
  for wrong in (NUMBERED, -1):
    with pytest.raises(DataError, match=f"the action {wrong}, but config.models.generator knows 0 to 63"):
      run.put({"action": np.full((8, 4), wrong)})


@pytest.mark.parametrize("data", [dict(name="moving_mnist"), dict(name="moving_shapes", num_objects=2)])
def test_what_cannot_be_read_back_is_missed_before_training(data):
  config = vgjax.load_config(f"{all_configs.ROOT}/moving_shapes/mocogan.py:smoke")
  config.data = data
  with pytest.raises(
    ConfigError, match=r"config.evaluators.s\w+ reads videos back that show one moving shape"
  ):
    vgjax.build(config)


def test_advice_about_lazy_penalties_can_be_followed():
  config = vgjax.load_config(SMALL)
  config.models.critic.norm = "none"
  config.optim.critic.every = 12
  config.method.penalty = dict(name="r1", every=3)
  with pytest.raises(ConfigError, match="take 5 or 1 instead"):
    vgjax.build(config)
  config.method.penalty.every = 5
  vgjax.build(config)


def test_a_run_in_continuous_time_samples_any_frame_rate():
  """The same weights and seed at twice the rate: every other frame is one of the slower video's."""
  path = f"{all_configs.ROOT}/moving_shapes/stylegan_v.py:smoke"
  run = vgjax.build(vgjax.load_config(path))
  state = run.init_state()
  slow = vgjax.sample(run, state, num_videos=2, time=4).astype(int)
  twice = vgjax.build(vgjax.load_config(path, models__generator__rate=2.0))
  fast = vgjax.sample(twice, state, num_videos=2, time=7).astype(int)
  assert np.abs(fast[:, ::2] - slow).max() <= 1  # a level of rounding
  assert np.abs(fast[:, 1::2] - slow[:, :-1]).max() > 1  # and the others lie between
