"""What methods with critics share: how a critic sees videos, what it learns, and what is said of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp

from vgjax import augment as augmentation
from vgjax import configs, health, rollout
from vgjax.adversarial import Game
from vgjax.augment import View
from vgjax.errors import ConfigError
from vgjax.penalties import Penalty
from vgjax.types import Array, Aux, Batch, Loss, Method, Model, Output, Params

USES = ("real", "fake", "penalty")  # what a critic needs a random key for
Look = Callable[[View, Array, Array], View]  # (what there is to be seen, rng, step) -> what is seen
Judge = Callable[..., Output]  # (params, name, video, batch, rng, step) -> Output with a Verdict


def pick(module: ModuleType, config: Mapping[str, Any], where: str) -> Any:
  """What the function of a module makes that a part of the config names, with its arguments."""
  name, options = configs.split_name(config, where)
  return configs.call(configs.pick(configs.functions(module), name, f"{where}.name"), options, where=where)


def split(models: Mapping[str, Model], method: str) -> tuple[Model, dict[str, Model]]:
  """The generator and the critics.

  Raises:
    ConfigError: one of them is missing, or a model is neither.
  """
  critics = {name: model for name, model in models.items() if name != "generator"}
  named = all(map(is_critic, critics))
  if "generator" not in models or not critics or not named:
    raise ConfigError(
      f"the method {method} has the model `generator` and critics, `critic` or names that end in `_critic`;"
      f" config.models has {sorted(models)}"
    )
  return models["generator"], critics


def init(critics: Mapping[str, Model], rngs: Iterable[Array], batch: Batch) -> Params:
  """The parameters of all critics, which see videos of the batch's shape."""
  params, seen = {}, (batch["video"], batch["hint"], batch["mask"])
  for key, name in zip(rngs, sorted(critics), strict=True):
    params |= critics[name].init(key, *seen, **rollout.beside(critics[name], batch))
  return params


def method(
  init: Callable[[Array, Batch], Params],
  losses: dict[str, Loss],
  sample: Callable[[Params, Batch, Array], Array],
  critics: Mapping[str, Model],
  penalise: Penalty | None,
) -> Method:
  """A method with critics: one that is watched, and whose penalty, if there is one, is sound."""

  def checked(rng, batch):
    params = init(rng, batch)
    for name in critics if penalise else ():
      stats = jax.tree.leaves_with_path(params.get(f"{name}_stats", {}))
      if any(path[-1].key == "var" for path, _ in stats):
        raise ConfigError(
          f"config.models.{name} has batch normalisation: other videos are seen in a video's score, so its"
          ' gradient cannot be penalised. Set norm = "none", "instance" or "spectral" there, or'
          " config.method.penalty = None."
        )
    return params

  lazy = dict.fromkeys(critics, penalise.every) if penalise else {}
  generators = [name for name in losses if not is_critic(name)]
  return Method(checked, losses, sample, lambda: health.Monitor(sorted(critics), generators), lazy)


def is_critic(name: str) -> bool:
  """Whether this is a critic's name: `critic`, or one that ends in `_critic`."""
  return name == "critic" or name.endswith("_critic")


def judges(critics: Mapping[str, Model], look: Look) -> Judge:
  """What critics say of videos `[batch, time, height, width, channels]` made for a batch."""

  def judge(params, name, video, batch, rng, step):
    rng_look, rng_critic = jax.random.split(rng)
    view = look(View(video, batch["hint"], batch["mask"]), rng_look, step)
    options = rollout.beside(critics[name], batch)
    return critics[name].apply(params, *view, train=True, rng=rng_critic, **options)

  return judge


def keys(rng: Array, makers: Iterable[str], critics: Iterable[str]) -> dict[Any, Array]:
  """A key for each use, by the maker's name, or (critic, use); every loss gives a use the same one."""
  names = [*makers, *((name, use) for name in sorted(critics) for use in USES)]
  return dict(zip(names, jax.random.split(rng, len(names))))


def look(names: Sequence[str], noise: Mapping[str, Any] | None) -> Look:
  """How critics see videos.

  Args:
    names: of `vgjax.augment`.
    noise: `std` and `until` of the instance noise, or None.
  """
  change = augmentation.make(names)
  fading = None if noise is None else configs.call(_noise, noise, where="config.method.noise")

  def look(view, rng, step):
    rng_augment, rng_noise = jax.random.split(rng)
    if names:
      view = change(view, rng_augment)
    if fading is not None:
      noise = fading(step) * jax.random.normal(rng_noise, view.video.shape)
      view = view._replace(video=view.video + noise)
    return view

  return look


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
  metrics = _shares(seen.value.scores, judged.value.scores, game)
  for own, value in seen.losses.items():
    total += weight(losses, own) * value
    metrics[own] = value
  if penalise is not None:
    rng_penalty, rng_seen = jax.random.split(rngs["penalty"])
    score = lambda video: judge(video, rng_seen).value.scores
    term = penalise(score, real, fake, rng_penalty, step)
    total += term
    # As it is, not as often as it counts; a blank where it is not due.
    metrics["penalty"] = jnp.where(step % penalise.every == 0, term / penalise.every, jnp.nan)
  # Of real and of made videos; the generator's loss sees the critic as it was, so this is shared with it.
  writes = jax.tree.map(lambda a, b: (a + b) / 2, seen.writes, judged.writes)
  return total, Aux(metrics, writes)


def opposed(
  real: Callable[[str], Output],
  judged: Mapping[str, Output],
  *,
  game: Game,
  weights: Mapping[str, float],
) -> tuple[Array | float, dict[str, Array], dict[str, Array]]:
  """What a generator learns of the critics' judgement of its videos.

  Args:
    real: what a critic says of the real videos, by its name; asked for by a game of pairs only.
    judged: {critic: what it says of the made ones}.
    game: the adversarial loss.
    weights: {critic: weight of its judgement}; 1 where nothing is said.

  Returns:
    The weighted sum of the generator's side of the game, the sums of the critics' own losses, and each
    critic's share by the name under which it is logged.
  """
  total, own, metrics = 0.0, {}, {}
  for name, output in judged.items():
    seen = jax.lax.stop_gradient(real(name).value.scores) if game.paired else None
    wins = game.generator(seen, output.value.scores)
    total += weights.get(name, 1.0) * wins
    metrics["adversarial" if len(judged) == 1 else f"adversarial_{name}"] = wins
    for term, value in output.losses.items():
      own[term] = own.get(term, 0.0) + value
  return total, own, metrics


def matching(losses: Mapping[str, float], real: Callable[[str], Output], judged: Mapping[str, Output]):
  """{name: scalar} of what `losses` asks for of the distances between features of real and of made videos.

  `feature_matching` is the mean absolute difference, averaged over layers: for videos that have a truth each
  (Wang et al. 2018, arXiv:1711.11585, section 3.2). `feature_means` is the mean squared difference of the
  batch's means, averaged over layers: for videos made of nothing, where only the distribution is known
  (Salimans et al. 2016, arXiv:1606.03498, section 3.1). `feature_cosine` is 1 - cosine of the angle between
  the vectors of channels, averaged over a layer and summed over layers, as SAVP has it (Lee et al. 2018,
  arXiv:1804.01523).
  Those of several critics are added up.

  Args:
    losses: {name: weight}; others than these are not looked at.
    real: what a critic says of the real videos, by its name.
    judged: {critic: what it says of the made ones}.
  """
  wanted = {name: distance for name, distance in _DISTANCES.items() if name in losses}
  found = dict.fromkeys(wanted, 0.0)
  for name, output in judged.items() if wanted else ():
    features = jax.lax.stop_gradient(real(name).value.features)
    for term, distance in wanted.items():
      found[term] += distance(features, output.value.features)
  return found


def _absolute(real, made):
  return _layers(lambda a, b: jnp.mean(jnp.abs(a - b)), real, made)


def _means(real, made):
  return _layers(lambda a, b: jnp.mean(jnp.square(a.mean(axis=0) - b.mean(axis=0))), real, made)


def _layers(distance, real, made):
  return sum(distance(a, b) for a, b in zip(real, made, strict=True)) / max(len(real), 1)


def _cosine(real, made):
  def unit(x):
    # A square root's slope has no bound at zero: vectors shorter than that have none instead.
    return x / jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(x), axis=-1, keepdims=True), 1e-20))

  pairs = [
    (unit(a.astype(jnp.float32)), unit(b.astype(jnp.float32))) for a, b in zip(real, made, strict=True)
  ]
  return sum(jnp.mean(jnp.sum(jnp.square(a - b), axis=-1)) / 2 for a, b in pairs)


_DISTANCES = {"feature_matching": _absolute, "feature_means": _means, "feature_cosine": _cosine}


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
  if std < 0 or until < 1:
    raise ValueError(f"std is {std} and until is {until}; they must be at least 0 and 1")
  return lambda step: std * jnp.maximum(0.0, 1.0 - step / until)


def _shares(real, fake, game):
  """Mean scores, and how many are on the right side, or how many pairs are in the right order."""
  metrics = {"real": jnp.mean(real), "fake": jnp.mean(fake)}
  if game.paired:
    metrics["accuracy"] = jnp.mean(real > fake)
  elif game.boundary is not None:
    metrics["accuracy_real"] = jnp.mean(real > game.boundary)
    metrics["accuracy_fake"] = jnp.mean(fake < game.boundary)
  return metrics
