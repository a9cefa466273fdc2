"""FitVid, 302 million parameters, on BAIR robot pushing: 2 frames are given, 10 predicted, 64x64.

  python -m vgjax.launch --config configs/bair/fitvid.py --workdir runs/bair_fitvid

The data is laid out as `configs/public/bair.py` says; `--config.data.path` names another folder. The
authors' program: batch 128, Adam at 1e-3, gradients clipped at a norm of 100, beta 1e-4 on a sum of
divergences over 11 frames (a weight of 4 * 11 * 1e-4 beside the squared error in [-1, 1]). It trains on
RoboNet with actions, for which it says 10 million steps; here none are read (in `public/coinrun_actions.py`
they are). A batch of 128 wants the memory of several large accelerators, even with `remat`. The paper's
augmentations (crops and colours, without which the network learns its training videos by heart) are not here:
`data.transforms` adds them. vgjax: not run at full length, on any hardware. Score it by the best of several
samples and by FVD, and draw other futures by a seed:

  python -m vgjax.launch --mode=evaluate --workdir runs/bair_fitvid
  python -m vgjax.launch --mode=sample --workdir runs/bair_fitvid --time=30 --seed=1

Variants: `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=200_000,
      batch_size=128,
      dtype="bfloat16",
      data=dict(name="video_folder", path="data/bair", time=12, size=64),
      task=dict(name="predict", given=2),
      models=dict(
        predictor=dict(
          name="fitvid",
          stages=(2, 2, 2, 2),
          width=64,
          expand=4,
          code=128,
          latent=10,
          hidden=256,
          remat=True,
        )
      ),
      method=dict(name="predictor", losses=dict(mse=1.0, kl=4.4e-3), loss_over="all"),
      optim=dict(predictor=dict(name="adam", learning_rate=1e-3, clip=100.0)),
      evaluators=dict(
        frames=dict(name="frames", every=10_000, split="valid", num_videos=256, samples=10),
        grid=dict(name="grid", every=10_000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=10_000, keep=2, best="valid/frames/best_of_10/mse"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "smoke":
      config.update(steps=2, batch_size=8, dtype="float32")
      config.data.update(time=4, size=8)
      config.models.predictor.update(stages=(1, 1), width=4, expand=2, code=8, latent=2, hidden=8)
      config.checkpoint.best = "valid/frames/best_of_2/mse"
      config.evaluators.frames.samples = 2
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there is: smoke')
  return config
