"""ConvLSTM, PredRNN, PredRNN++ and PredRNN v2 against OpenSTL's.

  git clone https://github.com/chengtan9907/OpenSTL
  python benchmarks/check_reference.py openstl_recurrent OpenSTL

Needs PyTorch and nothing else: of the clone, only the files of these models and of their cells are loaded.
The weights are drawn anew, larger than the initial ones, with which all outputs would be alike. Compared
are the frames that follow given ones ("forecast"); those where each example reads frames drawn for it, as in
scheduled sampling ("fed"); of v2 the decoupling loss; and the gradient of the training loss with respect
to all weights, as a share of the largest gradient of the same array.
"""

import functools
import importlib.util
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import torch
from einops import rearrange

from vgjax.models import convlstm, predrnn, predrnn_pp, predrnn_v2

DECOUPLING = 0.1

# Our module, and the reference's files and class.
MODELS = {
  "convlstm": (convlstm, "convlstm", "ConvLSTM_Model"),
  "predrnn": (predrnn, "predrnn", "PredRNN_Model"),
  "predrnn_pp": (predrnn_pp, "predrnnpp", "PredRNNpp_Model"),
  "predrnn_v2": (predrnn_v2, "predrnnv2", "PredRNNv2_Model"),
}
SIZES = {
  "small": dict(hidden=8, layers=3, kernel_size=3, patch_size=2, time=6, given=3, side=12, batch=2),
  "published": dict(hidden=128, layers=4, kernel_size=5, patch_size=4, time=20, given=10, side=64, batch=1),
}


def load(path, file):
  """The reference's module of one model; its cells stand in for the package `openstl.modules`."""

  def run(name, location):
    spec = importlib.util.spec_from_file_location(name, location)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

  package, modules = types.ModuleType("openstl"), types.ModuleType("openstl.modules")
  saved = {name: sys.modules.get(name) for name in ("openstl", "openstl.modules")}
  cells = run(f"{file}_modules", path / "openstl" / "modules" / f"{file}_modules.py")
  vars(modules).update({k: v for k, v in vars(cells).items() if not k.startswith("_")})
  sys.modules.update({"openstl": package, "openstl.modules": modules})
  try:
    return run(f"{file}_model", path / "openstl" / "models" / f"{file}_model.py")
  finally:
    for name, module in saved.items():
      sys.modules.pop(name) if module is None else sys.modules.update({name: module})


def make_reference(path, name, size):
  """The reference's model, with weights of which something is seen in its outputs."""
  _, file, kind = MODELS[name]
  configs = types.SimpleNamespace(
    in_shape=(size["given"], 1, size["side"], size["side"]),
    patch_size=size["patch_size"],
    filter_size=size["kernel_size"],
    stride=1,
    layer_norm=0,
    pre_seq_length=size["given"],
    aft_seq_length=size["time"] - size["given"],
    total_length=size["time"],
    reverse_scheduled_sampling=1,  # the mask then says of every frame but the first whether it is read
    decouple_beta=DECOUPLING,
  )
  torch.manual_seed(0)
  model = getattr(load(path, file), kind)(size["layers"], [size["hidden"]] * size["layers"], configs)
  for weight in model.parameters():
    torch.nn.init.normal_(weight, std=1 / weight[0].numel() ** 0.5)
  torch.nn.init.normal_(model.conv_last.weight, std=4 / model.conv_last.in_channels**0.5)
  return model


def to_params(name, model, read):
  """Our parameters from the reference's; `read` makes an array of a weight (its value, or its gradient)."""

  def kernel(weight):
    return jnp.asarray(read(weight).detach().numpy().transpose(2, 3, 1, 0))

  def pieces(module, names):  # {gate: kernel}, the gates in the order of the reference's channels
    return dict(zip(names.split(), jnp.split(kernel(module[0].weight), len(names.split()), axis=-1)))

  def pick(gates, names):
    return jnp.concatenate([gates[gate] for gate in names.split()], axis=-1)

  params = {"head": kernel(model.conv_last.weight)}
  for index, cell in enumerate(model.cell_list):
    if name == "convlstm":
      layer = {"input_kernel": kernel(cell.conv_x[0].weight), "hidden_kernel": kernel(cell.conv_h[0].weight)}
    elif name == "predrnn_pp":
      x, h = pieces(cell.conv_x, "i f g im fm gm o"), pieces(cell.conv_h, "i f g o")
      c = pieces(cell.conv_c2m, "i g f o")
      layer = {
        "gates": {
          "input_kernel": pick(x, "i f g"),
          "hidden_kernel": pick(h, "i f g"),
          "cell_kernel": kernel(cell.conv_c[0].weight),
        },
        "cascade": {"input_kernel": pick(x, "im fm gm"), "cell_kernel": pick(c, "i f g")},
        "memory": {"memory_kernel": kernel(cell.conv_m[0].weight)},
        "output": {
          "input_kernel": x["o"],
          "memory_kernel": kernel(cell.conv_om[0].weight),
          "cell_kernel": c["o"],
          "hidden_kernel": h["o"],
        },
        "last": {"states_kernel": kernel(cell.conv_last.weight)},
      }
    else:
      x = pieces(cell.conv_x, "i f g im fm gm o")
      layer = {
        "gates": {"input_kernel": pick(x, "i f g o"), "hidden_kernel": kernel(cell.conv_h[0].weight)},
        "memory": {"input_kernel": pick(x, "im fm gm"), "memory_kernel": kernel(cell.conv_m[0].weight)},
        "output": {"states_kernel": kernel(cell.conv_o[0].weight)},
        "last": {"states_kernel": kernel(cell.conv_last.weight)},
      }
    params[f"layer_{index}"] = layer
  if name == "predrnn_v2":
    params["adapter"] = kernel(model.adapter.weight)
  if name == "predrnn_pp":
    highway = model.gradient_highway
    params["highway"] = {
      "input_kernel": kernel(highway.x_concat[0].weight),
      "highway_kernel": kernel(highway.z_concat[0].weight),
    }
  return params


def run_reference(model, video, mask, patch):
  """The reference's frames 1.. in [0, 1], and its training loss, of videos in [-1, 1]."""

  def to_patches(array):
    array = rearrange(array, "b t (h i) (w j) c -> b t h w (i j c)", i=patch, j=patch)
    return torch.from_numpy(np.ascontiguousarray(array))

  frames, flags = to_patches((video + 1) / 2), to_patches(np.broadcast_to(mask, video.shape)[:, 1:-1])
  patches, loss = model(frames, flags, return_loss=True)
  found = rearrange(patches, "b t h w (i j c) -> b t (h i) (w j) c", i=patch, j=patch)
  return found, loss


def make_check(name):
  """The check of one model."""

  def check(path, size):
    size = SIZES[size]
    theirs = make_reference(path, name, size)
    fields = {key: size[key] for key in ("hidden", "layers", "kernel_size", "patch_size")}
    if name == "convlstm":
      fields["hidden"] = (fields["hidden"],) * fields.pop("layers")
    ours = MODELS[name][0].Module(**fields)
    params = to_params(name, theirs, lambda weight: weight)

    rng = np.random.default_rng(0)
    shape = (size["batch"], size["time"], size["side"], size["side"], 1)
    video = rng.uniform(-1, 1, shape).astype(np.float32)
    drawn = rng.uniform(size=shape[:2]) < 0.5
    masks = {
      "forecast": np.arange(size["time"]) < size["given"],
      "fed": drawn | (np.arange(size["time"]) == 0),
    }

    @functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})  # compiles quicker
    def run(params, video, mask):
      def loss_of(params):
        output, written = ours.apply({"params": params}, video * mask, mask, train=True, mutable=["losses"])
        error = jnp.mean((output[:, 1:] - video[:, 1:]) ** 2) / 4  # frames in [0, 1]
        own = sum(jax.tree.leaves(written.get("losses", {})))
        return error + DECOUPLING * own, (output, own)

      (loss, (output, own)), gradient = jax.value_and_grad(loss_of, has_aux=True)(params)
      return output, loss, own, gradient

    found = {}
    for what, given in masks.items():
      mask = np.broadcast_to(given.astype(np.float32)[..., None, None, None], shape)
      theirs.zero_grad()
      expected, expected_loss = run_reference(theirs, video, mask, size["patch_size"])
      expected_loss.backward()
      output, loss, own, gradient = run(params, video, mask)
      expected_gradient = to_params(name, theirs, lambda w: torch.zeros_like(w) if w.grad is None else w.grad)
      frames = 2 * expected.detach().numpy() - 1
      assert frames.std() > 0.05, "outputs that hardly vary show nothing"

      found[f"{what}: frames"] = np.abs(output[:, 1:] - frames).max()
      found[f"{what}: loss"] = abs(float(loss) - expected_loss.item())
      if name == "predrnn_v2":
        truth = torch.from_numpy((video[:, 1:] + 1) / 2)
        error = torch.nn.functional.mse_loss(expected, truth).item()
        found[f"{what}: decoupling"] = abs(float(own) - (expected_loss.item() - error) / DECOUPLING)
      shares = jax.tree.map(lambda a, b: jnp.abs(a - b).max() / jnp.abs(b).max(), gradient, expected_gradient)
      found[f"{what}: gradient"] = max(jax.tree.leaves(shares))
    return {what: float(difference) for what, difference in found.items()}

  return check


CHECKS = {name: make_check(name) for name in MODELS}
