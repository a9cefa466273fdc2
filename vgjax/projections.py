"""What keeps a Wasserstein critic from being steep without a penalty: its parameters, put back in bounds.

  clip               every parameter into [-limit, limit] (Arjovsky et al. 2017, arXiv:1701.07875)
  singular_values    singular values of kernels at most `limit`, scales of batch normalisation between 1/100
                     of it and all of it, times the running standard deviation (Saito et al. 2017,
                     arXiv:1611.06624, section 3.3: singular value clipping)

Each is an optax transformation for the end of a chain: it changes an update u of the parameters p to
project(p + u) - p. A kernel [*window, in, out] counts as the matrix [window * in, out], as in the authors'
program: the norm of what it does to one window, and of the layer where windows do not overlap. That of batch
normalisation is the largest scale / deviation.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from vgjax.sharding import path_name
from vgjax.types import Array, Tree

__all__ = ["clip", "singular_values"]  # the names for config.optim.<branch>.project

FLOOR = 0.01  # of a scale, in shares of its upper bound; the authors' program has it


class ProjectState(NamedTuple):
  """The number of updates so far."""

  count: Array


def clip(*, limit: float = 0.01, every: int = 1) -> optax.GradientTransformationExtraArgs:
  """Every parameter into [-limit, limit], after every n-th update."""

  def bounded(params, stats):
    del stats
    return jax.tree.map(lambda x: jnp.clip(x, -limit, limit), params)

  return _projection(limit, every, bounded)


def singular_values(*, limit: float = 1.0, every: int = 5) -> optax.GradientTransformationExtraArgs:
  """Singular values of every `kernel` to at most `limit`, after every n-th update.

  A `scale` with a running variance `var` of the same path in the branch's statistics is bounded, too; biases,
  embeddings and scales of other normalisations are left as they are.
  """

  def bounded(params, stats):
    deviations = _deviations(stats)

    def one(path, x):
      place, _, name = path_name(path).rpartition("/")
      if name == "kernel" and x.ndim > 1:
        return clip_singular_values(x, limit)
      if name == "scale" and place in deviations:
        most = limit * deviations[place]
        return jnp.clip(x, FLOOR * most, most).astype(x.dtype)
      return x

    return jax.tree_util.tree_map_with_path(one, params)

  return _projection(limit, every, bounded)


def clip_singular_values(kernel: Array, limit: float) -> Array:
  """The nearest kernel [..., out] whose matrix [-1, out] has no singular value above `limit`.

  By the eigenvectors of the smaller Gram matrix: with A = U S V' the result is A V min(1, limit / S) V', so
  small values, which the Gram matrix resolves badly, do not matter.
  """
  matrix = kernel.reshape(-1, kernel.shape[-1]).astype(jnp.float32)
  tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
  exact = jax.lax.Precision.HIGHEST
  squares, directions = jnp.linalg.eigh(jnp.matmul(tall.T, tall, precision=exact))
  shares = limit / jnp.maximum(jnp.sqrt(jnp.maximum(squares, 0)), limit)
  keep = jnp.matmul(directions * shares, directions.T, precision=exact)
  tall = jnp.matmul(tall, keep, precision=exact)
  matrix = tall if matrix.shape[0] >= matrix.shape[1] else tall.T
  return matrix.reshape(kernel.shape).astype(kernel.dtype)


def _projection(limit: float, every: int, project: Callable[[Tree, Any], Tree]):
  """The transformation of `project(params, stats)`."""
  if limit <= 0:
    raise ValueError(f"limit={limit}: it must be above 0")
  if every < 1 or every != int(every):
    raise ValueError(f"every={every}: it must be a whole number, at least 1")

  def init(params: Tree) -> ProjectState:
    del params
    return ProjectState(jnp.zeros((), jnp.int32))

  def update(updates: Tree, state: Any, params: Tree | None = None, **extra: Any):
    if params is None or "stats" not in extra:
      raise ValueError(
        "a projection needs the parameters and the branch's statistics (None if there are none): call"
        " update(updates, state, params, stats=params_of_all_branches.get(f'{branch}_stats'))"
      )
    count = state.count + 1

    def bounded(updates):
      new = project(optax.apply_updates(params, updates), extra["stats"])
      return jax.tree.map(lambda a, b: (a - b).astype(b.dtype), new, params)

    if every == 1:
      return bounded(updates), ProjectState(count)
    return jax.lax.cond(count % every == 0, bounded, lambda u: u, updates), ProjectState(count)

  return optax.GradientTransformationExtraArgs(init, update)


def _deviations(stats):
  """{path of a batch normalisation: its running standard deviation [channels]}."""
  leaves = jax.tree_util.tree_flatten_with_path((stats or {}).get("batch_stats", {}))[0]
  named = {path_name(path): leaf for path, leaf in leaves}
  return {name.removesuffix("/var"): jnp.sqrt(leaf) for name, leaf in named.items() if name.endswith("/var")}
