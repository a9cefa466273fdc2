"""Something-Something v2, with caption and class: 8 frames are given, the next 8 are predicted, 64x64.

  python -m vgjax.launch --config configs/public/ssv2.py --workdir runs/ssv2

Get the videos (19 GB, joined from 20bn-something-something-v2-00, -01, ... by `cat ... | tar xz`) and the
labels from https://www.qualcomm.com/developer/software/something-something-v-2-dataset; `--config.data.path`
names another folder:

  data/ssv2/20bn-something-something-v2/1.webm ...
  data/ssv2/something-something-v2-train.json, something-something-v2-validation.json

The published test set has no labels. So the published validation set is the test set here, as it is wherever
figures are reported, and a tenth of the training set is held out for validation. The class is the template
("Pushing [something]"), the caption the label ("pushing a pen"). The model is a small SimVP v2, meant for one
GPU. There are no published figures for this task. vgjax: not run at full length, on any hardware. Variants:
`smoke` (seconds on a CPU).
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
        path="data/ssv2",
        manifest=dict(
          train="something-something-v2-train.json", test="something-something-v2-validation.json"
        ),
        columns=dict(path="20bn-something-something-v2/{id}.webm", text="label", label="template"),
        labels="manifest",
        text="bytes",
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
