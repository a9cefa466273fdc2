"""DCGAN frame by frame on moving shapes: MoCoGAN without its recurrent network, the baseline without time.

  python -m vgjax.launch --config configs/moving_shapes/dcgan2d.py --workdir runs/dcgan2d

Data, critics, loss and optimizers are those of mocogan.py: what that gains over this it gains by its
recurrent network. One frame knows nothing of the next, so shapes cannot move along a path, whatever the
critic of videos asks for. There are no published figures for this data. vgjax: not run at full length.

Variants, as mocogan.py's:
  cpu    shapes that stand still, in as many steps as mocogan.py's (docs/results.md)
  smoke  seconds on a CPU
"""

from pathlib import Path

from ml_collections import ConfigDict

from vgjax import load_config


def get_config(variant: str = "") -> ConfigDict:
  config = load_config(Path(__file__).with_name(f"mocogan.py:{variant}"))
  config.models.generator.name = "dcgan2d"
  del config.evaluators.swap
  return config
