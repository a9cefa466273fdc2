"""Times one training step of vgjax's models against PyTorch eager.

  python benchmarks/train_step.py --models simvp_v2,convlstm,predrnn --steps 5 --batch_size 16

A step is forward, mean squared error, backward and Adam, float32, at the published size; what each model is
given and what it learns is in `CASES`. Each side runs in a process of its own and they take turns, step by
step, so that both meet the same machine; the ratio of the shortest steps is the figure to quote. PyTorch
runs as it comes, but takes denormal numbers for zero, as XLA does; with `--torch_keeps_memory` it too keeps
what it frees, as vgjax does (`vgjax/memory.py`).
Only the benchmark needs PyTorch: pip install torch.

With `--jax_python` and `--torch_python` the two sides may live in different environments.
"""

import argparse
import importlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import turns

LEARNING_RATE = 1e-3


class Case(NamedTuple):
  """One model on both sides, at the size at which it is published.

  Attributes:
    torch: "file:name" of what makes the PyTorch model.
    torch_reads: "all" if it is called with all frames [batch, time, channels, height, width] in [0, 1] and
      the mask [1, time, 1, 1, 1]; "given" if with the given frames alone. It returns those in `learned`.
    given: the frames that are given, of `time`.
    learned: the frames that the loss counts, a slice.
    fields: of our module, `vgjax.models.<name>`.
    torch_fields: arguments of what makes the PyTorch model.
    time, side, channels: the size of the videos.
    truth: whether both sides also get the true video in training: our module as `truth=`, the PyTorch one
      as all frames. What our module sows as losses is added to the error; so the PyTorch one returns
      (frames, its own loss).
  """

  torch: str
  torch_reads: str
  given: tuple[int, ...]
  learned: slice
  fields: Mapping[str, Any] = {}
  torch_fields: Mapping[str, Any] = {}
  time: int = 20
  side: int = 64
  channels: int = 1
  truth: bool = False


FIRST_10, LAST_10, ALL_NEXT = tuple(range(10)), slice(10, 20), slice(1, 20)
CASES = {
  "simvp": Case("torch_models:simvp", "given", FIRST_10, LAST_10),
  "simvp_v2": Case("torch_models:simvp_v2", "given", FIRST_10, LAST_10),
  # What the reference builds and never uses costs nothing here.
  "convlstm": Case("torch_models:ConvLSTM", "all", FIRST_10, ALL_NEXT, torch_fields={"unused": False}),
  "predrnn": Case("torch_predrnn:PredRNN", "all", FIRST_10, ALL_NEXT),
  # RIFE on triplets, with its teacher; 128 pixels instead of 224, for the small machine's sake.
  "ifnet": Case("torch_ifnet:IFNet", "all", (0, 2), slice(1, 2), time=3, side=128, channels=3, truth=True),
}

GAN = "dcgan3d"  # 3D DCGAN, both networks; what it does is in `torch_dcgan3d`


def parse():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--models", default="simvp_v2,convlstm,predrnn")
  parser.add_argument("--steps", type=int, default=5)
  parser.add_argument("--batch_size", type=int, default=16)
  parser.add_argument("--json", help="file to write the figures to")
  parser.add_argument("--jax_python", default=sys.executable)
  parser.add_argument("--torch_python", default=sys.executable)
  parser.add_argument("--torch_keeps_memory", action="store_true", help="see vgjax/memory.py")
  parser.add_argument("--worker", choices=("vgjax", "torch"), help=argparse.SUPPRESS)
  return parser.parse_args()


def vgjax_step(name, batch_size):
  """Compiles one training step; returns it with the version and the seconds that compiling took."""
  import jax
  import jax.numpy as jnp
  import optax

  from vgjax import memory

  memory.keep_freed()  # as vgjax.launch does
  case = CASES[name]
  module = importlib.import_module(f"vgjax.models.{name}").Module(**case.fields)
  key = jax.random.key(0)
  shape = (batch_size, case.time, case.side, case.side, case.channels)
  video = jax.random.uniform(key, shape, minval=-1, maxval=1)
  mask = jnp.zeros((*shape[:-1], 1)).at[:, jnp.array(case.given)].set(1)
  optimizer = optax.adam(LEARNING_RATE)

  @jax.jit
  def init():
    options = {"truth": video} if case.truth else {}
    variables = dict(module.init({"params": key, "sample": key}, video * mask, mask, train=False, **options))
    variables.pop("losses", None)
    return variables, optimizer.init(variables["params"])

  def update(state, video, mask, step):
    variables, moments = state
    params = variables["params"]
    rng_dropout, rng_sample = jax.random.split(jax.random.fold_in(key, step))
    options = {"truth": video} if case.truth else {}

    def loss_of(params):
      prediction, written = module.apply(
        variables | {"params": params}, video * mask, mask, train=True, **options,
        rngs={"dropout": rng_dropout, "sample": rng_sample}, mutable=["batch_stats", "losses"],
      )  # fmt: skip
      written = dict(written)
      own = sum(jax.tree.leaves(written.pop("losses", {})))
      return jnp.mean((prediction[:, case.learned] - video[:, case.learned]) ** 2) + own, written

    (loss, written), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
    updates, moments = optimizer.update(gradients, moments, params)
    return (variables | {"params": optax.apply_updates(params, updates)} | written, moments), loss

  state = init()
  start = time.perf_counter()
  compiled = jax.jit(update, donate_argnums=0).lower(state, video, mask, 0).compile()
  compile_seconds = time.perf_counter() - start
  count = iter(range(1_000_000))

  def step():
    nonlocal state
    state, loss = compiled(state, video, mask, next(count))
    return float(jax.block_until_ready((state, loss))[1])

  return step, f"jax {jax.__version__} ({jax.default_backend()})", compile_seconds


def vgjax_gan_step(batch_size):
  """One step of both networks of 3D DCGAN, as `vgjax.launch` makes it; results as those of `vgjax_step`."""
  import numpy as np
  import torch_dcgan3d as other
  import update

  from vgjax import build, memory

  memory.keep_freed()
  adam = dict(name="adam", learning_rate=other.LEARNING_RATE, b1=other.BETA_1)
  run = build(
    dict(
      seed=0, steps=10, batch_size=batch_size, mesh=dict(data=1), task=dict(name="generate"),
      data=dict(name="moving_shapes", size=other.SIDE, time=other.TIME, text_length=0),
      models=dict(generator=dict(name="dcgan3d", frames=other.TIME), critic=dict(name="critic3d")),
      method=dict(name="gan"), optim=dict(generator=adam, critic=adam),
    )
  )  # fmt: skip
  shape = (batch_size, other.TIME, other.SIDE, other.SIDE, 3)
  batch = {"video": run.put({"video": np.random.randint(0, 256, shape, np.uint8)})["video"]}
  return update.compiled(run, batch)


def torch_step(name, batch_size):
  """The same for the PyTorch counterpart, which compiles nothing."""
  import torch

  torch.manual_seed(0)
  torch.set_flush_denormal(True)  # as XLA does; else PredRNN's steps grow from 8 s to a minute
  case = CASES[name]
  file, maker = case.torch.split(":")
  model = getattr(importlib.import_module(file), maker)(**case.torch_fields)
  optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
  video = torch.rand(batch_size, case.time, case.channels, case.side, case.side)
  mask = torch.zeros(1, case.time, 1, 1, 1)
  mask[:, case.given] = 1
  inputs = (video[:, case.given],) if case.torch_reads == "given" else (video, mask)
  target = video[:, case.learned]

  def step():
    optimizer.zero_grad()
    output = model(*inputs)
    prediction, own = output if case.truth else (output, 0.0)
    loss = torch.nn.functional.mse_loss(prediction, target) + own
    loss.backward()
    optimizer.step()
    return loss.item()

  return step, f"torch {torch.__version__}", 0.0


def work(name, side, batch_size):
  """A worker process."""
  if name == GAN:
    import torch_dcgan3d

    make = {"vgjax": vgjax_gan_step, "torch": torch_dcgan3d.step}[side]
    turns.serve(*make(batch_size))
  else:
    make = {"vgjax": vgjax_step, "torch": torch_step}[side]
    turns.serve(*make(name, batch_size))


# glibc's own names for what vgjax/memory.py sets.
KEEP_FREED = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**62)}


def start(python, side, name, batch_size, environment={}):
  """A worker for one side."""
  arguments = ["--worker", side, "--models", name, "--batch_size", str(batch_size)]
  return turns.Worker([python, os.path.abspath(__file__), *arguments], environment)


def compare(name, options):
  """Times one model on both sides."""
  ours = start(options.jax_python, "vgjax", name, options.batch_size)
  environment = KEEP_FREED if options.torch_keeps_memory else {}
  theirs = start(options.torch_python, "torch", name, options.batch_size, environment)
  times = dict(zip(("vgjax", "torch"), turns.take(ours, theirs, options.steps)))
  return {
    "model": name,
    "batch_size": options.batch_size,
    "vgjax": ours.about,
    "torch": theirs.about,
    "seconds": times,
    "ratio_of_minima": min(times["vgjax"]) / min(times["torch"]),
    "ratio_of_medians": statistics.median(times["vgjax"]) / statistics.median(times["torch"]),
  }


def has_torch(python):
  """Whether that Python can import PyTorch."""
  return subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0


def main():
  options = parse()
  if options.worker:
    work(options.models, options.worker, options.batch_size)
    return
  if not has_torch(options.torch_python):
    sys.exit("This benchmark compares with PyTorch, which is not installed: pip install torch")

  names = options.models.split(",")
  if unknown := set(names) - {*CASES, GAN}:
    sys.exit(f"no case of {sorted(unknown)}; known: {sorted({*CASES, GAN})}")
  results = []
  for name in names:
    result = compare(name, options)
    if not results:
      versions = f"{result['vgjax']['version']}, {result['torch']['version']}"
      print(f"{versions}, {os.cpu_count()} CPUs, batch {options.batch_size}, milliseconds a step")
      print("| model | vgjax min | median | PyTorch min | median | ratio of minima | compile, s |")
      print("|---|---|---|---|---|---|---|")
    cells = [name]
    for side in ("vgjax", "torch"):
      seconds = result["seconds"][side]
      cells += [f"{min(seconds) * 1e3:,.0f}", f"{statistics.median(seconds) * 1e3:,.0f}"]
    cells += [f"{result['ratio_of_minima']:.2f}", f"{result['vgjax']['compile']:.1f}"]
    print("| " + " | ".join(cells) + " |", flush=True)
    results.append(result)
  if options.json:
    with open(options.json, "w") as file:
      json.dump(results, file, indent=2)


if __name__ == "__main__":
  main()
