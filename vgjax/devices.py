"""Finding the devices: other hosts, and the cache of compiled programs."""

import os
from pathlib import Path

import jax
from absl import logging

from vgjax import memory


def initialize() -> None:
  """Joins the other hosts of a cluster, if there are any, and sets up memory and the compilation cache.

  Must run before anything asks jax for its devices. Hosts are found

  * under SLURM (`srun`) and Open MPI, which start one process for each GPU, by jax itself;
  * on a TPU slice whose environment lists its workers (TPU_WORKER_HOSTNAMES), by jax itself;
  * anywhere else by the variables JAX_COORDINATOR_ADDRESS (host:port of process 0), JAX_NUM_PROCESSES
    and JAX_PROCESS_ID.
  """
  memory.keep_freed()
  _give_threads()
  if "JAX_COORDINATOR_ADDRESS" in os.environ:
    jax.distributed.initialize(
      coordinator_address=os.environ["JAX_COORDINATOR_ADDRESS"],
      num_processes=int(os.environ["JAX_NUM_PROCESSES"]),
      process_id=int(os.environ["JAX_PROCESS_ID"]),
    )
  elif _in_cluster():
    jax.distributed.initialize()
  logging.set_verbosity(logging.FATAL)  # joining a cluster turns on the libraries' own chatter
  _use_compilation_cache()


def _give_threads() -> None:
  """Lets XLA have threads enough for several devices on one CPU.

  A device holds a thread while it waits at a sum for the others. XLA has as many threads as devices (or
  cores), and two sums that are under way at once, as in the backward pass of a scan, can take them all.
  """
  if jax.config.jax_num_cpu_devices > 1:
    os.environ.setdefault("PJRT_NPROC", str(max(4 * jax.config.jax_num_cpu_devices, os.cpu_count() or 1)))


def _in_cluster() -> bool:
  """Whether a scheduler started several processes of this job."""
  several = any(int(os.environ.get(name, "1")) > 1 for name in ("SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE"))
  return several or "," in os.environ.get("TPU_WORKER_HOSTNAMES", "")


def _use_compilation_cache() -> None:
  """A second start of the same program compiles nothing. JAX_COMPILATION_CACHE_DIR moves the cache."""
  if jax.config.jax_compilation_cache_dir is None:
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    jax.config.update("jax_compilation_cache_dir", str(Path(home).expanduser() / "vgjax" / "xla"))
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def run_once(platform: str) -> dict[str, int] | None:
  """Compiler options for a program that makes random numbers of many shapes, and runs once.

  On the CPU such a program is compiled two to three times as fast at LLVM's level 1 as at the usual 3, to the
  same numbers (`benchmarks/start.py`). JAX_DISABLE_MOST_OPTIMIZATIONS is for less than that, and is followed.
  """
  if platform != "cpu" or jax.config.read("jax_disable_most_optimizations"):
    return None
  return {"xla_backend_optimization_level": 1}


def describe() -> str:
  """One line for the console: how many devices of which kind, on how many hosts."""
  devices = jax.devices()
  hosts = f" on {jax.process_count()} hosts" if jax.process_count() > 1 else ""
  return f"jax {jax.__version__}, {len(devices)} x {devices[0].device_kind}{hosts}"
