"""What the recurrent models do by their design: ConvGRU, encoder-forecaster, CNN-LSTM, PhyDNet."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from vgjax.models import cnn_lstm, convgru, encoder_forecaster, phydnet
from vgjax.models.layers import cells
from vgjax.models.layers.conv import conv

# Optimised code would take ten times longer to compile than these tests take to run.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}

# Windows of 7: those of 3 and 5 take longer to compile.
EF = dict(given=2, hidden=(4, 6), features=3, kernel_size=7, group_size=2)
PHYDNET = dict(features=4, hidden=(4,), orders=3, groups=2)
CNN_LSTM = dict(given=2, hidden=5, layers=2, code=6, channels=2, levels=2, groups=2)


def quick(function):
  return jax.jit(function, compiler_options=QUICK)


def inputs(time, given=2, side=8, batch=2):
  """(hint, mask) of a video of which the first frames are given."""
  video = jax.random.uniform(jax.random.key(3), (batch, time, side, side, 1), minval=-1, maxval=1)
  mask = (jnp.arange(time) < given).astype(jnp.float32).reshape(1, time, 1, 1, 1)
  mask = jnp.broadcast_to(mask, video.shape)
  return video * mask, mask


def drawn(module, hint, mask, scale=0.5):
  """Parameters drawn anew, so that outputs differ more than initial ones let them."""
  shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), hint, mask, train=False))["params"]
  leaves, tree = jax.tree.flatten(shapes)
  rng = np.random.default_rng(0)
  return jax.tree.unflatten(tree, [jnp.asarray(rng.normal(size=x.shape) * scale, x.dtype) for x in leaves])


@functools.cache
def compiled(module):
  return quick(lambda params, hint, mask: module.apply({"params": params}, hint, mask, train=False))


def predict(module, params, hint, mask):
  return compiled(module)(params, hint, mask)


def refused(module, hint, mask):
  """Only traced: nothing is compiled before an error that a shape or a field makes."""
  return jax.eval_shape(lambda: module.init(jax.random.key(0), hint, mask, train=False))


def sigmoid(x):
  return 1 / (1 + np.exp(-x))


def test_cells_are_their_equations():
  rng = np.random.default_rng(0)
  x, h, c = rng.normal(size=(3, 2, 4))
  w = {name: rng.normal(size=(8, width)) for name, width in (("lstm", 16), ("gates", 8), ("candidate", 4))}

  def lstm_read(name, x, h):
    assert name == "gates"
    return cells.join(x, h) @ w["lstm"]

  i, f, g, o = np.split(np.concatenate([x, h], -1) @ w["lstm"], 4, axis=-1)
  new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
  output, state = cells.lstm(lstm_read, jnp.asarray(x), (jnp.asarray(h), jnp.asarray(c)))
  np.testing.assert_allclose(state[1], new_c, rtol=1e-5)
  np.testing.assert_allclose(output, sigmoid(o) * np.tanh(new_c), rtol=1e-5)

  z, r = np.split(sigmoid(np.concatenate([x, h], -1) @ w["gates"]), 2, axis=-1)
  new_h = (1 - z) * h + z * np.tanh(np.concatenate([x, r * h], -1) @ w["candidate"])
  output, _ = cells.gru(lambda name, x, h: cells.join(x, h) @ w[name], jnp.asarray(x), jnp.asarray(h))
  np.testing.assert_allclose(output, new_h, rtol=1e-5)


@pytest.mark.parametrize("name", cells.CELLS)
def test_no_state_is_a_state_of_zeros(name):
  cell, widths = cells.pick(name)
  rng = np.random.default_rng(0)
  w = {part: jnp.asarray(rng.normal(size=(8, 4 * width))) for part, width in widths.items()}
  x, zeros = jnp.asarray(rng.normal(size=(2, 4))), jnp.zeros((2, 4))

  def read(part, x, h):
    both = cells.join(x, h)
    return both @ w[part][: both.shape[-1]]

  wanted, _ = cell(read, x, (zeros, zeros) if name == "lstm" else zeros)
  found, _ = cell(read, x, None)
  np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_an_unknown_cell_is_refused():
  with pytest.raises(ValueError, match=r'no cell "rnn"; known: '):
    cells.pick("rnn")
  with pytest.raises(ValueError, match=r'no cell "lstm"; known: .*convlstm'):
    refused(encoder_forecaster.Module(**(EF | {"cell": "lstm"})), *inputs(4))


def test_convgru_is_its_equations():
  module = convgru.Module(hidden=(3, 4), kernel_size=7, patch_size=1)
  hint, mask = inputs(time=4)
  params = drawn(module, hint, mask)
  found = predict(module, params, hint, mask)

  def convolve(name, x):
    dimensions = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, params[name], (1, 1), "SAME", dimension_numbers=dimensions)

  states, x = [jnp.zeros((2, 8, 8, width)) for width in (3, 4)], None
  for t in range(3):
    x = (hint[:, t] + 1) / 2 if t < 2 else x  # two frames are given, then its own
    for layer, h in enumerate(states):
      gates = convolve(f"gates_{layer}", jnp.concatenate([x, h], -1))
      z, r = jnp.split(jax.nn.sigmoid(gates), 2, axis=-1)
      candidate = jnp.tanh(convolve(f"candidate_{layer}", jnp.concatenate([x, r * h], -1)))
      states[layer] = x = (1 - z) * h + z * candidate
    x = convolve("head", x)
    np.testing.assert_allclose(found[:, t + 1], 2 * x - 1, atol=2e-5)


@pytest.mark.parametrize(
  "module", [convgru.Module(hidden=(3,), kernel_size=7, patch_size=2), phydnet.Module(**PHYDNET)]
)
def test_next_frame_models_read_their_own_prediction_where_the_mask_is_zero(module):
  hint, mask = inputs(time=4, given=2)
  params = drawn(module, hint, mask)
  free = predict(module, params, hint, mask)
  np.testing.assert_array_equal(free[:, 0], hint[:, 0])
  forced_hint, forced_mask = hint.at[:, 2].set(free[:, 2]), mask.at[:, 2].set(1)
  np.testing.assert_allclose(predict(module, params, forced_hint, forced_mask), free, atol=1e-5)
  other = predict(module, params, forced_hint.at[:, 2].add(1), forced_mask)
  np.testing.assert_allclose(other[:, :3], free[:, :3], atol=1e-5)
  assert np.abs(other - free)[:, 3].max() > 1e-3
  with pytest.raises(ValueError, match="at least 2 frames"):
    refused(module, *inputs(time=1))


# -- models that read the first frames -----------------------------------------------------------------

FROM_GIVEN = {
  "convlstm": encoder_forecaster.Module(**EF),
  "convgru": encoder_forecaster.Module(cell="convgru", **EF),
  "lstm": cnn_lstm.Module(**CNN_LSTM),
  "gru": cnn_lstm.Module(cell="gru", **CNN_LSTM),
}


@pytest.mark.parametrize("name", FROM_GIVEN)
def test_a_longer_forecast_begins_with_the_shorter_one(name):
  module = FROM_GIVEN[name]
  assert module.window is None and module.given == 2
  hint, mask = inputs(time=6)
  params = drawn(module, hint, mask)
  long = predict(module, params, hint, mask)
  assert long.shape == hint.shape
  np.testing.assert_array_equal(long[:, :2], hint[:, :2])
  assert np.abs(long[:, 5] - long[:, 4]).max() > 1e-3  # it goes on
  short = predict(module, params, hint[:, :3] + 7 * (1 - mask[:, :3]), 0 * mask[:, :3])
  np.testing.assert_allclose(short[:, 2], long[:, 2], atol=1e-5)
  with pytest.raises(ValueError, match=r"given=2 frames, at least 1, .* has 2"):
    refused(module, *inputs(time=2))


def test_every_level_hands_its_state_to_the_forecaster():
  module = encoder_forecaster.Module(**EF)
  hint, mask = inputs(time=4)
  params = drawn(module, hint, mask)
  # Nothing comes up from the coarse level: what is left are the fine level's states.
  cut = params | {"up_1": jax.tree.map(jnp.zeros_like, params["up_1"])}
  one, other = (predict(module, cut, video, mask) for video in (hint, hint.at[:, 0].multiply(-1)))
  assert np.abs(one - other)[:, 2:].max() > 1e-3
  # And the coarse level's states are not the fine one's: without reading, they are all that it has.
  change = params["encoder_1"]["gates_norm_bias"] + 1
  changed = params | {"encoder_1": params["encoder_1"] | {"gates_norm_bias": change}}
  assert np.abs(predict(module, changed, hint, mask) - predict(module, params, hint, mask)).max() > 1e-3


def test_encoder_forecaster_refuses_what_does_not_fit():
  module = encoder_forecaster.Module(**(EF | {"group_size": 4}))
  with pytest.raises(ValueError, match=r"group_size=4 does not divide each of hidden=\(4, 6\)"):
    refused(module, *inputs(4))
  with pytest.raises(ValueError, match="multiples of 4, not 6x6"):
    refused(encoder_forecaster.Module(patch_size=2, **EF), *inputs(4, side=6))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_decoder_reads_the_code_that_it_wrote(cell):
  module = cnn_lstm.Recurrent(cell, hidden=3, layers=2, code=4)
  rng = np.random.default_rng(0)
  step, widths = cells.pick(cell)
  h = [jnp.asarray(rng.normal(size=(2, 1, 1, 3)), jnp.float32) for _ in range(4)]
  states = [(h[0], h[1]), (h[2], h[3])] if cell == "lstm" else h[:2]
  code = jnp.asarray(rng.normal(size=(2, 1, 1, 4)), jnp.float32)
  variables = quick(lambda start: module.init(jax.random.key(0), None, 4, start, 3))((states, code))
  found, last = quick(lambda start: module.apply(variables, None, 4, start, 3))((states, code))

  p = jax.tree.map(np.asarray, variables["params"])
  for t in range(3):
    x = code
    for layer in range(2):

      def read(name, x, h, layer=layer):
        name = f"{layer}_{name}"
        return cells.join(x, h) @ p[f"{name}_kernel"][0, 0] + p[f"{name}_bias"]

      x, states[layer] = step(read, x, states[layer])
    code = jnp.tanh(x @ p["code_kernel"][0, 0] + p["code_bias"])
    np.testing.assert_allclose(found[t], code[:, 0, 0], atol=1e-6)
  np.testing.assert_allclose(jax.tree.leaves(last)[-1], jax.tree.leaves(states)[-1], atol=1e-6)
  assert set(widths) == ({"gates"} if cell == "lstm" else {"gates", "candidate"})


def test_the_vector_lstm_is_pytorchs():
  torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
  torch.manual_seed(0)
  theirs = torch.nn.LSTM(4, 3, num_layers=2)
  params = {}
  for layer in range(2):
    names = (f"weight_ih_l{layer}", f"weight_hh_l{layer}", f"bias_ih_l{layer}", f"bias_hh_l{layer}")
    x, h, x_bias, h_bias = (getattr(theirs, name).detach().numpy() for name in names)
    params[f"{layer}_gates_kernel"] = np.concatenate([x, h], axis=1).T[None, None]
    params[f"{layer}_gates_bias"] = x_bias + h_bias
  x = np.random.default_rng(0).normal(size=(5, 2, 4)).astype(np.float32)
  ours = cnn_lstm.Recurrent("lstm", hidden=3, layers=2)
  _, states = quick(lambda params, x: ours.apply({"params": params}, x, 4, None, 5))(params, x)
  _, (h, c) = theirs(torch.from_numpy(x))
  for layer, (our_h, our_c) in enumerate(states):
    np.testing.assert_allclose(our_h[:, 0, 0], h[layer].detach(), atol=1e-6)
    np.testing.assert_allclose(our_c[:, 0, 0], c[layer].detach(), atol=1e-6)


# -- PhyDNet -------------------------------------------------------------------------------------------


def derivative_filters():
  """[3, 3, 1, 9]: central differences of the orders (0, 0), (0, 1), ..., (2, 2)."""
  one = np.array([[0, 1, 0], [-0.5, 0, 0.5], [1, -2, 1]])
  return np.einsum("iy,jx->yxij", one, one).reshape(3, 3, 1, 9).astype(np.float32)


def test_moments_tell_which_derivative_a_filter_is():
  filters = jnp.asarray(derivative_filters())
  np.testing.assert_allclose(phydnet.moments(filters)[0], np.eye(9).reshape(9, 3, 3), atol=1e-6)
  assert phydnet.moment_loss(filters) < 1e-12
  # Two input channels, one of them wrong: a moment of 1 is 1.5, of 9 * 9.
  wrong = jnp.concatenate([filters, filters.at[1, 1, 0, 0].add(0.5)], axis=2)
  assert phydnet.moment_loss(wrong) == pytest.approx(0.25 / 81, rel=1e-4)


def test_filters_without_moment_loss_take_derivatives():
  y, x = np.mgrid[:8, :8].astype(np.float32)
  field = (0.5 * x**2 * y)[None, ..., None]  # d/dy: x^2 / 2; d2/dx2: y; d3/dx2 dy: 1
  found = conv(jnp.asarray(field), jnp.asarray(derivative_filters()))[0, 1:-1, 1:-1]
  for order, wanted in {0: field[0, ..., 0], 3: 0.5 * x**2, 2: y, 5: np.ones_like(x)}.items():
    np.testing.assert_allclose(found[..., order], wanted[1:-1, 1:-1], atol=1e-4)


def test_phydnet_sows_its_moments_in_training_only():
  module = phydnet.Module(**PHYDNET)
  hint, mask = inputs(time=3)
  params = drawn(module, hint, mask)

  def sow(train):
    run = quick(lambda p: module.apply({"params": p}, hint, mask, train=train, mutable=["losses"])[1])
    return run(params)

  sown = sow(train=True)
  kernel = params["step"]["physics"]["derivatives"]["kernel"]
  assert kernel.shape == (3, 3, 8, 9)
  np.testing.assert_allclose(sown["losses"]["moments"][0], phydnet.moment_loss(kernel), rtol=1e-6)
  assert not sow(train=False)


def test_phycell_predicts_and_corrects():
  cell = phydnet.PhyCell(orders=3)
  x, u = jax.random.normal(jax.random.key(0), (2, 1, 6, 6, 2))
  params = quick(cell.init)(jax.random.key(1), x, u)["params"]
  apply = quick(cell.apply)

  def run(gain, **changes):
    bias = {"gain": params["gain"] | {"bias": jnp.full(2, gain)}}
    return apply({"params": params | bias | changes}, x, u)

  np.testing.assert_allclose(run(50.0), x, atol=1e-5)  # all of the observation
  nothing = {"combine": jax.tree.map(jnp.zeros_like, params["combine"])}
  np.testing.assert_allclose(run(-50.0, **nothing), u, atol=1e-5)  # none of it, and no dynamics
  assert np.abs(run(-50.0) - u).max() > 0.01


def test_phydnet_with_remat_keeps_less_for_the_gradient():
  hint, mask = inputs(time=9)

  def kept(remat):  # numbers that the forward pass hands to the backward pass; only traced
    module = phydnet.Module(**PHYDNET, remat=remat)
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), hint, mask, train=False))["params"]

    def forward(params):
      return jax.vjp(lambda p: module.apply({"params": p}, hint, mask, train=False), params)[1]

    return count(jax.eval_shape(forward, shapes))

  assert kept(True) < kept(False) / 4


def shapes(module):
  """Shapes of the parameters at the published Moving MNIST size; computes nothing."""
  hint = jax.ShapeDtypeStruct((1, 20, 64, 64, 1), jnp.float32)
  return jax.eval_shape(lambda x: module.init(jax.random.key(0), x, x, train=False), hint)["params"]


def count(tree):
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


def test_published_parameter_counts():
  physical = shapes(phydnet.Module())["step"]
  assert count(physical) == 3_091_732
  assert count(physical["physics"]) == 230_803  # the authors' program prints these
  assert sum(count(physical[f"gates_{layer}"]) for layer in range(3)) == 2_508_032
  # The reference's coarsest forecasting layer has weights for an input of zeros.
  never_used = 5 * 5 * 96 * 96
  assert count(shapes(encoder_forecaster.Module())) + 4 * never_used == 9_032_225
  assert count(shapes(encoder_forecaster.Module(cell="convgru"))) + 3 * never_used == 6_880_289
  # The ConvLSTM's four gates become three.
  head = 128 * 16
  assert count(shapes(convgru.Module())) == (11_675_648 - head) * 3 // 4 + head


def test_initial_values_are_the_references():
  # As if the layer that reads nothing read as many channels as its state has.
  module = encoder_forecaster.RecurrentLayer("convlstm", features=6, kernel_size=7, group_size=2)
  state = jnp.zeros((2, 1, 4, 4, 6))
  params = quick(lambda state: module.init(jax.random.key(0), None, tuple(state), 2))(state)["params"]
  kernel, bound = np.abs(params["gates_kernel"]), (7 * 7 * 12) ** -0.5
  assert kernel.shape == (7, 7, 6, 24) and 0.98 * bound < kernel.max() <= bound
  # PyTorch takes the output channels of a transposed convolution for its inputs.
  module = phydnet.Block(4, groups=2, up=True)
  params = quick(module.init)(jax.random.key(0), jnp.zeros((1, 4, 4, 8)))["params"]
  kernel, bound = np.abs(params["conv"]["kernel"]), (3 * 3 * 4) ** -0.5
  assert kernel.shape == (3, 3, 8, 4) and 0.98 * bound < kernel.max() <= bound
