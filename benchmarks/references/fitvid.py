"""FitVid against the authors' program (an early Flax Linen, run on today's).

  git clone https://github.com/google-research/fitvid
  python benchmarks/check_reference.py fitvid fitvid

What of it no longer exists is stood in for: `flax.optim` and TensorFlow, which the networks do not use, and
the old interface of the LSTM cell. Both sides get the same noise. Needs 8 GB of memory at the published
size."""

import functools
import importlib.util
import sys
import types
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from vgjax.models import fitvid
from vgjax.models.layers import latent

SIZES = {  # width, size of frames, code, hidden and z sizes, batch, frames
  "small": dict(width=8, side=16, code=16, hidden=24, latent=4, batch=2, time=5),
  "published": dict(width=64, side=64, code=128, hidden=256, latent=10, batch=1, time=4),
}
GIVEN = 2


def check(path, size):
  found = {}
  for actions in (None, 5):
    name = "" if actions is None else "with actions: "
    found |= {name + what: value for what, value in check_one(path, size, actions).items()}
  return found


def check_one(path, size, num_actions):
  sizes = dict(SIZES[size])
  batch, time, side = (sizes.pop(name) for name in ("batch", "time", "side"))
  models = load(path, sizes["width"], side)
  ours = fitvid.Module(actions=num_actions, **sizes)
  rng = np.random.default_rng(0)
  video = rng.random((batch, time, side, side, 3), np.float32)
  mask = np.zeros((batch, time, side, side, 1), np.float32)
  mask[:, :GIVEN] = 1
  noise = rng.standard_normal((time - 1, batch, sizes["latent"])).astype(np.float32)
  frames = 2 * video - 1
  actions = rng.standard_normal((batch, time, num_actions or 1), np.float32)
  beside = {} if num_actions is None else {"action": actions}
  shapes = jax.eval_shape(
    lambda frames: ours.init(jax.random.key(0), frames, frames[..., :1], train=False, **beside), frames
  )
  variables = jax.tree_util.tree_map_with_path(functools.partial(weights, rng), shapes)

  def apply(train, **truth):
    mutable = ["batch_stats", "losses"] if train else False
    call = functools.partial(ours.apply, mutable=mutable, train=train, **beside)
    with mock.patch.object(latent, "noise", lambda module, shape: jnp.asarray(noise)):
      return jax.jit(call)(variables, frames * mask, mask, **truth)

  def reference(training):
    draws = {name: iter(noise) for name in ("posterior", "prior")}

    def draw(self, mean, logvar):
      return mean + jnp.exp(0.5 * logvar) * next(draws[self.name]) if self.name in draws else mean

    fields = dict(z_dim=sizes["latent"], g_dim=sizes["code"], rnn_size=sizes["hidden"], n_past=GIVEN)
    conditioned = num_actions is not None
    theirs = models.FitVid(training=training, action_conditioned=conditioned, beta=1.0, **fields)
    call = functools.partial(theirs.apply, rngs={"rng": jax.random.key(0)}, mutable=["batch_stats"])
    with mock.patch.object(models.MultiGaussianLSTM, "reparameterize", draw):
      return jax.jit(call)(to_theirs(variables), video, actions, 0)

  found = {}
  (_, wanted, _), _ = reference(training=False)
  found["frames, sampled"] = difference((apply(train=False)[:, 1:] + 1) / 2, wanted)
  (_, wanted, metrics), written = reference(training=True)
  trained, ours_written = apply(train=True, truth=frames)
  found["frames, in training"] = difference((trained[:, 1:] + 1) / 2, wanted)
  found["divergence, relative"] = abs(ours_written["losses"]["kl"][0] * time / metrics["loss/kld"] - 1)
  # Flax keeps the variance divided by n, PyTorch and we the one divided by n - 1: only means are alike.
  running = to_theirs({"params": {}, "batch_stats": ours_written["batch_stats"]})["batch_stats"]
  found["running means"] = max(
    difference(leaf, find(written["batch_stats"], keys))
    for keys, leaf in jax.tree_util.tree_flatten_with_path(running)[0]
    if keys[-1].key == "mean"
  )
  return {name: float(value) for name, value in found.items()}


def difference(ours, theirs):
  return np.abs(np.asarray(ours) - np.asarray(theirs)).max()


def weights(rng, path, shape):
  """Random values of the size of trained ones; the initial scales of the last normalisations are zero."""
  name = path[-1].key
  values = rng.standard_normal(shape.shape, np.float32)
  if "kernel" in name:
    return values * np.float32(np.prod(shape.shape[:-1]) ** -0.5)
  return 1 + 0.3 * np.tanh(values) if name in ("scale", "var") else 0.1 * values


def find(tree, keys):
  return functools.reduce(lambda branch, key: branch[key.key], keys, tree)


class OldCell(nn.Module):
  """The interface that `LSTMCell` had: no fields, and a static `initialize_carry`."""

  @nn.compact
  def __call__(self, carry, x):
    return nn.LSTMCell(carry[0].shape[-1], name="cell")(carry, x)

  @staticmethod
  def initialize_carry(rng, batch_dims, size, init_fn):
    return tuple(init_fn(rng, (*batch_dims, size)) for _ in range(2))


def load(path, width, side):
  """Their `models`, its networks of the given width."""
  old = types.ModuleType("flax.optim")
  old.Optimizer = object
  stand_ins = {"flax.optim": old, "flax.nn": types.ModuleType("flax.nn")}
  stand_ins["flax.nn"].initializers = nn.initializers
  for name in ("tensorflow", "tensorflow.compat", "tensorflow.compat.v2"):
    stand_ins[name] = types.ModuleType(name)
  for name in ("tensorboard", "tensorboard.plugins", "tensorboard.plugins.image"):
    stand_ins[name] = types.ModuleType(name)
  stand_ins["tensorboard.plugins.image"].metadata = None
  spec = importlib.util.spec_from_file_location("fitvid", path / "__init__.py")
  assert spec and spec.loader
  sys.modules["fitvid"] = package = importlib.util.module_from_spec(spec)
  package.__path__ = [str(path)]
  with mock.patch.dict(sys.modules, stand_ins), mock.patch("flax.optim", old, create=True):
    models = importlib.import_module("fitvid.models")
  models.nvae.print = lambda *args: None  # it prints the shape of every layer
  recurrent = types.SimpleNamespace(LSTMCell=OldCell)
  models.nn = types.SimpleNamespace(**(vars(nn) | {"recurrent": recurrent}))
  for name in ("NVAE_ENCODER_VIDEO", "NVAE_DECODER_VIDEO"):
    setattr(models.nvae, name, narrow(getattr(models.nvae, name), width, side))
  return models


def narrow(make, width, side):
  """Their network of another width, which the program has no argument for."""

  def call(**fields):
    if "first_block_shape" in fields:
      fields["first_block_shape"] = (side // 8, side // 8, 8 * width)
    return make(**fields, num_filters=width)

  return call


def to_theirs(variables):
  """Our variables under their names."""
  blocks = dict(inner="Conv_0", middle="Conv_1", outer="Conv_2", project="conv_proj", excite="SEBlock_0")
  blocks |= {f"norm_{i}": f"BatchNorm_{i}" for i in range(4)} | dict(norm_project="norm_proj")

  def block(tree):
    names = blocks if "norm_3" in tree else blocks | dict(outer="Conv_1")
    return {names[name]: value for name, value in tree.items()}

  def coder(tree, kind, reverse):
    names = [name for name in tree if name.startswith("block_")]
    order = lambda name: (int(name.split("_")[1]) * (-1 if reverse else 1), int(name.split("_")[2]))
    named = {f"{kind}_{i}": block(tree[name]) for i, name in enumerate(sorted(names, key=order))}
    others = {"vector": "Dense_0", "frame": "Conv_0"}
    return named | {others[name]: value for name, value in tree.items() if name in others}

  def cell(tree):
    parts = {}
    for i, gate in enumerate("ifgo"):
      columns = [np.split(tree[name], 4, axis=-1)[i] for name in ("input_kernel", "hidden_kernel", "bias")]
      parts["i" + gate] = {"kernel": columns[0]}
      parts["h" + gate] = {"kernel": columns[1], "bias": columns[2]}
    return {"cell": parts}

  def lstm(stack, heads):
    layers = {f"layers_{n[-1]}": cell(value) for n, value in stack.items() if n.startswith("layer_")}
    return {"embed": stack["embed"], **layers, **heads}

  params, stats = variables["params"], variables["batch_stats"]
  theirs = {"batch_stats": {}}
  for collection, tree in (("params", params), ("batch_stats", stats)):
    if tree:
      read, write = coder(tree["read"], "EncoderBlock", False), coder(tree["write"], "DecoderBlock", True)
      theirs[collection] = {"encoder": read, "decoder": write}
  if params:
    for name in ("posterior", "prior"):
      heads = {head: params[name][head] for head in ("mean", "logvar")}
      theirs["params"][name] = lstm(params[name]["stack"], heads)
    unused = jax.tree.map(np.zeros_like, params["predicted_code"])
    heads = {"mean": params["predicted_code"], "logvar": unused}
    theirs["params"]["frame_predictor"] = lstm(params["predictor"], heads)
  return theirs


CHECKS = {"fitvid": check}
