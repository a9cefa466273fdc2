"""Prediction on raw arrays: 8 frames are given, the next 8 are predicted, 64x64.

  python -m vgjax.launch --config configs/own_video/arrays.py --config.data.path=mine.npz --workdir runs/mine

`mine.npz` holds `video`, uint8 [videos, time, 64, 64, channels]; a `.npy` file or a folder of either will do,
and `config.data.axes` says if the axes are others. Recordings of games have `action` [videos, time] beside
it; `action=True` in `data` below puts it into the batch. The model is a small SimVP v2, meant for one GPU.
There is no published figure: compare with the copy of the last frame in the printed table.
vgjax: not run at full length, on any hardware. Variants: `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=20_000,
      batch_size=16,
      dtype="float32",
      data=dict(name="arrays", path="mine.npz", time=16, axes="vthwc"),
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
        frames=dict(name="frames", every=1000, split="valid", num_videos=200),
        grid=dict(name="grid", every=1000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=1000, keep=2, best="valid/frames/mse"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.time = 4
      config.task.given = 2
      config.models.predictor.update(
        given=2, predicted=2, spatial_channels=8, temporal_channels=16, temporal_blocks=2, mlp_ratio=2.0
      )
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there is: smoke')
  return config
