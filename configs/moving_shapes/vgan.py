"""VGAN on moving shapes: a moving foreground over a background that stands still (Vondrick et al. 2016).

  python -m vgjax.launch --config configs/moving_shapes/vgan.py --workdir runs/vgan

The two-stream generator of arXiv:1609.02612: 32 frames of 64x64 from a vector of 100 numbers, with the
paper's critic, batch, Adam and sparsity of the mask. Backgrounds are plain colors. There are no published
figures for this data. vgjax: not run at full length.

Variants:
  cpu    three fast shapes, three eighths of a frame of 32x32 wide, 16 frames, narrower networks, a critic of
         frames beside that of videos, the relativistic loss with R1 and R2, large steps: half an hour on 2
         cores (docs/results.md)
  smoke  seconds on a CPU
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  adam = dict(name="adam", learning_rate=2e-4, b1=0.5, b2=0.999)
  config = ConfigDict(
    dict(
      seed=0,
      steps=100_000,
      batch_size=64,
      dtype="float32",
      data=dict(name="moving_shapes", size=64, time=32, background="plain", text_length=0, num_videos=10_000),
      task=dict(name="generate"),
      models=dict(
        generator=dict(name="vgan", frames=32, channels=64),
        critic=dict(name="critic3d", channels=64),
      ),
      method=dict(name="gan", loss=dict(name="nonsaturating"), losses=dict(mask=0.1)),
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
      config.update(steps=5000, batch_size=16)
      config.data.update(size=32, sizes=("large",), scale=4 / 3, speeds=("fast",), time=16)
      config.data.shapes = ("square", "ring", "bar")
      config.models.generator.update(frames=16, channels=32)
      config.models.critic.update(channels=16, norm="none")
      config.models.image_critic = dict(name="critic2d", frames=4, channels=32, norm="none")
      config.optim.image_critic = dict(adam)
      config.method.loss.name = "relativistic"
      config.method.penalty = dict(name="r1_r2", weight=1.0, every=4)
      for optimizer in config.optim.values():
        optimizer.update(learning_rate=2e-3, b1=0.0, b2=0.99)
        optimizer.schedule = dict(name="cosine", final=0.1)
      config.optim.generator.ema = 0.998
      config.evaluators.grid.every = 1000
      config.evaluators.distribution.num_videos = 256
      config.checkpoint.every = 1000
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, time=8, num_videos=8)
      config.models.generator.update(frames=8, latent=8, channels=4)
      config.models.critic.channels = 4
      config.evaluators.grid.update(every=2, num_videos=4)
      del config.evaluators.distribution
    case _:
      raise ValueError(f'no variant "{variant}"; there are: cpu, smoke')
  return config
