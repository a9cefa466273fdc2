"""UCF-101, with its classes: 8 frames are given, the next 8 are predicted, 64x64.

  python -m vgjax.launch --config configs/public/ucf101.py --workdir runs/ucf101

Get UCF101.rar (6.5 GB) and UCF101TrainTestSplits-RecognitionTask.zip from
https://www.crcv.ucf.edu/data/UCF101.php and unpack both into one folder, `data/ucf101`; `--config.data.path`
names another `UCF-101`:

  data/ucf101/UCF-101/YoYo/v_YoYo_g01_c01.avi ...
  data/ucf101/ucfTrainTestlist/trainlist01.txt, testlist01.txt ...

The first of the three official splits. Clips of one group (g01) were cut from one video and stay together, so
the validation set, a tenth of the training groups, shows none of its videos. The model is a small SimVP v2,
meant for one GPU. Published figures for UCF-101 are mostly of generation; for this task there are none.
vgjax: not run at full length, on any hardware. Variants: `smoke` (seconds on a CPU).
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
        path="data/ucf101/UCF-101",
        splits=dict(train="../ucfTrainTestlist/trainlist01.txt", test="../ucfTrainTestlist/testlist01.txt"),
        labels="folder",
        content=r"v_(\w+_g\d+)_",
        time=16,
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
