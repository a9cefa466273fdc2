"""PredRNN v2 on Moving MNIST, 10 frames to 10, the published protocol of OpenSTL.

  python -m vgjax.launch --config configs/moving_mnist/predrnnv2.py --workdir runs/predrnnv2

200 epochs of 10,000 sequences, batch 16, Adam with OneCycle at 5e-4. The loss counts all 19 predictions of
the next frame, and the decoupling of the memories. Reverse scheduled sampling: for 25,000 steps the model
reads every true frame but the first with probability 1/2; after 50,000 it reads the given ones and no others.
Published: MSE 24.13, MAE 73.73, SSIM .9453, PSNR 23.21 (the best checkpoint picked on the test set). vgjax:
not run at full length, on any hardware.
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
      models=dict(predictor=dict(name="predrnn_v2", hidden=128, layers=4, kernel_size=5, patch_size=4)),
      method=dict(
        name="predictor",
        # 0.1 of it beside the error of 19 frames in [0, 1], which here is that of 20 frames in [-1, 1].
        losses=dict(mse=1.0, decoupling=0.1 * 4 * 19 / 20),
        loss_over="all",
        feed=dict(name="reverse_scheduled", hold=25_000, until=50_000, decay=5000.0),
      ),
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
      config.update(steps=1650, batch_size=4)
      config.models.predictor.update(hidden=16, layers=2, kernel_size=3)
      config.optim.predictor.learning_rate = 1e-3  # so few steps must be larger
      steps = config.steps  # the phases take as long a share of the run
      config.method.feed.update(hold=int(0.2 * steps), until=int(0.4 * steps), decay=0.04 * steps)
      config.evaluators.frames.update(every=config.steps // 5, num_videos=256)
      config.evaluators.grid.every = config.steps // 5
      config.checkpoint.every = config.steps // 5
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(hidden=8, layers=1, kernel_size=3)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu')
  return config
