"""Recurrent cells of the PredRNN family, with two memories: c of a layer, m that passes through all.

A cell is a function of one time step, with a module beside it that has its kernels. Those that read the same
arrays, or add up to the same gates, are joined into one convolution: fewer and larger ones are faster, and
the sum costs nothing. What is None (there is no state yet) stands for zeros, which nothing convolves.

Written after OpenSTL's cells. Neither layer normalisation nor bias: its published settings have none.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.joined_kernel import JoinedKernel

Array = Any

FORGET_BIAS = 1.0  # added to both forget gates, so that memories last from the start


def st_lstm(convolve: Callable, name: str, x: Array, h: Array | None, c: Array | None, m: Array | None):
  """The spatiotemporal LSTM, with * a convolution and [,] along channels:

    i, f, g, o = split(W * [x, h])               c' = sigmoid(f + 1) c + sigmoid(i) tanh(g)
    i', f', g' = split(V * [x, m])               m' = sigmoid(f' + 1) m + sigmoid(i') tanh(g')
    h' = sigmoid(o + O * [c', m']) tanh(P * [c', m'])

  Wang et al., PredRNN, NIPS 2017, Eq. 3; the forget bias is OpenSTL's.

  Args:
    convolve: as in `recurrent.unroll`; the kernels are "<name>_gates", W, "<name>_memory", V,
      "<name>_output", O, and "<name>_last", P.
    name: of the layer.
    x: [batch, height, width, in], the layer's input.
    h, c: its states of the step before, [batch, height, width, features]; None: zeros.
    m: the memory that comes from the layer below, or from the top of the step before; None: zeros.

  Returns:
    (h', c', m'), and the increments of the two memories (sigmoid(i) tanh(g), sigmoid(i') tanh(g')).
  """
  i, f, g, o = jnp.split(convolve(f"{name}_gates", _join(x, h)), 4, axis=-1)
  new_c = nn.sigmoid(i) * jnp.tanh(g)
  c = new_c if c is None else nn.sigmoid(f + FORGET_BIAS) * c + new_c
  i, f, g = jnp.split(convolve(f"{name}_memory", _join(x, m)), 3, axis=-1)
  new_m = nn.sigmoid(i) * jnp.tanh(g)
  m = new_m if m is None else nn.sigmoid(f + FORGET_BIAS) * m + new_m
  both = _join(c, m)
  h = nn.sigmoid(o + convolve(f"{name}_output", both)) * jnp.tanh(convolve(f"{name}_last", both))
  return h, c, m, (new_c, new_m)


def st_lstm_stack(convolve: Callable, layers: int, states: Any, x: Array):
  """One step of layers "layer_0", ..., with the memory zigzagging through them.

  Args:
    convolve: as in `recurrent.unroll`.
    layers: how many.
    states: those that the step before returned; None in the first.
    x: [batch, height, width, in].

  Returns:
    The states, the top layer's h, and each layer's increments (of c, of m).
  """
  pairs, m = ([(None, None)] * layers, None) if states is None else states
  new_pairs, increments = [], []
  for layer, (h, c) in enumerate(pairs):
    x, c, m, both = st_lstm(convolve, f"layer_{layer}", x, h, c, m)
    new_pairs.append((x, c))
    increments.append(both)
  return (new_pairs, m), x, increments


def causal_lstm(convolve: Callable, name: str, x: Array, h: Array | None, c: Array | None, m: Array | None):
  """The causal LSTM: the new c makes the gates of m, in a cascade that is one convolution deeper.

    i, f, g = split(W * [x, h, c])               c' = sigmoid(f + 1) c + sigmoid(i) tanh(g)
    i', f', g' = split(V * [x, c'])              i'', f'', n = split(U * m)
    m' = sigmoid(f' + f'' + 1) tanh(n) + sigmoid(i' + i'') tanh(g')
    h' = tanh(O * [x, m', c', h]) tanh(P * [c', m'])

  Wang et al., PredRNN++, ICML 2018, Eq. 3. OpenSTL's cell has one more 5x5 convolution, `conv_o` (2C -> C),
  which it never calls; it is left out.

  Args:
    convolve: as in `recurrent.unroll`; the kernels are "<name>_gates", W, "<name>_cascade", V,
      "<name>_memory", U, "<name>_output", O, and "<name>_last", P.
    name: of the layer.
    x, h, c, m: as in `st_lstm`.

  Returns:
    (h', c', m').
  """
  i, f, g = jnp.split(convolve(f"{name}_gates", _join(x, h, c)), 3, axis=-1)
  new = nn.sigmoid(i) * jnp.tanh(g)
  c = new if c is None else nn.sigmoid(f + FORGET_BIAS) * c + new
  gates = convolve(f"{name}_cascade", _join(x, c))
  i, f, g = jnp.split(gates, 3, axis=-1)
  if m is None:
    m = nn.sigmoid(i) * jnp.tanh(g)
  else:
    old_i, old_f, old = jnp.split(convolve(f"{name}_memory", m), 3, axis=-1)
    m = nn.sigmoid(f + old_f + FORGET_BIAS) * jnp.tanh(old) + nn.sigmoid(i + old_i) * jnp.tanh(g)
  o = jnp.tanh(convolve(f"{name}_output", _join(x, m, c, h)))
  return o * jnp.tanh(convolve(f"{name}_last", _join(c, m))), c, m


def gradient_highway(convolve: Callable, name: str, x: Array, z: Array | None) -> Array:
  """A gated skip through time: z' = u tanh(p) + (1 - u) z, with p, u = W * [x, z] and u its sigmoid.

  Wang et al., PredRNN++, Eq. 4; the kernel is `name`.
  """
  p, u = jnp.split(convolve(name, _join(x, z)), 2, axis=-1)
  u = nn.sigmoid(u)
  return u * jnp.tanh(p) if z is None else u * jnp.tanh(p) + (1 - u) * z


class StLstm(nn.Module):
  """The kernels of `st_lstm`.

  Attributes:
    features: channels of all states.
    kernel_size: window, odd; that of P is 1.
  """

  features: int
  kernel_size: int

  @nn.compact
  def __call__(self, inputs: int) -> dict[str, Array]:
    """{end of the name: kernel}, for an x of so many channels."""
    features = self.features

    def kernel(name, outputs, size=self.kernel_size, **parts):
      return JoinedKernel(outputs, size, name=name)(**parts)

    return {
      "gates": kernel("gates", 4 * features, input=inputs, hidden=features),
      "memory": kernel("memory", 3 * features, input=inputs, memory=features),
      "output": kernel("output", features, states=2 * features),
      "last": kernel("last", features, 1, states=2 * features),
    }


class CausalLstm(nn.Module):
  """The kernels of `causal_lstm`; attributes and result are `StLstm`'s."""

  features: int
  kernel_size: int

  @nn.compact
  def __call__(self, inputs: int) -> dict[str, Array]:
    """{end of the name: kernel}, for an x of so many channels."""
    features = self.features

    def kernel(name, outputs, size=self.kernel_size, **parts):
      return JoinedKernel(outputs, size, name=name)(**parts)

    return {
      "gates": kernel("gates", 3 * features, input=inputs, hidden=features, cell=features),
      "cascade": kernel("cascade", 3 * features, input=inputs, cell=features),
      "memory": kernel("memory", 3 * features, memory=features),
      "output": kernel("output", features, input=inputs, memory=features, cell=features, hidden=features),
      "last": kernel("last", features, 1, states=2 * features),
    }


def _join(*arrays):
  """Along channels; those that are None are the last ones, so that the others fit the kernel's."""
  return jnp.concatenate([array for array in arrays if array is not None], axis=-1)
