"""SVG-LP on stochastic Moving MNIST, 5 frames to 10, the authors' protocol.

  python -m vgjax.launch --config configs/moving_mnist/svg_lp.py --workdir runs/svg_lp

Two 32-px digits; at a wall a digit leaves with a speed that is drawn anew, so there are many futures. 300
epochs of 600 steps, batch 100, Adam at 2e-3, beta 1e-4. The loss counts all 14 predictions of the next
frame; `kl` has the weight 4 beta, since the squared error in [-1, 1] is 4 times the authors'. The paper has
curves and no table: PSNR and SSIM of the best of 100 samples, for 25 frames after 5 (time=30). vgjax: not
run at full length, on any hardware.

A model like this is scored by the best of several samples, `best_of_10/psnr` and so on: the mean over
samples says how far futures differ, too. Draw other futures of the same videos by another seed, longer ones
by --time:

  python -m vgjax.launch --mode=evaluate --workdir runs/svg_lp --split=test
  python -m vgjax.launch --mode=sample --workdir runs/svg_lp --num_videos=8 --time=30 --seed=1

Variants: `smoke` (seconds on a CPU); `cpu_stochastic` (the same data and a quarter of the width, for a CPU
with 2 cores); `cpu` (likewise, on the deterministic Moving MNIST of the other models, 10 frames to 10).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=300 * 600,
      batch_size=100,
      dtype="float32",
      data=dict(
        name="moving_mnist",
        motion="stochastic",
        num_digits=2,
        size=64,
        digit_size=32,
        time=15,
        num_videos=60_000,
      ),
      task=dict(name="predict", given=5),
      models=dict(
        predictor=dict(
          name="svg", prior="learned", encoder="dcgan", width=64, code=128, latent=10, hidden=256
        )
      ),
      method=dict(name="predictor", losses=dict(mse=1.0, kl=4e-4), loss_over="all"),
      optim=dict(predictor=dict(name="adam", learning_rate=2e-3, b1=0.9)),
      evaluators=dict(
        frames=dict(name="frames", every=6000, split="valid", num_videos=1000, samples=10),
        grid=dict(name="grid", every=6000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=6000, keep=2, best="valid/frames/best_of_10/mse"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "cpu" | "cpu_stochastic":
      config.update(steps=1700, batch_size=4)
      config.models.predictor.update(width=16, code=64, hidden=128)
      if variant == "cpu":
        config.data.update(motion="bounce", digit_size=28, time=20, num_videos=10_000)
        config.task.given = 10
      config.evaluators.frames.update(every=config.steps // 5, num_videos=256)
      config.evaluators.grid.every = config.steps // 5
      config.checkpoint.every = config.steps // 5
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(width=4, code=8, latent=2, hidden=8)
      config.checkpoint.best = "valid/frames/best_of_2/mse"
      config.evaluators.frames.samples = 2
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu, cpu_stochastic')
  return config
