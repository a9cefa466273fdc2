"""What every model that fills in between two frames keeps to, and the published sizes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vgjax
from vgjax import linen, rollout
from vgjax.errors import ConfigError
from vgjax.models import direct_synthesis, film, sepconv

TINY = {
  "sepconv": (sepconv, dict(channels=(4, 6, 8), taps=5)),
  "film": (
    film,
    dict(levels=3, fusion_levels=2, sub_levels=2, channels=4, flow_channels=(4, 6), flow_convs=1),
  ),
  "direct_synthesis": (direct_synthesis, dict(channels=(4, 6, 8))),
}
MIDPOINT = ["sepconv", "film"]  # those that reach a factor above 2 by recursion

# Optimised code would take ten times longer to compile than these tests take to run.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def make(name, **fields):
  """A tiny module of that name."""
  file, defaults = TINY[name]
  return file.Module(**(defaults | fields))


def inputs(time, channels=3, height=11, width=13):
  """(hint, mask) of a video of which the first and the last frame are given, of a size no pooling divides."""
  video = jax.random.uniform(jax.random.key(3), (2, time, height, width, channels), minval=-1)
  mask = jnp.zeros((*video.shape[:-1], 1)).at[:, [0, -1]].set(1)
  return video * mask, mask


@functools.cache
def program(name, **fields):
  """A module's `apply`, jitted once for all tests."""
  module = make(name, **fields)
  return jax.jit(lambda v, h, m: module.apply(v, h, m, train=False), compiler_options=QUICK)


@functools.cache
def variables(name):
  init = jax.jit(lambda h, m: make(name).init(jax.random.key(0), h, m, train=False), compiler_options=QUICK)
  return init(*inputs(3))


@pytest.mark.parametrize("name", TINY)
def test_only_the_ends_are_read_and_they_are_kept(name):
  hint, mask = inputs(3)
  run = program(name)
  video = run(variables(name), hint, mask)
  assert video.shape == hint.shape and video.dtype == jnp.float32
  assert np.isfinite(video).all()
  np.testing.assert_array_equal(video[:, [0, 2]], hint[:, [0, 2]])
  noisy = run(variables(name), hint + 7 * (1 - mask), jnp.ones_like(mask))
  np.testing.assert_array_equal(noisy, video)
  for end in (0, 2):
    other = run(variables(name), hint.at[:, end].add(0.3), mask)
    assert np.abs(other - video)[:, 1].max() > 1e-4


@pytest.mark.parametrize("name", TINY)
def test_grey_frames_are_made_from_grey_frames(name):
  hint, mask = inputs(3, channels=1)
  out = lambda h, m: make(name).init_with_output(jax.random.key(0), h, m, train=False)[0]
  assert jax.eval_shape(out, hint, mask).shape == hint.shape


@pytest.mark.parametrize("name", MIDPOINT)
def test_four_times_the_rate_is_twice_the_rate_twice(name):
  hint, mask = inputs(5)
  video = program(name, factor=4)(variables(name), hint, mask)

  def middle(first, last):
    pair = jnp.stack([first, jnp.zeros_like(first), last], axis=1)
    return program(name)(variables(name), pair, mask[:, :3])[:, 1]

  between = middle(hint[:, 0], hint[:, 4])
  np.testing.assert_allclose(video[:, 2], between, atol=1e-5)
  np.testing.assert_allclose(video[:, 1], middle(hint[:, 0], between), atol=1e-5)
  np.testing.assert_allclose(video[:, 3], middle(between, hint[:, 4]), atol=1e-5)


def test_direct_synthesis_makes_any_number_of_frames_at_once():
  hint, mask = inputs(6)
  module = make("direct_synthesis", factor=5)
  init = lambda h, m: module.init_with_output(jax.random.key(0), h, m, train=False)
  video, values = jax.jit(init, compiler_options=QUICK)(hint, mask)
  assert video.shape == hint.shape
  assert values["params"]["readout"]["bias"].shape == (4 * 3,)
  assert all(np.abs(video[:, t] - video[:, 1]).max() > 1e-3 for t in (2, 3, 4))


@pytest.mark.parametrize("name", TINY)
def test_bfloat16_computes_close_to_float32(name):
  hint, mask = inputs(3)
  exact = program(name)(variables(name), hint, mask)
  rough = program(name, dtype=jnp.bfloat16)(variables(name), hint, mask)
  assert rough.dtype == jnp.float32
  assert 0 < np.abs(rough - exact).max() < 0.1


@pytest.mark.parametrize("name", TINY)
def test_all_parameters_get_a_gradient(name):
  hint, mask = inputs(3)

  def energy(values):
    return jnp.square(make(name).apply(values, hint, mask, train=True)).sum()

  gradient = jax.jit(jax.grad(energy), compiler_options=QUICK)(variables(name))
  for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
    if "slope" not in jax.tree_util.keystr(path):  # which has none where all of a tiny layer is positive
      assert np.abs(leaf).max() > 0, jax.tree_util.keystr(path)


def test_the_window_slides_from_given_frame_to_given_frame():
  hint, mask = inputs(5)
  hint, mask = hint.at[:, 2].set(0.5), mask.at[:, 2].set(1)
  model = linen.wrap(make("direct_synthesis"), "predictor")
  assert model.window == (3, 1) and model.reads_ends
  params = {"predictor": variables("direct_synthesis")["params"]}
  run = jax.jit(lambda p, h, m: rollout.make_video(model, p, h, m, train=False).value, compiler_options=QUICK)
  video = run(params, hint, mask)
  for first in (0, 2):
    piece = slice(first, first + 3)
    alone = program("direct_synthesis")(variables("direct_synthesis"), hint[:, piece], mask[:, piece])
    np.testing.assert_allclose(video[:, piece], alone, atol=1e-6)
  with pytest.raises(ConfigError, match="multiple of 2 frames and one more"):
    run(params, hint[:, :4], mask[:, :4])


def config(**data):
  small = dict(name="moving_mnist", size=16, digit_size=12, num_videos=8) | data
  return dict(
    steps=1,
    batch_size=8,
    data=small,
    task=dict(name="interpolate", every=4),
    models=dict(predictor=dict(name="direct_synthesis", factor=4, channels=(4, 4))),
    method=dict(name="predictor"),
    optim=dict(predictor=dict(name="adam", learning_rate=1e-3)),
  )


@pytest.mark.parametrize(
  "time, task",
  [
    (8, dict(name="interpolate", every=4)),  # 0, 4 and the last one, 7
    (9, dict(name="interpolate", every=2)),  # all it needs, and more
    (9, dict(name="interpolate", every=3)),
    (9, dict(name="predict", given=5)),
    (3, dict(name="interpolate")),
    (5, dict(name="interpolate")),
  ],
)
def test_a_task_that_gives_other_frames_is_refused_before_the_first_step(time, task):
  fits = [(9, dict(name="interpolate", every=2)), (5, dict(name="interpolate"))]
  changed = config(time=time) | dict(task=task)
  if (time, task) in fits:
    vgjax.build(changed)
    return
  with pytest.raises(ConfigError, match=r"gives other frames than the model reads.*every=4"):
    vgjax.build(changed)


def test_sampling_beyond_the_last_given_frame_is_refused():
  run = vgjax.build(config(time=5))
  state = run.init_state()
  assert vgjax.sample(run, state, num_videos=2).shape == (2, 5, 16, 16, 1)
  with pytest.raises(ConfigError, match="the videos have 5 frames"):
    vgjax.sample(run, state, num_videos=2, time=9)


def shape_of(module, time):
  hint, mask = inputs(time)
  return jax.eval_shape(lambda h, m: module.init(jax.random.key(0), h, m, train=False), hint, mask)


@pytest.mark.parametrize("name", MIDPOINT)
def test_a_factor_that_is_no_power_of_two_is_refused(name):
  with pytest.raises(ValueError, match="power of two"):
    shape_of(make(name, factor=3), 4)


def test_fields_that_do_not_fit_together_are_refused():
  with pytest.raises(ValueError, match="odd"):
    shape_of(make("sepconv", taps=4), 3)
  for fields in (dict(fusion_levels=4), dict(flow_channels=(4, 4, 4)), dict(sub_levels=1)):
    with pytest.raises(ValueError, match="do not fit together"):
      shape_of(make("film", **fields), 3)


def count(module, channels=3):
  """Number of parameters; computes nothing."""
  hint = jax.ShapeDtypeStruct((1, 3, 128, 128, channels), jnp.float32)
  shapes = jax.eval_shape(lambda hint: module.init(jax.random.key(0), hint, hint, train=False), hint)
  return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))


def test_parameter_counts_of_the_authors_programs():
  """As counted in them, see `benchmarks/references`."""
  assert count(sepconv.Module()) == 21_675_452
  assert count(film.Module()) == 34_436_667
  assert count(direct_synthesis.Module()) == 4_738_403


def test_initial_values_are_the_references():
  values = {name: variables(name)["params"] for name in TINY}
  for leaf in jax.tree.leaves(values["sepconv"]["kernels"]["down_1"]["conv_1"]):
    assert 0.75 * 54**-0.5 < np.abs(leaf).max() <= 54**-0.5  # PyTorch's: 9 pixels of 6 channels
  features = values["film"]["features"]["conv_1"]
  assert 0.9 < np.abs(features["kernel"]).max() / (6 / (2 * 36)) ** 0.5 <= 1  # Keras's
  assert (features["bias"] == 0).all()
  np.testing.assert_array_equal(values["direct_synthesis"]["down_0"]["prelu_0"]["slope"], np.full(4, 0.25))
