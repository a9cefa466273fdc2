"""What a first start compiles, in seconds, with nothing in the cache.

  python benchmarks/start.py configs/moving_mnist/simvp_v2.py configs/moving_shapes/mocogan.py:cpu

Two programs precede the first step: the one that makes the state, which runs once, and the update. The first
is compiled as `vgjax.devices.run_once` says, and as jax does by itself, in one process; each is run, too, and
the largest difference of what comes out is told. Then come the programs that sample videos of the data's
length and of five times that, where the model makes such. JAX_ENABLE_COMPILATION_CACHE=false leaves the cache
out.
"""

import argparse
import json
import time

import jax
import numpy as np
from update import first_batch

import vgjax
from vgjax import devices, step
from vgjax.errors import ConfigError
from vgjax.sample import with_time


def measure(name):
  """{what: seconds} of one config."""
  jax.clear_caches()
  run = vgjax.build(vgjax.load_config(name))
  batch = first_batch(run)
  init = step.make_init(run.method, run.task, run.optimizers)
  lowered = jax.jit(lambda batch: init(run.seed, batch), out_shardings=run.shardings).lower(batch)
  found, states = {"numbers": sum(leaf.size for leaf in jax.tree.leaves(run.shapes))}, {}
  for which, options in {"jax": None, "vgjax": devices.run_once(jax.devices()[0].platform)}.items():
    found[f"state, {which}"], compiled = timed(lowered.compile, options)
    found[f"state runs, {which}"], states[which] = timed(compiled, batch)
  leaves = zip(jax.tree.leaves(states["jax"]), jax.tree.leaves(states["vgjax"]))
  found["largest difference"] = max(
    float(np.abs(a - b).max(initial=0)) for a, b in jax.device_get(list(leaves))
  )
  update = run.update.lower(states["vgjax"], batch)
  found["update"], _ = timed(update.compile)
  found |= samples(run, states["vgjax"])
  return {key: float(f"{value:.3g}") for key, value in found.items()}


def samples(run, state):
  """{what: seconds} of the programs that sample."""
  batch, key, found = next(run.batches("test", run.batch_size)), jax.random.key(0), {}
  for what, factor in {"sample": 1, "sample, five times as long": 5}.items():
    batch = with_time(batch, factor * batch["video"].shape[1])
    try:
      lowered = run.sample.lower(state, batch, key)
    except ConfigError:  # the model makes one length, or frames between given ones
      continue
    found[what], _ = timed(lowered.compile)
  return found


def timed(function, *args):
  """Seconds, and what came of it."""
  start = time.perf_counter()
  result = jax.block_until_ready(function(*args))
  return time.perf_counter() - start, result


if __name__ == "__main__":
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("configs", nargs="+", help="FILE.py or FILE.py:VARIANT; sources have to be there")
  for config in parser.parse_args().configs:
    print(json.dumps({"config": config, "jax": jax.__version__} | measure(config)), flush=True)
