"""Checks the statistics behind FVD, FID, KVD, KID, IS, precision and coverage against published packages.

  pip install torch-fidelity torchvision prdc scikit-learn
  python benchmarks/check_statistics.py [--dims 64] [--videos 500]

Both sides get the same random features, of two distributions that overlap. Prints each figure and the
relative difference, and fails above 1e-5. The packages' networks are not used: these are checks of formulas.
"""

import argparse
import sys

import numpy as np
import torch
from prdc import compute_prdc
from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

from vgjax.metrics import frechet, inception_score, kernel_distance, neighbours

TOLERANCE = 1e-5


def features(videos, dims):
  """Two overlapping sets of heavy-tailed features whose spectrum falls, as that of a network's does."""
  rng = np.random.default_rng(0)
  deviation = np.arange(1, dims + 1) ** -0.5
  real = rng.standard_t(6, (videos, dims)) * deviation
  fake = 1.1 * rng.standard_t(6, (videos, dims)) * deviation + 0.2 * deviation
  return real.astype(np.float32), fake.astype(np.float32)


def pairs(real, fake):
  """Yields (figure, package, ours, theirs)."""
  statistics = [metric_fid.fid_features_to_statistics(torch.tensor(x)) for x in (real, fake)]
  theirs = metric_fid.fid_statistics_to_metric(*statistics, verbose=False)
  yield "Fréchet distance", "torch-fidelity", frechet.frechet_distance(real, fake), *theirs.values()

  theirs = metric_kid.kid_features_to_metric(
    torch.tensor(real).double(), torch.tensor(fake).double(), kid_subsets=1, kid_subset_size=len(real),
    kid_degree=3, kid_gamma=None, kid_coef0=1, rng_seed=0, verbose=False,
  )  # fmt: skip
  ours = kernel_distance.kernel_video_distance(real, fake)
  yield "KVD, KID", "torch-fidelity", ours, theirs["kernel_inception_distance_mean"]

  theirs = metric_isc.isc_features_to_metric(torch.tensor(real), splits=10, shuffle=False)
  ours = inception_score.inception_score(real)
  yield "Inception Score, mean", "torch-fidelity", ours.mean, theirs["inception_score_mean"]
  yield "Inception Score, std", "torch-fidelity", ours.std, theirs["inception_score_std"]

  three, five = (compute_prdc(real.astype(np.float64), fake.astype(np.float64), nearest_k=k) for k in (3, 5))
  ours = neighbours.neighbours(real, fake)
  for name, theirs in (("precision", three), ("recall", three), ("density", five), ("coverage", five)):
    yield name, "prdc", getattr(ours, name), theirs[name]
  theirs = metric_prc.prc_features_to_metric(
    torch.tensor(fake).double(), torch.tensor(real).double(), verbose=False
  )
  yield "precision", "torch-fidelity", ours.precision, theirs["precision"]
  yield "recall", "torch-fidelity", ours.recall, theirs["recall"]


def main():
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("--dims", type=int, default=64)
  parser.add_argument("--videos", type=int, default=500)
  options = parser.parse_args()
  worst = 0.0
  for name, package, ours, theirs in pairs(*features(options.videos, options.dims)):
    difference = abs(ours - theirs) / abs(theirs)
    worst = max(worst, difference)
    print(f"{name:22s} {ours:.10f}   {package:14s} {theirs:.10f}   relative difference {difference:.1e}")
  return 0 if worst < TOLERANCE else 1


if __name__ == "__main__":
  sys.exit(main())
