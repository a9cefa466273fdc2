"""The generators of Pix2Pix and CycleGAN: published sizes, and the layers literally again, in PyTorch."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.models import cyclegan_resnet, pix2pix_unet
from vgjax.models.layers import frames, norm

KEY = jax.random.key(0)
UNET, RESNET = dict(channels=2, levels=3), dict(channels=2, blocks=1)


def video(shape=(2, 3, 8, 8, 3), seed=0):
  return jnp.asarray(np.random.default_rng(seed).uniform(-1, 1, shape), jnp.float32)


def mask(of):
  return jnp.zeros((*of.shape[:4], 1))


def variables(module, hint, seed=1):
  """Random values for all variables, zeros and ones too, so that none of them goes unnoticed."""
  shapes = jax.eval_shape(lambda: module.init({"params": KEY, "dropout": KEY}, hint, mask(hint), train=False))
  rng = np.random.default_rng(seed)

  def draw(path, leaf):
    values = rng.normal(0, 0.3, leaf.shape)
    name = path[-1].key
    return jnp.asarray(abs(values) + 0.5 if name in ("var", "scale") else values, jnp.float32)

  return jax.tree_util.tree_map_with_path(draw, shapes)


def translate(module, values, hint):
  return np.asarray(jax.jit(lambda v, h: module.apply(v, h, mask(h), train=False))(values, hint))


@pytest.mark.parametrize(
  "module, published",
  [
    (pix2pix_unet.Module(), 54_413_955),  # unet_256
    (pix2pix_unet.Module(levels=7), 41_828_995),  # unet_128
    (cyclegan_resnet.Module(), 11_378_179),  # resnet_9blocks
    (cyclegan_resnet.Module(blocks=6), 7_837_699),  # resnet_6blocks
  ],
)
def test_published_number_of_parameters(module, published):
  hint = jax.ShapeDtypeStruct((1, 1, 256, 256, 3), jnp.float32)
  shapes = jax.eval_shape(lambda h: module.init({"params": KEY}, h, mask(h), train=False), hint)
  assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == published


def test_unet_is_the_published_network():
  torch = pytest.importorskip("torch")
  F = torch.nn.functional
  hint = video()
  module = pix2pix_unet.Module(**UNET)
  values = variables(module, hint)
  params, stats = values["params"], values["batch_stats"]

  def conv(x, name):
    return F.conv2d(x, _kernel(params[name]["conv"]), stride=2, padding=1)

  def up(x, name):
    bias = _tensor(params[name]["conv"]["bias"]) if "bias" in params[name]["conv"] else None
    return F.conv_transpose2d(x, _kernel(params[name]["conv"], transposed=True), bias, stride=2, padding=1)

  def norm(x, name):
    mean, var = (_tensor(stats[name][key]) for key in ("mean", "var"))
    return F.batch_norm(x, mean, var, *(_tensor(params[name][key]) for key in ("scale", "bias")), eps=1e-5)

  x = _pictures(hint)
  first = conv(x, "down_0")
  second = norm(conv(F.leaky_relu(first, 0.2), "down_1"), "down_norm_1")
  third = conv(F.leaky_relu(second, 0.2), "down_2")
  x = norm(up(F.relu(third), "up_2"), "up_norm_2")
  x = norm(up(F.relu(torch.cat([second, x], 1)), "up_1"), "up_norm_1")
  x = torch.tanh(up(F.relu(torch.cat([first, x], 1)), "video"))
  np.testing.assert_allclose(translate(module, values, hint), _video(x, hint), atol=1e-5)


def test_resnet_is_the_published_network():
  torch = pytest.importorskip("torch")
  F = torch.nn.functional
  hint = video(seed=3)
  module = cyclegan_resnet.Module(**RESNET)
  values = variables(module, hint)
  params = values["params"]

  def conv(x, name, border=0, stride=1, zeros=0):
    x = F.pad(x, [border] * 4, mode="reflect") if border else x
    kernel, bias = _kernel(params[name]["conv"]), _tensor(params[name]["conv"]["bias"])
    return F.conv2d(x, kernel, bias, stride=stride, padding=zeros)

  def up(x, name):
    kernel, bias = _kernel(params[name]["conv"], transposed=True), _tensor(params[name]["conv"]["bias"])
    return F.conv_transpose2d(x, kernel, bias, stride=2, padding=1, output_padding=1)

  x = F.relu(F.instance_norm(conv(_pictures(hint), "in", 3)))
  x = F.relu(F.instance_norm(conv(x, "down_0", stride=2, zeros=1)))
  x = F.relu(F.instance_norm(conv(x, "down_1", stride=2, zeros=1)))
  inner = F.relu(F.instance_norm(conv(x, "block_0_0", 1)))
  x = x + F.instance_norm(conv(inner, "block_0_1", 1))
  x = F.relu(F.instance_norm(up(x, "grow_0")))
  x = F.relu(F.instance_norm(up(x, "grow_1")))
  x = torch.tanh(conv(x, "video", 3))
  np.testing.assert_allclose(translate(module, values, hint), _video(x, hint), atol=1e-4)


def _tensor(array):
  import torch

  return torch.from_numpy(np.array(array))


def _kernel(conv, transposed=False):
  """Ours is [height, width, in, out], PyTorch's [out, in, height, width], or [in, out, ...] and flipped."""
  kernel = np.asarray(conv["kernel"])
  return _tensor(kernel[::-1, ::-1].transpose(2, 3, 0, 1) if transposed else kernel.transpose(3, 2, 0, 1))


def _pictures(hint):
  return _tensor(np.asarray(hint).reshape(-1, *hint.shape[2:]).transpose(0, 3, 1, 2))


def _video(pictures, hint):
  return pictures.numpy().transpose(0, 2, 3, 1).reshape(hint.shape)


@pytest.mark.parametrize("make, options", [(pix2pix_unet.Module, UNET), (cyclegan_resnet.Module, RESNET)])
def test_taps_in_time_see_neighbours(make, options):
  """With one tap a frame's translation knows nothing of the others; with three it does."""
  hint = video((1, 4, 8, 8, 3))
  other = hint.at[:, 0].multiply(-1)
  for time, sees in ((1, False), (3, True)):
    module = make(**options, time=time)
    values = variables(module, hint)
    ours, theirs = translate(module, values, hint), translate(module, values, other)
    assert ours.shape == hint.shape and ours.dtype == np.float32 and np.abs(ours).max() <= 1
    assert (ours[:, 0] != theirs[:, 0]).any() and (ours[:, 1] != theirs[:, 1]).any() == sees


def test_unet_may_read_the_mask():
  hint = video((1, 2, 8, 8, 1))
  for reads in (False, True):
    module = pix2pix_unet.Module(**UNET, reads_mask=reads)
    values = variables(module, hint)
    ours, theirs = (
      jax.jit(lambda m, v=values, u=module: u.apply(v, hint, m, train=False))(m)
      for m in (mask(hint), mask(hint) + 1)
    )
    assert (ours != theirs).any() == reads


@pytest.mark.parametrize("size, layers", [(256, 3), (128, 2), (64, 1), (32, 0)])
def test_dropout_in_the_inner_layers_in_training_only(size, layers, monkeypatch):
  """Published for 256x256: the first three layers on the way up."""
  found = []

  class Dropout(nn.Dropout):
    def __call__(self, x, **options):
      found.append((self.deterministic, self.rate, x.shape[-3:-1]))
      return super().__call__(x, **options)

  monkeypatch.setattr(pix2pix_unet.nn, "Dropout", Dropout)
  hint = jax.ShapeDtypeStruct((1, 1, size, size, 3), jnp.float32)
  init, rngs = pix2pix_unet.Module(channels=2).init, {"params": KEY, "dropout": KEY}
  for train in (True, False):
    found.clear()
    jax.eval_shape(lambda h, train=train: init(rngs, h, mask(h), train=train), hint)
    assert found == [(not train, 0.5, (2**n, 2**n)) for n in range(1, layers + 1)]


def test_dropout_is_the_same_over_time():
  hint = jnp.broadcast_to(video((1, 1, 64, 64, 1)), (1, 3, 64, 64, 1))
  dropped = nn.Dropout(0.5, broadcast_dims=(1,), deterministic=False)
  kept = np.asarray(dropped.apply({}, hint, rngs={"dropout": KEY}))
  np.testing.assert_array_equal(kept[:, 0], kept[:, 1])


@pytest.mark.parametrize("shape", [(3, 6, 5, 4), (2, 3, 6, 5, 4)])
def test_instance_norm(shape):
  x = np.random.default_rng(0).normal(3, 2, shape).astype(np.float32)
  x[0, ..., 1] = 7.3  # flat: it becomes 0, not noise
  axes = tuple(range(1, x.ndim - 1))
  wanted = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
  found = np.asarray(norm.instance_norm(jnp.asarray(x)))
  np.testing.assert_allclose(found[..., 2:], wanted[..., 2:], atol=1e-5)
  np.testing.assert_allclose(found[1:], wanted[1:], atol=1e-5)
  assert np.abs(found[0, ..., 1]).max() < 1e-2


@pytest.mark.parametrize("shape", [(2, 5, 6, 3), (2, 4, 5, 6, 3)])
def test_reflect_mirrors_height_and_width(shape):
  x = np.random.default_rng(0).normal(size=shape)
  found = np.asarray(frames.reflect(jnp.asarray(x), 2))
  rows, columns = [2, 1, 0, 1, 2, 3, 4, 3, 2], [2, 1, 0, 1, 2, 3, 4, 5, 4, 3]
  np.testing.assert_allclose(found, x[..., rows, :, :][..., columns, :], rtol=1e-6)


@pytest.mark.parametrize(
  "make, shape, message",
  [
    (lambda: pix2pix_unet.Module(time=2), (1, 2, 8, 8, 3), "time must be 1, 3"),
    (lambda: cyclegan_resnet.Module(time=0), (1, 2, 8, 8, 3), "time must be 1, 3"),
    (lambda: pix2pix_unet.Module(), (1, 2, 9, 8, 3), "9x8 can be halved 0 times"),
    (lambda: pix2pix_unet.Module(levels=4), (1, 2, 24, 8, 3), "24x8 can be halved 3 times"),
    (lambda: cyclegan_resnet.Module(), (1, 2, 10, 8, 3), "10x8; sides are multiples of 4"),
    (lambda: cyclegan_resnet.Module(), (1, 2, 4, 8, 3), "at least 8"),
  ],
)
def test_errors(make, shape, message):
  hint = jax.ShapeDtypeStruct(shape, jnp.float32)
  with pytest.raises(ValueError, match=message):
    jax.eval_shape(lambda h: make().init({"params": KEY, "dropout": KEY}, h, mask(h), train=False), hint)
