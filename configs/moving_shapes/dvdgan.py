"""A compact DVD-GAN on moving shapes: by class, with two critics (Clark et al. 2019).

  python -m vgjax.launch --config configs/moving_shapes/dvdgan.py --workdir runs/dvdgan

A label says which of 8 shapes takes which of 9 paths. The paper's loss, optimizers, two critic steps for one
of the generator, 8 frames for the spatial critic, half the size for the temporal one; the paper's batch is
512, and both networks are wider there. Runs of 16 frames, unrolled: the first compilation takes minutes.
There are no published figures for this data. vgjax: not run at full length.

Variants:
  cpu    a quarter of the channels; data, critics (they read the class), loss and steps of dcgan3d.py:cpu,
         fewer of them, to stay within half an hour on 2 cores (docs/results.md)
  smoke  seconds on a CPU
"""

from pathlib import Path

from ml_collections import ConfigDict

from vgjax import load_config


def get_config(variant: str = "") -> ConfigDict:
  adam = dict(name="adam", b1=0.0, b2=0.999)
  config = ConfigDict(
    dict(
      seed=0,
      steps=100_000,
      batch_size=64,
      dtype="float32",
      data=dict(
        name="moving_shapes",
        size=64,
        time=16,
        background="black",
        text_length=0,
        label="shape_motion",
        num_videos=10_000,
      ),
      task=dict(name="generate"),
      models=dict(
        generator=dict(name="dvdgan", latent=120, channels=32, classes=72),
        spatial_critic=dict(name="critic2d", frames=8, norm="spectral", classes=72),
        temporal_critic=dict(name="critic3d", downsample=2, norm="spectral", classes=72),
      ),
      method=dict(name="gan", loss=dict(name="hinge")),
      optim=dict(
        generator=dict(adam, learning_rate=1e-4, every=2, ema=0.9999),
        spatial_critic=dict(adam, learning_rate=5e-4),
        temporal_critic=dict(adam, learning_rate=5e-4),
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
      config = load_config(Path(__file__).with_name("dcgan3d.py:cpu"))
      config.steps = 1300
      config.data.label = "shape_motion"
      config.models.generator = dict(name="dvdgan", latent=120, channels=8, classes=72)
      config.models.critic.classes = config.models.image_critic.classes = 72
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=8, time=3, num_videos=8)
      config.models.generator.update(latent=4, channels=1)
      config.models.spatial_critic.update(frames=2, channels=4, levels=1)
      config.models.temporal_critic.update(channels=4)
      config.optim.generator.every = 1
      config.evaluators.grid.update(every=2, num_videos=4)
      del config.evaluators.distribution
    case _:
      raise ValueError(f'no variant "{variant}"; there are: cpu, smoke')
  return config
