"""Two processes on loopback are one run: the same losses, one checkpoint, one log."""

import signal

import numpy as np

from tests import processes, tiny


def _run_on_hosts(count, devices, *arguments):
  started = [processes.start(*arguments, devices=devices, **env) for env in processes.cluster(count)]
  outputs = [process.communicate(timeout=300)[0] for process in started]
  assert [p.returncode for p in started] == [0] * count, "\n".join(outputs)
  return outputs


def test_two_processes_train_the_run_of_one(tmp_path):
  arguments = (
    f"--config={processes.TINY}:evaluated", "--config.mesh.data=-1", "--config.mesh.fsdp=2",
  )  # fmt: skip
  one, two = tmp_path / "one", tmp_path / "two"
  code, output = processes.launch(*arguments, f"--workdir={one}", devices=4)
  assert code == 0, output
  outputs = _run_on_hosts(2, 2, *arguments, f"--workdir={two}")
  assert "2 hosts" in outputs[0]
  ours, theirs = tiny.losses(two), tiny.losses(one)
  assert sorted(ours) == sorted(theirs) == list(range(1, 7))
  np.testing.assert_allclose(list(ours.values()), list(theirs.values()), rtol=1e-5)
  numbers = [line for line in outputs[0].splitlines() if "copy" in line]
  assert numbers and not [line for line in outputs[1].splitlines() if "wrote" in line]
  # What two processes saved, one goes on from.
  code, output = processes.launch("--mode=evaluate", f"--workdir={two}", "--config.mesh.fsdp=1")
  assert code == 0, output


def test_sigterm_to_one_process_stops_both_after_the_same_step(tmp_path):
  arguments = (
    f"--config={processes.TINY}",
    "--config.steps=4000",
    "--config.checkpoint.every=1000",
    f"--workdir={tmp_path}",
  )
  started = [
    processes.start(*arguments, "--config.mesh.data=-1", devices=1, **env) for env in processes.cluster(2)
  ]
  first = processes.signal_at_step(started[0], tmp_path, 10, signal.SIGTERM)
  second = started[1].communicate(timeout=200)[0]
  assert [p.returncode for p in started] == [0, 0], first + second
  assert "stopped at step" in first
  assert len(list((tmp_path / "checkpoints").iterdir())) >= 1
