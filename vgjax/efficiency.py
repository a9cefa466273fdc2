"""What a model costs: parameters, arithmetic, time and memory of sampling, for the cards of evaluations.

Figures of quality say little without those of cost. What is measured is `run.sample`, as evaluators call it:
the compiled program with the averaged weights. It takes a few calls and one more program (for the smallest
batch), so it is measured once a run and split, at an evaluation by all evaluators and not between training
steps.

Two things to know of the numbers:

* FLOPs are those of convolutions and matrix products as the model is written (`vgjax/flops.py`), two for a
  multiply-add; what the compiler makes of them may be fewer.
* Peak memory is that of the whole process or device since its start, training included, if the same
  process trained; `program_bytes` is what one call of the sampling program needs.
"""

import statistics
import sys
import time
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from vgjax import flops
from vgjax.run import Run
from vgjax.sharding import batch_sharding
from vgjax.types import Batch, TrainState

REPEATS = 5  # timed calls of each program, of which the median is taken
SECONDS = 2.0  # that they may take together, judged by a call before them


def of(run: Run, state: TrainState, split: str, *, thorough: bool) -> dict[str, Any]:
  """What is known of a run's cost, for its cards; the same call on every host.

  Args:
    run: the run.
    state: its weights.
    split: whose videos are sampled for.
    thorough: measure what was not measured yet; otherwise only the parameters are counted.

  Returns:
    `measure`'s dict, or its `parameters` alone.
  """
  if thorough and split not in run.measured:
    (batch,) = run.batches(split, num_videos=1)  # padded to a whole batch
    run.measured[split] = measure(run, state, batch)
  return run.measured.get(split) or {"parameters": run.num_parameters()}


def measure(run: Run, state: TrainState, batch: Batch) -> dict[str, Any]:
  """Measures sampling, for one video (or one a device, if there are several) and for a whole batch.

  Args:
    run: the run.
    state: its weights.
    batch: as `run.batches` gives them.

  Returns:
    parameters: {branch: number}.
    sampling: a list, from the smallest batch to the whole one, of dicts with
      videos: in the batch;
      latency_seconds: from the call to the last video, the median of `calls` calls after a first one that
        is not counted (`calls` 0: there was time for the first one only, compiled before);
      videos_per_second: of this batch;
      flops_per_video: as `flops.count` has them; `flops_note` says what to know of the number, or is None;
      program_bytes: memory that a call needs on each device: arguments, results and scratch, or None.
    peak_memory_bytes, peak_memory_of: so far, and of what.
    device: kind and number.
  """
  rng = jax.random.key(0)
  smallest = run.mesh.shape["data"] * run.mesh.shape["fsdp"]
  cost = []
  for videos in sorted({smallest, len(batch["video"])}):
    part = jax.jit(
      lambda batch, videos=videos: {name: array[:videos] for name, array in batch.items()},
      out_shardings=batch_sharding(run.mesh),
    )(batch)
    program = run.sample.lower(state, part, rng).compile()
    arithmetic, note = flops.count(run.sample, state, part, rng)
    first, *others = call_times(lambda part=part: run.sample(state, part, rng))
    latency = statistics.median(others or [first])
    cost.append(
      dict(
        videos=videos,
        latency_seconds=latency,
        calls=len(others),
        videos_per_second=videos / latency,
        flops_per_video=arithmetic / videos,
        flops_note=note,
        program_bytes=program_bytes(program),
      )
    )
  peak, peak_of = peak_memory()
  return dict(
    parameters=run.num_parameters(),
    sampling=cost,
    peak_memory_bytes=peak,
    peak_memory_of=peak_of,
    device=f"{run.mesh.size} x {jax.devices()[0].device_kind}",
  )


def program_bytes(program: Any) -> int | None:
  """Memory of one call on each device: arguments, results and scratch; None if the backend does not say."""
  found = program.memory_analysis()
  if found is None:
    return None
  sizes = (found.argument_size_in_bytes, found.output_size_in_bytes, found.temp_size_in_bytes)
  return sum(sizes) - found.alias_size_in_bytes


def call_times(call: Any, *, repeats: int = REPEATS, seconds: float = SECONDS) -> list[float]:
  """Seconds of each call, until its result is there: the first, then `repeats` or what `seconds` hold."""
  first = _time(call)
  number = np.int32(min(repeats, seconds / first))
  if jax.process_count() > 1:  # as many on every host, or they would wait for each other for ever
    number = multihost_utils.broadcast_one_to_all(number)
  return [first] + [_time(call) for _ in range(int(number))]


def peak_memory() -> tuple[int | None, str]:
  """The most memory held so far, in bytes, and of what: the fullest device, or on a CPU this process."""
  stats = [device.memory_stats() or {} for device in jax.local_devices()]
  peaks = [found["peak_bytes_in_use"] for found in stats if "peak_bytes_in_use" in found]
  if peaks:
    return int(np.max(peaks)), "the fullest device, since the start of the process"
  try:
    import resource
  except ImportError:  # Windows
    return None, "not known on this system"
  unit = 1 if sys.platform == "darwin" else 1024
  peak = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return peak, "the process on the host (resident), since its start"


def _time(call):
  start = time.perf_counter()
  jax.block_until_ready(call())
  return time.perf_counter() - start
