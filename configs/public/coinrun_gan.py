"""CoinRun and other recorded games from noise: any of the video GANs of `configs/moving_shapes`.

  python -m vgjax.launch --config configs/public/coinrun_gan.py:mocogan --workdir runs/coinrun_gan

The model and its critics, losses and optimizers are those of the file of that name; `mocogan` is what you get
without one. The recordings are those of `coinrun.py`, `data/coinrun.npz` with video uint8 [videos, time, 64,
64, 3]; `--config.data.path` names another file, or a folder of them. To make what was done part of what is
made, set `data.action = True` and `conditions = ("action",)` of generator and critics. There are no published
figures for this task. vgjax: not run at full length; `mocogan-cpu` makes walls, ledges and a moving view in
three quarters of an hour of a core (docs/results.md).

Variants, as in `configs/moving_mnist/gan.py`:
  MODEL        16 or 32 frames of 64x64, as that file; 16x16 for `dense`
  MODEL-cpu    small and narrow
  MODEL-smoke  seconds on a CPU
"""

from pathlib import Path

from ml_collections import ConfigDict

from vgjax import load_config

DIGITS = Path(__file__).parents[1] / "moving_mnist/gan.py"


def get_config(variant: str = "") -> ConfigDict:
  variant = {"": "mocogan", "smoke": "mocogan-smoke"}.get(variant, variant)
  config = load_config(f"{DIGITS}:{variant}")
  size, time = config.data.size, config.data.time
  with config.unlocked():
    config.data = dict(
      name="arrays", path="data/coinrun.npz", action=False, size=size, time=time, clips_per_video=4
    )
  return config
