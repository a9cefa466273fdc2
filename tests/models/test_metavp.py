"""SimVP's shell and its blocks: published sizes, what each mixer does, and what it refuses."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.models import convmixer, metavp, simvp_v2, tau
from vgjax.models.layers import conv_mixers, meta_block, token_mixers

# Parameters for Moving MNIST; OpenSTL's own classes, built with its configs, count the same.
PUBLISHED = {
  "convnext": 37_313_921,
  "hornet": 45_738_305,
  "mlp_mixer": 38_192_449,
  "moganet": 46_777_065,
  "poolformer": 37_115_393,
  "swin": 46_105_409,
  "uniformer": 44_834_817,
  "van": 44_520_833,
  "vit": 46_102_273,
  "convmixer": 3_919_361,
  "tau": 44_656_001,
}
OWN = {"convmixer": convmixer, "tau": tau}
MODELS = {name: (OWN[name], {}) if name in OWN else (metavp, {"mixer": name}) for name in PUBLISHED}
BLOCKS = metavp.BLOCKS | {
  "swin": metavp.SWIN[1],
  "uniformer_local": metavp.UNIFORMER_LOCAL,
  "uniformer_global": metavp.UNIFORMER_GLOBAL,
  "convmixer": convmixer.ConvMixerBlock,
  "tau": functools.partial(meta_block.MetaBlock, mixer=tau.TemporalAttention),
}
TINY = dict(given=2, predicted=2, spatial_channels=4, temporal_channels=16, temporal_blocks=2)
# Optimised code would take ten times longer to compile than these tests take to run.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def quick(function):
  return jax.jit(function, compiler_options=QUICK)


def tiny(name, **fields):
  file, own = MODELS[name]
  return file.Module(**TINY | own | fields)


def apply(module, x, **options):
  """What a layer makes of x, and its parameters, drawn so that no part of it is near zero."""
  shapes = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, **options), x)
  rng = np.random.default_rng(0)
  variables = jax.tree.map(lambda leaf: rng.normal(0, 0.5, leaf.shape).astype(np.float32), shapes)
  return quick(lambda v, x: module.apply(v, x, **options))(variables, x), variables["params"]


def video(side=8):
  return jax.random.uniform(jax.random.key(3), (2, 4, side, side, 1), minval=-1, maxval=1)


def noise(*shape):
  return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", MODELS)
def test_published_sizes(name):
  """Traced, not computed: parameters, their type in half precision, and the video's shape."""
  file, fields = MODELS[name]
  module = file.Module(**fields, dtype=jnp.bfloat16)
  hint = jax.ShapeDtypeStruct((1, 20, 64, 64, 1), jnp.float32)
  run = functools.partial(module.init_with_output, train=False)
  output, variables = jax.eval_shape(run, jax.random.key(0), hint, hint)
  assert output.shape == hint.shape and output.dtype == jnp.float32
  leaves = jax.tree.leaves(variables["params"])
  assert sum(leaf.size for leaf in leaves) == PUBLISHED[name]
  assert all(leaf.dtype == jnp.float32 for leaf in leaves)


@pytest.mark.parametrize("name", BLOCKS)
def test_every_parameter_of_a_block_matters(name):
  module, x = BLOCKS[name](8, name=None), noise(2, 4, 4, 16)
  shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), x, train=False))
  rng = np.random.default_rng(0)
  params = jax.tree.map(lambda p: rng.normal(0, 0.5, p.shape).astype(np.float32), shapes["params"])
  stats = jax.tree.map(lambda p: np.ones(p.shape, np.float32), shapes.get("batch_stats", {}))

  @quick
  def run(params):
    return module.apply({"params": params, "batch_stats": stats}, x, train=False)

  output = run(params)
  assert output.shape == (2, 4, 4, 8)
  leaves, structure = jax.tree.flatten_with_path(params)
  for index, (path, leaf) in enumerate(leaves):
    changed = [value for _, value in leaves]
    changed[index] = leaf + rng.normal(0, 0.5, leaf.shape).astype(np.float32)
    difference = np.abs(run(jax.tree.unflatten(structure, changed)) - output).max()
    where = jax.tree_util.keystr(path)
    if (name, where) == ("poolformer", "['attention_norm']['bias']"):
      assert difference < 1e-4  # the mean of the pixels around, minus the pixel: a constant cancels
    else:
      assert difference > 1e-3, where


def test_drop_path_drops_whole_examples_and_keeps_the_mean():
  x = jnp.ones((2000, 2, 3))
  drop = meta_block.DropPath(0.25, train=True)
  y = np.asarray(drop.apply({}, x, rngs={"dropout": jax.random.key(0)}))
  assert all(len(np.unique(example)) == 1 for example in y)
  assert np.unique(y) == pytest.approx([0, 1 / 0.75])
  assert y.mean() == pytest.approx(1, abs=0.03)
  np.testing.assert_array_equal(meta_block.DropPath(0.25, train=False).apply({}, x), x)


@pytest.mark.parametrize("norm", ["attention", "mlp"])
def test_a_block_scales_what_each_branch_adds(norm):
  x = noise(1, 4, 4, 8)
  module = meta_block.MetaBlock(8, conv_mixers.Pooling, meta_block.Mlp, 2.0, drop_path=0.9)
  _, params = apply(module, x, train=False)
  stats = {f"{name}_norm": {"mean": np.zeros(8), "var": np.ones(8)} for name in ("attention", "mlp")}
  block = quick(lambda p: module.apply({"params": p, "batch_stats": stats}, x, train=False))

  def run(params):
    return np.asarray(block(params))

  zero = {"attention_scale": np.zeros(8, np.float32), "mlp_scale": np.zeros(8, np.float32)}
  np.testing.assert_array_equal(run(params | zero), x)
  once, twice = (run(params | zero | {f"{norm}_scale": np.full(8, s, np.float32)}) - x for s in (1, 2))
  assert np.abs(once).max() > 0.1
  np.testing.assert_allclose(twice, 2 * once, rtol=1e-4, atol=1e-5)


def test_pooling_is_the_mean_of_the_pixels_that_there_are():
  x = noise(2, 3, 5, 2)
  expected = np.empty_like(x)
  for i in range(3):
    for j in range(5):
      expected[:, i, j] = x[:, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].mean((1, 2)) - x[:, i, j]
  np.testing.assert_allclose(conv_mixers.Pooling().apply({}, x), expected, atol=1e-6)


def test_recursive_gates_multiply_order_plus_one_factors():
  """A polynomial: without biases, x twice as large gives 2^(order + 1) times as much."""
  x, module = noise(1, 3, 3, 8), conv_mixers.RecursiveGatedConv(order=3)
  params = apply(module, x)[1]
  params = {k: v | {"bias": np.zeros_like(v["bias"])} for k, v in params.items()}
  run = quick(lambda x: module.apply({"params": params}, x))
  np.testing.assert_allclose(run(2 * x), 2**4 * np.asarray(run(x)), rtol=1e-4, atol=1e-4)


def test_attention_is_a_softmax_over_all_pixels():
  x = noise(2, 2, 3, 8)
  found, params = apply(token_mixers.SelfAttention(heads=2), x)
  tokens = x.reshape(2, 6, 8)
  query, key, value = np.split(tokens @ params["qkv"]["kernel"] + params["qkv"]["bias"], 3, axis=-1)
  heads = []
  for head in (slice(0, 4), slice(4, 8)):
    weights = np.exp(query[..., head] @ key[..., head].transpose(0, 2, 1) / 2)
    heads.append(weights / weights.sum(-1, keepdims=True) @ value[..., head])
  expected = np.concatenate(heads, -1) @ params["outer"]["kernel"] + params["outer"]["bias"]
  np.testing.assert_allclose(found.reshape(2, 6, 8), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shift", [False, True])
def test_windows_see_only_themselves(shift):
  module = token_mixers.SelfAttention(windows=True, shift=shift, heads=2)
  x = noise(1, 8, 8, 4)
  params = apply(module, x)[1]
  run = quick(lambda x: module.apply({"params": params}, x))
  plain, other = run(x), run(x + 5.0 * (np.indices((8, 8)).sum(0) == 0)[None, ..., None])
  changed = np.abs(np.asarray(other - plain)[0]).max(-1) > 1e-5
  expected = np.zeros((8, 8), bool)
  # Shifted, the window of the corner is made of all four corners.
  rows = [6, 7, 0, 1] if shift else [0, 1, 2, 3]
  expected[np.ix_(rows, rows)] = True
  np.testing.assert_array_equal(changed, expected)


def test_a_bias_for_each_distance_of_two_pixels():
  index = token_mixers.distances(3)
  assert len(np.unique(index)) == 25
  pixels = [(y, x) for y in range(3) for x in range(3)]
  by_distance = {}
  for i, (a, b) in enumerate(pixels):
    for j, (c, d) in enumerate(pixels):
      by_distance.setdefault((a - c, b - d), set()).add(index[i, j])
  assert all(len(found) == 1 for found in by_distance.values())


def test_window_sides_are_openstls():
  sides = {(16, 16): 4, (32, 32): 4, (28, 28): 7, (128, 128): 8, (256, 256): 8, (2, 2): 2}
  assert {size: token_mixers.window_side(*size) for size in sides} == sides
  with pytest.raises(ValueError, match="do not fill"):
    token_mixers.window_side(18, 16)


def test_multi_order_attention_reaches_as_far_as_its_windows():
  """5x5, then 5x5 of dilation 2 and 7x7 of dilation 3: 2, 6 and 11 pixels; the mean, taken off here, all."""
  module = conv_mixers.MultiOrderAttention()
  x = noise(1, 1, 31, 8)
  _, params = apply(module, x)
  params = params | {"sigma": np.zeros(8, np.float32)}
  for split, reach in ((slice(0, 1), 2), (slice(1, 4), 6), (slice(4, 8), 11)):
    only = np.zeros_like(params["value"]["kernel"])
    only[:, :, split] = params["value"]["kernel"][:, :, split]
    chosen = {"params": params | {"value": params["value"] | {"kernel": only}}}
    run = quick(lambda x, chosen=chosen: module.apply(chosen, x))
    difference = np.abs(run(x) - run(x + 3.0 * (np.arange(31) == 15)[:, None])).max((0, 1, 3))
    assert np.abs(np.flatnonzero(difference > 1e-5) - 15).max() == reach


def test_uniformer_attends_where_the_width_stays():
  hint = video()
  module = tiny("uniformer", temporal_blocks=3)
  shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), hint, hint, train=False))["params"]
  assert ["qkv" in shapes[f"block_{i}"]["attention"] for i in range(3)] == [False, True, False]


def test_tau_starts_its_attention_as_pytorch_does():
  module, x = tau.TemporalAttention(), noise(1, 2, 2, 64)
  params = quick(lambda: module.init(jax.random.key(0), x))()["params"]
  assert 0.9 / 8 < np.abs(params["inner"]["kernel"]).max() <= 1 / 8
  assert 0.9 / 5 < np.abs(params["near"]["bias"]).max() <= 1 / 5
  assert 0.9 / 8 < np.abs(params["squeeze"]["kernel"]).max() <= 1 / 8
  assert params["squeeze"]["kernel"].shape == (64, 16)


@pytest.mark.parametrize(
  ("name", "fields", "message"),
  [
    ("van", dict(mixer="vann"), "no mixer"),
    ("vit", dict(temporal_channels=12), "heads"),
    ("moganet", dict(temporal_channels=12), "eighths"),
    ("hornet", dict(temporal_channels=12), "halved"),
    ("swin", dict(temporal_blocks=1), "at least 2"),
  ],
)
def test_refuses_what_does_not_fit(name, fields, message):
  hint = video()
  with pytest.raises(ValueError, match=message):
    jax.eval_shape(lambda: tiny(name, **fields).init(jax.random.key(0), hint, hint, train=False))


def test_simvp_v2_is_a_stack_of_meta_blocks():
  """Its parameters keep the names that checkpoints have."""
  hint = video()
  module = simvp_v2.Module(**TINY)
  shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), hint, hint, train=False))["params"]
  assert set(shapes) == {"encoder", "block_0", "block_1", "decoder"}
  block = {"attention", "attention_norm", "attention_scale", "mlp", "mlp_norm", "mlp_scale", "reduction"}
  assert set(shapes["block_0"]) == block
  assert set(shapes["block_0"]["attention"]) == {"inner", "near", "far", "gate", "outer"}
