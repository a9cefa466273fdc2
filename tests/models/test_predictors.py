"""What every predictor model keeps to, and the published sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.models import (
  cnn,
  cnn_lstm,
  convgru,
  convlstm,
  convmixer,
  encoder_forecaster,
  frame_generator,
  metavp,
  phydnet,
  predrnn,
  predrnn_pp,
  predrnn_v2,
  simvp,
  simvp_v2,
  tau,
  unet3d,
)

TINY = {
  "simvp": (
    simvp,
    dict(spatial_channels=4, temporal_channels=8, temporal_blocks=2, groups=2, kernel_sizes=(3, 5)),
  ),
  "simvp_v2": (
    simvp_v2,
    dict(spatial_channels=4, temporal_channels=8, temporal_blocks=2, mlp_ratio=2.0),
  ),
  "tau": (tau, dict(spatial_channels=4, temporal_channels=8, temporal_blocks=2, mlp_ratio=2.0)),
  "convmixer": (
    convmixer,
    dict(spatial_channels=4, temporal_channels=8, temporal_blocks=2, kernel_size=3),
  ),
  "metavp": (
    metavp,
    dict(mixer="poolformer", spatial_channels=4, temporal_channels=8, temporal_blocks=2, mlp_ratio=2.0),
  ),
  "cnn": (cnn, dict(channels=8, levels=2, groups=2)),
  "convlstm": (convlstm, dict(hidden=(4, 6), patch_size=2)),
  "convgru": (convgru, dict(hidden=(4,), kernel_size=7, patch_size=2)),
  "encoder_forecaster": (
    encoder_forecaster,
    dict(hidden=(4,), features=4, kernel_size=7, group_size=4, patch_size=2),
  ),
  "cnn_lstm": (cnn_lstm, dict(hidden=8, layers=1, code=8, channels=4, levels=2, groups=2)),
  "predrnn": (predrnn, dict(hidden=4, layers=1, kernel_size=7, patch_size=2)),
  "predrnn_pp": (predrnn_pp, dict(hidden=4, layers=2, kernel_size=7, patch_size=2)),
  "predrnn_v2": (predrnn_v2, dict(hidden=4, layers=1, kernel_size=7, patch_size=2)),
  "phydnet": (phydnet, dict(features=4, hidden=(4,), orders=3, groups=2)),
  "frame_generator": (frame_generator, dict(context=2, channels=4, levels=1, blocks=1, groups=2)),
  "unet3d": (unet3d, dict(channels=4, levels=1, time_levels=1, groups=2)),
}
# Those that work on a window; others have only `given`, or neither.
FIXED = [name for name, (file, _) in TINY.items() if hasattr(file.Module, "predicted")]


def make(name, **fields):
  """A tiny module of that name."""
  file, defaults = TINY[name]
  return file.Module(**(defaults | fields))


def inputs(time, channels=1, given=2, side=8, batch=2):
  """(hint, mask) of a video of which the first frames are given."""
  video = jax.random.uniform(jax.random.key(3), (batch, time, side, side, channels), minval=-1, maxval=1)
  mask = (jnp.arange(time) < given).astype(jnp.float32).reshape(1, time, 1, 1, 1)
  mask = jnp.broadcast_to(mask, (*video.shape[:-1], 1))
  return video * mask, mask


# Optimised code would take ten times longer to compile than these tests take to run.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def apply(module, hint, mask, train=False, variables=None):
  """(output, what was written, variables) of a module, jitted."""

  def init(hint, mask):
    return module.init(jax.random.key(0), hint, mask, train=False)

  def run(variables, hint, mask):
    rngs = {"dropout": jax.random.key(1)}
    return module.apply(variables, hint, mask, train=train, mutable=["batch_stats"], rngs=rngs)

  if variables is None:
    variables = jax.jit(init, compiler_options=QUICK)(hint, mask)
  output, written = jax.jit(run, compiler_options=QUICK)(variables, hint, mask)
  return output, written, variables


def perturbed(module, hint, mask):
  """Initial variables, changed a little: the CNN's readout starts at zero."""
  variables = apply(module, hint, mask)[2]
  return jax.tree.map(lambda leaf: leaf + 0.02, variables)


def fixed(name, given, predicted, **fields):
  """A tiny module for so many frames, as far as that is a matter of its fields."""
  frames = dict(given=given, predicted=predicted)
  window = {field: value for field, value in frames.items() if hasattr(TINY[name][0].Module, field)}
  return make(name, **window, **fields)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("channels", [1, 3])
def test_forward_keeps_the_hints_shape(name, channels):
  hint, mask = inputs(time=5, channels=channels, given=3)
  output, _, _ = apply(fixed(name, 3, 2), hint, mask)
  assert output.shape == hint.shape
  assert output.dtype == jnp.float32
  assert np.isfinite(output).all()


@pytest.mark.parametrize("name", TINY)
def test_bfloat16_computes_close_to_float32(name):
  hint, mask = inputs(time=4)
  variables = perturbed(fixed(name, 2, 2), hint, mask)
  exact, _, _ = apply(fixed(name, 2, 2), hint, mask, variables=variables)
  rough, _, _ = apply(fixed(name, 2, 2, dtype=jnp.bfloat16), hint, mask, variables=variables)
  assert rough.dtype == jnp.float32
  assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
  difference = np.abs(rough - exact).max()
  assert 0 < difference < 0.1


@pytest.mark.parametrize("name", TINY)
def test_later_frames_of_the_hint_are_not_read(name):
  hint, mask = inputs(time=4)
  module = fixed(name, 2, 2)
  clean, _, variables = apply(module, hint, mask)
  noisy, _, _ = apply(module, hint + (1 - mask) * 7, mask, variables=variables)
  np.testing.assert_array_equal(clean, noisy)


@pytest.mark.parametrize("name", TINY)
def test_predictions_depend_on_the_given_frames(name):
  hint, mask = inputs(time=4)
  module = fixed(name, 2, 2)
  variables = perturbed(module, hint, mask)

  def energy(hint):
    return (module.apply(variables, hint, mask, train=False)[:, 2:] ** 2).sum()

  gradient = jax.jit(jax.grad(energy), compiler_options=QUICK)(hint)
  assert (np.abs(gradient[:, 1]) > 0).any()
  np.testing.assert_array_equal(gradient[:, 2:], 0)


@pytest.mark.parametrize("name", FIXED)
def test_window_is_the_length_it_works_at(name):
  assert make(name, given=3, predicted=2).window == (5, 3)
  assert make(name, given=0, predicted=4).window == (4, 2)
  hint, mask = inputs(time=6)
  with pytest.raises(ValueError, match="works on 5 frames"):
    apply(make(name, given=3, predicted=2), hint, mask)


@pytest.mark.parametrize("name", FIXED)
def test_longer_forecasts_are_made_of_the_models_own_frames(name):
  hint, mask = inputs(time=6)
  long, _, variables = apply(make(name, given=2, predicted=4), hint, mask)
  short, _, _ = apply(make(name, given=2, predicted=2), hint[:, :4], mask, variables=variables)
  again, _, _ = apply(
    make(name, given=2, predicted=2),
    jnp.concatenate([short[:, 2:], short[:, 2:]], axis=1),
    mask,
    variables=variables,
  )
  np.testing.assert_allclose(long[:, :4], short, atol=1e-5)
  np.testing.assert_allclose(long[:, 4:], again[:, 2:], atol=1e-5)


@pytest.mark.parametrize("name", FIXED)
def test_given_zero_reads_every_frame_and_the_mask(name):
  hint, mask = inputs(time=4, channels=3)
  mask = mask.at[:, 3].set(1)
  module = make(name, given=0, predicted=4)
  variables = perturbed(module, hint, mask)
  output, _, _ = apply(module, hint, mask, variables=variables)
  assert output.shape == hint.shape
  last, _, _ = apply(module, hint.at[:, 3].add(0.5), mask, variables=variables)
  assert np.abs(last - output)[:, 2].max() > 0
  unmasked, _, _ = apply(module, hint, mask.at[:, 3].set(0), variables=variables)
  assert np.abs(unmasked - output).max() > 0


@pytest.mark.parametrize("name", TINY)
def test_frames_of_an_odd_size_are_refused(name):
  hint, mask = inputs(time=4, side=9)
  with pytest.raises(ValueError, match="multiples"):
    apply(fixed(name, 2, 2), hint, mask)


def test_simvp_v2_writes_statistics_in_training_only():
  hint, mask = inputs(time=4)
  module = fixed("simvp_v2", 2, 2, drop_path=(0.0, 0.0))
  evaluated, kept, variables = apply(module, hint, mask)
  trained, written, _ = apply(module, hint, mask, train=True, variables=variables)
  for before, after in zip(
    jax.tree.leaves(variables["batch_stats"]), jax.tree.leaves(kept["batch_stats"]), strict=True
  ):
    np.testing.assert_array_equal(before, after)
  for before, after in zip(
    jax.tree.leaves(variables["batch_stats"]), jax.tree.leaves(written["batch_stats"]), strict=True
  ):
    assert np.abs(before - after).max() > 0
  assert np.abs(trained - evaluated)[:, 2:].max() > 0


def test_an_untrained_cnn_copies_the_last_given_frame():
  hint, mask = inputs(time=4)
  output, _, _ = apply(fixed("cnn", 2, 2), hint, mask)
  np.testing.assert_allclose(output[:, 2:], hint[:, 1:2].repeat(2, 1), atol=1e-6)


def test_convlstm_reads_its_own_prediction_where_the_mask_is_zero():
  hint, mask = inputs(time=4, given=2)
  module = make("convlstm")
  assert module.window is None
  free, _, variables = apply(module, hint, mask)
  forced_hint = hint.at[:, 2].set(free[:, 2])
  forced, _, _ = apply(module, forced_hint, mask.at[:, 2].set(1), variables=variables)
  np.testing.assert_allclose(free, forced, atol=1e-6)
  other, _, _ = apply(module, forced_hint.at[:, 2].add(1), mask.at[:, 2].set(1), variables=variables)
  assert np.abs(other - free)[:, 3].max() > 1e-4


def test_convlstm_takes_any_length():
  module = make("convlstm")
  hint, mask = inputs(time=3)
  _, _, variables = apply(module, hint, mask)
  for time in (2, 7):
    hint, mask = inputs(time=time)
    assert apply(module, hint, mask, variables=variables)[0].shape == hint.shape
  with pytest.raises(ValueError, match="at least 2 frames"):
    apply(module, *inputs(time=1), variables=variables)


def count(module):
  """Number of parameters at the published Moving MNIST size; computes nothing."""
  hint = jax.ShapeDtypeStruct((1, 20, 64, 64, 1), jnp.float32)
  shapes = jax.eval_shape(lambda hint: module.init(jax.random.key(0), hint, hint, train=False), hint)
  return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))


def test_published_parameter_counts():
  assert count(simvp.Module()) == 57_946_113
  assert count(simvp_v2.Module()) == 46_769_665
  assert count(convlstm.Module()) == 11_675_648
  # OpenSTL's count includes, in each of 4 cells, a 5x5 and a 1x1 convolution of [c, h] that it never
  # calls.
  never_used = 4 * (5 * 5 * 256 * 128 + 256 * 128)
  assert count(convlstm.Module()) + never_used == 15_083_520


def test_initial_values_are_the_references():
  hint, mask = inputs(time=4)
  module = make("simvp_v2", given=2, predicted=2, temporal_channels=64, spatial_channels=32)
  params = apply(module, hint, mask)[2]["params"]
  block = params["block_0"]
  assert (block["attention_scale"] == 0.01).all()
  assert block["attention"]["near"]["kernel"].std() == pytest.approx((2 / 25) ** 0.5, rel=0.1)
  assert block["mlp"]["inner"]["kernel"].std() == pytest.approx((2 / 128) ** 0.5, rel=0.1)
  assert params["encoder"]["layer_1"]["conv"]["kernel"].std() == pytest.approx(0.02, rel=0.1)
  readout = params["decoder"]["readout"]
  for leaf in jax.tree.leaves(readout):
    assert np.abs(leaf).max() <= 32**-0.5
  assert np.abs(readout["kernel"]).max() > 0.8 * 32**-0.5
  recurrent = apply(make("convlstm"), hint, mask)[2]["params"]["layer_0"]["hidden_kernel"]
  assert 0.98 * 100**-0.5 < np.abs(recurrent).max() <= 100**-0.5
