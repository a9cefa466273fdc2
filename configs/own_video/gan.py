"""Clips like your own videos, from noise: any of the video GANs of `configs/moving_shapes`, on a folder.

  python -m vgjax.launch --config configs/own_video/gan.py:mocogan --config.data.path=videos --workdir runs/a

`mocogan` is what you get without a name. Then eight contents with eight motions, as one sheet and one video:

  python -m vgjax.launch --mode=sample --workdir runs/a --sample.content=0:7 --sample.motion=0:7

Clips at 8 frames a second, all that each video has. The model and its critics, losses and optimizers are
those of the file of that name. What critics see is augmented, which keeps them from learning a small folder
by heart. Meant for one GPU, and for hundreds of clips that are alike. To read the classes of the first
folders, set `data.labels = "folder"`, and the `classes` of generator and critics to their number. There is no
published figure. vgjax: not run at full length, on any hardware.

Large videos are decoded more slowly than small networks learn. `python -m vgjax.data prepare` does it once:

  python -m vgjax.data prepare videos prepared/a --size 32 --fps 8
  python -m vgjax.launch --config configs/own_video/gan.py:mocogan-cpu --workdir runs/a --config.data="{
    'name': 'array_records', 'path': 'prepared/a', 'time': 16, 'size': 32, 'clips_per_record': None}"

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
      name="video_folder", path="videos", time=time, fps=8.0, size=size, clips_per_video=None, labels=None
    )
    config.method.augment = ("flip", "color", "translation", "cutout")
  return config
