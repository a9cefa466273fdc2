"""The encoder-forecaster, with both cells, against jhhuang96/ConvLSTM-PyTorch.

  git clone https://github.com/jhhuang96/ConvLSTM-PyTorch
  python benchmarks/check_reference.py encoder_forecaster ConvLSTM-PyTorch

Needs PyTorch. The reference asks for a GPU by name; here its tensors stay where they are. It reads and
predicts 10 frames, and its groups have 32 channels, at either size. All weights are drawn anew, those of the
normalisations too, which are alike at first. Compared are the predicted frames, and the gradient of their
mean squared error with respect to all weights, as a share of the largest gradient of the same array. The
weights with which the reference convolves zeros are left out.
"""

import functools
import importlib
import sys
from collections import OrderedDict
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import torch
from einops import rearrange

from vgjax.models import encoder_forecaster

# Six loops take minutes to compile for speed, and seconds to run.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
GIVEN = 10  # and as many to predict
HIDDEN, FEATURES, KERNEL_SIZE = (32, 64, 32), 8, 3  # of the small size


def load(path):
  """The reference's files, which import each other by their bare names."""
  names = ("utils", "ConvRNN", "encoder", "decoder", "net_params")
  saved = {name: sys.modules.pop(name) for name in names if name in sys.modules}
  sys.path.insert(0, str(path))
  try:
    return {name: importlib.import_module(name) for name in names}
  finally:
    sys.path.remove(str(path))
    for name in names:
      sys.modules.pop(name, None)
    sys.modules.update(saved)


def small_layers(cell, side):
  """Layers of the reference's kind but smaller: those of its encoder, and of its decoder."""
  fine, middle, coarse = HIDDEN
  features = FEATURES

  def rnn(level, inputs, width):
    return cell((side >> level, side >> level), inputs, KERNEL_SIZE, width)

  encoder = [
    [
      OrderedDict({"conv1_leaky_1": [1, features, 3, 1, 1]}),
      OrderedDict({"conv2_leaky_1": [fine, fine, 3, 2, 1]}),
      OrderedDict({"conv3_leaky_1": [middle, middle, 3, 2, 1]}),
    ],
    [rnn(0, features, fine), rnn(1, fine, middle), rnn(2, middle, coarse)],
  ]
  last = OrderedDict({"conv3_leaky_1": [fine, features, 3, 1, 1], "conv4_leaky_1": [features, 1, 1, 1, 0]})
  decoder = [
    [
      OrderedDict({"deconv1_leaky_1": [coarse, coarse, 4, 2, 1]}),
      OrderedDict({"deconv2_leaky_1": [middle, middle, 4, 2, 1]}),
      last,
    ],
    [rnn(2, coarse, coarse), rnn(1, coarse, middle), rnn(0, middle, fine)],
  ]
  return encoder, decoder


def make_reference(path, name, size, side):
  """The reference's encoder and decoder, with weights that differ from each other."""
  files = load(path)
  torch.manual_seed(0)
  if size == "published":
    layers = [getattr(files["net_params"], f"{name}_{part}_params") for part in ("encoder", "decoder")]
  else:
    layers = small_layers(
      getattr(files["ConvRNN"], {"convlstm": "CLSTM_cell", "convgru": "CGRU_cell"}[name]), side
    )
  encoder, decoder = files["encoder"].Encoder(*layers[0]), files["decoder"].Decoder(*layers[1])
  model = torch.nn.ModuleDict({"encoder": encoder, "decoder": decoder})
  for name, weight in model.named_parameters():
    if weight.ndim == 4:
      torch.nn.init.normal_(weight, std=1 / weight[0].numel() ** 0.5)
    else:
      scale = name.startswith(("encoder.rnn", "decoder.rnn")) and name.endswith("1.weight")
      torch.nn.init.normal_(weight, mean=float(scale), std=0.3)
  return model


def to_params(model, read):
  """Our parameters from the reference's; `read` makes an array of a weight (its value, or its gradient)."""

  def array(weight):
    return read(weight).detach().numpy()

  def kernel(module):
    return array(module.weight).transpose(2, 3, 1, 0)

  def conv(module):
    return {"kernel": kernel(module), "bias": array(module.bias)}

  def deconv(module):
    return {
      "kernel": array(module.weight)[:, :, ::-1, ::-1].transpose(2, 3, 0, 1),
      "bias": array(module.bias),
    }

  def recurrent(module, reads_nothing=False):
    parts = {"gates": module.conv} if hasattr(module, "conv") else {"gates": module.conv1}
    parts |= {"candidate": module.conv2} if hasattr(module, "conv2") else {}
    params = {}
    for name, (convolution, norm) in parts.items():
      skipped = module.input_channels if reads_nothing else 0
      params[f"{name}_kernel"] = kernel(convolution)[:, :, skipped:]
      params[f"{name}_bias"] = array(convolution.bias)
      params[f"{name}_norm_scale"], params[f"{name}_norm_bias"] = array(norm.weight), array(norm.bias)
    return params

  encoder, decoder = model["encoder"], model["decoder"]
  params = {"merge": conv(decoder.stage1[0]), "readout": conv(decoder.stage1[2])}
  for level in range(3):
    params[f"down_{level}"] = conv(getattr(encoder, f"stage{level + 1}")[0])
    params[f"encoder_{level}"] = recurrent(getattr(encoder, f"rnn{level + 1}"))
    params[f"forecaster_{level}"] = recurrent(getattr(decoder, f"rnn{level + 1}"), level == 2)
    if level:
      params[f"up_{level}"] = deconv(getattr(decoder, f"stage{level + 1}")[0])
  return jax.tree.map(jnp.asarray, params)


def make_check(name):
  """The check of one cell."""

  def check(path, size):
    side, batch = (16, 2) if size == "small" else (64, 1)
    theirs = make_reference(path, name, size, side)
    small = dict(hidden=HIDDEN, features=FEATURES, kernel_size=KERNEL_SIZE)
    fields = small if size == "small" else {}
    ours = encoder_forecaster.Module(given=GIVEN, cell=name, **fields)
    params = to_params(theirs, lambda weight: weight)
    video = np.random.default_rng(0).uniform(-1, 1, (batch, 2 * GIVEN, side, side, 1)).astype(np.float32)
    mask = np.broadcast_to((np.arange(2 * GIVEN) < GIVEN).reshape(1, -1, 1, 1, 1), video.shape)
    wanted = jax.eval_shape(lambda: ours.init(jax.random.key(0), video, mask, train=False))["params"]
    # Fails if a name, a shape or a parameter is missing on either side.
    jax.tree.map(lambda a, b: np.testing.assert_equal(a.shape, b.shape), params, wanted)

    frames = torch.from_numpy(rearrange((video + 1) / 2, "b t h w c -> b t c h w").copy())
    with mock.patch.object(torch.Tensor, "cuda", lambda tensor: tensor):
      expected = theirs["decoder"](theirs["encoder"](frames[:, :GIVEN]))
    torch.nn.functional.mse_loss(expected, frames[:, GIVEN:]).backward()

    @functools.partial(jax.jit, compiler_options=QUICK)
    def run(params, video):
      def loss_of(params):
        output = ours.apply({"params": params}, video * mask, mask, train=True)
        return jnp.mean((output[:, GIVEN:] - video[:, GIVEN:]) ** 2) / 4, output  # frames in [0, 1]

      return jax.grad(loss_of, has_aux=True)(params)

    gradient, output = run(params, video)
    expected = 2 * rearrange(expected.detach().numpy(), "b t c h w -> b t h w c") - 1
    expected_gradient = to_params(theirs, lambda weight: weight.grad)
    shares = jax.tree.map(lambda a, b: jnp.abs(a - b).max() / jnp.abs(b).max(), gradient, expected_gradient)
    return {
      "frames": float(np.abs(output[:, GIVEN:] - expected).max()),
      "gradient": float(max(jax.tree.leaves(shares))),
    }

  return check


CHECKS = {name: make_check(name) for name in ("convlstm", "convgru")}
