"""PredRNN++ on Moving MNIST, 10 frames to 10, the published protocol of OpenSTL.

  python -m vgjax.launch --config configs/moving_mnist/predrnnpp.py --workdir runs/predrnnpp

200 epochs of 10,000 sequences, batch 16, Adam with OneCycle at 1e-4. The loss counts all 19 predictions of
the next frame. Scheduled sampling: the model reads the true frame with a probability that falls from 1 to 0
over the first 50,000 steps, after that its own. Gradients are clipped to the norm 1, which OpenSTL does not
do: its users report losses that become NaN. Published: MSE 22.06, MAE 69.58, SSIM .9509, PSNR 23.65 (the
best checkpoint picked on the test set). vgjax: not run at full length, on any hardware.
Variants: `smoke` (seconds on a CPU); `cpu` (the same data, a narrow network, few steps of batch 4: 2 cores).
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
      models=dict(predictor=dict(name="predrnn_pp", hidden=128, layers=4, kernel_size=5, patch_size=4)),
      method=dict(
        name="predictor",
        losses=dict(mse=1.0),
        loss_over="all",
        feed=dict(name="scheduled", start=1.0, per_step=2e-5),
      ),
      optim=dict(
        predictor=dict(name="adam", learning_rate=1e-4, schedule=dict(name="onecycle"), clip=1.0),
      ),
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
      config.update(steps=1000, batch_size=4)
      config.models.predictor.update(hidden=16, layers=2, kernel_size=3)
      config.optim.predictor.learning_rate = 1e-3  # so few steps must be larger
      config.method.feed.per_step = 1 / (0.4 * config.steps)  # as long a share of the run
      config.evaluators.frames.update(every=config.steps // 5, num_videos=256)
      config.evaluators.grid.every = config.steps // 5
      config.checkpoint.every = config.steps // 5
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(hidden=8, layers=2, kernel_size=3)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu')
  return config
