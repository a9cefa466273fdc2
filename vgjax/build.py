"""From a config to a run.

`config` has these parts; each is a dict whose `name` is a module and whose other keys are arguments of
that module's `make` (or fields of its `Module`):

  models.<branch>  a network in vgjax/models        method   a file in vgjax/methods
  data             a source in vgjax/data           task     a function in vgjax/tasks.py
  optim.<branch>   an optimizer of optax            evaluators.<name>  a file in vgjax/evaluators

A dotted name ("my_project.my_model") reaches code outside vgjax.
"""

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from vgjax import configs, linen, optim, sharding, tasks
from vgjax.checkpoint import Checkpoints
from vgjax.data import loader as batch_loader
from vgjax.errors import ConfigError
from vgjax.logs import Logger
from vgjax.run import PlannedEvaluator, Run

_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def build(config: Mapping[str, Any], workdir: str | Path | None = None) -> Run:
  """Everything that the config names, put together; nothing is computed or written yet.

  Args:
    config: a ConfigDict or a dict.
    workdir: the folder to write; None writes nothing (a notebook's first look).

  Raises:
    ConfigError: an unknown key or name, or parts that do not fit together.
  """
  plain = configs.to_plain(config)
  return configs.call(_build, plain, where="config", plain=plain, workdir=workdir)


def _build(
  *,
  plain: dict[str, Any],
  workdir: str | Path | None,
  models: dict[str, dict],
  method: dict[str, Any],
  task: dict[str, Any],
  data: dict[str, Any],
  optim: dict[str, dict],
  steps: int,
  batch_size: int,
  seed: int = 0,
  dtype: str = "float32",
  accumulate: int = 1,
  loader: dict[str, Any] = {},
  mesh: dict[str, int] = {},
  rules: tuple = (),
  evaluators: dict[str, dict] = {},
  log: dict[str, Any] = {},
  checkpoint: dict[str, Any] = {},
  init_from: dict[str, str] = {},  # read by the loop
) -> Run:
  devices = configs.call(sharding.make_mesh, mesh, where="config.mesh")
  compute = configs.pick(_DTYPES, dtype, "config.dtype")
  modules = {branch: _module(branch, part, compute) for branch, part in models.items()}
  networks = {branch: linen.wrap(module, branch) for branch, module in modules.items()}

  name, options = configs.split_name(method, "config.method")
  maker = configs.find("methods", name, "config.method.name").make
  built_method = configs.call(maker, options, networks, where="config.method")

  _check_batch(batch_size, accumulate, devices)
  # Used later, checked now: a typo is found before the first step.
  configs.check(batch_loader.train_batches, loader, 1, where="config.loader", fixed=Run.LOADER_ARGUMENTS)
  configs.check(Logger, log, 2, where="config.log", fixed=("start", "total"))
  configs.check(Checkpoints, checkpoint, 1, where="config.checkpoint", fixed=("read_only",))
  _check_best(checkpoint.get("best"), evaluators)
  optimizers = _optimizers(optim, built_method.losses, steps)
  _check_lazy(built_method.lazy, optimizers)
  run = Run(
    config=plain,
    workdir=Path(workdir).absolute() if workdir is not None else None,
    mesh=devices,
    models=networks,
    method=built_method,
    task=build_task(task),
    optimizers=optimizers,
    evaluators={name: _evaluator(name, part, data) for name, part in evaluators.items()},
    open_split=_opener(data),
    seed=seed,
    steps=steps,
    batch_size=batch_size,
    accumulate=accumulate,
    rules=tuple(tuple(rule) for rule in rules),
    loader_options=loader,
  )
  try:
    run.check_task()
  except ValueError as error:
    raise ConfigError(str(error)) from error
  return run


def build_task(config: Mapping[str, Any], where: str = "config.task"):
  """A task; one whose key `tasks` holds other tasks (a mixture) is built from inside out."""
  name, options = configs.split_name(config, where)
  if "tasks" in options:
    options["tasks"] = {
      key: build_task(part, f"{where}.tasks.{key}") for key, part in options["tasks"].items()
    }
  return configs.call(configs.pick(configs.functions(tasks), name, f"{where}.name"), options, where=where)


def _module(branch, part, dtype):
  where = f"config.models.{branch}"
  name, options = configs.split_name(part, where)
  module = configs.find("models", name, f"{where}.name").Module
  return configs.call(module, options, where=where, dtype=dtype)


def _optimizers(parts, losses, steps):
  for branch in parts:
    if branch not in losses:
      raise ConfigError(f'config.optim: no loss trains a branch "{branch}"{configs.nearest(branch, losses)}')
  missing = sorted(set(losses) - set(parts))
  if missing:
    raise ConfigError(
      f"config.optim: no optimizer for the branch {missing[0]};"
      f' add config.optim.{missing[0]} = dict(name="adam", learning_rate=1e-3)'
    )
  return {
    branch: configs.call(optim.make, part, where=f"config.optim.{branch}", steps=steps, branch=branch)
    for branch, part in parts.items()
  }


def _check_lazy(lazy, optimizers):
  """A part of a loss that counts n times on each n-th step must meet one in n of the branch's updates."""
  for branch, n in lazy.items():
    every = optimizers[branch].every
    if (common := math.gcd(n, every)) > 1:
      prime = next(number for number in itertools.count(n + 1) if math.gcd(number, every) == 1)
      raise ConfigError(
        f"config.optim.{branch}.every = {every} and the {n} of config.method.penalty.every have the divisor"
        f" {common} in common, so the penalty would count {common} times too much; take {prime} or 1 instead"
      )


def _evaluator(name, part, data) -> PlannedEvaluator:
  where = f"config.evaluators.{name}"
  module_name, options = configs.split_name(part, where)
  every, split = options.pop("every", 0), options.pop("split", "valid")
  module = configs.find("evaluators", module_name, f"{where}.name")
  if hasattr(module, "check_data"):
    module.check_data(data, where)

  def make(split):
    return configs.call(module.make, options, where=where, also=("every", "split"), split=split)

  make(split)  # a wrong key is found now, not after hours of training
  return PlannedEvaluator(make, split, every)


def _opener(part):
  name, options = configs.split_name(part, "config.data")
  maker = configs.find("data", name, "config.data.name").make

  def open_split(split):
    # Not the run's seed: runs of several seeds are compared on the same test set.
    arguments = {"seed": 0} | options
    return configs.call(maker, arguments, where="config.data", split=split)

  return open_split


def _check_best(best, evaluators):
  """`checkpoint.best` must be a number that an evaluator yields while training."""
  if best is None:
    return
  known = [f"{part.get('split', 'valid')}/{name}/" for name, part in evaluators.items() if part.get("every")]
  if not best.startswith(tuple(known)):
    raise ConfigError(
      f'config.checkpoint.best = "{best}" names no evaluator that runs while training; it must begin with'
      f" one of {known}, and end with a metric"
    )


def _check_batch(batch_size, accumulate, mesh):
  ways = mesh.shape["data"] * mesh.shape["fsdp"]
  if batch_size % (ways * accumulate):
    raise ConfigError(
      f"config.batch_size = {batch_size} does not divide by {ways} devices"
      f" x accumulate = {accumulate}; use a multiple of {ways * accumulate}"
    )
  if batch_size % jax.process_count():
    raise ConfigError(f"config.batch_size = {batch_size}: {jax.process_count()} hosts share it evenly")
