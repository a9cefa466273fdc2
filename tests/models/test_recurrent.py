"""The recurrent loop against plain lax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from vgjax.models.convlstm import make_stack
from vgjax.models.layers import next_frame
from vgjax.models.layers.recurrent import unroll


def plain(x, kernel):
  """lax's convolution at unchanged size."""
  return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


# Optimised code would take ten times longer to compile than these tests take to run.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def make_step(layers):
  """One step of a ConvLSTM; its y is the prediction."""
  return next_frame.make_step(make_stack(layers))


def loop(step, kernels, inputs, *, carry=None):
  """What `unroll` does, written out."""

  def convolve(name, x):
    return plain(x, kernels[name][:, :, : x.shape[-1]])

  ys = []
  for t in range(len(jax.tree.leaves(inputs)[0])):
    carry, y = step(convolve, carry, jax.tree.map(lambda x, t=t: x[t], inputs))
    ys.append(y)
  return carry, jax.tree.map(lambda *ys: jnp.stack(ys), *ys)


def small(window, side, time):
  """(kernels, inputs) of two layers."""
  keys = jax.random.split(jax.random.key(0), 5)
  kernels = {
    "gates_0": 0.3 * jax.random.normal(keys[0], (window, window, 4 + 3, 12)),
    "gates_1": 0.3 * jax.random.normal(keys[1], (window, window, 3 + 2, 8)),
    "head": jax.random.normal(keys[2], (1, 1, 2, 4)),
  }
  inputs = (
    jax.random.normal(keys[3], (time, 2, side, side, 4)),
    jax.random.uniform(keys[4], (time, 2, side, side, 4)),
  )
  return kernels, inputs


def value_and_gradients(run, *arrays):
  """The sum of sines of all that `run(*arrays)` returns, and its gradients."""

  def loss(*arrays):
    return sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(run(*arrays)))

  gradients = jax.value_and_grad(loss, argnums=tuple(range(len(arrays))))
  return jax.jit(gradients, compiler_options=QUICK)(*arrays)


def assert_equal(results, wanted):
  """Up to rounding."""
  for x, y in zip(*map(jax.tree.leaves, (results, wanted)), strict=True):
    np.testing.assert_allclose(x, y, atol=2e-5 * (1 + np.abs(y).max()))


@pytest.mark.parametrize("window,side,time", [(5, 4, 2), (3, 8, 3), (3, 7, 3), (7, 5, 2)])
def test_unroll_equals_a_plain_loop_in_value_and_gradients(window, side, time):
  arrays = small(window, side, time)
  assert_equal(
    value_and_gradients(lambda *arrays: unroll(make_step(2), *arrays), *arrays),
    value_and_gradients(lambda *arrays: loop(make_step(2), *arrays), *arrays),
  )


def single(time):
  """(kernels, inputs) of one layer whose convolutions compile quickly."""
  (kernels, inputs), rng = small(7, 4, time), jax.random.key(1)
  return {"gates_0": kernels["gates_0"], "head": jax.random.normal(rng, (1, 1, 3, 4))}, inputs


def test_unroll_goes_on_from_a_carry():
  kernels, inputs = single(4)

  def in_parts(run, kernels, inputs):
    carry, ys = run(make_step(1), kernels, jax.tree.map(lambda x: x[:1], inputs))
    return run(make_step(1), kernels, jax.tree.map(lambda x: x[1:], inputs), carry=carry), ys

  assert_equal(
    value_and_gradients(lambda *arrays: in_parts(unroll, *arrays), kernels, inputs),
    value_and_gradients(lambda *arrays: in_parts(loop, *arrays), kernels, inputs),
  )


@pytest.mark.parametrize("time,remat", [(7, 3), (6, 2), (3, 1), (3, 8)])
def test_remat_changes_neither_values_nor_gradients(time, remat):
  arrays = single(time)
  assert_equal(
    value_and_gradients(lambda *arrays: unroll(make_step(1), *arrays, remat=remat), *arrays),
    value_and_gradients(lambda *arrays: loop(make_step(1), *arrays), *arrays),
  )


def memory(time, remat):
  """Bytes of scratch memory of a gradient over so many steps."""
  kernels = {"gates_0": jnp.ones((3, 3, 2 + 8, 32)), "head": jnp.ones((1, 1, 8, 2))}
  inputs = jnp.ones((time, 2, 16, 16, 2)), jnp.ones((time, 2, 16, 16, 2))

  def loss(kernels):
    return unroll(make_step(1), kernels, inputs, remat=remat)[1][0].sum()

  compiled = jax.jit(jax.grad(loss), compiler_options=QUICK).lower(kernels).compile()
  return compiled.memory_analysis().temp_size_in_bytes


def test_remat_bounds_memory():
  kept = memory(256, None) - memory(64, None)
  again = memory(256, 16) - memory(64, 8)
  # A step keeps 2 * 16 * 16 * (10 + 4 * 8 + ...) numbers of 4 bytes; a carry is a sixth of that.
  assert kept > 192 * 2 * 16 * 16 * 40 * 4
  assert again < kept / 4


def test_remat_of_no_steps_is_refused():
  with pytest.raises(ValueError, match="at least one step"):
    unroll(make_step(1), *single(3), remat=0)


def test_unroll_refuses_a_kernel_used_twice():
  def step(convolve, carry, x):
    return None, convolve("a", convolve("a", x))

  with pytest.raises(ValueError, match="'a' is used twice"):
    unroll(step, {"a": jnp.ones((3, 3, 1, 1))}, jnp.ones((2, 1, 4, 4, 1)))


def test_unroll_computes_the_kernel_gradient_outside_of_the_loop():
  step = make_step(1)
  kernels = {"gates_0": jnp.ones((5, 5, 3, 8)), "head": jnp.ones((1, 1, 2, 1))}
  inputs = (jnp.ones((6, 1, 4, 4, 1)), jnp.ones((6, 1, 4, 4, 1)))

  def loss(kernels):
    return unroll(step, kernels, inputs)[1][0].sum()

  jaxpr = jax.make_jaxpr(jax.grad(loss))(kernels)
  loops = [e for e in jaxpr.jaxpr.eqns if e.primitive.name == "scan"]
  assert len(loops) == 2  # forward and backward
  sums = (kernels["gates_0"].shape, (36, 3, 8))  # of a kernel's gradient, as it is or transformed
  for var in loops[1].outvars:
    assert not any(var.aval.shape[-len(shape) :] == shape for shape in sums), var.aval
