"""Translation without pairs: two generators, there and back, each with critics (CycleGAN, Zhu et al. 2017).

With x a source and y a video of its own, G the generator x -> y, F its inverse, C the critics of both sides:

  L(G, F) = game(C_y(G(x))) + game(C_x(F(y)))                        it looks like the others
          + cycle * (|F(G(x)) - x| + |G(F(y)) - y|)                  and can be undone
          + identity * (|G(y) - y| + |F(x) - x|)                     and leaves alone what is there already

with means of absolute differences; arXiv:1703.10593, equations 1 to 3, section 5.2 and the authors' program.
Both generators learn by this one sum. The loss of each is the terms in which it has a part: both cycles, and
what it makes; its gradient is that of the sum. A critic learns as in the method `gan`.

The batch has `video` and `source`, which need have nothing to do with each other (the data source `pairs`),
and the task `translate` makes the source the hint, so a sample is G(source), and evaluators work as with any
method. Critics see videos alone; what they get as hint and mask is 0.

What differs: the published program shows critics 50 earlier videos as often as new ones. That pool is state
that lives with no branch, and is left out. Batch statistics of a generator are those of G(x) and F(y).

Branches: `generator`, `inverse`; the critics of videos, whose names end in `video_critic`, and those of
sources, which end in `source_critic` (trained); their `_stats` (written).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from vgjax import adversarial, configs, health, objective, penalties, rollout
from vgjax import critics as critics_lib
from vgjax.errors import ConfigError
from vgjax.types import Array, Aux, Batch, Method, Model, Params

SIDES = {"generator": "video_critic", "inverse": "source_critic"}  # who judges what each of them makes
CALLS = (*SIDES, "undo_generator", "undo_inverse", "same_generator", "same_inverse")  # for random keys


def make(
  models: Mapping[str, Model],
  *,
  loss: Mapping[str, Any] = {"name": "least_squares"},
  adversarial_weight: float = 2.0,
  cycle: float = 10.0,
  identity: float = 5.0,
  weights: Mapping[str, float] = {},
  losses: Mapping[str, float] = {},
  penalty: Mapping[str, Any] | None = None,
  augment: Sequence[str] = (),
  noise: Mapping[str, Any] | None = None,
) -> Method:
  """Two generators and their critics.

  Args:
    models: `generator`, `inverse`, and critics of both sides.
    loss: a function of `vgjax.adversarial` and its arguments.
    adversarial_weight: of all critics' judgements in the generators' loss. The published loss has (s - 1)^2
      where `least_squares` has half of it, therefore 2.
    cycle: weight of what is lost on the way there and back.
    identity: weight of what is changed in videos that need no translation; 0 saves the work.
    weights: {critic: weight of its judgement}; 1 where nothing is said.
    losses: {name: weight} of losses that the models have of their own.
    penalty, augment, noise: as in the method `gan`.

  Raises:
    ConfigError: models that are missing, or unknown names.
  """
  critics = {name: model for name, model in models.items() if name not in SIDES}
  judges = {name: sorted(c for c in critics if c.endswith(side)) for name, side in SIDES.items()}
  judged = {critic for names in judges.values() for critic in names}
  if not {*SIDES} <= {*models} or not all(judges.values()) or judged != {*critics}:
    raise ConfigError(
      "the method cyclegan has the models `generator` and `inverse`, and critics of both sides, which end"
      f" in `video_critic` and in `source_critic`; config.models has {sorted(models)}"
    )
  for name in weights:
    configs.pick(critics, name, "config.method.weights")
  for name in SIDES:
    if "truth" in models[name].reads:
      raise ConfigError(
        f"config.models.{name} reads the true video, and a translation without pairs has none"
      )
  game = critics_lib.pick(adversarial, loss, "config.method.loss")
  penalise = None if penalty is None else critics_lib.pick(penalties, penalty, "config.method.penalty")
  judged_in = critics_lib.judges(critics, critics_lib.look(augment, noise))

  def init(rng: Array, batch: Batch) -> Params:
    real, params = _real(batch), {}
    for key, name in zip(jax.random.split(rng, len(models)), sorted(models), strict=True):
      if name in SIDES:
        params |= rollout.init(models[name], key, batch | {"hint": real[_other(name)], "mask": _none(batch)})
      else:
        seen = (batch["video"], jnp.zeros_like(batch["video"]), _none(batch))
        params |= models[name].init(key, *seen, **rollout.beside(models[name], batch))
    return params

  def translate(name, params, hint, batch, keys, call):
    """What one of the two generators makes of videos."""
    options = {"beside": rollout.beside(models[name], batch)}
    return rollout.make_video(models[name], params, hint, _none(batch), train=True, rng=keys[call], **options)

  def judge(params, name, video, batch, rng, step):
    nothing = {"hint": jnp.zeros_like(video), "mask": _none(batch)}
    return judged_in(params, name, video, batch | nothing, rng, step)

  def made(name, params, batch, keys):
    return translate(name, params, _real(batch)[_other(name)], batch, keys, name)

  def critic_loss(critic, maker):
    def loss(params: Params, batch: Batch, rng: Array, step: Array) -> tuple[Array, Aux]:
      keys = critics_lib.keys(rng, CALLS, critics)
      return critics_lib.loss(
        lambda video, key: judge(params, critic, video, batch, key, step),
        _real(batch)[maker],
        made(maker, params, batch, keys).value,
        game=game,
        losses=losses,
        penalise=penalise,
        rngs={use: keys[critic, use] for use in critics_lib.USES},
        step=step,
      )

    return loss

  def side(name, params, batch, keys, step):
    """What one generator makes.

    Returns:
      its terms of the sum, the term of its way there and back, what is written and logged, and the names of
      the losses that it and its critics have of their own.
    """
    real, other = _real(batch), _other(name)
    output = made(name, params, batch, keys)
    look = lambda critic, video: judge(params, critic, video, batch, keys[critic, "fake"], step)
    judged = {critic: look(critic, output.value) for critic in judges[name]}
    wins, theirs, metrics = critics_lib.opposed(
      lambda critic: look(critic, real[name]), judged, game=game, weights=weights
    )
    own = objective.added(output.losses, theirs)
    total = adversarial_weight * wins
    for term, value in own.items():
      total += critics_lib.weight(losses, term) * value
      metrics[term] = value
    back = translate(other, params, output.value, batch, keys, f"undo_{name}").value
    metrics["cycle"] = jnp.mean(jnp.abs(back - real[other]))
    if identity:
      same = translate(name, params, real[name], batch, keys, f"same_{name}").value
      metrics["identity"] = jnp.mean(jnp.abs(same - real[name]))
      total += identity * metrics["identity"]
    metrics |= health.measure(real[name], output.value, _none(batch))
    return total, cycle * metrics["cycle"], Aux(metrics, output.writes), {*own}

  def generator_loss(name):
    def loss(params: Params, batch: Batch, rng: Array, step: Array) -> tuple[Array, Aux]:
      keys = critics_lib.keys(rng, CALLS, critics)
      total, back, aux, own = side(name, params, batch, keys, step)
      # Its part in the other's way there and back; what both losses need is computed once.
      _, back_too, _, others = side(_other(name), params, batch, keys, step)
      for term in losses:
        configs.pick(dict.fromkeys(own | others), term, "config.method.losses")
      return total + back + back_too, aux

    return loss

  def sample(params: Params, batch: Batch, rng: Array) -> Array:
    return rollout.sample(models["generator"], params, batch, rng)

  trained = {name: generator_loss(name) for name in SIDES}
  trained |= {critic: critic_loss(critic, maker) for maker in SIDES for critic in judges[maker]}
  return critics_lib.method(init, trained, sample, critics, penalise)


def _real(batch):
  """{generator: real videos of the kind that it makes}."""
  if "source" not in batch:
    raise ConfigError(
      "the method cyclegan learns from two videos, `video` and `source`; the batch has no `source`: take"
      ' config.data = dict(name="pairs", first=..., second=...) and config.task = dict(name="translate")'
    )
  return {"generator": batch["video"], "inverse": batch["hint"]}


def _other(name):
  """The generator that goes the other way, which makes what this one reads."""
  return "inverse" if name == "generator" else "generator"


def _none(batch):
  """The mask of a translation: nothing is given."""
  return jnp.zeros_like(batch["mask"])
