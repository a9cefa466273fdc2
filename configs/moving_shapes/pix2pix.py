"""Pix2Pix on moving shapes: shapes are cut out of their background (Isola et al. 2017).

  python -m vgjax.launch --config configs/moving_shapes/pix2pix.py --workdir runs/pix2pix

A source has a texture behind its shape, the video of the pair has the same shape on black. The published
U-Net for frames of 64x64 (6 levels), losses and optimizers, and for frames PatchGAN, which sees patches of
70x70 pixels; beside it `critic3d` sees patches of the video, so that motion is judged. Kernels of the
generator see a frame's neighbours; with `models.generator.time = 1` every frame is translated by itself.
`--config.task.name=colorize` and `edges` make the hint of the video itself, and need no source. Shapes were
colored wrongly after 6,000 steps of the `cpu` variant; likely because batch normalisation takes away how
bright a few pixels are, which is all that tells their color there (`configs/own_video/pix2pix.py` colors
whole scenes). There are no published figures for this data. vgjax: not run at full length.
Variants: `cpu` (a quarter of the channels, 8 frames, each by itself; 2 cores); `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  adam = dict(name="adam", learning_rate=2e-4, b1=0.5, b2=0.999)
  config = ConfigDict(
    dict(
      seed=0,
      steps=100_000,
      batch_size=8,
      dtype="float32",
      data=dict(
        name="pairs",
        paired=True,
        size=64,
        time=16,
        text_length=0,
        num_videos=10_000,
        first=dict(name="moving_shapes", background="black"),
        second=dict(name="moving_shapes", background="texture"),
      ),
      task=dict(name="translate"),
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
      optim=dict(generator=dict(adam), image_critic=dict(adam), video_critic=dict(adam)),
      loader=dict(threads=1),
      evaluators=dict(
        frames=dict(name="frames", every=5000, split="valid", num_videos=256),
        grid=dict(name="grid", every=5000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=5000, keep=2),
      log=dict(every=100),
    )
  )
  match variant:
    case "":
      pass
    case "cpu":
      config.update(steps=6000, batch_size=4)
      config.data.time = 8
      config.models.generator.update(channels=16, time=1)
      config.models.image_critic.update(frames=2, channels=16)
      config.models.video_critic.channels = 8
      config.optim.generator.learning_rate = 5e-4  # so few steps must be larger
      for optimizer in config.optim.values():
        optimizer.schedule = dict(name="linear", hold=3000)
      config.evaluators.frames.update(every=1000, num_videos=64)
      config.evaluators.grid.every = 1000
      config.checkpoint.every = 1000
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, time=4, num_videos=8)
      config.models.generator.update(channels=2, levels=2, time=1)
      config.models.image_critic.update(frames=1, channels=2, levels=1)
      config.models.video_critic.update(channels=2, levels=1)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: cpu, smoke')
  return config
