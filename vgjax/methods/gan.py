"""Adversarial learning: a generator makes videos, critics tell them from real ones (Goodfellow et al. 2014).

The generator is any model `(hint, mask) -> video`: one that draws latents makes videos of nothing, a
predictor or interpolator with a critic beside it makes sharp ones. A critic is a model `(video, hint, mask)
-> Verdict` (`models/layers/verdict.py`); it sees what a user would, with the given pixels in their place.
There may be several, of frames and of motion, say; each is a branch with a loss of its own:

  critic       game.critic(C(real), C(made)) + penalty + the critic's own losses at real videos
  generator    sum over critics of weight * game.generator(C(made)) + the other losses

Both losses are taken at the same parameters and the same random key, so the videos that are made, and what a
critic with no batch of its own says of them, are computed once for all branches. `optim.critic.every` and
`optim.generator.every` set how many steps of one go with one of the other.

Branches: `generator` and critics, `critic` or `<anything>_critic` (trained); their `_stats` (written).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from vgjax import adversarial, configs, health, objective, penalties, rollout
from vgjax import critics as critics_lib
from vgjax.errors import ConfigError
from vgjax.types import Array, Aux, Batch, Method, Model, Params


def make(
  models: Mapping[str, Model],
  *,
  loss: Mapping[str, Any] = {"name": "nonsaturating"},
  weights: Mapping[str, float] = {},
  losses: Mapping[str, float] = {},
  penalty: Mapping[str, Any] | None = None,
  augment: Sequence[str] = (),
  noise: Mapping[str, Any] | None = None,
) -> Method:
  """A generator against one critic or several.

  Args:
    models: `generator` and the critics.
    loss: a function of `vgjax.adversarial` and its arguments: `dict(name="hinge")`.
    weights: {critic: weight of its judgement in the generator's loss}; 1 where nothing is said.
    losses: {name: weight} of what else the generator learns: functions of `vgjax.losses` of the unknown
      pixels, losses that the models have of their own, and `feature_matching`, the mean distance between what
      the critics' layers see in real and in made videos (Salimans et al. 2016; Wang et al. 2018, eq. 2).
    penalty: a function of `vgjax.penalties` and its arguments, on every critic, or None.
    augment: names of `vgjax.augment`: what is done to all that the critics see.
    noise: `dict(std=0.1, until=10_000)`: Gaussian noise on all that the critics see, less and less up to that
      step (instance noise, Sønderby et al. 2017, arXiv:1610.04490), or None.

  Raises:
    ConfigError: models that are missing, or unknown names.
  """
  critics = {name: model for name, model in models.items() if name != "generator"}
  named = all(name == "critic" or name.endswith("_critic") for name in critics)
  if "generator" not in models or not critics or not named:
    raise ConfigError(
      "the method gan has the model `generator` and critics, `critic` or names that end in `_critic`;"
      f" config.models has {sorted(models)}"
    )
  for name in weights:
    configs.pick(critics, name, "config.method.weights")
  generator = models["generator"]
  game = critics_lib.pick(adversarial, loss, "config.method.loss")
  penalise = None if penalty is None else critics_lib.pick(penalties, penalty, "config.method.penalty")
  view = critics_lib.view(augment, noise)

  def init(rng: Array, batch: Batch) -> Params:
    rngs = jax.random.split(rng, len(models))
    params = rollout.init(generator, rngs[0], batch)
    for key, (name, critic) in zip(rngs[1:], sorted(critics.items())):
      seen = (batch["video"], batch["hint"], batch["mask"])
      params |= critic.init(key, *seen, **rollout.beside(models[name], batch))
    return params

  def made(params, batch, rng):
    """The generator's output, and its videos as they are shown: given pixels in their place."""
    options = {
      "beside": rollout.beside(generator, batch),
      "latents": rollout.chosen_latents(generator, batch),
    }
    hint, mask = batch["hint"], batch["mask"]
    if "truth" in generator.reads:
      options["beside"]["truth"] = batch["video"]
    output = rollout.make_video(generator, params, hint, mask, train=True, rng=rng, **options)
    return output, mask * hint + (1.0 - mask) * output.value

  def judge(params, name, video, batch, rng, step):
    rng_view, rng_critic = jax.random.split(rng)
    video, hint = view(video, batch["hint"], rng_view, step)
    options = rollout.beside(critics[name], batch)
    return critics[name].apply(params, video, hint, batch["mask"], train=True, rng=rng_critic, **options)

  def critic_loss(name):
    def loss(params: Params, batch: Batch, rng: Array, step: Array) -> tuple[Array, Aux]:
      keys = critics_lib.keys(rng, ("make",), critics)
      return critics_lib.loss(
        lambda video, key: judge(params, name, video, batch, key, step),
        batch["video"],
        made(params, batch, keys["make"])[1],
        game=game,
        losses=losses,
        penalise=penalise,
        rngs={use: keys[name, use] for use in critics_lib.USES},
        step=step,
      )

    return loss

  def generator_loss(params: Params, batch: Batch, rng: Array, step: Array) -> tuple[Array, Aux]:
    keys = critics_lib.keys(rng, ("make",), critics)
    output, fake = made(params, batch, keys["make"])
    own, total, metrics = dict(output.losses), 0.0, {}
    for name in critics:
      judged = judge(params, name, fake, batch, keys[name, "fake"], step)
      wins = game.generator(judged.value.scores)
      total += weights.get(name, 1.0) * wins
      metrics["adversarial" if len(critics) == 1 else f"adversarial_{name}"] = wins
      for term, value in judged.losses.items():
        own[term] = own.get(term, 0.0) + value
      if "feature_matching" in losses:
        real = judge(params, name, batch["video"], batch, keys[name, "fake"], step)  # seen in the same way
        matching = _distance(jax.lax.stop_gradient(real.value.features), judged.value.features)
        own["feature_matching"] = own.get("feature_matching", 0.0) + matching
    more, values = objective.weighted(losses, output.value, batch["video"], 1.0 - batch["mask"], own)
    metrics |= values | health.measure(batch["video"], fake, batch["mask"])
    return total + more, Aux(metrics, output.writes)

  def sample(params: Params, batch: Batch, rng: Array) -> Array:
    return rollout.sample(generator, params, batch, rng)

  trained = {name: critic_loss(name) for name in sorted(critics)} | {"generator": generator_loss}
  return Method(init, trained, sample, watch=lambda: health.Monitor(sorted(critics)))


def _distance(real, made):
  """The mean absolute difference of each layer's features, averaged over layers."""
  layers = [jnp.mean(jnp.abs(a - b)) for a, b in zip(real, made, strict=True)]
  return sum(layers) / max(len(layers), 1)
