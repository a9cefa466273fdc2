"""Losses for `config.method.losses`: functions `(prediction, target, weight) -> scalar`, by their names.

A model may have losses of its own beside these (a divergence of latent variables, a decoupling of memories):
it sows them, and the config weighs them by their names in the same dict (`vgjax/linen.py`).
"""

from vgjax.losses.differences import difference_divergence
from vgjax.losses.gram import style, vgg
from vgjax.losses.laplacian import laplacian
from vgjax.losses.perceptual import lpips_alex, lpips_vgg
from vgjax.losses.pixel import centroid, charbonnier, l1, mse, pyramid

__all__ = [  # the names for config.method.losses
  "centroid",
  "charbonnier",
  "difference_divergence",
  "l1",
  "laplacian",
  "lpips_alex",
  "lpips_vgg",
  "mse",
  "pyramid",
  "style",
  "vgg",
]
