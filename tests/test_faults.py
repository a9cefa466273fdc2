"""When things go wrong: kills, signals, bad numbers, bad folders. Each by the command a user types."""

import json
import os
import resource
import signal

import pytest

from tests import processes, tiny

STEPS = 40
LONG = (f"--config={processes.TINY}", f"--config.steps={STEPS}", "--config.checkpoint.every=7")


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory):
  """{step: loss} of a run that nothing happened to."""
  workdir = tmp_path_factory.mktemp("never_killed")
  code, output = processes.launch(*LONG, f"--workdir={workdir}")
  assert code == 0, output
  losses = tiny.losses(workdir)
  assert sorted(losses) == list(range(1, STEPS + 1))
  return losses


def test_sigkill_and_resume_repeats_the_run_bit_for_bit(tmp_path, never_killed):
  for step in (5, 16, 33):  # before the first checkpoint, and well after others
    process = processes.start(*LONG, f"--workdir={tmp_path}")
    processes.signal_at_step(process, tmp_path, step, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
  code, output = processes.launch(*LONG, f"--workdir={tmp_path}")
  assert code == 0, output
  assert "resuming at step" in output
  assert tiny.losses(tmp_path) == never_killed


def test_sigterm_saves_exits_cleanly_and_resumes(tmp_path, never_killed):
  process = processes.start(*LONG, f"--workdir={tmp_path}")
  output = processes.signal_at_step(process, tmp_path, 10, signal.SIGTERM)
  assert process.returncode == 0, output
  stopped = max(int(p.name) for p in (tmp_path / "checkpoints").iterdir())
  assert f"stopped at step {stopped} of {STEPS}" in output and 10 <= stopped < STEPS
  code, output = processes.launch(*LONG, f"--workdir={tmp_path}")
  assert code == 0 and f"resuming at step {stopped}" in output
  assert tiny.losses(tmp_path) == never_killed


def test_checkpoint_cut_short_is_not_taken_for_a_whole_one(tmp_path):
  """A kill while saving leaves a folder with orbax's temporary name, and no commit."""
  short = (f"--config={processes.TINY}", f"--workdir={tmp_path}")
  assert processes.launch(*short)[0] == 0
  checkpoints = tmp_path / "checkpoints"
  whole = sorted(int(p.name) for p in checkpoints.iterdir())
  newest = checkpoints / str(whole[-1])
  newest.rename(checkpoints / f"{whole[-1]}.orbax-checkpoint-tmp")
  code, output = processes.launch(*short)
  assert code == 0 and f"resuming at step {whole[-2]}" in output, output
  assert newest.is_dir()  # made again


def test_not_finite_loss_stops_names_the_branch_and_keeps_the_last_good_checkpoint(tmp_path):
  code, output = processes.launch(
    f"--config={processes.TINY}", f"--workdir={tmp_path}", "--config.steps=30",
    "--config.optim.predictor.name=sgd", "--config.optim.predictor.learning_rate=1e18",
    "--config.checkpoint.every=1",
  )  # fmt: skip
  assert code == 1
  assert "the loss of the branch predictor is" in output and "learning_rate" in output
  assert "Traceback" not in output
  kept = [int(p.name) for p in (tmp_path / "checkpoints").iterdir()]
  bad = int(output.split("vgjax: step ")[1].split(":")[0])
  assert kept and max(kept) < bad


def test_workdir_of_another_config_is_refused_with_the_difference(tmp_path):
  (tmp_path / "config.json").write_text(json.dumps(tiny.config(steps=99).to_dict()))
  code, output = processes.launch(f"--config={processes.TINY}", f"--workdir={tmp_path}")
  assert code == 1 and "config.steps: 99 before, 6 now" in output
  assert f"--config.init_from=\"{{'predictor': '{tmp_path}:predictor'}}\"" in output
  assert "Traceback" not in output and not (tmp_path / "checkpoints").exists()


def test_workdir_that_cannot_be_written_is_a_clear_error(tmp_path):
  (tmp_path / "file").write_text("in the way")
  places = [tmp_path / "file" / "run"]
  if os.path.isdir("/proc/self"):
    places.append("/proc/vgjax-run")  # read-only even for root
  for place in places:
    code, output = processes.launch(f"--config={processes.TINY}", f"--workdir={place}")
    assert code == 1 and f"cannot write to the workdir {place}" in output, output
    assert "Traceback" not in output


def test_full_disk_is_a_clear_error(tmp_path):
  """A limit on the size of files stands in for the disk: writing fails in the same places."""
  limit = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
  try:
    process = processes.start(
      f"--config={processes.TINY}", f"--workdir={tmp_path}", JAX_ENABLE_COMPILATION_CACHE="false"
    )
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)
  output, _ = process.communicate(timeout=300)
  assert process.returncode == 1
  last = output.strip().splitlines()[-1]  # orbax's own threads may have complained before
  assert last.startswith(f"vgjax: cannot write to the workdir {tmp_path}") and "disk" in last, output


def test_unknown_key_and_model_name_the_nearest(tmp_path):
  for flag, message in [
    ("--config.models.predictor.chanels=3", 'did you mean "channels"'),
    ("--config.models.predictor.name=cn", 'did you mean "cnn"'),
    ("--config.batchsize=3", 'did you mean "batch_size"'),
    ("--config.nothing.here=3", 'To add one, set it whole: --config.nothing="{...}"'),
  ]:
    code, output = processes.launch(f"--config={processes.TINY}", f"--workdir={tmp_path}", flag)
    assert code == 1 and message in output and "Traceback" not in output, output
