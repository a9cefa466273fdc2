"""Sky Timelapse: 8 frames are given, the next 8 are predicted, 64x64.

  python -m vgjax.launch --config configs/public/sky_timelapse.py --workdir runs/sky

Get sky_timelapse.zip from https://github.com/weixiong-ur/mdgan and unpack it; `--config.data.path` names
another folder. A video is a folder of jpg pictures, and its parts lie in one folder:

  data/sky_timelapse/sky_train/07U1fSrk9oI/07U1fSrk9oI_1/07U1fSrk9oI_frames_00000001.jpg ...
  data/sky_timelapse/sky_test/...

The test set is the published one. Parts of one video stay together in training or validation. Clouds move
slowly: every fourth frame is taken. The model is a small SimVP v2, meant for one GPU. Published figures are
of 32 or 16 frames at 128x128 and more, and of generation; for this task there are none. vgjax: not run at
full length, on any hardware. Variants: `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=100_000,
      batch_size=16,
      dtype="float32",
      data=dict(
        name="video_folder",
        path="data/sky_timelapse",
        splits=dict(train="sky_train", test="sky_test"),
        content=r"sky_\w+/([^/]+)/",
        time=16,
        stride=4,
        size=64,
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
      config.data.update(time=4, stride=1, size=16)
      config.task.given = 2
      config.models.predictor.update(
        given=2, predicted=2, spatial_channels=8, temporal_channels=16, temporal_blocks=2, mlp_ratio=2.0
      )
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there is: smoke')
  return config
