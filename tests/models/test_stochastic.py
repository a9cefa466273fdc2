"""SVG and FitVid: futures are drawn, training follows the truth, and the divergence is what it should be."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.test_predictors import QUICK
from vgjax import linen
from vgjax.methods import predictor
from vgjax.models import fitvid, svg
from vgjax.models.layers import latent, lstm, skip_coder

SMALL = dict(width=2, code=6, latent=3, hidden=5)
MODELS = {
  "svg_lp": functools.partial(svg.Module, **SMALL),
  "svg_fp": functools.partial(svg.Module, prior="fixed", last_frame_skip=True, **SMALL),
  "svg_vgg": functools.partial(svg.Module, encoder="vgg", **SMALL),
  "fitvid": functools.partial(fitvid.Module, stages=(1, 1), expand=2, **SMALL),
}
TIME, GIVEN = 5, 2


def make_inputs(given=GIVEN, side=8):
  """(video, mask) of two videos."""
  video = jax.random.uniform(jax.random.key(3), (2, TIME, side, side, 1), minval=-1, maxval=1)
  mask = (jnp.arange(TIME) < given).astype(jnp.float32).reshape(1, TIME, 1, 1, 1)
  return video, jnp.broadcast_to(mask, video.shape)


def make_variables(module, video, mask):
  """Weights away from where they start: with the first ones all frames are nearly the same."""
  rng = np.random.default_rng(0)
  init = functools.partial(module.init, train=False)
  shapes = jax.eval_shape(init, jax.random.key(0), video, mask, truth=video)

  def values(path, shape):
    array = rng.standard_normal(shape.shape).astype(np.float32)
    return np.abs(array) + 0.1 if path[-1].key == "var" else 0.6 * array + (path[-1].key == "scale")

  return jax.tree_util.tree_map_with_path(values, shapes)


@functools.cache
def compiled(name):
  """Variables and jitted functions of a model; compiled once for all tests."""
  module = MODELS[name]()
  video, mask = make_inputs()

  @functools.partial(jax.jit, compiler_options=QUICK)
  def draw(variables, hint, mask, key):
    rngs = None if key is None else {"sample": key}
    return module.apply(variables, hint, mask, train=False, rngs=rngs)

  @functools.partial(jax.jit, compiler_options=QUICK)
  def follow(variables, hint, mask, truth):
    return module.apply(variables, hint, mask, train=False, truth=truth)

  return make_variables(module, video, mask), draw, follow


@pytest.mark.parametrize("name", MODELS)
def test_draws_another_future_with_another_key(name):
  video, mask = make_inputs(given=1)  # so z comes from the prior from the start
  variables, draw, _ = compiled(name)
  one, again = (draw(variables, video * mask, mask, jax.random.key(1)) for _ in range(2))
  other = draw(variables, video * mask, mask, jax.random.key(2))
  assert one.shape == video.shape and one.dtype == jnp.float32 and np.isfinite(one).all()
  assert one[:, 1:].min() >= -1 and one[:, 1:].max() <= 1
  np.testing.assert_array_equal(one, again)
  np.testing.assert_array_equal(one[:, 0], video[:, 0])
  assert np.abs(one - other)[:, 1:].max() > 1e-3
  assert np.abs(one[0] - one[1])[1:].max() > 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_reads_its_own_frames_where_nothing_is_given(name):
  video, mask = make_inputs()
  variables, draw, _ = compiled(name)
  key = jax.random.key(1)
  free = draw(variables, video * mask, mask, key)
  noisy = draw(variables, video * mask + 7 * (1 - mask), mask, key)
  np.testing.assert_array_equal(free, noisy)
  # The model's own pixels, given in half a frame, change nothing; others do, in the frames that follow.
  half = mask.at[:, GIVEN, :4].set(1)
  own = (video * mask).at[:, GIVEN, :4].set(free[:, GIVEN, :4])
  np.testing.assert_allclose(draw(variables, own, half, key), free, atol=1e-5)
  changed = draw(variables, own.at[:, GIVEN, :4].add(1), half, key)
  np.testing.assert_allclose(changed[:, : GIVEN + 1], free[:, : GIVEN + 1], atol=1e-5)
  assert np.abs(changed - free)[:, GIVEN + 1].max() > 1e-4


@pytest.mark.parametrize("name", MODELS)
def test_training_follows_the_truth(name):
  video, mask = make_inputs()
  variables, _, follow = compiled(name)
  frames = follow(variables, video * mask, mask, video)
  nothing = follow(variables, (video * mask).at[:, 1:].set(0.3), mask, video)
  np.testing.assert_array_equal(frames, nothing)  # of the hint only the first frame is passed on
  later = follow(variables, video * mask, mask, video.at[:, 3].set(0.5))
  np.testing.assert_allclose(later[:, :3], frames[:, :3], atol=1e-6)
  assert np.abs(later - frames)[:, 3].max() > 1e-4  # z has seen the frame that it describes
  assert np.abs(later - frames)[:, 4].max() > 1e-4


@pytest.mark.parametrize("name", ["svg_lp", "fitvid"])
def test_skips_come_from_the_last_given_frame(name):
  video, mask = make_inputs()
  variables, _, follow = compiled(name)
  frames = follow(variables, video * mask, mask, video)
  _, longer = make_inputs(given=3)
  other = follow(variables, video * longer, longer, video)
  assert np.abs(other - frames)[:, 3:].max() > 1e-4
  if name == "svg_lp":  # up to the last given frame, those of the frame before
    np.testing.assert_array_equal(other[:, :3], frames[:, :3])


def test_last_frame_skip_does_not_care_what_is_given():
  video, mask = make_inputs()
  variables, _, follow = compiled("svg_fp")
  _, longer = make_inputs(given=3)
  frames = [follow(variables, video * m, m, video) for m in (mask, longer)]
  np.testing.assert_array_equal(*frames)


@pytest.mark.parametrize("name", ["svg_lp", "fitvid"])
def test_every_parameter_learns(name):
  video, mask = make_inputs()
  model = linen.wrap(MODELS[name](), "predictor")
  assert model.reads == ("truth",) and model.window is None
  method = predictor.make({"predictor": model}, losses=dict(mse=1.0, kl=4e-4), loss_over="all")
  batch = dict(video=video, hint=video * mask, mask=mask)
  variables = compiled(name)[0]
  params = {"predictor": variables["params"], "predictor_stats": {"batch_stats": variables["batch_stats"]}}
  shapes = jax.eval_shape(method.init, jax.random.key(0), batch)
  assert jax.tree.structure(shapes) == jax.tree.structure(params)

  differentiate = jax.value_and_grad(method.losses["predictor"], has_aux=True)
  differentiate = jax.jit(differentiate, compiler_options=QUICK)
  (loss, aux), gradient = differentiate(params, batch, jax.random.key(5), jnp.zeros((), jnp.int32))
  metrics = jax.device_get(aux.metrics)
  assert float(loss) == pytest.approx(metrics["mse"] + 4e-4 * metrics["kl"], rel=1e-6)
  assert metrics["kl"] > 0
  for path, leaf in jax.tree_util.tree_flatten_with_path(gradient["predictor"])[0]:
    assert np.abs(leaf).max() > 0, jax.tree_util.keystr(path)
  before, after = (jax.tree.leaves(tree["predictor_stats"]) for tree in (params, aux.writes))
  assert all(np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True))


def test_the_method_keeps_given_pixels():
  video, mask = make_inputs()
  method = predictor.make({"predictor": linen.wrap(MODELS["svg_fp"](), "predictor")}, losses=dict(mse=1.0))
  variables = compiled("svg_fp")[0]
  params = {"predictor": variables["params"], "predictor_stats": {"batch_stats": variables["batch_stats"]}}
  sample = jax.jit(method.sample, compiler_options=QUICK)
  batch = dict(hint=video * mask, mask=mask)
  one, other = (sample(params, batch, jax.random.key(seed)) for seed in (1, 2))
  np.testing.assert_array_equal(one[:, :GIVEN], video[:, :GIVEN])
  assert not np.array_equal(one[:, GIVEN:], other[:, GIVEN:])


def test_bfloat16_computes_close_to_float32():
  video, mask = make_inputs()
  variables, _, follow = compiled("svg_lp")
  module = MODELS["svg_lp"](dtype=jnp.bfloat16)
  run = jax.jit(functools.partial(module.apply, train=False), compiler_options=QUICK)
  rough = run(variables, video * mask, mask, truth=video)
  difference = np.abs(rough - follow(variables, video * mask, mask, video))
  assert rough.dtype == jnp.float32 and 0 < difference.max() < 0.2


def test_fitvid_reads_what_was_done_before_each_frame():
  video, mask = make_inputs()
  module = MODELS["fitvid"](actions=4)
  assert linen.wrap(module, "predictor").reads == ("truth", "action")
  action = jnp.array([[0, 1, 2, 3, 0], [3, 2, 1, 0, 0]])
  init = functools.partial(module.init, train=False)
  variables = jax.jit(init, compiler_options=QUICK)(
    jax.random.key(0), video, mask, truth=video, action=action
  )
  apply = functools.partial(module.apply, train=False, rngs={"sample": jax.random.key(1)})
  draw = jax.jit(apply, compiler_options=QUICK)
  first = draw(variables, video * mask, mask, action=action)
  np.testing.assert_array_equal(
    draw(variables, video * mask, mask, action=jax.nn.one_hot(action, 4)), first
  )  # integers are one-hot vectors
  other = draw(variables, video * mask, mask, action=action.at[0, 2].set(0))
  changed = np.abs(other - first).max((2, 3, 4)) > 0
  # What is done at frame 2 leads to frame 3, of that video.
  np.testing.assert_array_equal(changed, [[False, False, False, True, True], [False] * 5])
  with pytest.raises(ValueError, match="needs action="):
    draw(variables, video * mask, mask)
  with pytest.raises(ValueError, match=r"action has the shape \(2, 5, 3\)"):
    draw(variables, video * mask, mask, action=jnp.zeros((2, 5, 3)))


def test_divergence_of_gaussians():
  q = latent.Gaussian(jnp.array([1.0, 0.0]), jnp.log(jnp.array([1.0, 4.0])))
  # By hand: 1/2 * 1 for the mean, 1/2 (4 - 1 - log 4) for the variance.
  assert float(latent.divergence(q, latent.standard((2,)))) == pytest.approx(0.5 + 1.5 - np.log(2))
  assert float(latent.divergence(q, q)) == pytest.approx(0)
  p = latent.Gaussian(jnp.array([-0.5, 0.3]), jnp.array([0.4, -0.7]))
  noise = np.random.default_rng(0).standard_normal((200_000, 2))
  z = np.asarray(q.draw(noise))

  def log_density(gaussian):
    return -0.5 * ((z - gaussian.mean) ** 2 / np.exp(gaussian.logvar) + gaussian.logvar).sum(-1)

  estimate = (log_density(q) - log_density(p)).mean()
  assert float(latent.divergence(q, p)) == pytest.approx(float(estimate), rel=0.02)


def test_sown_divergence_is_a_sum_over_frames_divided_by_all_of_them():
  class Sower(nn.Module):
    @nn.compact
    def __call__(self):
      q = latent.Gaussian(jnp.ones((3, 2, 4)), jnp.zeros((3, 2, 4)))
      latent.sow_divergence(self, q, latent.standard((3, 2, 4)))

  _, written = Sower().apply({}, mutable=["losses"])
  assert written["losses"]["kl"][0] == pytest.approx(3 * 4 * 0.5 / 4)  # 3 of 4 frames, 4 numbers, 1/2 nat


def test_given_frames_are_a_run_from_the_start():
  mask = np.zeros((3, 4, 2, 2, 1), np.float32)
  mask[0, :2] = 1  # two frames
  mask[1, [0, 2]] = 1  # a gap after the first
  mask[2, 0, 0] = 1  # not even the first, as a whole
  given = latent.given_frames(mask)
  expected = [[True, True, False, False], [True, False, False, False], [True, False, False, False]]
  np.testing.assert_array_equal(given, expected)
  x = jnp.arange(1.0, 13.0).reshape(3, 4, 1)
  np.testing.assert_array_equal(latent.at_last_given(x, given), [[2], [5], [9]])


@pytest.mark.parametrize("like_torch", [True, False])
def test_an_lstm_equals_its_equations_step_by_step_and_at_once(like_torch):
  xs = np.random.default_rng(0).standard_normal((4, 3, 2)).astype(np.float32)
  module = lstm.LSTM(5, like_torch)
  variables = jax.jit(module.init, compiler_options=QUICK)(jax.random.key(0), xs)
  params = {name: np.asarray(value) for name, value in variables["params"].items()}
  assert ("hidden_bias" in params) == like_torch
  run = jax.jit(module.apply, compiler_options=QUICK)
  (c, h), hs = run(variables, xs)

  state = [np.zeros((3, 5))] * 2
  step = None
  for x, wanted in zip(xs, hs):
    bias = params["bias"] + params.get("hidden_bias", 0)
    gates = x @ params["input_kernel"] + state[1] @ params["hidden_kernel"] + bias
    i, f, g, o = np.split(gates, 4, axis=-1)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    memory = sigmoid(f) * state[0] + sigmoid(i) * np.tanh(g)
    state = [memory, sigmoid(o) * np.tanh(memory)]
    step, one = run(variables, x[None], step)
    np.testing.assert_allclose(state[1], wanted, atol=1e-6)
    np.testing.assert_allclose(one[0], wanted, atol=1e-6)
  np.testing.assert_allclose(state, (c, h), atol=1e-6)


def test_flax_initial_values_are_orthogonal_for_each_gate():
  kernel = lstm.orthogonal_gates(jax.random.key(0), (6, 24))
  for gate in np.split(np.asarray(kernel), 4, axis=1):
    np.testing.assert_allclose(gate.T @ gate, np.eye(6), atol=1e-5)


def count(module, side=64, channels=1):
  """Number of parameters; computes nothing."""
  hint = jax.ShapeDtypeStruct((1, 3, side, side, channels), jnp.float32)
  init = lambda hint: module.init(jax.random.key(0), hint, hint[..., :1], train=False)
  return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(init, hint)["params"]))


def test_parameter_counts_are_those_of_the_authors_programs():
  # Counted of their PyTorch modules: encoder, decoder, predictor, posterior, prior.
  assert count(svg.Module()) == 12_614_057
  assert count(svg.Module(prior="fixed")) == 12_049_557
  assert count(svg.Module(encoder="vgg", latent=64), channels=3) == 22_831_747
  # "302 million"; theirs has 256 * 128 + 128 more, a layer that nothing uses.
  assert count(fitvid.Module(), channels=3) == 302_504_670


def test_initial_values_of_svg_are_the_authors():
  module = svg.Module(width=16, hidden=64)
  hint = jnp.zeros((1, 2, 8, 8, 1))
  init = jax.jit(lambda key: module.init(key, hint, hint, train=False)["params"], compiler_options=QUICK)
  params = jax.device_get(init(jax.random.key(0)))
  assert params["read"]["vector"]["conv"]["kernel"].std() == pytest.approx(0.02, rel=0.1)
  assert params["predicted_code"]["kernel"].std() == pytest.approx(0.02, rel=0.1)
  scale = params["write"]["vector"]["norm"]["scale"]
  assert scale.mean() == pytest.approx(1, abs=0.02) and 0.005 < scale.std() < 0.04
  cell = params["posterior"]["stack"]["layer_0"]
  assert 0.95 / 8 < np.abs(cell["hidden_kernel"]).max() <= 1 / 8
  assert np.abs(cell["bias"]).max() > 0


def test_refuses_what_it_cannot_do():
  video, mask = make_inputs()
  init = lambda module, hint, mask: module.init(jax.random.key(0), hint, mask, train=False)
  with pytest.raises(ValueError, match=r"encoder='vgg16'; there are dcgan and vgg"):
    init(svg.Module(encoder="vgg16"), video, mask)
  for module in (svg.Module(), fitvid.Module()):
    variables = {"params": {}}
    with pytest.raises(ValueError, match="at least 2 frames"):
      module.apply(variables, video[:, :1], mask[:, :1], train=False)
    with pytest.raises(ValueError, match="needs truth="):
      module.apply(variables, video, mask, train=True)
    with pytest.raises(ValueError, match="multiples"):
      module.apply(variables, video[:, :, :, :7], mask[:, :, :, :7], train=False)
  assert [skip_coder.count_levels(side, side) for side in (8, 16, 24, 64, 128)] == [1, 2, 2, 4, 5]
