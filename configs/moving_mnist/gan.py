"""Moving MNIST from noise: any of the video GANs of `configs/moving_shapes`, on digits instead of shapes.

  python -m vgjax.launch --config configs/moving_mnist/gan.py:dcgan3d --workdir runs/dcgan3d_mnist

The model and its critics, losses and optimizers are those of the file of that name; only the data are
others: two digits, 64x64. `dcgan3d` is what you get without a name. `mocogan` draws content and motion apart:
`--mode=sample --sample.content=0:7 --sample.motion=0:7`. There are no published figures for this data. vgjax:
not run at full length; `mocogan-cpu` makes digits in three quarters of an hour of a core (docs/results.md).

Variants:
  MODEL        dcgan2d, dcgan3d, dense (16x16), dvdgan, mocogan, stylegan_v, tgan, vgan
  MODEL-cpu    one digit, small and narrow, as the `cpu` variant of that model
  MODEL-smoke  seconds on a CPU
"""

from pathlib import Path

from ml_collections import ConfigDict

from vgjax import load_config

MODELS = ("dcgan2d", "dcgan3d", "dense", "dvdgan", "mocogan", "stylegan_v", "tgan", "vgan")


def get_config(variant: str = "") -> ConfigDict:
  model, _, size = variant.partition("-")
  if model in ("", "smoke"):
    model, size = "dcgan3d", model
  if model not in MODELS or size not in ("", "cpu", "smoke"):
    raise ValueError(f'no variant "{variant}"; there are: {", ".join(MODELS)}, and each with -cpu and -smoke')
  config = load_config(Path(__file__).parents[1] / f"moving_shapes/{model}.py:{size}")
  shapes = config.data
  with config.unlocked():
    config.data = dict(
      name="moving_mnist",
      num_digits=2 if not size else 1,
      size=shapes.size,
      digit_size=28 if shapes.size == 64 else shapes.size * 5 // 8,
      time=shapes.time,
      num_videos=shapes.num_videos,
    )
    for reader in {"shapes", "swap"} & set(config.evaluators):
      del config.evaluators[reader]  # of shapes
    for part in config.models.values():
      if "classes" in part:
        part.classes = 0  # two digits have no label
  return config
