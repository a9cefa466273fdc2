"""Memory stays flat while batches go by; `benchmarks/data_memory.py` does the same for ten thousand."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(platform.system() != "Linux", reason="reads /proc/self/smaps_rollup")
@pytest.mark.parametrize("kind, workers", [("video", 0), ("arrays", 0), ("arrays", 1)])
def test_memory_is_flat(tmp_path, kind, workers):
  """A program of its own: what the other tests leave behind does not count."""
  words = ["--kinds", kind, "--workers", str(workers), "--batches", "400"]
  words += [
    "--out",
    str(tmp_path / "out.json"),
    "--files",
    "12",
    "--open",
    "4",
  ]  # opened and closed all the time
  environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
  done = subprocess.run(
    [sys.executable, str(ROOT / "benchmarks" / "data_memory.py"), *words],
    capture_output=True, text=True, env=environment, timeout=300, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  found = json.loads((tmp_path / "out.json").read_text())[f"{kind}_{workers}"]
  assert len(found["readings"]) == 40 and min(found["readings"]) > 10
  assert found["growth"] < 2.5, done.stdout  # MiB over 200 batches, which are 4.7 MiB themselves
