"""AlexNet and VGG-16: what they hand out. Its values are held in tests/metrics/test_lpips.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.models import alexnet, vgg16

SHAPES = {
  # Of a picture of 64x96: rows, columns, channels.
  alexnet: [(15, 23, 64), (7, 11, 192), (3, 5, 384), (3, 5, 256), (3, 5, 256)],
  vgg16: [(64, 96, 64), (32, 48, 128), (16, 24, 256), (8, 12, 512), (4, 6, 512)],
}
SIZES = {alexnet: 2_469_696, vgg16: 14_714_688}  # parameters, of PyTorch's without the classifier


@pytest.mark.parametrize("model", SHAPES, ids=lambda m: m.__name__.rpartition(".")[2])
def test_activations_and_sizes(model):
  x = jax.ShapeDtypeStruct((2, 64, 96, 3), jnp.float32)
  module = model.Module()
  variables = jax.eval_shape(module.init, jax.random.key(0), x)
  taps = jax.eval_shape(module.apply, variables, x)
  assert [tap.shape for tap in taps] == [(2, *shape) for shape in SHAPES[model]]
  assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == SIZES[model]


@pytest.mark.parametrize("model", SHAPES, ids=lambda m: m.__name__.rpartition(".")[2])
def test_small_pictures_are_refused(model):
  init = lambda side: jax.eval_shape(model.Module().init, jax.random.key(0), np.zeros((1, side, side, 3)))
  init(model.SIDE)
  with pytest.raises(ValueError, match=f"needs {model.SIDE}x{model.SIDE} pixels or more, got"):
    init(model.SIDE - 1)
