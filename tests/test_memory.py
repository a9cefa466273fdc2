"""What a step frees is kept: the next step finds its pages in place."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from vgjax import memory

PROGRAM = """
import resource, sys
import numpy as np
if sys.argv[1] == "keep":
  from vgjax import memory
  print(memory.keep_freed())
def touch():
  np.ones(2**24, np.uint8)  # 16 MiB, given back at once
touch(); touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
  touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how):
  done = subprocess.run(
    [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True,
    env={"JAX_PLATFORMS": "cpu", "MALLOC_MMAP_THRESHOLD_": "1000000", "PATH": ""},
  )  # fmt: skip
  return done.stdout.split()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_memory_is_used_again():
  kept, faults = page_faults("keep")
  assert kept == "True"
  assert int(faults) < 100
  assert int(page_faults("no")[0]) > 1000


HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
@pytest.mark.skipif(
  not HUGE.exists() or "[never]" in HUGE.read_text(), reason="the kernel gives no huge pages"
)
def test_kept_memory_asks_for_huge_pages():
  """All of an array lies where the kernel was asked for them; whether it has any left is not ours."""
  program = """
import re
from pathlib import Path
import numpy as np
from vgjax import memory
memory.keep_freed()
kept = np.ones(2**26, np.uint8)
start, asked = kept.ctypes.data, 0
maps = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text())
for text in maps[1:]:
  low, high = (int(end, 16) for end in text.split()[0].split("-"))
  if "hg" in text.partition("VmFlags:")[2].split():
    asked += max(0, min(high, start + kept.size) - max(low, start))
print(asked)
"""
  done = subprocess.run(
    [sys.executable, "-c", program], capture_output=True, text=True, check=True,
    env={"JAX_PLATFORMS": "cpu", "PATH": "", "NUMPY_MADVISE_HUGEPAGE": "0"},  # numpy asks for its own
  )  # fmt: skip
  assert int(done.stdout) > 2**26 - 2**21  # the first huge page may not be whole


@pytest.fixture
def fresh(monkeypatch):
  """The module as if nothing had been called, and without the calls' effect on this process."""
  calls = []

  class Library:
    def __getattr__(self, name):
      function = lambda *arguments: calls.append((name, *arguments))
      vars(self)[name] = function
      return function

  library = Library()
  monkeypatch.setattr(memory, "_library", lambda: library)
  monkeypatch.setattr(memory, "_keeping", False)
  monkeypatch.setenv("JAX_PLATFORMS", "cpu")
  return calls


def test_with_an_accelerator_nothing_is_changed(fresh, monkeypatch):
  monkeypatch.setenv("JAX_PLATFORMS", "cuda,cpu")
  assert not memory.keep_freed() and not fresh


def test_a_user_can_turn_it_off(fresh, monkeypatch):
  monkeypatch.setenv("VGJAX_KEEP_FREED", "0")
  assert not memory.keep_freed() and not fresh


def test_what_is_free_is_given_back_once_it_is_much(fresh, monkeypatch):
  memory.trim()
  assert not fresh  # nothing is kept, so nothing is given back
  assert memory.keep_freed()
  monkeypatch.setattr(memory, "_held", lambda: 0)  # what tests before this one left is not at issue
  memory.trim()
  assert ("malloc_trim", 0) not in fresh
  monkeypatch.setattr(memory, "_held", lambda: 10**12)
  memory.trim()
  assert fresh[-1] == ("malloc_trim", 0)
