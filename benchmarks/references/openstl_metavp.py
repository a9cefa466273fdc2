"""SimVP, SimVP v2, TAU, ConvMixer and the other MetaVP translators against OpenSTL's.

  git clone https://github.com/chengtan9907/OpenSTL
  pip install torch torchvision timm==0.8.17.dev0
  python benchmarks/check_reference.py openstl_metavp OpenSTL

OpenSTL takes blocks from timm and calls them by names that later versions changed. Of the clone, only the
files of these models are loaded. Norms, scales and biases are drawn anew: the initial scales of 1e-6 would
hide the blocks. Drop path is 0. Compared are the predictions with running and with the batch's statistics,
the statistics that training writes and, at the small size, the gradient of a training loss with respect to
all weights, as a share of the largest entry of the same array; of TAU also the divergence loss, relatively.
"""

import contextlib
import importlib
import io
import sys
import types
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import torch
from einops import rearrange

from vgjax import losses
from vgjax.models import convmixer, metavp, simvp, simvp_v2, tau

# Our module, its further fields, and the reference's name for it.
MODELS = {
  "simvp": (simvp, {}, "IncepU"),
  "simvp_v2": (simvp_v2, {}, "gSTA"),
  "tau": (tau, {}, "tau"),
  "convmixer": (convmixer, {}, "convmixer"),
  "convnext": (metavp, {"mixer": "convnext"}, "convnext"),
  "hornet": (metavp, {"mixer": "hornet"}, "hornet"),
  "mlp_mixer": (metavp, {"mixer": "mlp_mixer"}, "mlp"),
  "moganet": (metavp, {"mixer": "moganet"}, "moga"),
  "poolformer": (metavp, {"mixer": "poolformer"}, "poolformer"),
  "swin": (metavp, {"mixer": "swin"}, "swin"),
  "uniformer": (metavp, {"mixer": "uniformer"}, "uniformer"),
  "van": (metavp, {"mixer": "van"}, "van"),
  "vit": (metavp, {"mixer": "vit"}, "vit"),
}
# Optimised code would take longer to compile than this takes to run.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
SIZES = {
  # Frames of 32 pixels, for Swin's windows to shift; three blocks, for UniFormer to have one that attends.
  "small": dict(given=3, spatial=8, temporal=16, blocks=3, side=32, batch=3),
  "published": dict(given=10, spatial=64, temporal=512, blocks=8, side=64, batch=2),
}
# What a part of our block is called in theirs; it is the one which their block has.
PARTS = {
  "attention_norm": ("norm1",),
  "mlp_norm": ("norm2",),
  "attention_scale": ("layer_scale_1", "gamma1", "gamma_1"),
  "mlp_scale": ("layer_scale_2", "gamma2", "gamma_2"),
  "position": ("pos_embed",),
  "attention/inner": ("attn.proj_1", "mlp_tokens.fc1", "gnconv.proj_in", "conv1"),
  "attention/near": ("attn.spatial_gating_unit.conv0", "attn.value.DW_conv0"),
  "attention/middle": ("attn.value.DW_conv1",),
  "attention/far": ("attn.spatial_gating_unit.conv_spatial", "attn.value.DW_conv2"),
  "attention/feature": ("attn.spatial_gating_unit.conv1",),
  "attention/weight": ("attn.spatial_gating_unit.conv1",),
  "attention/gate": ("attn.spatial_gating_unit.conv1", "attn.gate"),
  "attention/value": ("attn.value.PW_conv",),
  "attention/squeeze": ("attn.spatial_gating_unit.fc.0",),
  "attention/expand": ("attn.spatial_gating_unit.fc.2",),
  "attention/mix": ("gnconv.dwconv", "attn"),
  "attention/widen_1": ("gnconv.pws.0",),
  "attention/widen_2": ("gnconv.pws.1",),
  "attention/widen_3": ("gnconv.pws.2",),
  "attention/sigma": ("attn.sigma",),
  "attention/qkv": ("attn.qkv",),
  "attention/distance_bias": ("attn.relative_position_bias_table",),
  "attention/outer": ("attn.proj_2", "mlp_tokens.fc2", "gnconv.proj_out", "attn.proj", "conv2"),
  "mlp/inner": ("mlp.fc1", "mlp_channels.fc1", "pwconv1"),
  "mlp/mix": ("mlp.dwconv.dwconv", "mlp.dwconv"),
  "mlp/common": ("mlp.decompose",),
  "mlp/sigma": ("mlp.sigma",),
  "mlp/outer": ("mlp.fc2", "mlp_channels.fc2", "pwconv2"),
  "spatial": ("conv_dw",),
  "spatial_norm": ("norm_1",),
  "channel": ("conv_pw",),
  "channel_norm": ("norm_2",),
  "depthwise": ("conv_dw",),
  "norm": ("norm",),
  "scale": ("gamma",),
}
LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}


def load(path):
  """OpenSTL's class SimVP_Model and its method TAU, without the packages that only training needs."""
  packages = [f"openstl{part}" for part in ("", ".modules", ".models", ".methods")]
  for name in packages:
    sys.modules[name] = package = types.ModuleType(name)
    package.__path__ = [str(path / name.replace(".", "/"))]
  blocks = importlib.import_module("openstl.modules.simvp_modules")
  vars(sys.modules["openstl.modules"]).update({k: v for k, v in vars(blocks).items() if k[0] != "_"})
  model = importlib.import_module("openstl.models.simvp_model").SimVP_Model
  vars(sys.modules["openstl.models"]).update(SimVP_Model=model)
  sys.modules["openstl.methods.base_method"] = base = types.ModuleType("base_method")
  vars(base).update(Base_method=object)  # a Lightning module; the loss needs nothing of it
  return model, importlib.import_module("openstl.methods.tau").TAU


def reference(path, name, size):
  """The reference's model, its weights drawn and its drop path off."""
  torch.manual_seed(0)
  shape = (size["given"], 1, size["side"], size["side"])
  widths = dict(hid_S=size["spatial"], hid_T=size["temporal"], N_S=4, N_T=size["blocks"])
  with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    warnings.simplefilter("ignore")  # both talk while they build a model
    module = load(path)[0](shape, model_type=MODELS[name][2], **widths)
  for key, value in module.named_parameters():
    if key.endswith("bias"):
      torch.nn.init.normal_(value, std=0.1)
    elif value.squeeze().ndim == 1:  # of a norm, or a scale
      torch.nn.init.uniform_(value, *((0.5, 1.0) if key.endswith("weight") else (0.1, 0.3)))
    elif not key.startswith("hid"):  # larger, or these biases would hide what the frames' layers see
      torch.nn.init.kaiming_normal_(value)
  for part in module.modules():
    if type(part).__name__ == "DropPath":
      part.drop_prob = 0.0
  return module


def their_name(path, known):
  """The reference's name of our parameter `block_0/mlp/inner/kernel` or the like."""
  first, *rest = path
  kind, _, index = first.rpartition("_")
  if first in ("encoder", "decoder"):
    stem = first[:3]
    layer = rest[0].removeprefix("layer_")
    part = f"{stem}.readout" if layer == "readout" else f"{stem}.{stem}.{layer}.conv.{rest[1]}"
    names = [part, f"{part}.0"]  # an upsampling convolution stands in a Sequential
  elif first == "translator":
    side, index = rest[0].split("_")
    part, _, size = rest[1].partition("_")
    branch = f"layers.{[3, 5, 7, 11].index(int(size))}.{part}" if size else "conv1"
    names = [f"hid.{dict(down='enc', up='dec')[side]}.{index}.{branch}"]
  elif rest[0] == "reduction":
    names = [f"hid.enc.{index}.reduction"]
  else:
    assert kind == "block", path
    known_parts = ["/".join(rest), "/".join(rest[:-1])]
    part = next(part for part in known_parts if part in PARTS)
    names = [f"hid.enc.{index}.block.{option}" for option in PARTS[part]]
  options = [full for name in names for full in (name, f"{name}.{LEAVES.get(path[-1])}") if full in known]
  assert len(options) == 1, f"{path}: one of {names}, found {options}"
  return options[0]


def to_tree(shapes, arrays):
  """The reference's arrays {name: array} as our variables, whose shapes are given."""
  used = set()

  def find(path, leaf):
    path = tuple(key.key for key in path)
    name = their_name(path, arrays)
    used.add(name)
    value = arrays[name]
    if path[-1] == "kernel":
      value = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T
    if path[0] == "decoder" and path[2] == "conv" and path[1] in ("layer_0", "layer_2"):
      value = rearrange(value, "... (c i j) -> ... (i j c)", i=2, j=2)  # our pixel shuffle's order
    assert value.size == leaf.size, f"{path}: {leaf.shape}, but {name} has {value.shape}"
    return value.reshape(leaf.shape)

  tree = jax.tree_util.tree_map_with_path(find, shapes)
  assert not (left := set(arrays) - used), f"of the reference's, not used: {sorted(left)}"
  return tree


def to_numpy(named):
  """{name: array}, without the counters of batches."""
  return {k: v.detach().numpy().copy() for k, v in named if not k.endswith("num_batches_tracked")}


def make_check(name):
  def check(path, size_name):
    size = SIZES[size_name]
    file, fields, _ = MODELS[name]
    if name != "simvp":
      fields = fields | ({} if name == "convmixer" else {"drop_path": (0.0, 0.0)})
    given, side = size["given"], size["side"]
    ours = file.Module(
      given=given,
      predicted=given,
      spatial_channels=size["spatial"],
      temporal_channels=size["temporal"],
      temporal_blocks=size["blocks"],
      **fields,
    )
    theirs = reference(path, name, size)
    video = np.random.default_rng(0).uniform(-1, 1, (size["batch"], 2 * given, side, side, 1))
    video = video.astype(np.float32)
    mask = np.broadcast_to((np.arange(2 * given) < given).reshape(1, -1, 1, 1, 1), video.shape)
    mask = jnp.asarray(mask, jnp.float32)
    shapes = jax.eval_shape(lambda: ours.init(jax.random.key(0), jnp.asarray(video), mask, train=False))
    params = to_tree(shapes["params"], to_numpy(theirs.named_parameters()))

    def stats():
      buffers = [(k, v) for k, v in theirs.named_buffers() if "running_" in k]
      return to_tree(shapes.get("batch_stats", {}), to_numpy(buffers))

    variables = {"params": params, "batch_stats": stats()}
    frames = torch.from_numpy(rearrange((video + 1) / 2, "b t h w c -> b t c h w").copy())

    past, future = frames[:, :given].contiguous(), frames[:, given:]

    def predict(variables, train):
      output, written = ours.apply(variables, video * mask, mask, train=train, mutable=["batch_stats"])
      return output[:, given:], written

    def loss(params):
      output, written = predict(variables | {"params": params}, True)
      return jnp.square((output - video[:, given:]) / 2).mean(), (output, written)

    found = {}
    output, _ = jax.jit(lambda v: predict(v, False), compiler_options=QUICK)(variables)
    found["eval output"] = np.abs(output - to_video(theirs.eval()(past))).max()
    expected = theirs.train()(past)
    if size_name == "small":
      torch.square(expected - future).mean().backward()
      expected_gradient = to_tree(
        shapes["params"], to_numpy((k, v.grad) for k, v in theirs.named_parameters())
      )
      run = jax.jit(jax.grad(loss, has_aux=True), compiler_options=QUICK)
      gradient, (output, written) = run(variables["params"])
      found["gradient, share"] = share(gradient, expected_gradient)
    else:
      run = jax.jit(lambda v: predict(v, True), compiler_options=QUICK)
      output, written = run(variables)
    found["train output"] = np.abs(output - to_video(expected)).max()
    if variables["batch_stats"]:
      found["batch statistics"] = largest(written["batch_stats"], stats())
    if name == "tau":
      found["divergence, relative"] = divergence(path, frames, video)
    return {what: float(value) for what, value in found.items()}

  return check


def to_video(frames):
  """Their predictions as ours."""
  return 2 * rearrange(frames.detach().numpy(), "b t c h w -> b t h w c") - 1


def share(actual, expected):
  """How far gradients lie apart, each array by its largest entry."""
  overall = max(np.abs(leaf).max() for leaf in jax.tree.leaves(expected))
  # A bias before a norm has no gradient but rounding errors, hence the floor.
  shares = jax.tree.map(
    lambda a, b: np.abs(a - b).max() / max(np.abs(b).max(), 1e-3 * overall), actual, expected
  )
  return max(jax.tree.leaves(shares))


def divergence(path, frames, video):
  """How far TAU's regularisation lies apart, of two random videos that are half alike."""
  other = np.random.default_rng(1).uniform(-1, 1, video.shape).astype(np.float32)
  other = (video + other) / 2
  theirs = torch.from_numpy(rearrange((other + 1) / 2, "b t h w c -> b t c h w").copy())
  expected = load(path)[1].diff_div_reg(None, theirs, frames).item()
  actual = losses.difference_divergence(jnp.asarray(other), jnp.asarray(video), jnp.ones_like(video))
  return abs(float(actual) - expected) / expected


def largest(a, b):
  """The largest difference of two trees."""
  return max(jax.tree.leaves(jax.tree.map(lambda x, y: np.abs(np.asarray(x) - y).max(), a, b)))


CHECKS = {name: make_check(name) for name in MODELS}
