"""MoCoGAN on a folder of your own videos: clips of 16 frames from noise (Tulyakov et al. 2018).

  python -m vgjax.launch --config configs/own_video/mocogan.py --config.data.path=my_videos --workdir runs/own

Then eight contents with eight motions, as one sheet and one video:

  python -m vgjax.launch --mode=sample --workdir runs/own --sample.content=0:7 --sample.motion=0:7

Clips of 64x64 pixels and 2 seconds at 8 frames a second, all that each video has. What the critics see is
augmented, which keeps them from learning a small folder by heart. The published generator and optimizers;
hinge loss, critics of the published size with spectral in place of batch normalisation. Meant for one GPU,
and for hundreds of clips that are alike. There is no published figure. vgjax: not run at full length, on any
hardware.
Variants: `smoke` (seconds on a CPU).
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
      data=dict(name="video_folder", path="videos", time=16, fps=8.0, size=64, clips_per_video=None),
      task=dict(name="generate"),
      models=dict(
        generator=dict(name="mocogan", content=50, motion=10, channels=64),
        image_critic=dict(name="critic2d", frames=2, levels=3, patches=True, norm="spectral"),
        video_critic=dict(name="critic3d", time="slide", norm="spectral"),
      ),
      method=dict(name="gan", loss=dict(name="hinge"), augment=("flip", "color", "translation", "cutout")),
      optim=dict(
        generator=dict(adam, ema=0.999),
        image_critic=dict(adam),
        video_critic=dict(adam),
      ),
      evaluators=dict(
        grid=dict(name="grid", every=5000, split="valid", num_videos=8),
        distribution=dict(name="distribution", split="test", metrics=("fvd", "precision", "recall")),
        critic=dict(name="critic", split="test"),
      ),
      checkpoint=dict(every=5000, keep=2),
      log=dict(every=100),
    )
  )
  match variant:
    case "":
      pass
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, time=8)
      config.models.generator.update(content=4, motion=2, channels=4)
      config.models.image_critic.update(channels=4, levels=1)
      config.models.video_critic.update(channels=4)
      config.evaluators.grid.update(every=2, num_videos=4)
      del config.evaluators.distribution
    case _:
      raise ValueError(f'no variant "{variant}"; there is: smoke')
  return config
