"""A batch in parts, one after the other, so that what is made of a part fits the processor's cache."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Array = Any


def count(batch: int, numbers: int, most: int) -> int:
  """The least number of equal parts of a batch that have at most `most` of its `numbers`, if there is one."""
  return next(n for n in range(1, batch + 1) if batch % n == 0 and (numbers <= most * n or n == batch))


def mapped(function: Callable[[Array], Array], array: Array, parts: int) -> Array:
  """`function`, which is one of each example by itself, of a batch: [batch, ...] -> [batch, ...]."""
  if parts == 1:
    return function(array)
  at = _parts(array, parts)
  done = lax.map(lambda part: function(at(part)), jnp.arange(parts)).swapaxes(0, 1)
  return done.reshape(-1, *done.shape[2:])


def summed(function: Callable[..., Array], arrays: tuple[Array, ...], parts: int) -> Array:
  """`function`, which is a sum over examples, of batches."""
  if parts == 1:
    return function(*arrays)
  at = [_parts(array, parts) for array in arrays]
  value = lambda part: function(*(get(part) for get in at))
  total = jax.eval_shape(value, jnp.zeros((), jnp.int32))
  return lax.fori_loop(0, parts, lambda part, total: total + value(part), jnp.zeros(total.shape, total.dtype))


def _parts(array, parts):
  # Every so many-th example is one part: so a batch that is spread over devices stays where it is.
  array = array.reshape(-1, parts, *array.shape[1:])
  return lambda part: lax.dynamic_index_in_dim(array, part, axis=1, keepdims=False)
