"""A fully connected generator on tiny moving shapes, 16 frames of 16x16: a GAN without convolutions.

  python -m vgjax.launch --config configs/moving_shapes/dense.py --workdir runs/dense

The generator's last layer alone has 12.6 million parameters; the critic is convolutional. Large shapes, since
small ones are three pixels wide at this size. There are no published figures for this data. vgjax: not run at
full length.

Variants:
  cpu    a quarter of the hidden units; critics, losses and steps of dcgan3d.py:cpu; about ten
         minutes on 2 cores: noisy blocks that move (docs/results.md)
  smoke  seconds on a CPU
"""

from pathlib import Path

from ml_collections import ConfigDict

from vgjax import load_config


def get_config(variant: str = "") -> ConfigDict:
  adam = dict(name="adam", learning_rate=2e-4, b1=0.5, b2=0.999)
  config = ConfigDict(
    dict(
      seed=0,
      steps=100_000,
      batch_size=64,
      dtype="float32",
      data=dict(
        name="moving_shapes",
        size=16,
        time=16,
        background="black",
        text_length=0,
        sizes=("large",),
        num_videos=10_000,
      ),
      task=dict(name="generate"),
      models=dict(
        generator=dict(name="dense_generator", frames=16, latent=100, hidden=(256, 512, 1024)),
        critic=dict(name="critic3d", channels=64),
      ),
      method=dict(name="gan", loss=dict(name="nonsaturating")),
      optim=dict(
        generator=dict(adam, ema=0.999),
        critic=dict(adam),
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
      config.data.size = 16
      config.models.generator = dict(name="dense_generator", frames=16, latent=100, hidden=(128, 256, 256))
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(num_videos=8)
      config.models.generator.update(latent=4, hidden=(8, 8))
      config.models.critic.channels = 4
      config.evaluators.grid.update(every=2, num_videos=4)
      del config.evaluators.distribution
    case _:
      raise ValueError(f'no variant "{variant}"; there are: cpu, smoke')
  return config
