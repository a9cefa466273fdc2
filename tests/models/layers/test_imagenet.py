"""AlexNet and VGG-16: what they hand out. Its values are held in tests/metrics/test_lpips.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.models.layers.imagenet import VGG16, AlexNet, normalise

SHAPES = {
  # Of a picture of 64x96: rows, columns, channels.
  AlexNet: [(15, 23, 64), (7, 11, 192), (3, 5, 384), (3, 5, 256), (3, 5, 256)],
  VGG16: [(64, 96, 64), (32, 48, 128), (16, 24, 256), (8, 12, 512), (4, 6, 512)],
}
SIZES = {AlexNet: 2_469_696, VGG16: 14_714_688}  # parameters, of PyTorch's without the classifier


@pytest.mark.parametrize("module", SHAPES, ids=lambda m: m.__name__)
def test_activations_and_sizes(module):
  x = jax.ShapeDtypeStruct((2, 64, 96, 3), jnp.float32)
  variables = jax.eval_shape(module().init, jax.random.key(0), x)
  taps = jax.eval_shape(module().apply, variables, x)
  assert [tap.shape for tap in taps] == [(2, *shape) for shape in SHAPES[module]]
  assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == SIZES[module]


def test_fewer_blocks_are_the_first_ones():
  x = jax.ShapeDtypeStruct((2, 64, 96, 3), jnp.float32)
  few, all_ = (jax.eval_shape(VGG16(n).init, jax.random.key(0), x)["params"] for n in (3, 5))
  assert few == {name: all_[name] for name in [f"conv_{i}" for i in range(7)]}
  assert jax.eval_shape(VGG16(3).apply, {"params": few}, x)[-1].shape == (2, 16, 24, 256)


@pytest.mark.parametrize("module", SHAPES, ids=lambda m: m.__name__)
def test_small_pictures_are_refused(module):
  init = lambda side: jax.eval_shape(module().init, jax.random.key(0), np.zeros((1, side, side, 3)))
  init(module.SIDE)
  with pytest.raises(ValueError, match=f"needs {module.SIDE}x{module.SIDE} pixels or more, got"):
    init(module.SIDE - 1)


def test_normalises_each_channel_and_repeats_grey():
  """(x - 0.485) / 0.229 and so on, of pixels in [0, 1], as torchvision has it; LPIPS rounds at 3 digits."""
  x = np.linspace(-1, 1, 5, dtype=np.float32)[:, None]
  mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
  np.testing.assert_allclose(normalise(x), ((x + 1) / 2 - mean) / deviation, atol=2e-6)
  np.testing.assert_allclose(normalise(x.repeat(3, 1)), normalise(x), atol=0)
