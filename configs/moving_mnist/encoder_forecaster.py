"""Encoder-forecaster of ConvLSTM layers on Moving MNIST, 10 frames to 10.

  python -m vgjax.launch --config configs/moving_mnist/encoder_forecaster.py --workdir runs/encoder_forecaster

With ConvGRU layers: --config.models.predictor.cell=convgru. Data, batch, schedule and number of steps are
those of `convlstm.py`, so the figures may stand in one table. The network is that of
jhhuang96/ConvLSTM-PyTorch, which trains on three digits, batch 4, with Adam at 1e-4, and publishes pictures
but no figures; nor have Shi et al. 2015 and 2017 any in this protocol. vgjax: not run at full length, on any
hardware.
Variants: `smoke` (seconds on a CPU); `cpu` (the same data, a narrow network at half the resolution and few
steps, for 2 cores).
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
          name="encoder_forecaster", given=10, cell="convlstm", hidden=(64, 96, 96), kernel_size=5
        )
      ),
      method=dict(name="predictor", losses=dict(mse=1.0)),
      optim=dict(predictor=dict(name="adam", learning_rate=5e-4, schedule=dict(name="onecycle"))),
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
      config.steps = 1500
      config.models.predictor.update(
        hidden=(16, 24, 24), features=8, kernel_size=3, group_size=8, patch_size=2
      )
      config.evaluators.frames.update(every=500, num_videos=256)
      config.evaluators.grid.every = 500
      config.checkpoint.every = 500
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(
        given=2, hidden=(4,), features=4, kernel_size=7, group_size=4, patch_size=2
      )
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu')
  return config
