"""The run folder keeps what a run began with."""

import pytest

import vgjax
from tests import tiny_config
from vgjax import workdir
from vgjax.errors import CheckpointError, WorkdirError


def test_data_that_changed_under_a_run_is_noticed(tmp_path, monkeypatch):
  run = vgjax.build(tiny_config.get_config(), tmp_path)
  source = type(run.source("train"))
  monkeypatch.setattr(source, "fingerprint", lambda self: "old", raising=False)
  workdir.claim(run)
  workdir.check_data(run, resumes=False)
  workdir.check_data(run, resumes=True)
  monkeypatch.setattr(source, "fingerprint", lambda self: "new")
  with pytest.raises(WorkdirError, match=r"old then, new now.*delete .*data\.json"):
    workdir.check_data(run, resumes=True)
  (tmp_path / "data.json").unlink()
  workdir.check_data(run, resumes=True)
  workdir.check_data(run, resumes=True)


def test_a_run_that_cannot_start_from_another_leaves_no_folder(tmp_path):
  """So the same command, with the other run's right name, is not refused."""
  config = tiny_config.get_config()
  config.init_from = {"predictor": "runs/gone"}
  with pytest.raises(CheckpointError, match="there is no folder runs/gone/checkpoints"):
    vgjax.train(vgjax.build(config, tmp_path / "run"))
  assert not (tmp_path / "run").exists()
