"""Direct synthesis on Moving MNIST: the frame between two, by a plain network.

  python -m vgjax.launch --config configs/moving_mnist/direct_synthesis.py --workdir runs/direct_synthesis

The middle of three frames with the Charbonnier loss, as Long et al. (2016) have it; optimizer and length
are this config's own. The network makes any number of frames at once: three between two with
--config.models.predictor.factor=4 --config.data.time=5 --config.task.every=4. There are no published
figures for this data. vgjax: not run at full length, on any hardware. Variants: `cpu` (reduced width,
minutes), `smoke` (seconds on a CPU).
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
      models=dict(predictor=dict(name="direct_synthesis", factor=2, channels=(96, 96, 128, 128, 128))),
      method=dict(name="predictor", losses=dict(charbonnier=1.0)),
      optim=dict(predictor=dict(name="adam", learning_rate=5e-4, schedule=dict(name="onecycle"))),
      evaluators=dict(
        frames=dict(name="frames", every=5000, split="valid", num_videos=1000),
        grid=dict(name="grid", every=5000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=5000, keep=2, best="valid/frames/mse"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "cpu":
      config.steps = 1500
      config.models.predictor.channels = (16, 32, 48, 64, 64)
      config.optim.predictor.learning_rate = 1e-3
      config.evaluators.frames.update(every=500, num_videos=256)
      config.evaluators.grid.every = 500
      config.checkpoint.every = 500
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, num_videos=8)
      config.models.predictor.channels = (4, 4, 6)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: cpu, smoke')
  return config
