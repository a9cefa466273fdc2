"""Checks that vgjax's predictors equal their PyTorch counterparts, given the same weights.

  python benchmarks/check_torch.py [--models simvp,simvp_v2,convlstm] [--size small|published]

Copies PyTorch's initial weights into vgjax's parameters and compares outputs on random videos, in
evaluation and in training mode, and the batch statistics that training mode writes. Prints the largest
difference of each and fails above 1e-4.
"""

import argparse
import sys

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange

from vgjax.models import convlstm, simvp, simvp_v2

TOLERANCE = 1e-4

SMALL = {
  "simvp": (
    dict(given=3, predicted=3, spatial_channels=8, temporal_channels=16, temporal_blocks=2, groups=2),
    dict(given=3, features=8, hidden=16, blocks=2, groups=2),
  ),
  "simvp_v2": (
    dict(given=3, predicted=3, spatial_channels=8, temporal_channels=16, temporal_blocks=3),
    dict(given=3, features=8, hidden=16, blocks=3),
  ),
  "convlstm": (dict(hidden=(8, 12), patch_size=2), dict(hidden=(8, 12), patch=2)),
}
PUBLISHED = {name: ({}, {}) for name in SMALL}


def to_kernel(weight):
  """[out, in, height, width] -> [height, width, in, out]."""
  return np.ascontiguousarray(weight.detach().numpy().transpose(2, 3, 1, 0))


def to_conv(module):
  """Parameters of one convolution."""
  return {"kernel": to_kernel(module.weight), "bias": module.bias.detach().numpy()}


def to_norm(module):
  """Parameters of one normalisation."""
  return {"scale": module.weight.detach().numpy(), "bias": module.bias.detach().numpy()}


def to_frame_layers(modules):
  """Parameters of SimVP's encoder or decoder layers."""
  layers = {}
  for index, module in enumerate(modules):
    params = to_conv(module.conv)
    if module.upsample:  # our pixel shuffle orders channels (i j c), PyTorch's (c i j)
      for name, value in params.items():
        params[name] = rearrange(value, "... (c i j) -> ... (i j c)", i=2, j=2)
    layers[f"layer_{index}"] = {"conv": params, "norm": to_norm(module.norm)}
  return layers


def to_inception(module, kernel_sizes):
  """Parameters of one inception block."""
  params = {"conv": to_conv(module.conv)}
  for size, (conv, norm) in zip(kernel_sizes, module.branches, strict=True):
    params |= {f"conv_{size}": to_conv(conv), f"norm_{size}": to_norm(norm)}
  return params


def to_gated_block(module):
  """Parameters of one gSTA block."""
  names = ("inner", "near", "far", "gate", "outer")
  params = {
    "attention_norm": to_norm(module.attention_norm),
    "attention": {name: to_conv(getattr(module.attention, name)) for name in names},
    "attention_scale": module.attention_scale.detach().numpy().ravel(),
    "mlp_norm": to_norm(module.mlp_norm),
    "mlp": {name: to_conv(getattr(module.mlp, name)) for name in ("inner", "mix", "outer")},
    "mlp_scale": module.mlp_scale.detach().numpy().ravel(),
  }
  if module.reduction is not None:
    params["reduction"] = to_conv(module.reduction)
  return params


def to_params(name, module):
  """A PyTorch model's weights as the parameters of the vgjax model of that name."""
  if name == "convlstm":
    params = {
      f"layer_{index}": {"input_kernel": to_kernel(x.weight), "hidden_kernel": to_kernel(h.weight)}
      for index, (x, h) in enumerate(zip(module.from_input, module.from_hidden, strict=True))
    }
    return params | {"head": to_kernel(module.head.weight)}

  params = {
    "encoder": to_frame_layers(module.encoder),
    "decoder": to_frame_layers(module.decoder) | {"readout": to_conv(module.readout)},
  }
  translator = module.translator
  if name == "simvp":
    sizes = simvp.SimVP().kernel_sizes
    params["translator"] = {
      f"{side}_{index}": to_inception(block, sizes)
      for side in ("down", "up")
      for index, block in enumerate(getattr(translator, side))
    }
  else:
    params |= {f"block_{index}": to_gated_block(block) for index, block in enumerate(translator)}
  return params


def to_stats(name, module):
  """A PyTorch model's running statistics as vgjax's collection `batch_stats`."""
  if name != "simvp_v2":
    return {}

  def stats(norm):
    return {"mean": norm.running_mean.numpy().copy(), "var": norm.running_var.numpy().copy()}

  return {
    f"block_{index}": {
      "attention_norm": stats(block.attention_norm),
      "mlp_norm": stats(block.mlp_norm),
    }
    for index, block in enumerate(module.translator)
  }


def torch_output(name, module, video, given):
  """The PyTorch model's predictions of `video` [batch, time, height, width, 1] in [-1, 1]."""
  import torch

  frames = torch.from_numpy(rearrange((video + 1) / 2, "b t h w c -> b t c h w").copy())
  with torch.no_grad():
    if name == "convlstm":
      mask = (torch.arange(frames.shape[1]) < given).float().reshape(1, -1, 1, 1, 1)
      frames = module(frames, mask)[:, given - 1 :]
    else:
      frames = module(frames[:, :given])
  return 2 * rearrange(frames.numpy(), "b t c h w -> b t h w c") - 1


def differences(name, size="small", seed=0):
  """Largest differences between a model and its counterpart, {what: difference}."""
  import torch
  import torch_models

  torch.manual_seed(seed)
  fields, torch_fields = (SMALL if size == "small" else PUBLISHED)[name]
  if name == "simvp_v2":
    fields = fields | {"drop_path": (0.0, 0.0)}
    torch_fields = torch_fields | {"drop_path": (0.0, 0.0)}
  ours = {"simvp": simvp, "simvp_v2": simvp_v2, "convlstm": convlstm}[name].Module(**fields)
  make = {"simvp": torch_models.simvp, "simvp_v2": torch_models.simvp_v2}
  theirs = make.get(name, torch_models.ConvLSTM)(**torch_fields)

  given = fields.get("given", 3 if size == "small" else 10)
  side = 16 if size == "small" else 64
  video = np.random.default_rng(seed).uniform(-1, 1, (2, 2 * given, side, side, 1))
  video = video.astype(np.float32)
  mask = np.broadcast_to((np.arange(2 * given) < given).reshape(1, -1, 1, 1, 1), video.shape)
  mask = mask.astype(np.float32)
  variables = {"params": to_params(name, theirs)}
  if stats := to_stats(name, theirs):
    variables["batch_stats"] = stats
  shapes = jax.eval_shape(
    lambda: ours.init(jax.random.key(0), jnp.asarray(video), jnp.asarray(mask), train=False)
  )
  ours_shapes = jax.tree.map(lambda leaf: leaf.shape, shapes)
  if ours_shapes != jax.tree.map(lambda leaf: leaf.shape, variables):
    raise AssertionError(f"{name}: the two models have different parameters")

  found = {}
  for mode in ("eval", "train"):
    theirs.train(mode == "train")
    expected = torch_output(name, theirs, video, given)

    @jax.jit
    def apply(variables, video, mask, train=mode == "train"):
      return ours.apply(variables, video * mask, mask, train=train, mutable=["batch_stats"])

    actual, written = apply(variables, video, mask)
    found[f"{mode} output"] = np.abs(np.asarray(actual[:, given:]) - expected).max()
  if stats:
    after = to_stats(name, theirs)
    errors = jax.tree.map(lambda a, b: np.abs(np.asarray(a) - b).max(), written["batch_stats"], after)
    found["batch statistics"] = max(jax.tree.leaves(errors))
  return {what: float(value) for what, value in found.items()}


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--models", default="simvp,simvp_v2,convlstm")
  parser.add_argument("--size", choices=("small", "published"), default="published")
  options = parser.parse_args()
  try:
    import torch  # noqa: F401
  except ModuleNotFoundError:
    sys.exit("This check compares with PyTorch, which is not installed: pip install torch")
  failed = False
  for name in options.models.split(","):
    for what, value in differences(name, options.size).items():
      failed |= not value <= TOLERANCE
      print(f"{name:10} {what:18} {value:.1e} {'' if value <= TOLERANCE else 'TOO LARGE'}")
  sys.exit(failed)


if __name__ == "__main__":
  main()
