"""The weighted losses of a method: functions of `vgjax.losses`, and those that a model has of its own."""

from collections.abc import Mapping

from vgjax import configs, losses
from vgjax.errors import ConfigError
from vgjax.types import Array


def weighted(
  weights: Mapping[str, float], video: Array, truth: Array, weight: Array, own: Mapping[str, Array] = {}
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
