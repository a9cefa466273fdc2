"""PhyDNet on Moving MNIST, 10 frames to 10, the published protocol of OpenSTL.

  python -m vgjax.launch --config configs/moving_mnist/phydnet.py --workdir runs/phydnet

200 epochs of 10,000 sequences, batch 16, Adam with OneCycle at 1e-3. The reference adds up the errors of all
19 predictions, in [0, 1], and the loss of moments: `mse`, a mean over 20 frames in [-1, 1], is 4 / 20 of that
sum, hence its weight of 5. It reads the true frames with a probability that falls by .003 an epoch, from 1
to .4; it draws once a batch, vgjax each frame. Published: MSE 28.19, MAE 78.64, SSIM .9374, PSNR 22.62 (the
best checkpoint picked on the test set). vgjax: not run at full length, on any hardware.
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
      models=dict(predictor=dict(name="phydnet", features=32, hidden=(128, 128, 64), orders=7)),
      method=dict(
        name="predictor",
        losses=dict(mse=5.0, moments=1.0),
        loss_over="all",
        feed=dict(name="scheduled", start=1.0, per_step=0.003 * 16 / 10_000),
      ),
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
      config.steps = 1500
      config.models.predictor.update(features=8, hidden=(32, 32, 16), groups=4)
      config.method.feed.per_step = 0.6 / config.steps  # from 1 to .4 as well
      config.evaluators.frames.update(every=500, num_videos=256)
      config.evaluators.grid.every = 500
      config.checkpoint.every = 500
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(features=4, hidden=(4, 4), orders=3, groups=2)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu')
  return config
