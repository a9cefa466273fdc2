"""Compares LPIPS with the authors' package, on the same weights.

  pip install torch torchvision lpips
  python benchmarks/check_lpips.py [--images FOLDER]

The heads are those that the package carries. Its backbone, which it would fetch from elsewhere, gets the
weights that vgjax keeps. That these are the right ones shows on the reference pictures of the authors'
repository: with `--images`, a folder with their `ex_ref.png`, `ex_p0.png` and `ex_p1.png`
(github.com/richzhang/PerceptualSimilarity, `imgs/`), the distances must be the published 0.722 and 0.138
(alex).

Also prints the figures that `tests/metrics/test_lpips.py` holds. Exits with an error above a difference of
1e-5.
"""

import argparse
import importlib.metadata
import pathlib
import sys
import warnings

import jax
import numpy as np
import torch
from PIL import Image

from vgjax.metrics import lpips

try:
  import lpips as authors

  VERSION = importlib.metadata.version("lpips")
except ImportError as error:
  sys.exit(
    f"This compares with the package lpips, which does not import ({error}): pip install lpips torchvision"
  )

TOLERANCE = 1e-5
PUBLISHED = (0.722, 0.138)  # of alex, for ex_p0 and ex_p1
SHAPES = [(2, 3, 64, 64, 3), (1, 2, 97, 97, 3), (1, 2, 80, 113, 3)]


def authors_network(network):
  """The package's network, its backbone filled with the weights that vgjax keeps."""
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package calls torchvision in an old way
    model = authors.LPIPS(net=network, pnet_rand=True, verbose=False)
  layers = lpips.load(network)["network"]
  convolutions = [layer for layer in model.net.modules() if isinstance(layer, torch.nn.Conv2d)]
  for index, layer in enumerate(convolutions):
    ours = layers[f"conv_{index}"]
    layer.weight.data = torch.tensor(np.asarray(ours["kernel"]).transpose(3, 2, 0, 1).copy())
    layer.bias.data = torch.tensor(np.array(ours["bias"]))
  return model


def channels_first(video):
  """[batch, time, height, width, 3] -> [batch * time, 3, height, width]."""
  return np.ascontiguousarray(video.reshape(-1, *video.shape[2:]).transpose(0, 3, 1, 2))


def both(network, model, video, target):
  """The distances of vgjax and of the package, [batch, time] each."""
  ours = np.asarray(
    jax.jit(lambda p, x, y: lpips.lpips(p, x, y, network=network))(lpips.load(network), video, target)
  )
  with torch.no_grad():
    theirs = model(*(torch.from_numpy(channels_first(x)) for x in (video, target)))
  return ours, theirs.numpy().reshape(ours.shape)


def read(path):
  """A picture as a video of one frame, in [-1, 1]."""
  return (np.asarray(Image.open(path).convert("RGB"), np.float32) / 127.5 - 1)[None, None]


def test_pictures():
  """The two videos of tests/metrics/test_lpips.py."""
  sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
  from tests.metrics.test_lpips import pictures

  return pictures()


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--images", type=pathlib.Path, help="folder of the reference pictures")
  images = parser.parse_args().images
  rng = np.random.default_rng(0)
  worst = 0.0
  for network in ("alex", "vgg"):
    model = authors_network(network)
    heads = lpips.load(network)["heads"]
    same = all(
      np.array_equal(lin.model[1].weight.detach().numpy().ravel(), h) for lin, h in zip(model.lins, heads)
    )
    print(f"{network}: heads {'equal' if same else 'DIFFER from'} those of lpips {VERSION}")
    worst = worst if same else np.inf
    for shape in SHAPES:
      target = rng.uniform(-1, 1, shape).astype(np.float32)
      video = np.clip(target + 0.3 * rng.standard_normal(shape), -1, 1).astype(np.float32)
      ours, theirs = both(network, model, video, target)
      difference = float(np.abs(ours - theirs).max())
      worst = max(worst, difference)
      print(
        f"{network}: random videos {shape}, mean {theirs.mean():.4f}, greatest difference {difference:.1e}"
      )
    ours, theirs = both(network, model, *test_pictures())
    worst = max(worst, float(np.abs(ours - theirs).max()))
    print(
      f"{network}: the test's videos: {[round(float(x), 7) for x in theirs[0]]}, vgjax {ours[0].tolist()}"
    )
    for name, published in zip(("ex_p0", "ex_p1"), PUBLISHED):
      if images is None:
        continue
      ours, theirs = both(network, model, read(images / f"{name}.png"), read(images / "ex_ref.png"))
      ours, theirs = ours.item(), theirs.item()
      worst = max(worst, abs(ours - theirs))
      known = f", published {published}" if network == "alex" else ""
      print(f"{network}: {name} against ex_ref: {ours:.6f}, the package {theirs:.6f}{known}")
      if network == "alex" and round(ours, 3) != published:
        worst = np.inf
  print(f"greatest difference {worst:.1e}, allowed {TOLERANCE:.0e}")
  sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
  main()
