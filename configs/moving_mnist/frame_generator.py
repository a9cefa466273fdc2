"""The frame generator on Moving MNIST, 10 frames to 10: the next frame from the features of the last four.

  python -m vgjax.launch --config configs/moving_mnist/frame_generator.py --workdir runs/frame_generator

Data, batch and number of steps are those of `convlstm.py`, so the figures may stand in one table; the loss
counts all 19 predictions of the next frame, of which the last nine are made from the network's own frames.
There are no published figures for this network. vgjax: not run at full length, on any hardware.
Variants: `smoke` (seconds on a CPU); `cpu` (the same data, a narrow network and few steps, for 2 cores).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=200 * 10_000 // 16,
      batch_size=16,
      dtype="float32",
      data=dict(name="moving_mnist", num_digits=2, size=64, digit_size=28, time=20, num_videos=10_000),
      task=dict(name="predict", given=10),
      models=dict(
        predictor=dict(
          name="frame_generator",
          context=4,
          backbone="conv",
          channels=32,
          levels=4,
          blocks=4,
          upsample="deconv",
        )
      ),
      method=dict(name="predictor", losses=dict(mse=1.0), loss_over="all"),
      optim=dict(predictor=dict(name="adam", learning_rate=5e-4, schedule=dict(name="onecycle"), clip=1.0)),
      evaluators=dict(
        frames=dict(name="frames", every=6250, split="valid", num_videos=1000),
        grid=dict(name="grid", every=6250, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=6250, keep=2, best="valid/frames/mse"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "cpu":
      config.steps = 1200
      config.models.predictor.update(channels=4, blocks=2, groups=4)
      config.optim.predictor.learning_rate = 2e-3
      config.evaluators.frames.update(every=400, num_videos=256)
      config.evaluators.grid.every = 400
      config.checkpoint.every = 400
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(context=2, channels=4, levels=1, blocks=1, groups=2)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu')
  return config
