"""The 3D U-Net: the published size, and what it reads."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.test_predictors import QUICK, inputs
from vgjax.models.unet3d import UNet3D

TINY = dict(given=0, channels=2, levels=1, time_levels=1, groups=1)


def sizes(module, channels=1):
  """{path: number of parameters}; computes nothing."""
  time = module.window[0]
  hint, mask = (jax.ShapeDtypeStruct((1, time, 64, 64, c), jnp.float32) for c in (channels, 1))
  shapes = jax.eval_shape(functools.partial(module.init, train=False), jax.random.key(0), hint, mask)
  leaves = jax.tree_util.tree_leaves_with_path(shapes["params"])
  return {jax.tree_util.keystr(path): leaf.size for path, leaf in leaves}


def generate(module):
  """`(hint, mask, weight) -> (video, gradient of its weighted square by the hint)`.

  The parameters are away from the zeros that they start with.
  """

  def run(hint, mask, weight):
    params = module.init(jax.random.key(0), hint, mask, train=False)
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)
    video, backward = jax.vjp(lambda hint: module.apply(params, hint, mask, train=False), hint)
    return video, backward(weight * video)[0]

  return jax.jit(run, compiler_options=QUICK)


def test_published_parameter_count():
  """19,069,955 for 3 channels in and 3 classes out, without the normalisation's scales and biases."""
  found = sizes(UNet3D(given=0, predicted=16), channels=2)  # and the mask: 3 in; but 2 out
  counted = sum(size for path, size in found.items() if "norm" not in path)
  assert counted + (64 + 1) == 19_069_955


def test_factored_convolutions_have_fewer_parameters_and_time_may_stay_whole():
  full = sum(sizes(UNet3D()).values())
  assert sum(sizes(UNet3D(factored=True)).values()) < 0.55 * full
  windows = 512**2 + 256**2 + 128**2  # of the transposed convolutions, which are 1x2x2 instead of 2x2x2
  assert full - sum(sizes(UNet3D(time_levels=0)).values()) == 4 * windows


@pytest.mark.parametrize("factored", [False, True])
def test_frames_in_between_are_made_from_both_sides(factored):
  """And 3 frames are no whole number of halvings."""
  hint, mask = inputs(time=3, given=1)
  mask = mask.at[:, 2].set(1)
  hint = hint.at[:, 2].set(0.3)
  run = generate(UNet3D(**TINY, predicted=3, factored=factored))
  middle = jnp.zeros((3, 1, 1, 1)).at[1].set(1)
  video, gradient = run(hint, mask, middle)
  assert video.shape == hint.shape and video.dtype == jnp.float32
  assert (np.abs(gradient).max((0, 2, 3, 4)) > 0).all()
  other, _ = run(hint, mask.at[:, 2].set(0), middle)
  assert np.abs(video - other)[:, 1].max() > 1e-4  # the mask is read


def test_an_untrained_one_returns_what_it_read():
  hint, mask = inputs(time=4)
  module = UNet3D(**TINY, predicted=4)
  video, _ = jax.jit(functools.partial(module.init_with_output, train=False), compiler_options=QUICK)(
    jax.random.key(0), hint, mask
  )
  np.testing.assert_allclose(video, hint, atol=1e-6)


def test_time_cannot_be_halved_more_often_than_space():
  with pytest.raises(ValueError, match="time_levels=3 must be from 0 to levels=1"):
    sizes(UNet3D(**(TINY | dict(time_levels=3)), predicted=4))
