"""Variational and adversarial prediction at once: a VAE-GAN, as SAVP is (Lee et al. 2018, arXiv:1804.01523).

The generator makes two videos of each example. One follows the posterior, which has seen the true video: it
can be compared with it. The other one's latents come from the prior, as in sampling: it need only look real.
Critics are apart as well, since the two have faults of different kinds:

  critic, <any>_critic                        see the prior's videos
  posterior_critic, posterior_<any>_critic    see the posterior's

  a critic     game.critic(C(real), C(made)) + penalty + its own losses at real videos
  generator    losses(posterior's) + sum over critics of weight * game.generator(C(real), C(made))

Either kind of critic may be missing: with the prior's alone and the weight 0 for the divergence it is
SAVP-GAN; SAVP-VAE, without any, is the method `predictor`. What differs from the authors' program: all
branches learn at once from the old parameters, where theirs updates the critics first, and the features of a
made video are compared with those of the same frames of the real one, where theirs draws two pieces.

Branches: `generator` and critics (trained); their `_stats` (written).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from vgjax import adversarial, configs, health, objective, penalties, rollout
from vgjax import critics as critics_lib
from vgjax import feeding as feedings
from vgjax.errors import ConfigError
from vgjax.types import Array, Aux, Batch, Method, Model, Output, Params

MAKERS = ("prior", "posterior")  # in the order in which `made` has them


def make(
  models: Mapping[str, Model],
  *,
  loss: Mapping[str, Any] = {"name": "least_squares"},
  weights: Mapping[str, float] = {},
  losses: Mapping[str, float] = {"l1": 1.0, "kl": 1.0},
  loss_over: Literal["unknown", "all"] = "unknown",
  anneal: Mapping[str, Sequence[int]] = {},
  feed: Mapping[str, Any] | None = None,
  penalty: Mapping[str, Any] | None = None,
  augment: Sequence[str] = (),
  noise: Mapping[str, Any] | None = None,
) -> Method:
  """A variational generator against critics of two kinds.

  Args:
    models: `generator`, which reads `truth` and `follow_mask`, and the critics.
    loss: a function of `vgjax.adversarial` and its arguments.
    weights: {critic: weight of its judgement in the generator's loss}; 1 where nothing is said.
    losses: {name: weight} of what else the generator learns of the posterior's videos: functions of
      `vgjax.losses`, losses that the models have of their own, and `feature_matching`, `feature_means` or
      `feature_cosine`, how far apart what the posterior's critics see in real and in made videos is (the
      prior's critics, if there are no others; `vgjax.critics.matching`).
    loss_over: "unknown": losses count only what the task did not give, and critics see the given pixels in
      their place; "all": losses count every frame, and critics see what the model makes of every frame but
      the first, which it copies.
    anneal: {loss: (start, end)}: its weight is 0 up to the step `start`, and grows to its own up to `end`.
    feed: scheduled sampling, a function in `vgjax.feeding` and its arguments; each video's own.
    penalty: a function of `vgjax.penalties` and its arguments, on every critic, or None.
    augment: names of `vgjax.augment`: what is done to all that the critics see.
    noise: `dict(std=0.1, until=10_000)`: instance noise as in the method `gan`, or None.

  Raises:
    ConfigError: models that are missing, a generator that has no posterior, or unknown names.
  """
  generator, critics = critics_lib.split(models, "vae_gan")
  if not {"truth", "follow_mask"} <= {*generator.reads}:
    raise ConfigError(
      "the method vae_gan needs a generator that can follow the true video or draw a future in training (it"
      " reads `truth` and `follow_mask`), as savp does; for others there is the method gan"
    )
  for name in weights:
    configs.pick(critics, name, "config.method.weights")
  objective.check_anneal(losses, anneal)
  feeding = feedings.make(feed)
  game = critics_lib.pick(adversarial, loss, "config.method.loss")
  penalise = None if penalty is None else critics_lib.pick(penalties, penalty, "config.method.penalty")
  judge = critics_lib.judges(critics, critics_lib.look(augment, noise))
  of = {name: "posterior" if name.startswith("posterior_") else "prior" for name in critics}
  comparing = [name for name in critics if of[name] == "posterior"] or list(critics)

  def seen(batch):
    """What critics see of a batch: with `loss_over="all"` the frames after the first."""
    if loss_over == "unknown":
      return batch
    names = {"video", "hint", "mask", *(name for critic in critics.values() for name in critic.reads)}
    read = {name: batch[name] for name in names if name in batch}
    return batch | {name: a[:, 1:] for name, a in read.items() if not rollout.is_per_video(name, a)}

  def shown(video, batch):
    """A made video as critics see it."""
    if loss_over == "all":
      return video[:, 1:]
    return batch["mask"] * batch["hint"] + (1.0 - batch["mask"]) * video

  def init(rng: Array, batch: Batch) -> Params:
    rngs = jax.random.split(rng, len(models))
    return rollout.init(generator, rngs[0], batch) | critics_lib.init(critics, rngs[1:], seen(batch))

  def made(params: Params, batch: Batch, rng: Array, step: Array) -> tuple[Output, dict[str, Array]]:
    """The generator's output, and each of `MAKERS`' videos, made in one call."""
    rng_feed, rng_model = jax.random.split(rng)
    # One after the other, not side by side: XLA may lay a dimension of two videos across devices, and its
    # partitioner (jaxlib 0.10) then doubles a convolution whose kernel is split over `tensor`.
    both = {name: jnp.concatenate([array] * len(MAKERS)) for name, array in batch.items()}
    hint, mask = both["hint"], both["mask"]
    if feeding is not None:
      hint, mask = feeding(both["video"], hint, mask, rng_feed, step)
    beside = rollout.beside(generator, both)
    follow_mask = jnp.concatenate([batch["mask"], jnp.ones_like(batch["mask"])])
    beside |= {"truth": both["video"], "follow_mask": follow_mask}
    output = rollout.make_video(generator, params, hint, mask, train=True, rng=rng_model, beside=beside)
    return output, dict(zip(MAKERS, jnp.split(output.value, len(MAKERS)), strict=True))

  def critic_loss(name):
    def loss(params: Params, batch: Batch, rng: Array, step: Array) -> tuple[Array, Aux]:
      keys, view = critics_lib.keys(rng, ("make",), critics), seen(batch)
      return critics_lib.loss(
        lambda video, key: judge(params, name, video, view, key, step),
        view["video"],
        shown(made(params, batch, keys["make"], step)[1][of[name]], batch),
        game=game,
        losses=losses,
        penalise=penalise,
        rngs={use: keys[name, use] for use in critics_lib.USES},
        step=step,
      )

    return loss

  def generator_loss(params: Params, batch: Batch, rng: Array, step: Array) -> tuple[Array, Aux]:
    keys, view = critics_lib.keys(rng, ("make",), critics), seen(batch)
    output, videos = made(params, batch, keys["make"], step)
    look = lambda name, video: judge(params, name, video, view, keys[name, "fake"], step)
    judged = {name: look(name, shown(videos[of[name]], batch)) for name in critics}
    real = lambda name: look(name, view["video"])
    total, theirs, metrics = critics_lib.opposed(real, judged, game=game, weights=weights)
    features = critics_lib.matching(losses, real, {name: judged[name] for name in comparing})
    own = objective.added(output.losses, theirs, features)
    weight = jnp.ones_like(batch["mask"]) if loss_over == "all" else 1.0 - batch["mask"]
    now = objective.annealed(losses, anneal, step)
    more, values = objective.weighted(now, videos["posterior"], batch["video"], weight, own)
    metrics |= values | health.measure(batch["video"], videos["prior"], batch["mask"])
    return total + more, Aux(metrics, output.writes)

  def sample(params: Params, batch: Batch, rng: Array) -> Array:
    return rollout.sample(generator, params, batch, rng)

  trained = {name: critic_loss(name) for name in sorted(critics)} | {"generator": generator_loss}
  return critics_lib.method(init, trained, sample, critics, penalise)
