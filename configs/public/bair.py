"""BAIR robot pushing: 2 frames are given, the next 10 are predicted, 64x64.

  python -m vgjax.launch --config configs/public/bair.py --workdir runs/bair

Get the 30 GB of http://rail.eecs.berkeley.edu/datasets/bair_robot_pushing_dataset_v0.tar and turn its
TFRecords into folders of pictures, as the converters of SVG and its successors do; `--config.data.path` names
another folder:

  data/bair/train/traj_0_to_255/0/0.png ... 29.png     a folder of 30 frames for each trajectory
  data/bair/test/traj_0_to_255/0/0.png ...

The test set is the published one, 256 trajectories; a tenth of the others is the validation set. 2 to 10 is
how SVG trains. The model is a small SimVP v2, meant for one GPU, and gives one future: published figures of
BAIR are FVD or the best of 100 samples, so there are none to compare with. vgjax: not run at full length, on
any hardware. Variants: `smoke` (seconds on a CPU).
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
        path="data/bair",
        time=12,
        size=64,
      ),
      task=dict(name="predict", given=2),
      models=dict(
        predictor=dict(
          name="simvp_v2",
          given=2,
          predicted=10,
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
