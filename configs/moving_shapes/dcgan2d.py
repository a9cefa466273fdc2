"""DCGAN frame by frame on moving shapes: MoCoGAN without its recurrent network, the baseline without time.

  python -m vgjax.launch --config configs/moving_shapes/dcgan2d.py --workdir runs/dcgan2d

Same critics and optimizers as mocogan.py: what that gains over this it gains by its recurrent network. One
frame knows nothing of the next, so shapes cannot move along a path, whatever the critic of videos asks for.
There are no published figures for this data. vgjax: not run at full length.

Variants:
  cpu    32x32 at half the channels
  smoke  seconds on a CPU
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  adam = dict(name="adam", learning_rate=2e-4, b1=0.5, b2=0.999)
  config = ConfigDict(
    dict(
      seed=0,
      steps=100_000,
      batch_size=32,
      dtype="float32",
      data=dict(name="moving_shapes", size=64, time=16, background="black", text_length=0, num_videos=10_000),
      task=dict(name="generate"),
      models=dict(
        generator=dict(name="dcgan2d", content=50, motion=10, channels=64),
        image_critic=dict(name="critic2d", frames=1, levels=3, patches=True, use_bias=False),
        video_critic=dict(name="critic3d", time="slide", use_bias=False),
      ),
      method=dict(name="gan", loss=dict(name="nonsaturating")),
      optim=dict(
        generator=dict(adam, ema=0.999),
        image_critic=dict(adam),
        video_critic=dict(adam),
      ),
      loader=dict(threads=1),
      evaluators=dict(
        grid=dict(name="grid", every=5000, split="valid", num_videos=8),
        distribution=dict(name="distribution", split="test", metrics=("fvd", "precision", "recall")),
        critic=dict(name="critic", split="test"),
        shapes=dict(name="shapes", split="test"),
      ),
      checkpoint=dict(every=5000, keep=2),
      log=dict(every=100),
    )
  )
  match variant:
    case "":
      pass
    case "cpu":
      config.update(steps=6000, batch_size=16)
      config.data.update(size=32)
      config.models.generator.channels = 32
      config.models.image_critic.update(channels=32, levels=2)
      config.models.video_critic.channels = 32
      config.evaluators.grid.every = 1000
      config.evaluators.distribution.num_videos = 512
      config.checkpoint.every = 1000
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, time=8, num_videos=8)
      config.models.generator.update(content=4, motion=2, channels=4)
      config.models.image_critic.update(channels=4, levels=1)
      config.models.video_critic.update(channels=4)
      config.evaluators.grid.update(every=2, num_videos=4)
      del config.evaluators.distribution
    case _:
      raise ValueError(f'no variant "{variant}"; there are: cpu, smoke')
  return config
