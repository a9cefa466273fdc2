"""FILM on Moving MNIST: the frame between two.

  python -m vgjax.launch --config configs/moving_mnist/film.py --workdir runs/film

The network and its training as published: the middle of three frames, Adam at 1e-4 falling to a tenth,
batch 8; first with L1. The authors then train with features of VGG and their correlations:
--config.method.losses="{'l1': 1.0, 'vgg': 0.25, 'style': 0.25}" --config.init_from="{'predictor':
'runs/film:predictor'}". They take 3,000,000 steps on Vimeo-90K at 256x256, with PSNR 36.06 and SSIM .970 on
its test set by L1 alone; there are no published figures for this data. For four times the rate:
--config.models.predictor.factor=4 --config.data.time=5 --config.task.every=4. vgjax: not run at full
length, on any hardware. Variants: `cpu` (reduced width, minutes), `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=100_000,
      batch_size=8,
      dtype="float32",
      data=dict(name="moving_mnist", num_digits=2, size=64, digit_size=28, time=3, num_videos=10_000),
      task=dict(name="interpolate", every=2),
      models=dict(
        predictor=dict(
          name="film",
          factor=2,
          levels=7,
          fusion_levels=5,
          sub_levels=4,
          channels=64,
          flow_channels=(32, 64, 128, 256),
          flow_convs=3,
        ),
      ),
      method=dict(name="predictor", losses=dict(l1=1.0)),
      optim=dict(predictor=dict(name="adam", learning_rate=1e-4, schedule=dict(name="cosine", final=0.1))),
      evaluators=dict(
        frames=dict(name="frames", every=10_000, split="valid", num_videos=1000),
        grid=dict(name="grid", every=10_000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=10_000, keep=2, best="valid/frames/mse"),
      log=dict(every=50),
      init_from=dict(),  # a run's weights to start from
    )
  )
  match variant:
    case "":
      pass
    case "cpu":
      config.update(steps=1500, batch_size=16)
      config.models.predictor.update(
        levels=5, fusion_levels=4, sub_levels=3, channels=8, flow_channels=(16, 24, 32), flow_convs=2
      )
      config.optim.predictor.learning_rate = 1e-3
      config.optim.predictor.schedule = dict(name="onecycle")
      config.evaluators.frames.update(every=500, num_videos=256)
      config.evaluators.grid.every = 500
      config.checkpoint.every = 500
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, num_videos=8)
      config.models.predictor.update(
        levels=3, fusion_levels=2, sub_levels=2, channels=4, flow_channels=(4, 6), flow_convs=1
      )
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: cpu, smoke')
  return config
