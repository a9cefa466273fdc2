"""Adversarial learning: a generator makes videos, critics tell them from real ones (Goodfellow et al. 2014).

The generator is any model `(hint, mask) -> video`: one that draws latents makes videos of nothing, a
predictor or interpolator with a critic beside it makes sharp ones. A critic is a model `(video, hint, mask)
-> Verdict` (`models/layers/verdict.py`); it sees what a user would, with the given pixels in their place.
There may be several, of frames and of motion, say; each is a branch with a loss of its own:

  critic       game.critic(C(real), C(made)) + penalty + the critic's own losses at real videos
  generator    sum over critics of weight * game.generator(C(real), C(made)) + the other losses

Both losses are taken at the same parameters and the same random key, so the videos that are made, and what a
critic with no batch of its own says of them, are computed once for all branches. `optim.critic.every` and
`optim.generator.every` set how many steps of one go with one of the other; what is computed in some steps
only is no longer shared with the rest of them. (The programs of VGAN, MoCoGAN and Pix2Pix update critics
first, and the generator learns from the new ones.)

Branches: `generator` and critics, `critic` or `<anything>_critic` (trained); their `_stats` (written).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax

from vgjax import adversarial, configs, health, objective, penalties, rollout
from vgjax import critics as critics_lib
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
      pixels, losses that the models have of their own, and `feature_means`, `feature_matching` or
      `feature_cosine`, how far apart what the critics' layers see in real and in made videos is
      (`vgjax.critics.matching`).
    penalty: a function of `vgjax.penalties` and its arguments, on every critic, or None.
    augment: names of `vgjax.augment`: what is done to all that the critics see.
    noise: `dict(std=0.1, until=10_000)`: Gaussian noise on all videos that critics judge, less and less up to
      that step (instance noise, Sønderby et al. 2017, arXiv:1610.04490), or None.

  Raises:
    ConfigError: models that are missing, or unknown names.
  """
  generator, critics = critics_lib.split(models, "gan")
  for name in weights:
    configs.pick(critics, name, "config.method.weights")
  game = critics_lib.pick(adversarial, loss, "config.method.loss")
  penalise = None if penalty is None else critics_lib.pick(penalties, penalty, "config.method.penalty")
  judge = critics_lib.judges(critics, critics_lib.look(augment, noise))

  def init(rng: Array, batch: Batch) -> Params:
    rngs = jax.random.split(rng, len(models))
    return rollout.init(generator, rngs[0], batch) | critics_lib.init(critics, rngs[1:], batch)

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
    judged = {name: judge(params, name, fake, batch, keys[name, "fake"], step) for name in critics}
    # Real videos are seen in the same way: with the same key.
    real = lambda name: judge(params, name, batch["video"], batch, keys[name, "fake"], step)
    total, theirs, metrics = critics_lib.opposed(real, judged, game=game, weights=weights)
    own = objective.added(output.losses, theirs, critics_lib.matching(losses, real, judged))
    more, values = objective.weighted(losses, output.value, batch["video"], 1.0 - batch["mask"], own)
    metrics |= values | health.measure(batch["video"], fake, batch["mask"])
    return total + more, Aux(metrics, output.writes)

  def sample(params: Params, batch: Batch, rng: Array) -> Array:
    return rollout.sample(generator, params, batch, rng)

  trained = {name: critic_loss(name) for name in sorted(critics)} | {"generator": generator_loss}
  return critics_lib.method(init, trained, sample, critics, penalise)
