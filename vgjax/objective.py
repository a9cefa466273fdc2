"""The weighted losses of a method: functions of `vgjax.losses`, and those that a model has of its own."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp

from vgjax import configs, losses
from vgjax.errors import ConfigError
from vgjax.types import Array


def weighted(
  weights: Mapping[str, float | Array],
  video: Array,
  truth: Array,
  weight: Array,
  own: Mapping[str, Array] = {},
) -> tuple[Array | float, dict[str, Array]]:
  """The weighted sum of losses, and each of them.

  Args:
    weights: {name of a function in `vgjax.losses`, or of a loss that a model itself adds: weight}.
    video: what was made, `[batch, time, height, width, channels]`, in [-1, 1].
    truth: what it is compared with, the same shape.
    weight: `[batch, time, height, width, 1]`, how much a pixel counts.
    own: {name: scalar} of the losses that the models have of their own.

  Raises:
    ConfigError: an unknown loss, or one of the models' that has no weight.
  """
  known = configs.functions(losses)
  for name in weights:
    if name not in known and name not in own:
      near = configs.nearest(name, [*known, *own])
      raise ConfigError(f'config.method.losses: unknown name "{name}"{near}')
  for name in own:
    if name not in weights:
      raise ConfigError(
        f'config.method.losses: the model has a loss of its own, "{name}", which has no weight; add'
        f" {name}=WEIGHT, or {name}=0.0 to leave it out"
      )
  values = {name: known[name](video, truth, weight) for name in weights if name in known} | dict(own)
  return sum(weight * values[name] for name, weight in weights.items()), values


def added(*parts: Mapping[str, Array]) -> dict[str, Array]:
  """{name: sum} of the losses of one name that several models have."""
  sums = {}
  for part in parts:
    for name, value in part.items():
      sums[name] = sums.get(name, 0.0) + value
  return sums


def annealed(
  weights: Mapping[str, float], anneal: Mapping[str, Sequence[int]], step: Array
) -> dict[str, float | Array]:
  """The weights at a step: those that are annealed grow from 0 to their own (Bowman et al. 2016).

  Args:
    weights: {name of a loss: weight}.
    anneal: {name of a loss: (the last step at which its weight is 0, the first at which it is its own)}.
    step: the number of the step.
  """
  now: dict[str, float | Array] = dict(weights)
  for name, (start, end) in anneal.items():
    now[name] = weights[name] * jnp.clip((step - start) / (end - start), 0.0, 1.0)
  return now


def check_anneal(weights: Mapping[str, float], anneal: Mapping[str, Sequence[int]]) -> None:
  """Checks `config.method.anneal`.

  Raises:
    ConfigError: a loss that has no weight, or steps that are not two, one after the other.
  """
  for name, steps in anneal.items():
    configs.pick(weights, name, "config.method.anneal")
    if len(steps) != 2 or not steps[0] < steps[1]:
      raise ConfigError(
        f"config.method.anneal.{name} is {tuple(steps)}; wanted are two steps, the last one at which the loss"
        " has the weight 0 and a later one, from which on it has its own: (50_000, 100_000)"
      )
