"""Counts of arithmetic against closed forms."""

import jax
import jax.numpy as jnp
import pytest

import vgjax
from tests import all_configs
from vgjax import flops
from vgjax.models.layers.conv import Conv, ConvTranspose

W = jnp.ones((64, 64))


def test_a_matrix_product():
  a, b = jnp.ones((3, 8, 64)), jnp.ones((3, 64, 32))
  assert flops.count(jnp.matmul, a, b) == (2 * 3 * 8 * 64 * 32, None)


@pytest.mark.parametrize(
  "layer,places",
  [
    (Conv(12, (3, 3), strides=(2, 2), padding=1), 8 * 8),
    (Conv(12, (3, 3), padding=1), 16 * 16),
    (ConvTranspose(12, (3, 3), strides=(2, 2)), 16 * 16),  # each given place meets the window once
  ],
)
def test_a_convolution_and_its_gradients(layer, places):
  x = jnp.ones((2, 16, 16, 6))
  variables = layer.init(jax.random.key(0), x)
  forward = 2 * 2 * places * 9 * 6 * 12
  assert flops.count(layer.apply, variables, x) == (forward, None)
  loss = lambda variables, x: layer.apply(variables, x).sum()
  assert flops.count(jax.grad(loss, argnums=(0, 1)), variables, x)[0] == 3 * forward


def test_jax_own_convolution_and_groups():
  x, kernel = jnp.ones((2, 16, 16, 6)), jnp.ones((3, 3, 2, 12))
  convolve = lambda x, kernel: jax.lax.conv_general_dilated(
    x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=3
  )
  assert flops.count(convolve, x, kernel) == (2 * 2 * 16 * 16 * 9 * 2 * 12, None)


def test_a_loop_is_counted_as_often_as_it_runs():
  step = lambda x, _: (jnp.tanh(x @ W), None)
  looped = lambda x: jax.lax.scan(jax.checkpoint(step), x, None, length=10)[0]
  assert flops.count(jax.jit(looped), W) == (10 * 2 * 64**3, None)


def test_a_loop_whose_turns_are_not_known_is_said_to_be_counted_once():
  total, note = flops.count(lambda x, n: jax.lax.fori_loop(0, n, lambda _, x: x @ W, x), W, 3)
  assert total == 2 * 64**3 and "1 loops" in note


def test_of_two_branches_the_larger_of_several_forms_the_general_one():
  once, twice = (lambda x: x @ W), (lambda x: x @ W @ W)
  assert flops.count(lambda x: jax.lax.cond(x[0, 0] > 0, once, twice, x), W)[0] == 4 * 64**3
  forms = lambda x: jax.lax.platform_dependent(x, cpu=twice, default=once)
  assert flops.count(forms, W)[0] == 2 * 64**3


@pytest.mark.parametrize(
  "name,published",
  [
    ("simvp", 19.4),
    ("simvp_v2", 16.5),
    ("tau", 16.0),
    ("convmixer", 5.5),
    ("convlstm", 56.8),
    ("predrnn", 116.0),
    ("predrnnpp", 171.7),
    ("predrnnv2", 116.6),
    ("phydnet", 15.3),
  ],
)
def test_models_have_the_arithmetic_that_is_published_of_them(name, published):
  """OpenSTL prints thousands of millions of multiply-adds, with some of other operations."""
  config = vgjax.load_config(all_configs.ROOT / f"moving_mnist/{name}.py")
  model = vgjax.build(config).models["predictor"]
  video = jax.ShapeDtypeStruct((1, config.data.time, 64, 64, 1), jnp.float32)
  truth = lambda video: {"truth": video} if "truth" in model.reads else {}
  params = jax.eval_shape(lambda video: model.init(jax.random.key(0), video, video, **truth(video)), video)
  total, note = flops.count(lambda *inputs: model.apply(*inputs).value, params, video, video)
  assert note is None and 0.975 * published < total / 2e9 < 1.01 * published
