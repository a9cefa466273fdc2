"""What recurrent cells do with their gates, whatever the gates are made with.

Both cells are `(read, x, state) -> (h, state)`. `read(name, x, h)` maps the input and the last output, one
of which may be None and then counts as zeros, to the values before the nonlinearity: `lstm` asks for
"gates", 4 * channels wide, `gru` for "gates", 2 * channels, and for "candidate", channels. A state of None
is a state of zeros, which nothing is computed with.

  lstm (Hochreiter & Schmidhuber 1997, with forget gates, without peepholes)
    i, f, g, o = split(gates(x, h))
    c = sigmoid(f) c + sigmoid(i) tanh(g)
    h = sigmoid(o) tanh(c)

  gru (Cho et al. 2014)
    z, r = split(sigmoid(gates(x, h)))
    h = (1 - z) h + z tanh(candidate(x, r h))
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

Array = Any
Tree = Any


def lstm(read: Callable, x: Array | None, state: tuple[Array, Array] | None) -> tuple[Array, Tree]:
  """(h, (h, c)) from the last (h, c)."""
  h, c = (None, None) if state is None else state
  i, f, g, o = jnp.split(read("gates", x, h), 4, axis=-1)
  new = nn.sigmoid(i) * jnp.tanh(g)
  c = new if c is None else nn.sigmoid(f) * c + new
  h = nn.sigmoid(o) * jnp.tanh(c)
  return h, (h, c)


def gru(read: Callable, x: Array | None, h: Array | None) -> tuple[Array, Tree]:
  """(h, h) from the last h."""
  z, r = jnp.split(nn.sigmoid(read("gates", x, h)), 2, axis=-1)
  candidate = jnp.tanh(read("candidate", x, None if h is None else r * h))
  h = z * candidate if h is None else h + z * (candidate - h)
  return h, h


CELLS = {"lstm": lstm, "gru": gru}
WIDTHS = {"lstm": {"gates": 4}, "gru": {"gates": 2, "candidate": 1}}  # of what they read, in channels


def pick(cell: str):
  """(cell, widths) of that name.

  Raises:
    ValueError: there is none.
  """
  if cell not in CELLS:
    raise ValueError(f'there is no cell "{cell}"; known: {sorted(CELLS)}')
  return CELLS[cell], WIDTHS[cell]


def join(x: Array | None, h: Array | None) -> Array:
  """x and h as one array; one of them may be None."""
  parts = [part for part in (x, h) if part is not None]
  return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)


def every_step(tree: Tree, time: int) -> Tree:
  """The same arrays at each of `time` steps: how a bias or a norm's scale gets into `recurrent.unroll`."""
  return jax.tree.map(lambda x: jnp.broadcast_to(x, (time, *x.shape)), tree)
