"""Checkpoints: saving, restoring, and starting from another run's branches. Only this file knows orbax.

`checkpoints/<step>/` holds the whole `TrainState` and the config. It is written to a temporary folder and
renamed when complete, so a checkpoint cut short by a kill is never taken for a whole one. Arrays are
restored with the shardings of the run that asks, on whatever number of devices it has.
"""

import contextlib
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from absl import logging
from orbax.checkpoint import checkpoint_managers

from vgjax.errors import CheckpointError, ConfigError, WorkdirError
from vgjax.sharding import path_name
from vgjax.types import TrainState

# orbax tells of every save in ten lines; what goes wrong it also raises.
logging.set_verbosity(logging.FATAL)


class Checkpoints:
  """The checkpoints of one run folder.

  Args:
    workdir: the run folder.
    every: steps between checkpoints; the loop also saves at the end and when it is told to stop.
    keep: how many of the latest to keep.
    best: the metric by which the best one is kept too, as evaluators name it ("frames/mse"), or None.
    best_mode: "min" or "max": which end of `best` is the better.
    keep_every: checkpoints at multiples of this step are kept for ever; None for none.
    read_only: never write or delete anything.
  """

  def __init__(
    self,
    workdir: str | Path,
    *,
    every: int = 1000,
    keep: int = 2,
    best: str | None = None,
    best_mode: str = "min",
    keep_every: int | None = None,
    read_only: bool = False,
  ):
    if best_mode not in ("min", "max"):
      raise ConfigError(f'config.checkpoint.best_mode is "{best_mode}"; it must be "min" or "max"')
    self.every, self._best = every, best
    self.folder = Path(workdir).absolute() / "checkpoints"
    policies: list[Any] = [checkpoint_managers.LatestN(keep)]
    if best is not None:
      policies.append(
        checkpoint_managers.BestN(
          get_metric_fn=lambda metrics: metrics[best],
          reverse=best_mode == "min",
          n=1,
          keep_checkpoints_without_metrics=False,
        )
      )
    if keep_every is not None:
      policies.append(checkpoint_managers.EveryNSteps(keep_every))
    self._manager = ocp.CheckpointManager(
      self.folder,
      options=ocp.CheckpointManagerOptions(
        preservation_policy=checkpoint_managers.AnyPreservationPolicy(policies),
        read_only=read_only,
        create=not read_only,
        enable_async_checkpointing=not read_only,
        best_fn=(lambda metrics: metrics[best]) if best is not None else None,
        best_mode=best_mode,
        # The loop decides when; without this orbax saves by itself on its own preemption signal.
        save_decision_policy=_Always(),
      ),
      item_handlers=_handlers(),
    )

  def save(self, state: TrainState, config: dict, metrics: dict[str, float] | None = None) -> None:
    """Starts saving, and returns once the arrays are copied; `wait` waits for the files."""
    step = int(state.step)
    if step in self._manager.all_steps():
      return
    ranked = metrics if metrics and self._best in metrics else None
    with self._telling_why():
      self._manager.save(
        step,
        args=ocp.args.Composite(state=ocp.args.PyTreeSave(_as_dict(state)), config=ocp.args.JsonSave(config)),
        metrics=ranked,
      )

  def wait(self) -> None:
    """Returns when all that was saved is on the disk; raises what went wrong there."""
    with self._telling_why():
      self._manager.wait_until_finished()

  def close(self) -> None:
    """Waits for what is being saved, and lets go of the folder."""
    with self._telling_why():
      self._manager.close()

  @contextlib.contextmanager
  def _telling_why(self):
    """An error while writing, whatever library it comes from, as one that names the folder."""
    try:
      yield
    except (OSError, ValueError, RuntimeError) as error:  # what Python, tensorstore and orbax raise
      reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
      raise WorkdirError(
        f"cannot write to the workdir {self.folder.parent}: saving a checkpoint failed ({reason});"
        " is the disk full? Whole checkpoints are kept; make room and start again to go on from the last"
      ) from error

  def steps(self) -> list[int]:
    """The steps of all complete checkpoints, in order."""
    return sorted(self._manager.all_steps())

  def latest(self) -> int | None:
    """The step of the newest complete checkpoint."""
    return self._manager.latest_step()

  def best(self) -> int | None:
    """The step of the checkpoint with the best metric, or None if none has one."""
    return self._manager.best_step() if self._best is not None else None

  def restore(self, step: int, shapes: TrainState, shardings: TrainState) -> TrainState:
    """The state of `step`, placed as `shardings` say.

    Raises:
      CheckpointError: its arrays are not those of this config; the message names the differences.
    """
    wanted, placed = _as_dict(shapes), _as_dict(shardings)
    saved = self._manager.item_metadata(step)["state"]
    check_fit(wanted, saved.tree if hasattr(saved, "tree") else saved, f"{self.folder}/{step}")
    restored = self._manager.restore(step, args=ocp.args.Composite(state=_restore_args(wanted, placed)))
    return TrainState(**restored["state"])


class _Always:
  """orbax asks whether to save; the loop has already decided."""

  def should_save(self, step, previous_steps, *, context) -> bool:
    return True


def saved_config(workdir: str | Path) -> dict[str, Any] | None:
  """The config in the newest complete checkpoint of a run folder, or None if there is no checkpoint."""
  folder = Path(workdir).absolute() / "checkpoints"
  if not folder.is_dir():
    return None
  options = ocp.CheckpointManagerOptions(read_only=True)
  with ocp.CheckpointManager(folder, options=options, item_handlers=_handlers()) as manager:
    if (step := manager.latest_step()) is None:
      return None
    return dict(manager.restore(step, args=ocp.args.Composite(config=ocp.args.JsonRestore()))["config"])


def source_folder(source: str, path: str) -> Path:
  """The checkpoints of the run that `config.init_from.<path>` names; see `load_branch`.

  Raises:
    CheckpointError: there is no such folder.
  """
  folder = Path(source.partition(":")[0].partition("@")[0]).expanduser() / "checkpoints"
  if not folder.is_dir():
    raise CheckpointError(
      f'config.init_from.{path} = "{source}": there is no folder {folder}; name the workdir of a finished run'
    )
  return folder


def load_branch(source: str, path: str, shapes: Any, shardings: Any) -> Any:
  """One branch of another run, or what is below one.

  The averaged parameters are taken where the other run kept an average.

  Args:
    source: `workdir`, `workdir:path` or `workdir@step:path`; a path is `branch` or `branch/module/...`.
    path: what `config.init_from` calls it here, and there too if `source` has no path.
    shapes: of the arrays that are wanted.
    shardings: how to place them.

  Raises:
    CheckpointError: no such run, step or path, or arrays of other shapes.
  """
  where = f'config.init_from.{path} = "{source}"'
  workdir, _, theirs = source.partition(":")
  step = workdir.partition("@")[2]
  branch, *modules = (theirs or path).split("/")
  folder = source_folder(source, path)
  with ocp.CheckpointManager(
    folder.absolute(),
    options=ocp.CheckpointManagerOptions(read_only=True),
    item_handlers=_handlers(),
  ) as manager:
    number = int(step) if step else manager.latest_step()
    if number not in manager.all_steps():
      raise CheckpointError(f"{where}: no checkpoint {step}; there are {sorted(manager.all_steps())}")
    saved = manager.item_metadata(number)["state"]
    saved = saved.tree if hasattr(saved, "tree") else saved
    part = "ema" if branch in saved["ema"] else "params"
    if branch not in saved[part]:
      raise CheckpointError(f'{where}: no branch "{branch}" there; it has {sorted(saved["params"])}')
    found = saved[part][branch]
    for depth, module in enumerate(modules):
      if module not in found:
        above = "/".join([branch, *modules[:depth]])
        raise CheckpointError(f'{where}: no "{module}" in {above} there; it has {sorted(found)}')
      found = found[module]
    check_fit(shapes, found, where)
    for name in reversed([part, branch, *modules]):  # the arrays, at their place in the checkpoint's tree
      shapes, shardings = {name: shapes}, {name: shardings}
    args = _restore_args(shapes, shardings, partial=True)
    restored = manager.restore(number, args=ocp.args.Composite(state=args))["state"]
  for name in (part, branch, *modules):
    restored = restored[name]
  return restored


def _handlers():
  return {"state": ocp.PyTreeCheckpointHandler(), "config": ocp.JsonCheckpointHandler()}


def _as_dict(state: TrainState) -> dict[str, Any]:
  return {
    "step": state.step,
    "params": state.params,
    "opt": state.opt,
    "ema": state.ema,
    "rng": state.rng,
  }


def _restore_args(shapes, shardings, *, partial=False):
  abstract = jax.tree.map(
    lambda shape, sharding: jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=sharding),
    shapes,
    shardings,
  )
  return ocp.args.PyTreeRestore(
    item=abstract,
    restore_args=ocp.checkpoint_utils.construct_restore_args(abstract),
    partial_restore=partial,
  )


def check_fit(wanted: Any, saved: Any, where: str, *, there: str = "the checkpoint") -> None:
  """Compares the shapes by path; optax's tuples and orbax's dicts have the same paths as text.

  Raises:
    CheckpointError: names the differences; `where` is what does not fit, `there` where `saved` is.
  """
  ours = {path_name(path): tuple(leaf.shape) for path, leaf in jax.tree_util.tree_leaves_with_path(wanted)}
  theirs = {path_name(path): tuple(leaf.shape) for path, leaf in jax.tree_util.tree_leaves_with_path(saved)}
  lines = []
  for name in sorted(set(ours) | set(theirs)):
    if name not in theirs:
      lines.append(f"  {name}: {ours[name]} here, not in {there}")
    elif name not in ours:
      lines.append(f"  {name}: {theirs[name]} in {there}, not here")
    elif ours[name] != theirs[name]:
      lines.append(f"  {name}: {ours[name]} here, {theirs[name]} in {there}")
  if lines:
    more = [f"  ... and {len(lines) - 12} more"] if len(lines) > 12 else []
    raise CheckpointError(
      f"{where} does not fit this config's model or optimizer:\n" + "\n".join(lines[:12] + more)
    )
