"""A Linen module as the pure `init` and `apply` of a `Model`."""

import inspect

import flax.linen as nn
import jax
import jax.numpy as jnp

from vgjax.types import Model, Output

LOSSES = "losses"  # the collection into which modules sow


def wrap(module: nn.Module, branch: str) -> Model:
  """The module's parameters become `params[branch]`, its other variables `params[branch + "_stats"]`.

  Randomness: `rng` feeds the collections `dropout` and `sample`. In training,

  * written variables come back as `{branch_stats: ...}`, for the method to hand on in `Aux.writes`;
  * losses of the module's own come back by name. A module sows them,
    `self.sow("losses", "kl", value)`, scalars that are means over the examples; those of one name, in
    whatever submodule, are added up.
  """
  stats = f"{branch}_stats"

  def init(rng, *inputs, **options):
    rng_params, rng_draw = jax.random.split(rng)
    rngs = {"params": rng_params, "dropout": rng_draw, "sample": rng_draw}
    variables = dict(module.init(rngs, *inputs, train=False, **options))
    variables.pop(LOSSES, None)
    params = {branch: variables.pop("params", {})}
    return params | ({stats: variables} if variables else {})

  def apply(params, *inputs, train=False, rng=None, **options):
    variables = {"params": params[branch], **params.get(stats, {})}
    rngs = None
    if rng is not None:
      rng_dropout, rng_sample = jax.random.split(rng)
      rngs = {"dropout": rng_dropout, "sample": rng_sample}
    if not train:
      return Output(module.apply(variables, *inputs, train=False, rngs=rngs, **options))
    mutable = [*params.get(stats, {}), LOSSES]
    value, written = module.apply(variables, *inputs, train=True, rngs=rngs, mutable=mutable, **options)
    written = dict(written)
    losses = _by_name(written.pop(LOSSES, {}))
    return Output(value, {stats: written} if stats in params else {}, losses)

  return Model(
    branch,
    init,
    apply,
    window=getattr(module, "window", None),
    given=getattr(module, "given", 0),
    reads_ends=getattr(module, "reads_ends", False),
    reads=_reads(module),
    latents=getattr(module, "latents", None),
    classes=getattr(module, "classes", 0) or getattr(module, "categories", 0),
  )


def _reads(module):
  """The keywords of the network; those that it uses, where that depends on its fields."""
  if hasattr(module, "reads"):
    return tuple(module.reads)
  keywords = inspect.signature(module.__call__).parameters.values()
  return tuple(
    word.name
    for word in keywords
    if word.kind is inspect.Parameter.KEYWORD_ONLY and word.name not in ("train", "latents")
  )


def _by_name(tree):
  """{name: sum} of a tree of sown values."""
  sums = {}
  for path, value in jax.tree_util.tree_flatten_with_path(tree)[0]:
    name = next(key.key for key in reversed(path) if isinstance(key, jax.tree_util.DictKey))
    sums[name] = sums.get(name, 0) + jnp.asarray(value, jnp.float32)
  return sums
