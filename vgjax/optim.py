"""Optimizers: one for each trained branch.

  config.optim.predictor = dict(
    name="adamw", learning_rate=1e-3, weight_decay=0.01, schedule=dict(name="onecycle"), clip=1.0,
    ema=0.999, every=1)

`name` is an optimizer of optax; keys that are not `make`'s own go to it. Schedules count the updates of
their own branch: with `every = 5` a branch makes a fifth of the run's steps, and its schedule is as long.
`project = dict(name="clip", limit=0.01)` keeps a critic's parameters in bounds (`vgjax.projections`).
"""

import inspect
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import optax

from vgjax import configs, projections
from vgjax.errors import ConfigError
from vgjax.sharding import path_name


class BranchOptimizer(NamedTuple):
  """How one branch is updated.

  Attributes:
    transform: the optax transformation, clipping and projection included.
    schedule: `count of updates -> learning rate`.
    every: update on the steps that this number divides.
    ema: decay of the exponential moving average of the parameters, or None for no average.
  """

  transform: optax.GradientTransformation
  schedule: optax.Schedule
  every: int = 1
  ema: float | None = None


def make(
  *,
  name: str,
  learning_rate: float,
  steps: int,
  schedule: Mapping[str, Any] = {"name": "constant"},
  clip: float | None = None,
  l2: float = 0.0,
  project: Mapping[str, Any] | None = None,
  decay_mask: str = r"kernel|embedding",
  every: int = 1,
  ema: float | None = None,
  branch: str = "",
  **arguments: Any,
) -> BranchOptimizer:
  """The optimizer of one branch.

  Args:
    name: an optimizer of optax: adam, adamw, sgd, lion, ...
    learning_rate: the peak of the schedule.
    steps: the run's number of steps; the schedule ends there.
    schedule: `dict(name="constant" | "cosine" | "linear" | "onecycle", ...)`, with the keys of the function
      below.
    clip: the largest global norm of the branch's gradient, or None.
    l2: this times the parameters is added to the gradient, after clipping: what PyTorch's Adam calls
      weight decay. It applies to all parameters.
    project: a function of `vgjax.projections` and its arguments: what is done to the parameters after an
      update; or None.
    decay_mask: weight decay applies to parameters whose path matches this regular expression.
    every: update on every n-th step only.
    ema: decay of the average that evaluation uses, for example 0.999; after n updates it is at most
      (1 + n) / (10 + n), as TensorFlow has it, so that early averages are not those of the first parameters.
      Running statistics of the branch's normalisation are averaged with its parameters.
    branch: how errors name this part of the config.
    **arguments: further arguments of the optax function.
  """
  where = f"config.optim.{branch}"
  if every < 1 or every != int(every):
    raise ConfigError(f"{where}.every is {every}; it must be a whole number, at least 1")
  if clip is not None and clip <= 0:
    raise ConfigError(f"{where}.clip is {clip}; it must be above 0, or None for no clipping")
  if ema is not None and not 0 <= ema < 1:
    raise ConfigError(f"{where}.ema is {ema}; it must be at least 0 and less than 1, or None for no average")
  rate = configs.call(
    configs.pick(_SCHEDULES, schedule.get("name"), f"{where}.schedule.name"),
    {k: v for k, v in schedule.items() if k != "name"},
    learning_rate,
    max(1, -(-steps // every)),
    where=f"{where}.schedule",
  )
  optimizer = getattr(optax, str(name), None)
  if not callable(optimizer) or "learning_rate" not in inspect.signature(optimizer).parameters:
    known = [n for n in dir(optax) if n.islower() and not n.startswith("_")]
    raise ConfigError(f'{where}.name: optax has no optimizer "{name}"{configs.nearest(str(name), known)}')
  if "mask" in inspect.signature(optimizer).parameters and "mask" not in arguments:
    arguments["mask"] = lambda params: jax.tree_util.tree_map_with_path(
      lambda path, _: bool(re.search(decay_mask, path_name(path))), params
    )
  own = configs.parameters(make).keys() - {"steps", "branch"}
  transform = configs.call(optimizer, arguments, where=where, also=own, learning_rate=rate)
  if l2:
    transform = optax.chain(optax.add_decayed_weights(l2), transform)
  if clip is not None:
    transform = optax.chain(optax.clip_by_global_norm(clip), transform)
  if project is not None:
    projection, options = configs.split_name(project, f"{where}.project")
    known = configs.functions(projections)
    projection = configs.pick(known, projection, f"{where}.project.name")
    transform = optax.chain(transform, configs.call(projection, options, where=f"{where}.project"))
  return BranchOptimizer(transform, rate, every, ema)


def constant(peak: float, steps: int, *, warmup: int = 0) -> optax.Schedule:
  """`peak` throughout, after a linear warm-up from zero over `warmup` updates."""
  return _warmed_up(optax.constant_schedule(peak), peak, warmup)


def cosine(peak: float, steps: int, *, warmup: int = 0, final: float = 0.0) -> optax.Schedule:
  """Half a cosine from `peak` to `final * peak` at the last step, after a linear warm-up."""
  decay = optax.cosine_decay_schedule(peak, max(1, steps - warmup), alpha=final)
  return _warmed_up(decay, peak, warmup)


def linear(peak: float, steps: int, *, warmup: int = 0, hold: int = 0, final: float = 0.0) -> optax.Schedule:
  """`peak` up to the update `hold`, then a line to `final * peak` at the end, after a linear warm-up."""
  start = max(0, hold - warmup)
  fall = optax.linear_schedule(peak, final * peak, max(1, steps - warmup - start), start)
  return _warmed_up(fall, peak, warmup)


def onecycle(
  peak: float,
  steps: int,
  *,
  rise: float = 0.3,
  initial_divisor: float = 25.0,
  final_divisor: float = 1e4,
) -> optax.Schedule:
  """OneCycle (Smith and Topin, 2018) with cosine slopes, as PyTorch's `OneCycleLR`.

  From `peak / initial_divisor` up to `peak` over the share `rise` of the steps, then down to
  `peak / initial_divisor / final_divisor`.
  """
  top = rise * steps - 1  # PyTorch's steps are 0-based: the peak is reached at step rise * n - 1
  low, end = peak / initial_divisor, peak / initial_divisor / final_divisor

  def schedule(count):
    def slope(start, stop, share):
      share = jax.numpy.clip(share, 0.0, 1.0)
      return stop + (start - stop) / 2 * (1 + jax.numpy.cos(jax.numpy.pi * share))

    up = slope(low, peak, count / max(top, 1e-9))
    down = slope(peak, end, (count - top) / max(steps - 1 - top, 1e-9))
    return jax.numpy.where(count <= top, up, down)

  return schedule


_SCHEDULES = {"constant": constant, "cosine": cosine, "linear": linear, "onecycle": onecycle}


def _warmed_up(schedule, peak, warmup):
  if not warmup:
    return schedule
  return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), schedule], [warmup])
