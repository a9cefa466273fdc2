"""Times vgjax's metrics against the implementations that are customary, in one run.

  pip install torch torchvision lpips scikit-image
  python benchmarks/metrics.py --metrics ssim,lpips_alex,lpips_vgg,i3d --rounds 5

| metric | other side |
|---|---|
| ssim | scikit-image's `structural_similarity`, Gaussian window, a frame at a time: it takes no more |
| lpips_alex, lpips_vgg | the authors' package `lpips`, on all frames of the batch at once |
| i3d | the I3D of `torch_i3d.py` in PyTorch eager, features for FVD from videos of 224x224 |

Videos are random, 64 frames of 64x64 in colour (`--size`, `--time`, `--batch_size`); for I3D they are 16
frames of 224x224. Both sides get float32 arrays in the layout they want and end with figures on the host.
Each runs in a process of its own and they take turns, call by call, so that both meet the same machine; the
ratio of the shortest calls is the figure to quote, and `difference` is the greatest one between the figures
of the two sides.

The weights of the networks are vgjax's, see `python -m vgjax.metrics.weights`; scikit-image and `lpips` are
only needed for their own rows.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import turns

METRICS = ("ssim", "lpips_alex", "lpips_vgg", "i3d")
NEEDS = {"ssim": "skimage", "lpips_alex": "lpips", "lpips_vgg": "lpips", "i3d": "torch"}
SEED = 0


def parse():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--metrics", default=",".join(METRICS))
  parser.add_argument("--rounds", type=int, default=5)
  parser.add_argument("--batch_size", type=int, default=4)
  parser.add_argument("--time", type=int, default=64)
  parser.add_argument("--size", type=int, default=64)
  parser.add_argument("--json", help="file to write the figures to")
  parser.add_argument("--worker", choices=("vgjax", "other"), help=argparse.SUPPRESS)
  parser.add_argument("--figures", help=argparse.SUPPRESS)
  return parser.parse_args()


def make_pair(metric, options):
  """A video and its disturbed copy in [-1, 1], float32 [batch, time, height, width, 3]."""
  shape = (2, 16, 224, 224) if metric == "i3d" else (options.batch_size, options.time, *[options.size] * 2)
  rng = np.random.default_rng(SEED)
  target = rng.uniform(-1, 1, (*shape, 3)).astype(np.float32)
  noise = rng.standard_normal(target.shape, dtype=np.float32)
  return np.clip(target + 0.3 * noise, -1, 1), target


def vgjax_call(metric, video, target):
  """The metric as a function without arguments, and the version."""
  import jax

  from vgjax import memory
  from vgjax.metrics import extractors, lpips, ssim

  memory.keep_freed()  # as vgjax.launch does
  version = f"jax {jax.__version__} ({jax.default_backend()})"
  if metric == "i3d":
    extractor = extractors.open("i3d")
    apply = jax.jit(extractor.apply)
    return lambda: np.asarray(apply(extractor.params, video)), version
  if metric == "ssim":
    apply = jax.jit(ssim.ssim)
    return lambda: np.asarray(apply(video, target)), version
  network = metric.removeprefix("lpips_")
  params = jax.device_put(lpips.load(network))
  apply = jax.jit(lambda params, x, y: lpips.lpips(params, x, y, network=network))
  return lambda: np.asarray(apply(params, video, target)), version


def other_call(metric, video, target):
  """The same of the customary implementation."""
  if metric == "ssim":
    import skimage
    from skimage.metrics import structural_similarity

    video, target = (video + 1) / 2, (target + 1) / 2
    how = dict(data_range=1, gaussian_weights=True, use_sample_covariance=False, channel_axis=-1)

    def similarity():
      return np.array(
        [[structural_similarity(x, y, **how) for x, y in zip(*pair)] for pair in zip(video, target)]
      )

    return similarity, f"scikit-image {skimage.__version__}"

  import torch

  if metric == "i3d":
    import torch_i3d

    from vgjax.metrics import weights

    model = torch_i3d.load(weights.load("i3d_kinetics400"))
    data = torch.from_numpy(video.transpose(0, 4, 1, 2, 3).copy())

    def features():
      with torch.inference_mode():
        return model(data).numpy()

    return features, f"torch {torch.__version__}"

  import check_lpips

  model = check_lpips.authors_network(metric.removeprefix("lpips_"))
  first, second = (torch.from_numpy(check_lpips.channels_first(x)) for x in (video, target))

  def call():
    with torch.no_grad():
      return model(first, second).numpy().reshape(video.shape[:2])

  return call, f"lpips {check_lpips.VERSION}, torch {torch.__version__}"


def work(metric, options):
  """A worker process."""
  make = {"vgjax": vgjax_call, "other": other_call}[options.worker]
  call, version = make(metric, *make_pair(metric, options))
  start = time.perf_counter()
  figures = call()  # compiles, and allocates
  seconds = time.perf_counter() - start
  np.save(options.figures, figures)
  turns.serve(call, version, seconds)


def start(side, metric, options, figures):
  """A worker for one side."""
  arguments = ["--worker", side, "--metrics", metric, "--figures", str(figures)]
  for name in ("batch_size", "time", "size"):
    arguments += [f"--{name}", str(getattr(options, name))]
  return turns.Worker([sys.executable, os.path.abspath(__file__), *arguments])


def compare(metric, options):
  """Times one metric on both sides."""
  with tempfile.TemporaryDirectory() as folder:
    paths = {side: pathlib.Path(folder) / f"{side}.npy" for side in ("vgjax", "other")}
    workers = {side: start(side, metric, options, path) for side, path in paths.items()}
    ours, theirs = (np.load(path) for path in paths.values())
  seconds = dict(zip(workers, turns.take(*workers.values(), options.rounds)))
  return {
    "metric": metric,
    "versions": {side: worker.about["version"] for side, worker in workers.items()},
    "shape": list(make_pair(metric, options)[0].shape),
    "seconds": seconds,
    "speedup_of_minima": min(seconds["other"]) / min(seconds["vgjax"]),
    "difference": float(np.abs(ours - theirs).max()),
  }


def main():
  options = parse()
  if options.worker:
    work(options.metrics, options)
    return
  results = []
  for metric in options.metrics.split(","):
    if metric not in METRICS:
      sys.exit(f"there is no metric {metric}; known: {', '.join(METRICS)}")
    if subprocess.run([sys.executable, "-c", f"import {NEEDS[metric]}"], capture_output=True).returncode:
      sys.exit(
        f"{metric} compares with {NEEDS[metric]}, which does not import: see the first lines of this file"
      )
    result = compare(metric, options)
    if not results:
      print(f"{os.cpu_count()} CPUs, milliseconds a call")
      print(
        "| metric | videos | vgjax min | median | other min | median | other | times as fast | difference |"
      )
      print("|---|---|---|---|---|---|---|---|---|")
    cells = [metric, "x".join(map(str, result["shape"]))]
    for side in ("vgjax", "other"):
      seconds = result["seconds"][side]
      cells += [f"{min(seconds) * 1e3:,.0f}", f"{statistics.median(seconds) * 1e3:,.0f}"]
    cells += [
      result["versions"]["other"],
      f"{result['speedup_of_minima']:.2f}",
      f"{result['difference']:.1e}",
    ]
    print("| " + " | ".join(cells) + " |", flush=True)
    results.append(result)
  if options.json:
    with open(options.json, "w") as file:
      json.dump(results, file, indent=2)


if __name__ == "__main__":
  main()
