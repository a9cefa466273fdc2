"""From a run folder, or from other runs, to a state on the devices."""

import jax

from vgjax import checkpoint, configs
from vgjax.errors import CheckpointError
from vgjax.run import Run
from vgjax.types import TrainState


def open_checkpoints(run: Run, *, read_only: bool = False) -> checkpoint.Checkpoints | None:
  if run.workdir is None:
    return None
  return configs.call(
    checkpoint.Checkpoints, run.config.get("checkpoint", {}), run.workdir,
    where="config.checkpoint", read_only=read_only,
  )  # fmt: skip


def restore_or_init(run: Run, checkpoints: checkpoint.Checkpoints | None) -> TrainState:
  """The newest checkpoint's state; else a new one, with the branches that `init_from` names."""
  if checkpoints and (step := checkpoints.latest()) is not None:
    return checkpoints.restore(step, run.shapes, run.shardings)
  state = run.init_state()
  for branch, source in run.config.get("init_from", {}).items():
    configs.pick(state.params, branch, "config.init_from")
    loaded = checkpoint.load_branch(source, branch, run.shapes.params[branch], run.shardings.params[branch])
    ema = state.ema | ({branch: jax.tree.map(lambda x: x.copy(), loaded)} if branch in state.ema else {})
    state = state.replace(params=state.params | {branch: loaded}, ema=ema)
  return state


def open_state(run: Run, which: str | int = "latest") -> TrainState:
  """The state of a run that has been trained: "latest", "best" (by `config.checkpoint.best`) or a step.

  Raises:
    CheckpointError: there is no such checkpoint, or it does not fit the run's config.
  """
  checkpoints = open_checkpoints(run, read_only=True)
  if checkpoints is None or not (steps := checkpoints.steps()):
    raise CheckpointError(f"{run.workdir} holds no checkpoint; train it first")
  try:
    if which == "latest":
      step = steps[-1]
    elif which == "best":
      step = checkpoints.best()
    else:
      step = int(which)
    if step not in steps:
      raise CheckpointError(f"{checkpoints.folder} has no checkpoint {which!r}; it has {steps}")
    return checkpoints.restore(step, run.shapes, run.shardings)
  finally:
    checkpoints.close()
