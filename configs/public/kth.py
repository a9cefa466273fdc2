"""KTH actions: 10 frames are given, the next 20 are predicted, 128x128, grey.

  python -m vgjax.launch --config configs/public/kth.py --workdir runs/kth

Get the six zip files from https://www.csc.kth.se/cvap/actions/ and unpack each into a folder of its own name;
`--config.data.path` names another folder. The test set is persons 17 to 25, as in the published figures,
listed in a file:

  data/kth/boxing/person01_boxing_d1_uncomp.avi ...   and five more folders
  (cd data/kth && ls */person{17,18,19,20,21,22,23,24,25}_*.avi > test.txt)

A tenth of the other persons is the validation set. The model reads 10 frames and makes 10, twice. Published
for SimVP v2, 10 to 20: MSE 45.02, SSIM .9049, PSNR 27.04 (OpenSTL). What differs: OpenSTL cuts its clips by
the sequence list of the data set, so that there is always somebody to be seen; here they may begin anywhere
in a video, also where nobody is. vgjax: not run at full length, on any hardware. Variants: `smoke` (seconds
on a CPU).
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
        path="data/kth",
        splits=dict(test="test.txt"),
        content=r"person\d+",
        time=30,
        size=128,
        channels=1,
        clips_per_video=None,
      ),
      task=dict(name="predict", given=10),
      models=dict(
        predictor=dict(
          name="simvp_v2",
          given=10,
          predicted=20,
          spatial_channels=64,
          spatial_layers=2,
          temporal_channels=256,
          temporal_blocks=6,
        )
      ),
      method=dict(name="predictor", losses=dict(mse=1.0)),
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
