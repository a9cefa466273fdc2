"""All tests run on eight fake CPU devices, with one compilation cache for all of them."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", os.path.expanduser("~/.cache/vgjax/tests"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("PJRT_NPROC", "32")  # as vgjax.devices does: with fewer threads XLA can stand still
# Eight devices share few cores, perhaps with other work: one may wait longer than 40 s, XLA's own limit.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_collective_call_terminate_timeout_seconds=120")

import jax
import pytest

from tests import tiny


@pytest.fixture
def config():
  """A run of seconds: a small CNN predicts 2 frames of 16x16 from 2."""
  return tiny.config()


@pytest.fixture(scope="session")
def one_device():
  return jax.devices()[:1]


@pytest.fixture(scope="module")
def quick_compile():
  """Programs compile in half the time and run more slowly: for tests of many networks and few steps each."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)
