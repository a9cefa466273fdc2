"""The PredRNN family: published sizes, initial values, the decoupling loss, memory for time."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.models import convlstm, predrnn, predrnn_pp, predrnn_v2

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
FILES = {"predrnn": predrnn, "predrnn_pp": predrnn_pp, "predrnn_v2": predrnn_v2}
TINY = dict(hidden=4, layers=2, kernel_size=7, patch_size=2)  # windows of 7 compile quickly


def inputs(time, given=2, side=8, batch=2):
  """(video, hint, mask), of which the first frames are given."""
  video = jax.random.uniform(jax.random.key(3), (batch, time, side, side, 1), minval=-1, maxval=1)
  mask = jnp.zeros((batch, time, side, side, 1)).at[:, :given].set(1)
  return video, video * mask, mask


@functools.partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def init(module, hint, mask):
  """Its parameters, larger than the initial ones, with which predictions are alike."""
  return jax.tree.map(lambda leaf: 4 * leaf, module.init(jax.random.key(0), hint, mask, train=False))


@functools.partial(jax.jit, static_argnums=(0, 4), compiler_options=QUICK)
def run(module, variables, hint, mask, train=False):
  """(video, losses of its own)."""
  video, written = module.apply(variables, hint, mask, train=train, mutable=["losses"])
  return video, written.get("losses", {})


def count(module):
  """Parameters at the published Moving MNIST size; computes nothing."""
  hint = jax.ShapeDtypeStruct((1, 20, 64, 64, 1), jnp.float32)
  shapes = jax.eval_shape(lambda hint: module.init(jax.random.key(0), hint, hint, train=False), hint)
  return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))


def test_published_parameter_counts():
  assert count(predrnn.Module()) == 23_838_720
  assert count(predrnn_v2.Module()) == 23_838_720 + 128 * 128  # and the adapter
  # OpenSTL's count includes, in each of 4 cells, a 5x5 convolution of [c, m] that it never calls.
  assert count(predrnn_pp.Module()) == 35_307_520 == 38_584_320 - 4 * 5 * 5 * 256 * 128


@pytest.mark.parametrize("name", FILES)
def test_own_predictions_are_read_where_the_mask_is_zero(name):
  module = FILES[name].Module(**TINY)
  _, hint, mask = inputs(time=4)
  variables = init(module, hint, mask)
  assert module.window is None
  free, _ = run(module, variables, hint, mask)
  np.testing.assert_array_equal(free[:, 0], hint[:, 0])
  forced_hint, forced_mask = hint.at[:, 2].set(free[:, 2]), mask.at[:, 2].set(1)
  forced, _ = run(module, variables, forced_hint, forced_mask)
  np.testing.assert_allclose(free, forced, atol=1e-5)
  other, _ = run(module, variables, forced_hint.at[:, 2].add(1), forced_mask)
  assert np.abs(other - free)[:, 3].max() > 1e-3


@pytest.mark.parametrize("name", [*FILES, "convlstm"])
def test_remat_predicts_the_same_and_is_in_the_program(name):
  # That gradients are the same is in test_recurrent.py, for any cell.
  fields = TINY if name in FILES else dict(hidden=(4, 4), kernel_size=7, patch_size=2)
  module = FILES.get(name, convlstm).Module(**fields)
  _, hint, mask = inputs(time=6)
  variables = init(module, hint, mask)
  again = module.clone(remat=2)
  for a, b in zip(
    *(jax.tree.leaves(run(m, variables, hint, mask, True)) for m in (module, again)), strict=True
  ):
    np.testing.assert_allclose(a, b, atol=1e-5 * (1 + np.abs(b).max()))

  def program(module):
    return str(jax.make_jaxpr(lambda v: module.apply(v, hint, mask, train=False))(variables))

  assert "remat" in program(again) and "remat" not in program(module)


def test_decoupling_is_the_mean_cosine_of_the_increments():
  rng = np.random.default_rng(0)
  adapter = rng.normal(size=(3, 3)).astype(np.float32)
  increments = [tuple(rng.normal(size=(2, 4, 5, 3)).astype(np.float32) for _ in range(2)) for _ in range(2)]
  actual = predrnn_v2.decoupling(lambda name, x: x @ adapter, increments)
  cosines = []
  for pair in increments:
    of_c, of_m = (np.moveaxis(x @ adapter, -1, 1).reshape(2, 3, -1) for x in pair)
    norms = np.linalg.norm(of_c, axis=-1) * np.linalg.norm(of_m, axis=-1)
    cosines.append(np.abs((of_c * of_m).sum(-1) / norms))
  np.testing.assert_allclose(actual, np.mean(cosines), rtol=1e-5)
  same = [(increments[0][0], -2 * increments[0][0])]
  np.testing.assert_allclose(predrnn_v2.decoupling(lambda name, x: x @ adapter, same), 1, rtol=1e-5)


def test_decoupling_of_zero_increments_is_zero_with_a_gradient():
  zeros = jnp.zeros((1, 2, 2, 3))
  value, gradient = jax.value_and_grad(lambda x: predrnn_v2.decoupling(lambda name, y: y, [(x, x + 1)]))(
    zeros
  )
  assert value == 0 and np.isfinite(gradient).all()


def test_v2_adds_its_loss_in_training_only_and_predicts_the_same():
  module = predrnn_v2.Module(**TINY)
  _, hint, mask = inputs(time=4)
  variables = init(module, hint, mask)
  video, losses = run(module, variables, hint, mask)
  assert not losses
  trained, losses = run(module, variables, hint, mask, True)
  (value,) = losses["decoupling"]
  assert value.shape == () and 0 < value < 1
  np.testing.assert_allclose(video, trained, atol=1e-6)
  # Without the adapter it is PredRNN.
  params = {name: leaf for name, leaf in variables["params"].items() if name != "adapter"}
  plain, _ = run(predrnn.Module(**TINY), {"params": params}, hint, mask)
  np.testing.assert_allclose(video, plain, atol=1e-6)


def test_initial_values_are_the_references():
  hint = jnp.zeros((1, 2, 8, 8, 1))
  module = predrnn_pp.Module(hidden=16, layers=2, kernel_size=3, patch_size=2)
  params = jax.tree.map(lambda leaf: leaf / 4, init(module, hint, hint))["params"]

  def bound(kernel):
    return float(jnp.abs(kernel).max())

  assert 0.98e-3 < bound(params["highway"]["input_kernel"]) <= 1e-3
  assert 0.98e-3 < bound(params["highway"]["highway_kernel"]) <= 1e-3
  for name, inputs_ in (("gates", 9 * 4), ("cascade", 9 * 4), ("output", 9 * 4)):
    # Each of the joined kernels is drawn by the number of its own inputs.
    assert bound(params["layer_0"][name]["input_kernel"]) == pytest.approx(inputs_**-0.5, rel=0.03)
  assert bound(params["layer_1"]["gates"]["cell_kernel"]) == pytest.approx((9 * 16) ** -0.5, rel=0.03)
  assert bound(params["layer_1"]["last"]["states_kernel"]) == pytest.approx(32**-0.5, rel=0.03)
