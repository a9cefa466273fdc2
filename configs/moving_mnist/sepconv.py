"""SepConv on Moving MNIST: the frame between two.

  python -m vgjax.launch --config configs/moving_mnist/sepconv.py --workdir runs/sepconv

The network and its training as published: the middle of three frames, L1, AdaMax at 1e-3, batch 16. The
authors train on 128x128 pixels of videos from YouTube; there are no published figures for this data. For
four times the rate, starting from this run: --config.init_from="{'predictor': 'runs/sepconv:predictor'}"
--config.models.predictor.factor=4 --config.data.time=5 --config.task.every=4. vgjax: not run at full
length, on any hardware. Variants: `cpu` (reduced width, minutes), `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=50_000,
      batch_size=16,
      dtype="float32",
      data=dict(name="moving_mnist", num_digits=2, size=64, digit_size=28, time=3, num_videos=10_000),
      task=dict(name="interpolate", every=2),
      models=dict(
        predictor=dict(name="sepconv", factor=2, channels=(32, 64, 128, 256, 512), taps=51),
      ),
      method=dict(name="predictor", losses=dict(l1=1.0)),
      optim=dict(predictor=dict(name="adamax", learning_rate=1e-3)),
      evaluators=dict(
        frames=dict(name="frames", every=5000, split="valid", num_videos=1000),
        grid=dict(name="grid", every=5000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=5000, keep=2, best="valid/frames/mse"),
      log=dict(every=50),
      init_from=dict(),  # a run's weights to start from
    )
  )
  match variant:
    case "":
      pass
    case "cpu":
      config.steps = 1500
      config.models.predictor.update(channels=(16, 32, 48, 64, 64), taps=21)
      config.optim.predictor.schedule = dict(name="onecycle")
      config.evaluators.frames.update(every=500, num_videos=256)
      config.evaluators.grid.every = 500
      config.checkpoint.every = 500
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, num_videos=8)
      config.models.predictor.update(channels=(4, 6, 8), taps=5)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: cpu, smoke')
  return config
