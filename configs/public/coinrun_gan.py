"""CoinRun and other recorded games from noise: any of the video GANs of `configs/moving_shapes`.

  python -m vgjax.launch --config configs/public/coinrun_gan.py:mocogan --workdir runs/coinrun_gan

The model and its critics, losses and optimizers are those of the file of that name; `mocogan` is what you get
without one. The recordings are those of `coinrun.py`, `data/coinrun.npz` with video uint8 [videos, time, 64,
64, 3]; `--config.data.path` names another file, or a folder of them. To make what was done part of what is
made, set `data.action = True` and `conditions = ("action",)` of generator and critics. There are no published
figures for this task. vgjax: not run at full length, on any hardware.

Variants:
  MODEL        dcgan2d, dcgan3d, dvdgan, mocogan, stylegan_v, tgan, vgan
  MODEL-smoke  seconds on a CPU
"""

from pathlib import Path

from ml_collections import ConfigDict

from vgjax import load_config

MODELS = ("dcgan2d", "dcgan3d", "dvdgan", "mocogan", "stylegan_v", "tgan", "vgan")


def get_config(variant: str = "") -> ConfigDict:
  model, _, size = variant.partition("-")
  if model in ("", "smoke"):
    model, size = "mocogan", model
  if model not in MODELS or size not in ("", "smoke"):
    raise ValueError(f'no variant "{variant}"; there are: {", ".join(MODELS)}, and each with -smoke')
  config = load_config(Path(__file__).parents[1] / f"moving_shapes/{model}.py:{size}")
  with config.unlocked():
    config.data = dict(
      name="arrays", path="data/coinrun.npz", action=False, time=config.data.time, clips_per_video=4
    )
    if "swap" in config.evaluators:
      del config.evaluators.swap  # it reads shapes
    for part in config.models.values():
      if "classes" in part:
        part.classes = 0
  return config
