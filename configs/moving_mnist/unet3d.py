"""The 3D U-Net on Moving MNIST, 10 frames to 10: it reads frames and mask, and makes all at once.

  python -m vgjax.launch --config configs/moving_mnist/unet3d.py --workdir runs/unet3d

Data, batch and number of steps are those of `simvp_v2.py`, so the figures may stand in one table. There are
no published figures for this network on this data (Çiçek et al. segment volumes). Another `config.task`
makes it interpolate or inpaint. vgjax: not run at full length, on any hardware.
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
      models=dict(predictor=dict(name="unet3d", given=0, predicted=20, channels=32, levels=3, time_levels=2)),
      method=dict(name="predictor", losses=dict(mse=1.0)),
      optim=dict(predictor=dict(name="adam", learning_rate=1e-3, schedule=dict(name="onecycle"), clip=1.0)),
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
      config.steps = 600
      config.models.predictor.update(channels=4, levels=4, factored=True, groups=4)
      config.evaluators.frames.update(every=200, num_videos=256)
      config.evaluators.grid.every = 200
      config.checkpoint.every = 200
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(predicted=4, channels=4, levels=1, time_levels=1, groups=2)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu')
  return config
