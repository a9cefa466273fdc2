"""Colour for grey videos, learned from a folder of your own colour videos: Pix2Pix with a critic of motion.

  python -m vgjax.launch --config configs/own_video/pix2pix.py --config.data.path=videos --workdir runs/color

What is shown to the network is the luma of each frame, what it learns is the colour; any folder of colour
videos will do, and nothing has to be labelled. `--config.task.name=edges` learns to fill in drawings of
edges. For two folders, of which one is to become the other, see `vgjax/data/pairs.py` and the task
`translate`. The published generator (Isola et al. 2017) with kernels that see a frame's neighbours, so that
colours do not flicker; meant for one GPU. Clips of 128x128 pixels and 1 second at 8 frames a second. There is
no published figure for your videos. vgjax: not run at full length, on any hardware.
Variants: `cpu` (64x64, a quarter of the channels, each frame by itself); `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  adam = dict(name="adam", learning_rate=2e-4, b1=0.5, b2=0.999)
  config = ConfigDict(
    dict(
      seed=0,
      steps=100_000,
      batch_size=4,
      dtype="float32",
      data=dict(
        name="video_folder",
        path="videos",
        time=8,
        fps=8.0,
        size=128,
        clips_per_video=None,
        transforms=("flip",),
      ),
      task=dict(name="colorize"),
      models=dict(
        generator=dict(name="pix2pix_unet", channels=64, time=3),
        image_critic=dict(
          name="critic2d", frames=4, levels=3, fine=1, channels=64, patches=True, sees_hint=True
        ),
        video_critic=dict(name="critic3d", levels=3, channels=32, patches=True, sees_hint=True),
      ),
      method=dict(
        name="gan",
        loss=dict(name="nonsaturating"),
        losses=dict(l1=100.0),
        weights=dict(image_critic=0.5, video_critic=0.5),  # together they weigh what the published one does
      ),
      optim=dict(generator=dict(adam, ema=0.999), image_critic=dict(adam), video_critic=dict(adam)),
      evaluators=dict(
        frames=dict(name="frames", every=2000, split="valid", num_videos=200),
        grid=dict(name="grid", every=2000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=2000, keep=2),
      log=dict(every=100),
    )
  )
  match variant:
    case "":
      pass
    case "cpu":
      config.update(steps=2000, batch_size=4)
      config.data.size = 64
      config.models.generator.update(channels=16, time=1)
      config.models.image_critic.update(frames=2, channels=16)
      config.models.video_critic.channels = 8
      config.optim.generator.update(learning_rate=5e-4, ema=0.99)  # so few steps must be larger
      for evaluator in config.evaluators.values():
        evaluator.every = 500
      config.checkpoint.every = 500
      config.log.every = 20
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(time=4, size=16)
      config.models.generator.update(channels=2, levels=2, time=1)
      config.models.image_critic.update(frames=1, channels=2, levels=1)
      config.models.video_critic.update(channels=2, levels=1)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu')
  return config
