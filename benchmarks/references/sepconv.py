"""SepConv against the authors' program.

  git clone https://github.com/sniklaus/sepconv-slomo
  python benchmarks/check_reference.py sepconv sepconv-slomo

Needs PyTorch and Pillow. The network is the authors' own; their separable convolution is a program for a
GPU, so its sum is written out here in plain PyTorch. The weights are drawn anew. Compared are the frame
between two (both sizes have the published layers; they differ in the frames), three frames between two as
the program's loop over a video makes them, and the gradient of the mean squared frame with respect to all
weights, as a share of the largest gradient of the same array.
"""

import importlib.util
import sys
import types
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import torch

from vgjax.models import sepconv

SIZES = {"small": (1, 32, 64), "published": (1, 128, 128)}  # batch, height, width
TAPS = 51
BLOCKS = {
  **{f"netConv{n + 1}": f"down_{n}" for n in range(5)},
  **{f"netDeconv{n + 1}": f"merge_{n}" for n in range(1, 5)},
  **{f"netUpsample{n + 1}": f"up_{n}" for n in range(1, 5)},
  "netVertical1": "first_column",
  "netHorizontal1": "first_row",
  "netVertical2": "last_column",
  "netHorizontal2": "last_row",
}


class PlainConvolution:
  """Stands in for their `sepconv.sepconv_func`."""

  @staticmethod
  def apply(image, vertical, horizontal):
    """[batch, channels, height + 50, width + 50], twice [batch, 51, height, width]."""
    height, width = vertical.shape[2:]
    total = 0
    for i in range(TAPS):
      windows = image[:, :, i : i + height].unfold(3, TAPS, 1)
      line = torch.einsum("bchwj,bjhw->bchw", windows, horizontal)
      total = total + line * vertical[:, i : i + 1]
    assert total.shape[3] == width
    return total


def load(path):
  """Their network with random weights."""
  operation = types.ModuleType("sepconv")
  operation.sepconv_func = PlainConvolution
  spec = importlib.util.spec_from_file_location("sepconv_run", path / "run.py")
  program = importlib.util.module_from_spec(spec)
  with mock.patch.object(sys, "argv", ["run.py"]), mock.patch.dict(sys.modules, {"sepconv": operation}):
    spec.loader.exec_module(program)
  torch.set_grad_enabled(True)  # the program turns it off
  with (
    mock.patch.object(torch.hub, "load_state_dict_from_url", lambda **_: {}),
    mock.patch.object(torch.nn.Module, "load_state_dict", lambda *_: None),
  ):
    network = program.Network()
  torch.manual_seed(0)
  for weight in network.parameters():
    if weight.ndim == 4:
      torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")
    else:
      torch.nn.init.normal_(weight, std=0.02)
  with torch.no_grad():  # kernels of a size that gives frames in about [-1, 1], as real ones do
    scale = network(*torch.rand(2, 1, 3, 32, 32)).abs().max() ** -0.5
    for name in ("netVertical1", "netVertical2", "netHorizontal1", "netHorizontal2"):
      for weight in getattr(network, name)[-1].parameters():
        weight *= scale
  return network


def to_params(network, read):
  """Our parameters from theirs; `read` makes an array of a weight (its value, or its gradient)."""
  params = {}
  for theirs, ours in BLOCKS.items():
    convolutions = [layer for layer in getattr(network, theirs) if isinstance(layer, torch.nn.Conv2d)]
    names = [f"conv_{n}" for n in range(len(convolutions))]
    if len(convolutions) == 1:
      names = ["conv"]
    elif len(convolutions) == 4:
      names[-1] = "readout"
    params[ours] = {
      name: {"kernel": read(layer.weight).transpose(2, 3, 1, 0), "bias": read(layer.bias)}
      for name, layer in zip(names, convolutions)
    }
  return {"kernels": params}


def to_torch(frames):
  return torch.tensor(np.asarray(frames)).permute(0, 3, 1, 2)


def check(path, size):
  network = load(path)
  params = to_params(network, lambda weight: weight.detach().numpy())
  batch, height, width = SIZES[size]
  rng = np.random.default_rng(0)
  ends = rng.random((2, batch, height, width, 3), np.float32)

  def ours(params, factor):
    hint = jnp.zeros((batch, factor + 1, height, width, 3)).at[:, 0].set(ends[0]).at[:, -1].set(ends[1])
    video = sepconv.Module(factor=factor).apply({"params": params}, 2 * hint - 1, hint, train=False)
    return (video[:, 1:-1] + 1) / 2

  expected = jax.eval_shape(
    lambda: sepconv.Module().init(jax.random.key(0), jnp.zeros((1, 3, 32, 32, 3)), None, train=False)
  )
  # Fails if a name, a shape or a parameter is missing on either side.
  jax.tree.map(lambda a, b: np.testing.assert_equal(a.shape, b.shape), params, expected["params"])

  first, last = (to_torch(end) for end in ends)
  middle = network(first, last)
  (middle**2).mean().backward()
  with torch.no_grad():
    three = [network(first, middle), middle, network(middle, last)]
  found, gradient = jax.jit(jax.value_and_grad(lambda p: (ours(p, 2) ** 2).mean()))(params)
  wanted = to_params(network, lambda weight: weight.grad.numpy())
  shares = jax.tree.map(lambda a, b: np.abs(a - b).max() / np.abs(b).max(), gradient, wanted)
  frames = {factor: np.asarray(jax.jit(ours, static_argnums=1)(params, factor)) for factor in (2, 4)}
  wanted = np.stack([frame.detach().permute(0, 2, 3, 1).numpy() for frame in three], axis=1)
  return {
    "frame": float(np.abs(frames[2] - wanted[:, 1:2]).max()),
    "three frames": float(np.abs(frames[4] - wanted).max()),
    "mean square, relative": abs(float(found) / float((middle.detach() ** 2).mean()) - 1),
    "gradient, share": float(max(jax.tree.leaves(shares))),
  }


CHECKS = {"sepconv": check}
