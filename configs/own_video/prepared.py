"""Prediction on prepared videos: 8 frames are given, the next 8 are predicted, 64x64.

First decode your videos once, then train on what that wrote:

  python -m vgjax.data prepare my_videos prepared/mine --size 64 --fps 8
  python -m vgjax.launch --config configs/own_video/prepared.py --workdir runs/mine

Clips of 2 seconds at the 8 frames a second they were prepared with; `--config.data.path` names another
folder. The model is a small SimVP v2, meant for one GPU. There is no published figure: compare with the copy
of the last frame in the printed table.
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
      data=dict(name="array_records", path="prepared/mine", time=16, size=64, clips_per_record=None),
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
      config.data.update(time=4, size=16)
      config.task.given = 2
      config.models.predictor.update(
        given=2, predicted=2, spatial_channels=8, temporal_channels=16, temporal_blocks=2, mlp_ratio=2.0
      )
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there is: smoke')
  return config
