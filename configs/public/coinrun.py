"""CoinRun and other recorded games, with their actions: 8 frames are given, the next 8 are predicted, 64x64.

  python -m vgjax.launch --config configs/public/coinrun.py --workdir runs/coinrun

Record your own with https://github.com/openai/procgen, or any other game, as one file of arrays;
`--config.data.path` names another file, or a folder of them:

  data/coinrun.npz      video uint8 [videos, time, 64, 64, 3], action [videos, time] or [videos, time, dims]

action[v, t] is what was done at frame t, and leads to frame t + 1. A clip begins anywhere in its video and
its actions with it; what else the file holds is not read. A tenth of the videos is the validation set, a
tenth the test set. The model is a small SimVP v2, meant for one GPU; it predicts from the frames alone and
does not read the actions: `coinrun_actions.py` has one that does. There are no published figures for this
task. vgjax: not run at full length, on any hardware. Variants: `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=50_000,
      batch_size=16,
      dtype="float32",
      data=dict(
        name="arrays",
        path="data/coinrun.npz",
        action=True,
        time=16,
        clips_per_video=4,
      ),
      task=dict(name="predict", given=8),
      models=dict(
        predictor=dict(
          name="simvp_v2",
          given=8,
          predicted=8,
          spatial_channels=32,
          temporal_channels=256,
          temporal_blocks=6,
        )
      ),
      method=dict(name="predictor", losses=dict(l1=1.0)),
      optim=dict(
        predictor=dict(name="adam", learning_rate=1e-3, schedule=dict(name="onecycle"), clip=1.0, ema=0.999)
      ),
      evaluators=dict(
        frames=dict(name="frames", every=5000, split="valid", num_videos=500),
        grid=dict(name="grid", every=5000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=5000, keep=2, best="valid/frames/mse"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(time=4)
      config.task.given = 2
      config.models.predictor.update(
        given=2, predicted=2, spatial_channels=8, temporal_channels=16, temporal_blocks=2, mlp_ratio=2.0
      )
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there is: smoke')
  return config
