"""A Linen module as the pure `init` and `apply` of a `Model`."""

import flax.linen as nn
import jax

from vgjax.types import Model


def wrap(module: nn.Module, branch: str) -> Model:
  """The module's parameters become `params[branch]`, its other variables `params[branch + "_stats"]`.

  Randomness: `rng` feeds the collections `dropout` and `sample`. Written variables come back from
  `apply(..., train=True)` as `{branch_stats: ...}`, for the method to hand on in `Aux.writes`.
  """
  stats = f"{branch}_stats"

  def init(rng, *inputs, **options):
    rng_params, rng_draw = jax.random.split(rng)
    rngs = {"params": rng_params, "dropout": rng_draw, "sample": rng_draw}
    variables = dict(module.init(rngs, *inputs, train=False, **options))
    params = {branch: variables.pop("params", {})}
    return params | ({stats: variables} if variables else {})

  def apply(params, *inputs, train=False, rng=None, **options):
    variables = {"params": params[branch], **params.get(stats, {})}
    rngs = None
    if rng is not None:
      rng_dropout, rng_sample = jax.random.split(rng)
      rngs = {"dropout": rng_dropout, "sample": rng_sample}
    if not train or stats not in params:
      return module.apply(variables, *inputs, train=train, rngs=rngs, **options), {}
    mutable = list(params[stats])
    output, written = module.apply(variables, *inputs, train=train, rngs=rngs, mutable=mutable, **options)
    return output, {stats: dict(written)}

  window = getattr(module, "window", None)
  return Model(branch, init, apply, window, getattr(module, "given", 0))
