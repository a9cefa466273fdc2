"""SVG-FP on stochastic Moving MNIST, 5 frames to 10, the authors' protocol.

  python -m vgjax.launch --config configs/moving_mnist/svg_fp.py --workdir runs/svg_fp

SVG with the fixed prior N(0, 1) in place of the learned one: what may happen cannot depend on what has been
seen, so a digit may turn far from any wall. All else is as in `svg_lp.py`, which see: 300 epochs of 600
steps, batch 100, Adam at 2e-3, beta 1e-4 (a weight of 4e-4 here), scored by the best of several samples.
The paper has curves and no table. vgjax: not run at full length, on any hardware. Variants: `smoke`
(seconds on a CPU); `cpu_stochastic` (a quarter of the width, for a CPU with 2 cores)."""

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
        predictor=dict(name="svg", prior="fixed", encoder="dcgan", width=64, code=128, latent=10, hidden=256)
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
    case "cpu_stochastic":
      config.update(steps=1500, batch_size=16)
      config.models.predictor.update(width=16, code=64, hidden=128)
      config.evaluators.frames.update(every=500, num_videos=256)
      config.evaluators.grid.every = 500
      config.checkpoint.every = 500
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
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu_stochastic')
  return config
