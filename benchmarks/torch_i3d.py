"""PyTorch counterpart of vgjax's I3D, for speed and for agreement.

  python benchmarks/torch_i3d.py [--batch_size 2] [--time 16] [--rounds 7]

Written from the published design (Carreira and Zisserman, Quo Vadis, Action Recognition?, CVPR 2017) in
eager PyTorch as a practitioner would write it: channels first, batch norm as a layer of its own, TensorFlow's
"SAME" padding, no compilation. It loads the weights that vgjax keeps. The command compares the logits of both
on random videos, fails above 1e-3, and times them: each side in a process of its own, taking turns call by
call, on videos of 224x224 that are in memory. The ratio of the shortest calls is the figure to quote.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

TOLERANCE = 1e-3
SIDE = 224
SEED = 0
# Channels of an inception module's branches: 1x1; 1x1 then 3x3x3; 1x1 then 3x3x3; pool then 1x1.
MIXED = {
  "3b": (64, (96, 128), (16, 32), 32),
  "3c": (128, (128, 192), (32, 96), 64),
  "4b": (192, (96, 208), (16, 48), 64),
  "4c": (160, (112, 224), (24, 64), 64),
  "4d": (128, (128, 256), (24, 64), 64),
  "4e": (112, (144, 288), (32, 64), 64),
  "4f": (256, (160, 320), (32, 128), 128),
  "5b": (256, (160, 320), (32, 128), 128),
  "5c": (384, (192, 384), (48, 128), 128),
}


def same(x, window, stride):
  """Zeros around x [..., time, height, width], as TensorFlow's "SAME" puts them: more at the end."""
  pads = []
  for size, w, s in zip(x.shape[-3:], window, stride):
    total = max((math.ceil(size / s) - 1) * s + w - size, 0)
    pads.append((total // 2, total - total // 2))
  return F.pad(x, [pad for pair in reversed(pads) for pad in pair]) if any(map(any, pads)) else x


class Unit(nn.Module):
  """Convolution, batch normalisation without a scale, ReLU."""

  def __init__(self, inputs, outputs, window=(1, 1, 1), stride=(1, 1, 1)):
    super().__init__()
    # Windows of 3 with stride 1 need the same padding on both sides, which the convolution does by itself.
    self.even = stride == (1, 1, 1)
    padding = tuple(w // 2 for w in window) if self.even else 0
    self.conv = nn.Conv3d(inputs, outputs, window, stride, padding, bias=False)
    self.norm = nn.BatchNorm3d(outputs, eps=1e-3)

  def forward(self, x):
    if not self.even:
      x = same(x, self.conv.kernel_size, self.conv.stride)
    return F.relu(self.norm(self.conv(x)))


class Pool(nn.Module):
  """Maximum in a window; what is padded counts as zero, and no input is below."""

  def __init__(self, window, stride):
    super().__init__()
    self.window, self.stride = window, stride

  def forward(self, x):
    return F.max_pool3d(same(x, self.window, self.stride), self.window, self.stride)


class Mixed(nn.Module):
  """An inception module."""

  def __init__(self, inputs, first, second, third, fourth):
    super().__init__()
    three = (3, 3, 3)
    self.branches = nn.ModuleList([
      nn.Sequential(Unit(inputs, first)),
      nn.Sequential(Unit(inputs, second[0]), Unit(*second, three)),
      nn.Sequential(Unit(inputs, third[0]), Unit(*third, three)),
      nn.Sequential(nn.MaxPool3d(3, 1, 1), Unit(inputs, fourth)),
    ])  # fmt: skip
    self.outputs = first + second[1] + third[1] + fourth

  def forward(self, x):
    return torch.cat([branch(x) for branch in self.branches], 1)


class I3D(nn.Module):
  """Logits of 400 classes, averaged over time: [batch, 3, time, 224, 224] -> [batch, 400]."""

  def __init__(self):
    super().__init__()
    pools = {
      "3b": Pool((1, 3, 3), (1, 2, 2)),
      "4b": Pool((3, 3, 3), (2, 2, 2)),
      "5b": Pool((2, 2, 2), (2, 2, 2)),
    }
    self.conv_1a = Unit(3, 64, (7, 7, 7), (2, 2, 2))
    self.pool_2a = Pool((1, 3, 3), (1, 2, 2))
    self.conv_2b = Unit(64, 64)
    self.conv_2c = Unit(64, 192, (3, 3, 3))
    layers, inputs = [], 192
    for name, channels in MIXED.items():
      if name in pools:
        layers.append(pools[name])
      layers.append(Mixed(inputs, *channels))
      inputs = layers[-1].outputs
    self.mixed = nn.Sequential(*layers)
    self.logits = nn.Conv3d(inputs, 400, 1)

  def forward(self, x):
    x = self.conv_2c(self.conv_2b(self.pool_2a(self.conv_1a(x))))
    x = F.avg_pool3d(self.mixed(x), (2, 7, 7), 1)
    return self.logits(x).flatten(2).mean(-1)


def load(flat):
  """The model with weights as `vgjax.metrics.weights.load("i3d_kinetics400")` gives them."""
  model = I3D().eval()

  def kernel(name):
    return torch.from_numpy(flat[f"{name}/kernel"].transpose(4, 3, 0, 1, 2).copy())

  def fill(unit, name):
    unit.conv.weight.copy_(kernel(name))
    unit.norm.bias.copy_(torch.from_numpy(flat[f"{name}/beta"].copy()))
    unit.norm.running_mean.copy_(torch.from_numpy(flat[f"{name}/mean"].copy()))
    unit.norm.running_var.copy_(torch.from_numpy(flat[f"{name}/var"].copy()))

  with torch.no_grad():
    fill(model.conv_1a, "Conv3d_1a_7x7")
    fill(model.conv_2b, "Conv3d_2b_1x1")
    fill(model.conv_2c, "Conv3d_2c_3x3")
    modules = [layer for layer in model.mixed if isinstance(layer, Mixed)]
    for module, name in zip(modules, MIXED, strict=True):
      for index, branch in enumerate(module.branches):
        units = [layer for layer in branch if isinstance(layer, Unit)]
        letters = "b" if index == 3 else "ab"
        for unit, letter in zip(units, letters, strict=False):
          size = 3 if unit.conv.kernel_size == (3, 3, 3) else 1
          fill(unit, f"Mixed_{name}/Branch_{index}/Conv3d_0{letter}_{size}x{size}")
    model.logits.weight.copy_(kernel("Logits/Conv3d_0c_1x1"))
    model.logits.bias.copy_(torch.from_numpy(flat["Logits/Conv3d_0c_1x1/bias"].copy()))
  return model


def torch_logits(model, video):
  """Logits [batch, 400] of video [batch, time, 224, 224, 3], as numpy."""
  with torch.inference_mode():
    return model(torch.from_numpy(video).permute(0, 4, 1, 2, 3).contiguous()).numpy()


def make_video(options):
  """Random pixels in [-1, 1]."""
  numbers = np.random.default_rng(SEED)
  return numbers.uniform(-1, 1, (options.batch_size, options.time, SIDE, SIDE, 3)).astype(np.float32)


def worker(options):
  """Says its logits, then answers each line of its input with the seconds of one call."""
  from vgjax.metrics import weights

  flat, video = weights.load("i3d_kinetics400"), make_video(options)
  if options.worker == "torch":
    model = load(flat)
    data = torch.from_numpy(video).permute(0, 4, 1, 2, 3).contiguous()
    version = f"torch {torch.__version__}"

    def call():
      with torch.inference_mode():
        return model(data).numpy()
  else:
    from vgjax import memory

    memory.keep_freed()  # as vgjax.launch does
    import jax

    from vgjax.models import i3d

    params, data = jax.device_put((i3d.convert(flat), video))
    network = jax.jit(lambda params, video: i3d.Module().apply({"params": params}, video))
    compiled = network.lower(params, data).compile()
    version = f"jax {jax.__version__} ({jax.default_backend()})"

    def call():
      return np.asarray(compiled(params, data))

  for _ in range(2):
    logits = call()  # the first calls allocate
  print(json.dumps({"version": version, "logits": logits.tolist()}), flush=True)
  for _ in sys.stdin:
    start = time.perf_counter()
    call()
    print(time.perf_counter() - start, flush=True)


def start(python, side, options):
  """A worker process and what it says of itself."""
  arguments = ["--worker", side, "--batch_size", str(options.batch_size), "--time", str(options.time)]
  process = subprocess.Popen(
    [python, os.path.abspath(__file__), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
  )
  return process, json.loads(
    process.stdout.readline() or sys.exit("a worker ended early; its message is above")
  )


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--batch_size", type=int, default=2)
  parser.add_argument("--time", type=int, default=16, help="frames of a video")
  parser.add_argument("--rounds", type=int, default=7)
  parser.add_argument("--jax_python", default=sys.executable, help="another environment for vgjax's side")
  parser.add_argument("--worker", choices=("vgjax", "torch"), help=argparse.SUPPRESS)
  options = parser.parse_args()
  if options.worker:
    worker(options)
    return
  ours, about = start(options.jax_python, "vgjax", options)
  theirs, torch_about = start(sys.executable, "torch", options)
  difference = np.abs(np.subtract(about["logits"], torch_about["logits"])).max()
  print(f"{about['version']}, {torch_about['version']}, {os.cpu_count()} CPUs, batch {options.batch_size}")
  print(f"largest difference of logits: {difference:.1e}")
  seconds = {"vgjax": [], "torch": []}
  for _ in range(options.rounds):
    for side, process in (("vgjax", ours), ("torch", theirs)):
      process.stdin.write("\n")
      process.stdin.flush()
      seconds[side].append(float(process.stdout.readline()))
      time.sleep(0.05)  # PyTorch's threads spin that long after a call, and would slow the other side
  for side, times in seconds.items():
    print(f"{side:6} shortest {min(times):.3f} s, median {statistics.median(times):.3f} s")
  print(f"ratio of the shortest: {min(seconds['vgjax']) / min(seconds['torch']):.2f}")
  for process in (ours, theirs):
    process.stdin.close()
    process.wait()
  sys.exit(bool(difference > TOLERANCE))


if __name__ == "__main__":
  main()
