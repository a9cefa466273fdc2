"""LSTMs over vectors, for whole sequences or step by step.

  i, f, g, o = split(x W + h U + b)
  c = sigmoid(f) c + sigmoid(i) tanh(g)
  h = sigmoid(o) tanh(c)

What the input adds to the gates is one matrix product for all steps before the loop; only the state's share
is computed inside it. A single step is a sequence of length one, whose loop the compiler removes.

The arrays are float32 whatever the compute type: vectors cost next to nothing, and a state adds up errors.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

Array = Any
State = tuple[Array, Array]  # (c, h), [batch, features] each


def torch_uniform(features: int):
  """PyTorch's initial values of everything in an LSTM: U(-1/sqrt(features), 1/sqrt(features))."""
  bound = features**-0.5

  def init(key, shape, dtype=jnp.float32):
    return jax.random.uniform(key, shape, dtype, -bound, bound)

  return init


def orthogonal_gates(key, shape, dtype=jnp.float32):
  """Flax's initial values of U: an orthogonal matrix for each gate."""
  one = nn.initializers.orthogonal()
  parts = [one(part, (shape[0], shape[1] // 4), dtype) for part in jax.random.split(key, 4)]
  return jnp.concatenate(parts, axis=1)


class LSTM(nn.Module):
  """One layer.

  Attributes:
    features: size of the state.
    torch: the initial values and the two biases (which are added up) of PyTorch's cell; else Flax's, with
      one bias.
    forget_bias: initial bias of f, for one bias: 1 lets it remember from the start, as TensorFlow's cell does
      (Jozefowicz et al. 2015).
    kernel_init: initial values of both kernels; None: those of `torch`, or Flax's.
  """

  features: int
  torch: bool = False
  forget_bias: float = 0.0
  kernel_init: Callable | None = None

  @nn.compact
  def __call__(self, xs: Array, state: State | None = None) -> tuple[State, Array]:
    """Runs over xs [time, batch, inputs]; returns the last state and every h, [time, batch, features].

    Args:
      xs: the inputs.
      state: what to go on from; None: zeros.
    """
    uniform = torch_uniform(self.features)
    kernel_init = self.kernel_init or (uniform if self.torch else nn.initializers.lecun_normal())
    hidden_init = self.kernel_init or (uniform if self.torch else orthogonal_gates)
    gates = 4 * self.features
    kernel = self.param("input_kernel", kernel_init, (xs.shape[-1], gates), jnp.float32)
    hidden_kernel = self.param("hidden_kernel", hidden_init, (self.features, gates), jnp.float32)
    bias_init = uniform if self.torch else _remembering(self.forget_bias)
    bias = self.param("bias", bias_init, (gates,), jnp.float32)
    if self.torch:
      bias = bias + self.param("hidden_bias", bias_init, (gates,), jnp.float32)

    def step(state, added):
      c, h = state
      i, f, g, o = jnp.split(added + h @ hidden_kernel, 4, axis=-1)
      c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
      h = nn.sigmoid(o) * jnp.tanh(c)
      return (c, h), h

    if state is None:
      state = zero_state(xs.shape[1], self.features)
    return jax.lax.scan(step, state, xs.astype(jnp.float32) @ kernel + bias)


def _remembering(forget_bias):
  """Zeros, but for the gate f."""

  def init(key, shape, dtype=jnp.float32):
    return jnp.repeat(jnp.array([0.0, forget_bias, 0.0, 0.0], dtype), shape[0] // 4)

  return init


def zero_state(batch: int, features: int) -> State:
  """The state of one layer before the first step."""
  zeros = jnp.zeros((batch, features), jnp.float32)
  return zeros, zeros


class LSTMStack(nn.Module):
  """A dense layer and LSTMs on top of each other.

  Attributes:
    features: size of each layer's state.
    layers: number of LSTMs.
    torch: see `LSTM`.
    kernel_init: initial values of the dense layer.
  """

  features: int
  layers: int = 1
  torch: bool = False
  kernel_init: Callable = nn.initializers.lecun_normal()

  @nn.compact
  def __call__(self, xs: Array, states: list[State] | None = None) -> tuple[list[State], Array]:
    """Runs over xs [time, batch, inputs].

    Returns:
      The last state of each layer, and the topmost layer's h, [time, batch, features].
    """
    xs = nn.Dense(self.features, kernel_init=self.kernel_init, name="embed")(xs.astype(jnp.float32))
    new = []
    for layer in range(self.layers):
      state = None if states is None else states[layer]
      state, xs = LSTM(self.features, self.torch, name=f"layer_{layer}")(xs, state)
      new.append(state)
    return new, xs
