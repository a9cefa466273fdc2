"""The frame generator: what it reads, its three encoders, and its two ways up."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.test_predictors import QUICK, inputs
from vgjax.models.frame_generator import FrameGenerator
from vgjax.models.layers.upsample import Upsample

TINY = dict(channels=4, levels=1, blocks=1, groups=2, context=2)


@functools.cache
def compiled(module):
  """(init, apply): one of each for a module, compiled again for other shapes only."""
  init, apply = (functools.partial(f, train=False) for f in (module.init, module.apply))
  return tuple(jax.jit(f, compiler_options=QUICK) for f in (init, apply))


def variables(module, hint, mask):
  """Initial ones, changed a little: the readout starts at zero."""
  return jax.tree.map(lambda leaf: leaf + 0.02, compiled(module)[0](jax.random.key(0), hint, mask))


def generate(module, variables, hint, mask):
  return compiled(module)[1](variables, hint, mask)


def test_an_untrained_one_repeats_the_last_given_frame():
  hint, mask = inputs(time=4)
  module = FrameGenerator(**TINY)
  params = jax.tree.map(lambda leaf: leaf - 0.02, variables(module, hint, mask))
  video = generate(module, params, hint, mask)
  np.testing.assert_allclose(video[:, 1:], hint[:, [0, 1, 1]], atol=1e-6)


def test_reads_its_own_frames_where_nothing_is_given_at_any_length():
  hint, mask = inputs(time=4)
  module = FrameGenerator(**TINY)
  params = variables(module, hint, mask)
  free = generate(module, params, hint, mask)
  forced = generate(module, params, hint.at[:, 2].set(free[:, 2]), mask.at[:, 2].set(1))
  np.testing.assert_allclose(free, forced, atol=1e-6)
  other = generate(module, params, hint.at[:, 2].set(free[:, 2] + 1), mask.at[:, 2].set(1))
  assert np.abs(other - free)[:, 3].max() > 1e-4
  short = generate(module, params, hint[:, :3], mask[:, :3])
  np.testing.assert_allclose(short, free[:, :3], atol=1e-6)
  with pytest.raises(ValueError, match="at least 2 frames"):
    generate(module, params, hint[:, :1], mask[:, :1])


@pytest.mark.parametrize("remat", [False, True])
def test_a_frame_comes_from_the_last_ones(remat):
  """The one after the third, from the second and third; the gradient is the same with remat."""
  hint, mask = inputs(time=4, given=4)
  params = variables(FrameGenerator(**TINY), hint, mask)

  def energy(module, hint):
    return (module.apply(params, hint, mask, train=False)[:, 3] ** 2).sum()

  gradient = jax.jit(jax.grad(energy, argnums=1), static_argnums=0, compiler_options=QUICK)
  found = gradient(FrameGenerator(**TINY, remat=remat), hint)
  assert (np.abs(found).max((0, 2, 3, 4)) > 0).tolist() == [False, True, True, False]
  if remat:
    np.testing.assert_allclose(found, gradient(FrameGenerator(**TINY), hint), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("backbone, count", [("vgg16", 14_714_688), ("alexnet", 2_469_696)])
def test_published_encoders_whatever_the_channels(backbone, count, channels):
  """Parameter names and sizes are those of the published weights; see also test_init_from_weights.py."""
  module = FrameGenerator(backbone=backbone)
  video, mask = (jax.ShapeDtypeStruct((2, 3, 32, 48, c), jnp.float32) for c in (channels, 1))
  params = jax.eval_shape(functools.partial(module.init, train=False), jax.random.key(0), video, mask)
  assert sum(leaf.size for leaf in jax.tree.leaves(params["params"]["encoder"])) == count
  assert params["params"]["encoder"]["conv_0"]["kernel"].shape[2] == 3
  made = jax.eval_shape(functools.partial(module.apply, train=False), params, video, mask)
  assert made.shape == video.shape and made.dtype == jnp.float32


@pytest.mark.parametrize(
  "fields", [dict(backbone="vgg19"), dict(backbone="vgg16", levels=5), dict(backbone="alexnet", levels=3)]
)
def test_encoders_that_there_are_not_are_refused(fields):
  with pytest.raises(ValueError, match="backbone must be"):
    jax.eval_shape(lambda: FrameGenerator(**fields).init(jax.random.key(0), *inputs(2, side=32), train=False))


def test_pixel_shuffle_starts_as_copying_of_pixels():
  x = jax.random.normal(jax.random.key(0), (2, 5, 4, 3))
  video, _ = Upsample(6, "pixel_shuffle").init_with_output(jax.random.key(1), x)
  assert video.shape == (2, 10, 8, 6)
  for i, j in [(0, 1), (1, 0), (1, 1)]:
    np.testing.assert_allclose(video[:, i::2, j::2], video[:, ::2, ::2], atol=1e-6)
  assert np.abs(video[:, 1:] - video[:, :-1]).max() > 0.1
  with pytest.raises(ValueError, match='"deconv" or "pixel_shuffle", not "nearest"'):
    Upsample(6, "nearest").init(jax.random.key(1), x)  # pyright: ignore[reportArgumentType]


def test_deconv_covers_each_pixel_equally_often():
  x = jnp.ones((1, 5, 4, 3))
  params = Upsample(2).init(jax.random.key(1), x)
  video = Upsample(2).apply(jax.tree.map(jnp.ones_like, params), x)
  assert video.shape == (1, 10, 8, 2)
  np.testing.assert_allclose(video[:, 1:-1, 1:-1], 4 * 3 + 1)  # 2x2 of the window, 3 channels, the bias
