"""The loop, called as a notebook calls it."""

import jax
import numpy as np
import pytest

import vgjax
from tests import tiny
from vgjax import workdir
from vgjax.errors import CheckpointError, ConfigError, DataError, WorkdirError


def _params(state):
  return jax.tree.leaves(jax.tree.map(np.asarray, state.params))


def test_a_notebooks_ten_lines(tmp_path, config):
  run = vgjax.build(config, workdir=tmp_path)
  state = vgjax.train(run)
  video = vgjax.sample(run, state, num_videos=3)
  assert video.shape == (3, 4, 16, 16, 1)
  picture = vgjax.show(video)
  assert picture.data.startswith(b"GIF")
  assert vgjax.show(next(run.batches("valid", 2))).data.startswith(b"GIF")


def test_without_workdir_nothing_is_written(tmp_path, config, monkeypatch):
  monkeypatch.chdir(tmp_path)
  config.evaluators = dict(frames=dict(name="frames", num_videos=2), grid=dict(name="grid", num_videos=2))
  run = vgjax.build(config)
  state = vgjax.train(run)
  assert vgjax.evaluate(run, state)["frames/mse"] > 0
  assert not list(tmp_path.iterdir())


def test_init_from_takes_one_branch_and_the_average(tmp_path, config):
  config.optim.predictor.ema = 0.5
  first = vgjax.train(vgjax.build(config, tmp_path / "first"))
  config.init_from = dict(predictor=str(tmp_path / "first"))
  config.seed = 1
  run = vgjax.build(config, tmp_path / "second")
  from vgjax.restore import restore_or_init

  state = restore_or_init(run, None)
  for ours, theirs in zip(
    jax.tree.leaves(state.params["predictor"]), jax.tree.leaves(first.ema["predictor"]), strict=True
  ):
    np.testing.assert_array_equal(ours, theirs)
  assert int(state.step) == 0
  assert int(vgjax.train(run).step) == config.steps  # and trains on, its buffers its own


@pytest.mark.parametrize(
  "source, message",
  [
    ("nowhere", "there is no folder"),
    ("first:critic", 'no branch "critic"'),
    ("first@77", "no checkpoint 77"),
  ],
)
def test_init_from_what_is_not_there(tmp_path, config, source, message):
  vgjax.train(vgjax.build(config, tmp_path / "first"))
  config.init_from = dict(predictor=f"{tmp_path}/{source}")
  with pytest.raises(CheckpointError, match=message):
    vgjax.train(vgjax.build(config, tmp_path / "second"))


def test_checkpoint_of_another_model_is_refused_with_the_difference(tmp_path, config):
  vgjax.train(vgjax.build(config, tmp_path / "run"))
  config.models.predictor.channels = 16
  (tmp_path / "run" / "config.json").write_text(config.to_json())  # as if the model's code had changed
  with pytest.raises(CheckpointError, match=r"\(3, 3, 2, 16\) here, \(3, 3, 2, 8\) in the checkpoint"):
    vgjax.train(vgjax.build(config, tmp_path / "run"))


def test_a_lost_config_is_read_from_the_newest_checkpoint(tmp_path, config):
  vgjax.train(vgjax.build(config, tmp_path))
  saved = workdir.read_config(tmp_path)
  (tmp_path / "config.json").unlink()
  assert workdir.read_config(tmp_path) == saved
  config.optim.predictor.learning_rate = 0.5
  with pytest.raises(WorkdirError, match=r"optim\.predictor\.learning_rate: 0\.001 before, 0\.5 now"):
    vgjax.train(vgjax.build(config, tmp_path))


def test_best_checkpoint_is_kept_and_found(tmp_path, config):
  config.steps = 12
  config.evaluators = dict(frames=dict(name="frames", every=2, num_videos=4))
  config.checkpoint = dict(every=2, keep=1, best="valid/frames/mse")
  run = vgjax.build(config, tmp_path)
  vgjax.train(run)
  numbers = tiny.losses(tmp_path, "valid/frames/mse")
  best = min(numbers, key=numbers.get)
  kept = {int(p.name) for p in (tmp_path / "checkpoints").iterdir() if p.name.isdigit()}
  assert kept == {best, 12}
  assert int(vgjax.open_state(run, "best").step) == best
  assert int(vgjax.open_state(run).step) == 12


@pytest.mark.parametrize("mesh", [dict(data=4), dict(data=1)])
def test_saved_on_eight_devices_restores_on_fewer(tmp_path, config, mesh):
  config.batch_size = 8
  config.mesh = dict(data=2, fsdp=4)
  config.rules = ((r"kernel", "fsdp"),)
  config.models.predictor.channels = 32
  saved = vgjax.train(vgjax.build(config, tmp_path))
  config.mesh = mesh
  run = vgjax.build(config, tmp_path)
  restored = vgjax.open_state(run)
  for ours, theirs in zip(_params(restored), _params(saved), strict=True):
    np.testing.assert_array_equal(ours, theirs)
  devices = {d for leaf in jax.tree.leaves(restored) for d in leaf.sharding.device_set}
  assert len(devices) == mesh["data"]


def test_state_is_really_sharded(config):
  """Bytes on each device: close to a quarter of the whole, optimizer moments included."""
  config.mesh = dict(data=2, fsdp=4)
  config.rules = ((r".*", "fsdp"),)
  config.models.predictor.channels = 64
  state = vgjax.build(config).init_state()
  whole = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
  each = sum(leaf.addressable_shards[0].data.nbytes for leaf in jax.tree.leaves(state))
  assert each < 0.3 * whole


def test_every_frame_of_the_loss_curve_is_logged_and_the_bar_reports_speed(tmp_path, config, capsys):
  vgjax.train(vgjax.build(config, tmp_path))
  assert sorted(tiny.losses(tmp_path)) == [1, 2, 3, 4, 5, 6]
  assert all(0 <= wait <= 1 for wait in tiny.losses(tmp_path, "input_wait").values())
  assert "videos/s" in capsys.readouterr().out


def test_bfloat16_trains_and_keeps_float32_parameters(config):
  config.dtype = "bfloat16"
  run = vgjax.build(config)
  state = vgjax.train(run)
  assert {leaf.dtype.name for leaf in jax.tree.leaves(state.params["predictor"])} == {"float32"}
  program = jax.make_jaxpr(run.update)(run.shapes, next(run.train_batches(0)))
  assert "bf16" in str(program)


def test_accumulated_batch_trains_like_the_whole(tmp_path, config):
  whole = vgjax.train(vgjax.build(config, tmp_path / "whole"))
  config.accumulate = 4
  parts = vgjax.train(vgjax.build(config, tmp_path / "parts"))
  for ours, theirs in zip(_params(parts), _params(whole), strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=2e-2, atol=2e-4)


@pytest.mark.parametrize(
  "change, message",
  [
    (dict(batch_size=9, accumulate=2), "multiple of 2"),
    (dict(dtype="float16"), "unknown name"),
    (dict(method=dict(name="predictr")), 'did you mean "predictor"'),
    (dict(task=dict(name="predict", given=1)), "needs the first 2 of 4"),
    (dict(task=dict(name="predcit", given=2)), 'did you mean "predict"'),
    (dict(data=dict(name="moving_mnst")), 'did you mean "moving_mnist"'),
    (dict(evaluators=dict(a=dict(name="frames", num_vid=3))), 'did you mean "num_videos"'),
    (dict(checkpoint=dict(evry=3)), 'did you mean "every"'),
    (dict(log=dict(evry=3)), 'did you mean "every"'),
    (dict(loader=dict(worker=3)), 'did you mean "workers"'),
  ],
)  # fmt: skip
def test_configs_that_cannot_work_are_refused_before_the_first_step(tmp_path, change, message):
  config = tiny.config().to_dict() | change
  with pytest.raises((ConfigError, DataError), match=message):
    vgjax.train(vgjax.build(config, tmp_path))
  assert not list(tmp_path.rglob("metrics.jsonl"))


def test_an_empty_split_is_missed_before_the_first_step(tmp_path, config):
  np.save(tmp_path / "videos.npy", np.zeros((20, 4, 16, 16, 1), np.uint8))
  config.data = dict(name="arrays", path=str(tmp_path / "videos.npy"), time=4, valid_fraction=0.0)
  config.evaluators = dict(frames=dict(name="frames", every=2, num_videos=4))
  with pytest.raises(DataError, match="the split 'valid' is empty"):
    vgjax.train(vgjax.build(config, tmp_path / "run"))
  assert not (tmp_path / "run" / "metrics.jsonl").exists()
