"""CoinRun and other recorded games: 2 frames and all actions are given, 14 frames are predicted, 64x64.

  python -m vgjax.launch --config configs/public/coinrun_actions.py --workdir runs/coinrun_actions

The data are those of `configs/public/coinrun.py`. The model is FitVid at a fourth of its width, which reads
what was done at each frame: `actions` is how many choices there are, or how many numbers an action has. So
it answers what would happen, for as many frames as there are actions. Losses as in `configs/bair/fitvid.py`:
`kl` has the weight 4 (T - 1) 1e-4 for T = 16 frames. Meant for one GPU. There are no published figures for
this task. vgjax: not run at full length, on any hardware. Variants: `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=100_000,
      batch_size=32,
      dtype="bfloat16",
      data=dict(
        name="arrays",
        path="data/coinrun.npz",
        action=True,
        time=16,
        clips_per_video=4,
      ),
      task=dict(name="predict", given=2),
      models=dict(predictor=dict(name="fitvid", actions=15, width=16, remat=True)),
      method=dict(name="predictor", losses=dict(mse=1.0, kl=6e-3), loss_over="all"),
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
      config.data.update(time=4)
      config.models.predictor.update(stages=(1, 1), width=4, expand=2, code=8, latent=2, hidden=8)
      config.checkpoint.best = "valid/frames/best_of_2/mse"
      config.evaluators.frames.samples = 2
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there is: smoke')
  return config
