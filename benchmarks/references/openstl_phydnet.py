"""PhyDNet against OpenSTL's copy of the authors' code.

  git clone https://github.com/chengtan9907/OpenSTL
  python benchmarks/check_reference.py openstl_phydnet OpenSTL

Needs PyTorch and SciPy; of the clone, only the files of this model are loaded. All weights are drawn anew,
those of the normalisations too, which are alike at first. Compared are the forecast, the training loss with
its moments (the model reads its own frames, or all true ones), and the loss's gradient with respect to all
weights, as a share of the largest gradient of the same array. The sizes differ in frames and batch only.
"""

import contextlib
import importlib.util
import io
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import torch
from einops import rearrange

from vgjax.models import phydnet

SIZES = {
  "small": dict(given=3, predicted=3, side=16, batch=2),
  "published": dict(given=10, predicted=10, side=64, batch=1),
}


def load(path):
  """The reference's model; its file of parts stands in for the package `openstl.modules`."""

  def run(name):
    where = path / "openstl" / ("models" if name.endswith("model") else "modules") / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, where)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

  package, parts = types.ModuleType("openstl"), types.ModuleType("openstl.modules")
  vars(parts).update({k: v for k, v in vars(run("phydnet_modules")).items() if not k.startswith("_")})
  names = {"openstl": package, "openstl.modules": parts}
  saved = {name: sys.modules.get(name) for name in names}
  sys.modules.update(names)
  try:
    return run("phydnet_model").PhyDNet_Model
  finally:
    for name, module in saved.items():
      sys.modules.pop(name) if module is None else sys.modules.update({name: module})


def make_reference(path, size):
  """The reference's model, with weights that differ from each other."""
  configs = types.SimpleNamespace(
    pre_seq_length=size["given"],
    aft_seq_length=size["predicted"],
    in_shape=(size["given"], 1, size["side"], size["side"]),
    patch_size=4,
    device="cpu",
  )
  torch.manual_seed(0)
  with contextlib.redirect_stdout(io.StringIO()):  # it prints its layers
    model = load(path)(configs)
  for name, weight in model.named_parameters():
    if weight.ndim == 4:
      torch.nn.init.normal_(weight, std=1 / weight[0].numel() ** 0.5)
    else:
      scale = name.endswith("weight")  # of a normalisation
      torch.nn.init.normal_(weight, mean=float(scale), std=0.3)
  return model


def to_params(model, read):
  """Our parameters from the reference's; `read` makes an array of a weight (its value, or its gradient)."""

  def array(weight):
    return read(weight).detach().numpy()

  def conv(module):
    return {"kernel": array(module.weight).transpose(2, 3, 1, 0), "bias": array(module.bias)}

  def up_conv(module):
    return {
      "kernel": array(module.weight)[:, :, ::-1, ::-1].transpose(2, 3, 0, 1),
      "bias": array(module.bias),
    }

  def norm(module):
    return {"scale": array(module.weight), "bias": array(module.bias)}

  def blocks(name, module, *parts, up=False):
    made = (getattr(module, part).main for part in parts)
    convert = up_conv if up else conv
    return {f"{name}_{i}": {"conv": convert(main[0]), "norm": norm(main[1])} for i, main in enumerate(made)}

  def gates(module):  # the reference's order is i, f, o, g
    parts = ((key, np.split(value, 4, axis=-1)) for key, value in conv(module).items())
    return {key: np.concatenate([i, f, g, o], axis=-1) for key, (i, f, o, g) in parts}

  net = model.encoder
  cell = net.phycell.cell_list[0]
  params = {
    "physics": {
      "derivatives": conv(cell.F.conv1),
      "norm": norm(cell.F.bn1),
      "combine": conv(cell.F.conv2),
      "gain": conv(cell.convgate),
    },
    "readout": up_conv(net.decoder_D.upc3),
  }
  params |= {f"gates_{i}": gates(cell.conv) for i, cell in enumerate(net.convcell.cell_list)}
  params |= blocks("encoder", net.encoder_E, "c1", "c2", "c3")
  params |= blocks("physics_encoder", net.encoder_Ep, "c1", "c2")
  params |= blocks("residual_encoder", net.encoder_Er, "c1", "c2")
  params |= blocks("physics_decoder", net.decoder_Dp, "upc1", "upc2", up=True)
  params |= blocks("residual_decoder", net.decoder_Dr, "upc1", "upc2", up=True)
  params |= blocks("decoder", net.decoder_D, "upc1", "upc2", up=True)
  return jax.tree.map(jnp.asarray, {"step": params})


def check(path, size):
  size = SIZES[size]
  theirs = make_reference(path, size)
  ours = phydnet.Module()
  params = to_params(theirs, lambda weight: weight)
  given, time = size["given"], size["given"] + size["predicted"]
  shape = (size["batch"], time, size["side"], size["side"], 1)
  video = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
  wanted = jax.eval_shape(lambda: ours.init(jax.random.key(0), video, video, train=False))["params"]
  # Fails if a name, a shape or a parameter is missing on either side.
  jax.tree.map(lambda a, b: np.testing.assert_equal(a.shape, b.shape), params, wanted)

  frames = torch.from_numpy(rearrange((video + 1) / 2, "b t h w c -> b t c h w").copy())
  derivatives = torch.eye(49).reshape(49, 7, 7)

  @jax.jit
  def run(params, video, mask):
    def loss_of(params):
      output, sown = ours.apply({"params": params}, video * mask, mask, train=True, mutable=["losses"])
      errors = jnp.mean((output[:, 1:] - video[:, 1:]) ** 2, axis=(0, 2, 3, 4)) / 4  # frames in [0, 1]
      return errors.sum() + sown["losses"]["moments"][0], output

    return jax.value_and_grad(loss_of, has_aux=True)(params)

  found = {}
  for what, known in {"forecast": given, "fed": time}.items():
    theirs.zero_grad()
    inputs = (frames[:, :given], frames[:, given:], derivatives)
    expected_loss = theirs(*inputs, teacher_forcing_ratio=float(known == time))
    expected_loss.backward()
    mask = np.broadcast_to((np.arange(time) < known).reshape(1, -1, 1, 1, 1), shape).astype(np.float32)
    (loss, output), gradient = run(params, video, mask)
    if known == given:
      expected, _ = theirs.inference(*inputs, return_loss=False)
      expected = 2 * rearrange(expected.numpy(), "b t c h w -> b t h w c") - 1
      found[f"{what}: frames"] = np.abs(output[:, given:] - expected).max()
    found[f"{what}: loss, relative"] = abs(float(loss) / expected_loss.item() - 1)
    expected_gradient = to_params(theirs, lambda weight: weight.grad)
    shares = jax.tree.map(lambda a, b: jnp.abs(a - b).max() / jnp.abs(b).max(), gradient, expected_gradient)
    found[f"{what}: gradient"] = max(jax.tree.leaves(shares))
  return {what: float(difference) for what, difference in found.items()}


CHECKS = {"phydnet": check}
