"""What methods with critics share: how a critic sees videos, what it learns, and what is said of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp

from vgjax import augment as augmentation
from vgjax import configs
from vgjax.adversarial import Game
from vgjax.errors import ConfigError
from vgjax.penalties import Penalty
from vgjax.types import Array, Aux, Output

USES = ("real", "fake", "penalty")  # what a critic needs a random key for


def pick(module: ModuleType, config: Mapping[str, Any], where: str) -> Any:
  """What the function of a module makes that a part of the config names, with its arguments."""
  name, options = configs.split_name(config, where)
  return configs.call(configs.pick(configs.functions(module), name, f"{where}.name"), options, where=where)


def keys(rng: Array, makers: Iterable[str], critics: Iterable[str]) -> dict[Any, Array]:
  """A key for each use, by the maker's name, or (critic, use); every loss gives a use the same one."""
  names = [*makers, *((name, use) for name in sorted(critics) for use in USES)]
  return dict(zip(names, jax.random.split(rng, len(names))))


def view(names: Sequence[str], noise: Mapping[str, Any] | None) -> Callable[..., tuple[Array, Array]]:
  """How critics see videos: `(video, hint, rng, step) -> (video, hint)`.

  Args:
    names: of `vgjax.augment`.
    noise: `std` and `until` of the instance noise, or None.
  """
  change = augmentation.make(names)
  fading = None if noise is None else configs.call(_noise, noise, where="config.method.noise")

  def view(video, hint, rng, step):
    rng_augment, rng_noise = jax.random.split(rng)
    if names:
      video, hint = change(video, rng_augment), change(hint, rng_augment)
    if fading is not None:
      video = video + fading(step) * jax.random.normal(rng_noise, video.shape)
    return video, hint

  return view


def loss(
  judge: Callable[[Array, Array], Output],
  real: Array,
  fake: Array,
  *,
  game: Game,
  losses: Mapping[str, float],
  penalise: Penalty | None,
  rngs: Mapping[str, Array],
  step: Array,
) -> tuple[Array, Aux]:
  """What a critic learns of real and of made videos.

  Args:
    judge: `(video, rng) -> Output` with a Verdict.
    real: [batch, time, height, width, channels].
    fake: the same shape.
    game: the adversarial loss.
    losses: {name: weight} of the critic's own losses.
    penalise: a penalty of `vgjax.penalties`, or None.
    rngs: a key for each of `USES`.
    step: the number of the step.
  """
  fake = jax.lax.stop_gradient(fake)
  seen, judged = judge(real, rngs["real"]), judge(fake, rngs["fake"])
  total = game.critic(seen.value.scores, judged.value.scores)
  metrics = _shares(seen.value.scores, judged.value.scores, game.boundary)
  for own, value in seen.losses.items():
    total += weight(losses, own) * value
    metrics[own] = value
  if penalise is not None:
    rng_penalty, rng_seen = jax.random.split(rngs["penalty"])
    score = lambda video: judge(video, rng_seen).value.scores
    metrics["penalty"] = penalise(score, real, fake, rng_penalty, step)
    total += metrics["penalty"]
  # Of real and of made videos; the generator's loss sees the critic as it was, so this is shared with it.
  writes = jax.tree.map(lambda a, b: (a + b) / 2, seen.writes, judged.writes)
  return total, Aux(metrics, writes)


def weight(losses: Mapping[str, float], name: str) -> float:
  """The weight of a loss that a model has of its own.

  Raises:
    ConfigError: it has none.
  """
  if name not in losses:
    raise ConfigError(
      f'config.method.losses: a model has a loss of its own, "{name}", which has no weight; add {name}=WEIGHT'
    )
  return losses[name]


def _noise(*, std=0.1, until=10_000):
  return lambda step: std * jnp.maximum(0.0, 1.0 - step / until)


def _shares(real, fake, boundary):
  """Mean scores, and how many are on the right side."""
  metrics = {"real": jnp.mean(real), "fake": jnp.mean(fake)}
  if boundary is None:
    return metrics
  right = {"accuracy_real": jnp.mean(real > boundary), "accuracy_fake": jnp.mean(fake < boundary)}
  return metrics | right
