"""MoCoGAN on moving shapes: what is seen and how it moves are drawn apart (Tulyakov et al. 2018).

  python -m vgjax.launch --config configs/moving_shapes/mocogan.py --workdir runs/mocogan

Then eight contents with eight motions, as one sheet and one video:

  python -m vgjax.launch --mode=sample --workdir runs/mocogan --sample.content=0:7 --sample.motion=0:7

Everything in these videos is known and can be read back from samples (`vgjax.data.shapes_read`), so whether
the content code changes what is seen and not how it moves is a figure: `evaluators.swap`. The published
model, critics and optimizers at 64x64 and 16 frames. What differs: 32 videos a step, of which the image
critic sees a frame each, where the authors' program has 3 videos and 10 frames; and samples are drawn with
averaged weights. There are no published figures for this data. vgjax: not run at full length.

Variants:
  cpu    narrower networks; the data, the losses and the step sizes of dcgan3d.py:cpu: less than half an
         hour on 2 cores (docs/results.md)
  smoke  seconds on a CPU
"""

from pathlib import Path

from ml_collections import ConfigDict

from vgjax import load_config


def get_config(variant: str = "") -> ConfigDict:
  adam = dict(name="adam", learning_rate=2e-4, b1=0.5, b2=0.999, l2=1e-5)
  config = ConfigDict(
    dict(
      seed=0,
      steps=100_000,
      batch_size=32,
      dtype="float32",
      data=dict(name="moving_shapes", size=64, time=16, background="black", text_length=0, num_videos=10_000),
      task=dict(name="generate"),
      models=dict(
        generator=dict(name="mocogan", content=50, motion=10, channels=64),
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
        swap=dict(name="swap", split="test"),
      ),
      checkpoint=dict(every=5000, keep=2),
      log=dict(every=100),
    )
  )
  match variant:
    case "":
      pass
    case "cpu":
      small = load_config(Path(__file__).with_name("dcgan3d.py:cpu"))
      config.update(steps=4500, batch_size=16)
      config.data, config.method, config.checkpoint = small.data, small.method, small.checkpoint
      config.models.generator.channels = 32
      config.models.image_critic.update(frames=4, channels=32, patches=False, norm="none", use_bias=True)
      config.models.video_critic.update(channels=16, norm="none", use_bias=True, time="halve")
      config.optim = dict(
        generator=small.optim.generator,
        image_critic=small.optim.image_critic,
        video_critic=small.optim.critic,
      )
      config.evaluators.grid.every = 1000
      config.evaluators.distribution.num_videos = 256
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, time=8, num_videos=8)
      config.models.generator.update(content=4, motion=2, channels=4)
      config.models.image_critic.update(channels=4, levels=1)
      config.models.video_critic.update(channels=4)
      config.evaluators.grid.update(every=2, num_videos=4)
      config.evaluators.swap.update(contents=2, motions=2)
      del config.evaluators.distribution
    case _:
      raise ValueError(f'no variant "{variant}"; there are: cpu, smoke')
  return config
