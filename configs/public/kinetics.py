"""Kinetics, with its classes: 5 frames are given, the next 11 are predicted, 64x64.

  python -m vgjax.launch --config configs/public/kinetics.py --workdir runs/kinetics

The lists (kinetics400, 600 or 700) are at https://github.com/cvdfoundation/kinetics-dataset, with the videos
that are left. They lie in folders by split (named as in the list) and class, with the lists, joined to one
file, beside them:

  data/kinetics/kinetics.csv                            label,youtube_id,time_start,time_end,split
  data/kinetics/train/abseiling/0Xm7IcWqDjA_000012_000022.mp4 ...    also validate/ and test/

`--config.data.path` names another folder. Videos that are in the list but not on disk are skipped, counted
and named, up to a quarter. 5 to 11 is the published protocol of Kinetics-600, whose figures are FVD. The
model is a small SimVP v2, meant for one GPU; prepare the videos first (docs/data.md) if decoding does not
keep up. vgjax: not run at full length, on any hardware. Variants: `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=200_000,
      batch_size=16,
      dtype="float32",
      data=dict(
        name="video_folder",
        path="data/kinetics",
        manifest="kinetics.csv",
        columns=dict(
          path="{split}/{label}/{youtube_id}_{time_start:0>6}_{time_end:0>6}.mp4",
          label="label",
          split="split",
        ),
        labels="manifest",
        max_bad_fraction=0.25,
        time=16,
        size=64,
      ),
      task=dict(name="predict", given=5),
      models=dict(
        predictor=dict(
          name="simvp_v2",
          given=5,
          predicted=11,
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
