"""LPIPS against PyTorch with made-up weights, and against the authors' package with the real ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.metrics import lpips, weights

CONVOLUTIONS = {  # (window, stride, padding, channels); "pool" is (window, stride)
  "alex": [(11, 4, 2, 64), (3, 2), (5, 1, 2, 192), (3, 2), (3, 1, 1, 384), (3, 1, 1, 256), (3, 1, 1, 256)],
  "vgg": [
    *[(3, 1, 1, 64)] * 2, (2, 2), *[(3, 1, 1, 128)] * 2, (2, 2), *[(3, 1, 1, 256)] * 3, (2, 2),
    *[(3, 1, 1, 512)] * 3, (2, 2), *[(3, 1, 1, 512)] * 3,
  ],
}  # fmt: skip
COMPARED = {"alex": (0, 1, 2, 3, 4), "vgg": (1, 3, 6, 9, 12)}  # after which convolutions


distance = jax.jit(lpips.lpips, static_argnames="network")


def random_params(network, seed=0):
  """Weights as they come from `lpips.load`, of the right shapes; He initialisation keeps the signal alive."""
  rng = np.random.default_rng(seed)
  layers, heads, before = {}, [], 3
  for index, (window, *_, channels) in enumerate(s for s in CONVOLUTIONS[network] if len(s) == 4):
    scale = np.sqrt(2 / (window * window * before))
    layers[f"conv_{index}"] = dict(
      kernel=np.float32(rng.standard_normal((window, window, before, channels)) * scale),
      bias=np.float32(rng.standard_normal(channels) * 0.1),
    )
    before = channels
    if index in COMPARED[network]:
      heads.append(np.float32(rng.uniform(0, 1, channels)))
  return dict(network=layers, heads=heads)


def pair(shape=(1, 3, 40, 52, 3), seed=0):  # one shape where it can be: each is compiled
  rng = np.random.default_rng(seed)
  target = rng.uniform(-1, 1, shape).astype(np.float32)
  return (target + 0.3 * rng.standard_normal(shape)).astype(np.float32), target


def with_torch(params, network, video, target):
  """Eq. 1 of the paper, written down with PyTorch's own layers."""
  torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
  shift, scale = np.float32([-0.030, -0.088, -0.188]), np.float32([0.458, 0.448, 0.450])

  def activations(x):
    x = torch.tensor(np.moveaxis((x - shift) / scale, -1, -3).reshape(-1, 3, *x.shape[2:4]))
    found, index = [], 0
    for spec in CONVOLUTIONS[network]:
      if len(spec) == 2:
        x = torch.nn.functional.max_pool2d(x, *spec)
        continue
      layer = params["network"][f"conv_{index}"]
      kernel = torch.tensor(np.asarray(layer["kernel"]).transpose(3, 2, 0, 1).copy())
      x = torch.nn.functional.conv2d(
        x, kernel, torch.tensor(np.asarray(layer["bias"])), stride=spec[1], padding=spec[2]
      )
      x = torch.relu(x)
      if index in COMPARED[network]:
        found.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
      index += 1
    return found

  total = 0
  for a, b, head in zip(activations(video), activations(target), params["heads"], strict=True):
    total = total + torch.einsum("bchw,c->bhw", (a - b) ** 2, torch.tensor(np.asarray(head))).mean((1, 2))
  return total.numpy().reshape(video.shape[:2])


@pytest.mark.parametrize("network,shape", [("alex", (1, 3, 40, 52, 3)), ("vgg", (1, 2, 17, 24, 3))])
def test_equals_pytorch(network, shape):
  params, (video, target) = random_params(network), pair(shape)
  found = distance(params, video, target, network=network)
  np.testing.assert_allclose(found, with_torch(params, network, video, target), rtol=2e-5)


def test_frames_in_parts_are_the_same(monkeypatch):
  params, (video, target) = random_params("alex"), pair()
  whole = distance(params, video, target)
  monkeypatch.setattr(lpips, "PIXELS", 2 * 40 * 52)  # two times at once: 2 + 1
  parts = jax.jit(lambda *arrays: lpips.lpips(*arrays))(params, video, target)  # traced anew
  np.testing.assert_allclose(parts, whole, rtol=1e-5)


def test_grey_is_three_equal_channels():
  params, (video, target) = random_params("alex"), pair((1, 3, 40, 52, 1))
  found = distance(params, video, target)
  np.testing.assert_allclose(
    found, distance(params, *(np.repeat(x, 3, -1) for x in (video, target))), rtol=1e-5
  )
  colour = np.repeat(target, 3, -1)
  assert np.abs(distance(params, colour, colour)).max() < 1e-12


def test_gradient_is_finite_where_nothing_is_active():
  """With a bias far below 0 all activations are 0, and the length of nothing has no derivative."""
  params, (video, target) = random_params("alex"), pair((1, 1, 32, 32, 3))
  params["network"]["conv_4"]["bias"] -= 1e3
  gradient = jax.jit(jax.grad(lambda x: lpips.lpips(params, x, target).sum()))(video)
  assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_what_does_not_fit_is_refused():
  params = random_params("alex")
  with pytest.raises(ValueError, match="31x31 pixels or more, got 30x64"):
    lpips.lpips(params, *pair((1, 1, 30, 64, 3)))
  with pytest.raises(ValueError, match="1 or 3 channels, got 2"):
    lpips.lpips(params, *pair((1, 1, 64, 64, 2)))
  with pytest.raises(ValueError, match='no network "squeeze"; known: alex, vgg'):
    lpips.load("squeeze")


def pictures():
  """Two videos that a formula makes, so that the figures below can be had anywhere."""
  t, y, x, c = np.ogrid[0:3, 0:64, 0:64, 0:3]
  disc = np.where((x - 32) ** 2 + (y - 32) ** 2 < 500, 1, 0.3)
  video = np.float32(np.sin(x / (3 + t) + c) * np.cos(y / (5 - t)) * disc)[None]  # [1, 3, 64, 64, 3]
  return video, np.float32(0.8 * np.roll(video, (2, 3), (2, 3)))


# Of the package `lpips` 0.1.4 on PyTorch 2.13; `python benchmarks/check_lpips.py` makes them again.
PUBLISHED = {"alex": (0.0679793, 0.0534537, 0.0656952), "vgg": (0.2205815, 0.2598261, 0.2109648)}


@pytest.mark.parametrize("network", PUBLISHED)
def test_real_weights_give_the_figures_of_the_authors_package(network):
  if not weights.available(f"lpips_{network}"):
    pytest.skip(f"no weights: python -m vgjax.metrics.weights fetch lpips_{network}")
  params = jax.tree.map(jnp.asarray, lpips.load(network))
  np.testing.assert_allclose(distance(params, *pictures(), network=network)[0], PUBLISHED[network], atol=1e-5)
