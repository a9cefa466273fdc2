"""Running `python -m vgjax.launch` as a user does, in processes of their own."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

TINY = str(Path(__file__).with_name("tiny_config.py"))


def start(*arguments: str, devices: int = 1, **environment: str) -> subprocess.Popen:
  """Starts `python -m vgjax.launch ARGUMENTS`, its output piped as text."""
  command = [sys.executable, "-m", "vgjax.launch", *arguments]
  return subprocess.Popen(
    command,
    env=os.environ | {"JAX_NUM_CPU_DEVICES": str(devices)} | environment,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    cwd=Path(__file__).parents[1],
  )


def launch(*arguments: str, **options) -> tuple[int, str]:
  """Runs to the end; the exit code and all that was printed."""
  process = start(*arguments, **options)
  output, _ = process.communicate(timeout=300)
  return process.returncode, output


def signal_at_step(process: subprocess.Popen, workdir: Path, step: int, number: signal.Signals) -> str:
  """Sends a signal once `metrics.jsonl` has the line of `step`; returns the output after the end."""
  path = Path(workdir) / "metrics.jsonl"
  deadline = time.monotonic() + 200
  while not (path.exists() and f'"step": {step},' in path.read_text()):
    if process.poll() is not None or time.monotonic() > deadline:
      process.kill()
      raise AssertionError(f"step {step} never came:\n{process.communicate()[0]}")
    time.sleep(0.01)
  process.send_signal(number)
  return process.communicate(timeout=200)[0]


def cluster(count: int) -> list[dict[str, str]]:
  """The environment of each process of a run on `count` hosts, all on loopback."""
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
  return [
    {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": str(count), "JAX_PROCESS_ID": str(i)}
    for i in range(count)
  ]
