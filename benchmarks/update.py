"""One training step of a run, as `vgjax.launch` makes it, for the benchmarks."""

import time


def first_batch(run):
  """The first batch that the run trains on."""
  batches = run.train_batches(0)
  batch = next(batches)
  batches.close()
  return batch


def compiled(run, batch):
  """Compiles the update of one batch; returns a step of it, jax's version, and the seconds of compiling."""
  import jax

  state = run.init_state()
  start = time.perf_counter()
  update = run.update.lower(state, batch).compile()
  seconds = time.perf_counter() - start

  def step():
    nonlocal state
    state, metrics = update(state, batch)
    jax.block_until_ready((state, metrics))

  return step, f"jax {jax.__version__} ({jax.default_backend()})", seconds
