"""SimVP (IncepU) on Moving MNIST, 10 frames to 10, the published protocol of OpenSTL.

  python -m vgjax.launch --config configs/moving_mnist/simvp.py --workdir runs/simvp

200 epochs of 10,000 sequences, batch 16, Adam with OneCycle at 1e-3. Published: MSE 32.15, MAE 89.05,
SSIM .9268, PSNR 21.84 (the best checkpoint picked on the test set). vgjax: not run at full length, on any
hardware.
Variants: `smoke` (seconds on a CPU); `cpu` (an eighth of the width, half the blocks, batch 4, for 2 cores).
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
      models=dict(predictor=dict(name="simvp", given=10, predicted=10)),
      method=dict(name="predictor", losses=dict(mse=1.0)),
      optim=dict(predictor=dict(name="adam", learning_rate=1e-3, schedule=dict(name="onecycle"))),
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
      config.update(steps=500, batch_size=4)
      config.models.predictor.update(spatial_channels=16, temporal_channels=64, temporal_blocks=4)
      config.evaluators.frames.update(every=config.steps // 5, num_videos=256)
      config.evaluators.grid.every = config.steps // 5
      config.checkpoint.every = config.steps // 5
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(
        given=2, predicted=2, spatial_channels=8, temporal_channels=32, temporal_blocks=2
      )
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu')
  return config
