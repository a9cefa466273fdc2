"""VGAN on moving shapes: a moving foreground over a background that stands still (Vondrick et al. 2016).

  python -m vgjax.launch --config configs/moving_shapes/vgan.py --workdir runs/vgan

The two-stream generator of arXiv:1609.02612: 32 frames of 64x64 from a vector of 100 numbers, with the
paper's sparsity of the mask, over plain backgrounds. Critic, batch and Adam, common to both of the
paper's generators, are those of dcgan3d.py. There are no published figures for this data. vgjax: not run at
full length.

Variants:
  cpu    as dcgan3d.py's, its black backgrounds too, with a mask that starts open and a tenth of the weight of
         its sparsity, so that what moves is the foreground's (docs/results.md)
  smoke  seconds on a CPU
"""

from pathlib import Path

from ml_collections import ConfigDict

from vgjax import load_config


def get_config(variant: str = "") -> ConfigDict:
  config = load_config(Path(__file__).with_name(f"dcgan3d.py:{variant}"))
  config.models.generator.name = "vgan"
  config.method.losses = dict(mask=0.1)
  if variant == "cpu":
    config.models.generator.open_mask = 2.0
    config.method.losses = dict(mask=0.01, feature_means=10.0)
  else:
    config.data.background = "plain"
  if variant == "smoke":
    config.models.generator.channels = config.models.critic.channels = 4
  return config
