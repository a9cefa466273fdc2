"""Every config in configs/ trains, evaluates, samples and resumes in its smoke variant."""

import re

import numpy as np
import pytest

import vgjax
from tests import all_configs, tiny
from vgjax.sample import write_samples

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.mark.parametrize("name", all_configs.NAMES)
def test_smoke(name, tmp_path, tmp_path_factory):
  config = all_configs.smoke(name, tmp_path / "videos")
  workdir = tmp_path / "run"
  run = vgjax.build(config, workdir)
  state = vgjax.train(run)
  assert int(state.step) == config.steps
  assert np.isfinite(list(tiny.losses(workdir, f"{next(iter(run.optimizers))}/loss").values())).all()

  report = vgjax.evaluate(run, state, split="test")
  # Pictures alone make no table: figures of a generator need networks that are fetched, so smoke has none.
  measured = {part["name"] for part in run.config["evaluators"].values()} - {"grid"}
  assert bool(report.table()) == bool(measured)
  assert report.files and all(path.stat().st_size for path in report.files)

  # An interpolator makes nothing after the last given frame; one that reads actions, where there are none; a
  # generator of one length, which starts from no frame, after that.
  bounded = any(
    model.reads_ends or {*model.reads} - {"truth"} or (model.window and not model.window[1])
    for model in run.models.values()
  )
  time = config.data.time if bounded else 2 * config.data.time + 1
  files = write_samples(run, state, num_videos=2, time=time).files
  assert files and all(path.stat().st_size for path in files)
  video = vgjax.sample(run, state, num_videos=2, time=time)
  there = 2 if config.task.name == "generate" else min(2, len(run.source("test")))  # to go on from
  assert video.shape[:2] == (there, time) and video.dtype == np.uint8

  resumed = vgjax.train(vgjax.build(config, workdir))  # nothing is left to do
  assert int(resumed.step) == config.steps


def test_videos_from_noise_are_as_many_as_asked_for_and_all_differ():
  """Of a split of 8 videos: a second and a third time round draw others, and nothing is filled up."""
  config = all_configs.smoke("moving_shapes/dense.py", None)
  run = vgjax.build(config)
  video = vgjax.sample(run, run.init_state(), num_videos=19)
  assert len(video) == 19 == len(np.unique(video.reshape(19, -1), axis=0))
  np.testing.assert_array_equal(vgjax.sample(run, run.init_state(), num_videos=3), video[:3])


@pytest.mark.parametrize("name", all_configs.NAMES)
def test_says_how_to_run_it_and_refuses_an_unknown_variant(name):
  text = (all_configs.ROOT / name).read_text()
  assert f"python -m vgjax.launch --config configs/{name}" in text
  with pytest.raises(ValueError, match="smoke"):
    vgjax.load_config(f"{all_configs.ROOT / name}:no-such-variant")


def _variants():
  """Every variant that a config names when asked for one that it has not, and the one without a name."""
  for name in all_configs.NAMES:
    yield name
    with pytest.raises(ValueError) as error:
      vgjax.load_config(f"{all_configs.ROOT / name}:no-such-variant")
    listed, _, each = str(error.value).partition("there are: ")[2].partition(", and each with")
    for variant in re.findall(r"\w+", listed):
      yield from (f"{name}:{variant}{size}" for size in ["", *re.findall(r"-(?!smoke)\w+", each)])


@pytest.mark.parametrize("name", [name for name in _variants() if not name.endswith(":smoke")])
def test_every_variant_builds(name, tmp_path):
  """What a config says at any size fits together: the state's shapes follow without computing them."""
  config = vgjax.load_config(all_configs.ROOT / name)
  all_configs.give_data(name.partition(":")[0], config, tmp_path / "videos")
  config.mesh = dict(data=1)
  run = vgjax.build(config)
  assert run.num_parameters()[next(iter(run.optimizers))] > 1000
