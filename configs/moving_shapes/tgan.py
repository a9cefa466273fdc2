"""TGAN on moving shapes: a generator of frames' vectors, a generator of frames (Saito et al. 2017).

  python -m vgjax.launch --config configs/moving_shapes/tgan.py --workdir runs/tgan

The published generator, critic (but for what `models/tgan.py` says), RMSProp and batch at 64x64 and 16
frames; samples are drawn with averaged weights, which the authors' program has not. It is Wasserstein's game
with singular values of the critic clipped to 1 after every fifth update, and the scales of its batch
normalisation with them. There are no published figures for this data. vgjax: not run at full length.

Variants:
  cpu    a narrower generator; data, critics, loss and steps of dcgan3d.py:cpu, fewer of them, to stay within
         half an hour on 2 cores (docs/results.md)
  smoke  seconds on a CPU
"""

from pathlib import Path

from ml_collections import ConfigDict

from vgjax import load_config


def get_config(variant: str = "") -> ConfigDict:
  rmsprop = dict(name="rmsprop", learning_rate=5e-5, decay=0.99, eps=1e-8, eps_in_sqrt=False)
  config = ConfigDict(
    dict(
      seed=0,
      steps=100_000,
      batch_size=32,
      dtype="float32",
      data=dict(name="moving_shapes", size=64, time=16, background="black", text_length=0, num_videos=10_000),
      task=dict(name="generate"),
      models=dict(
        generator=dict(name="tgan", frames=16, channels=32),
        critic=dict(name="critic3d", channels=64),
      ),
      method=dict(name="gan", loss=dict(name="wasserstein")),
      optim=dict(
        generator=dict(rmsprop, ema=0.999),
        critic=dict(rmsprop, project=dict(name="singular_values", limit=1.0, every=5)),
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
      config.steps = 3000
      config.models.generator.update(name="tgan", channels=16)
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, time=8, num_videos=8)
      config.models.generator.update(frames=8, latent=8, channels=2)
      config.models.critic.channels = 4
      config.optim.critic.project.every = 2
      config.evaluators.grid.update(every=2, num_videos=4)
      del config.evaluators.distribution
    case _:
      raise ValueError(f'no variant "{variant}"; there are: cpu, smoke')
  return config
