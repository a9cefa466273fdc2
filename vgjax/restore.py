"""From a run folder, from other runs or from published weights, to a state on the devices.

A new run may start from what others have learned: `config.init_from` maps a branch, or a module in one, to
where its parameters come from.

  init_from = {"tokenizer": "runs/vq"}                              the branch of that name
  init_from = {"predictor": "runs/first@5000:generator"}            another branch, of step 5000
  init_from = {"predictor/encoder": "runs/first:predictor/encoder"} a module of a branch
  init_from = {"predictor/encoder": "weights:lpips_vgg"}            a network that vgjax.metrics.weights knows

What is named must fit, name by name and shape by shape; of published weights those that have no place here
(the last layers, or what a metric adds) are left out. (A run folder called `weights` is "./weights".)
"""

from collections.abc import Mapping

import jax

from vgjax import checkpoint, configs, sharding
from vgjax.errors import CheckpointError
from vgjax.metrics import weights
from vgjax.run import Run
from vgjax.types import TrainState, Tree

PUBLISHED = "weights:"


def open_checkpoints(run: Run, *, read_only: bool = False) -> checkpoint.Checkpoints | None:
  if run.workdir is None:
    return None
  return configs.call(
    checkpoint.Checkpoints, run.config.get("checkpoint", {}), run.workdir,
    where="config.checkpoint", read_only=read_only,
  )  # fmt: skip


def check_init_from(run: Run) -> None:
  """Whether the runs that a new run starts from are there, before it writes anything.

  Raises:
    CheckpointError: one is not.
  """
  if run.workdir is not None and (run.workdir / "checkpoints").is_dir():
    return  # it goes on from its own
  for path, source in run.config.get("init_from", {}).items():
    if not source.startswith(PUBLISHED):
      checkpoint.source_folder(source, path)


def restore_or_init(run: Run, checkpoints: checkpoint.Checkpoints | None) -> TrainState:
  """The newest checkpoint's state; else a new one, with what `init_from` names.

  Raises:
    CheckpointError: a checkpoint, or what `init_from` names, does not fit.
    ConfigError: `init_from` is for a branch or module that the run does not have.
    MissingWeights: `init_from` names published weights that cannot be had.
  """
  if checkpoints and (step := checkpoints.latest()) is not None:
    return checkpoints.restore(step, run.shapes, run.shardings)
  state = run.init_state()
  for path, source in run.config.get("init_from", {}).items():
    shapes, shardings = (_at(tree.params, path) for tree in (run.shapes, run.shardings))
    load = _load_published if source.startswith(PUBLISHED) else checkpoint.load_branch
    loaded = load(source, path, shapes, shardings)
    ema = state.ema
    if path.partition("/")[0] in ema:  # a copy: the donated state must not hold one buffer twice
      ema = _replace(ema, path.split("/"), jax.tree.map(lambda x: x.copy(), loaded))
    state = state.replace(params=_replace(state.params, path.split("/"), loaded), ema=ema)
  return state


def _load_published(source: str, path: str, shapes: Tree, shardings: Tree) -> Tree:
  """The arrays of published weights whose names the tree `shapes` has."""
  name = source.removeprefix(PUBLISHED)
  flat = weights.load(name)
  here = [sharding.path_name(key) for key, _ in jax.tree_util.tree_leaves_with_path(shapes)]
  checkpoint.check_fit(
    shapes,
    {key: flat[key] for key in here if key in flat},
    f'config.init_from.{path} = "{source}"',
    there=f"the weights {name}",
  )
  wanted = jax.tree_util.tree_map_with_path(lambda key, _: flat[sharding.path_name(key)], shapes)
  return sharding.put_tree(wanted, shardings)


def _at(tree: Tree, path: str) -> Tree:
  """What is at `branch/module/...`."""
  for name in path.split("/"):
    below = tree if isinstance(tree, Mapping) else {}  # below an array there is nothing
    tree = configs.pick(below, name, f"config.init_from.{path}")
  return tree


def _replace(tree: Tree, names: list[str], value: Tree) -> Tree:
  """The tree of dicts with another value at the end of a path."""
  if not names:
    return value
  first, *rest = names
  return tree | {first: _replace(tree[first], rest, value)}


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
