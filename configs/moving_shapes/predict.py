"""Moving shapes: eight frames of a colored shape on black are given, the next eight are predicted.

  python -m vgjax.launch --config configs/moving_shapes/predict.py --workdir runs/shapes

Everything in these videos is known: shape, color, size, path, speed and the place at every frame, and
`vgjax.data.shapes_read` reads them back from what the model predicts. Bounces, orbits and zigzags need more
than a straight line. A quarter of the pairs of a shape and a path is never trained on (`held_out`) and is all
that is evaluated. The loss `centroid` wants a black background; for others train a model by `mse` alone.
There are no published figures for this data. vgjax: not run at full length.
Variants: `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=6000,
      batch_size=16,
      dtype="float32",
      data=dict(
        name="moving_shapes",
        size=64,
        time=16,
        background="black",
        held_out="shape_motion",
        text_length=0,
        num_videos=10_000,
      ),
      task=dict(name="predict", given=8),
      models=dict(predictor=dict(name="layered_motion", given=8, predicted=8, layers=1)),
      method=dict(name="predictor", losses=dict(centroid=5.0, mse=0.3)),
      optim=dict(
        predictor=dict(
          name="adamw",
          learning_rate=3e-3,
          schedule=dict(name="onecycle", rise=0.1),
          clip=1.0,
          weight_decay=1e-4,
        )
      ),
      loader=dict(threads=1),
      evaluators=dict(
        frames=dict(name="frames", every=1500, split="valid", num_videos=256),
        grid=dict(name="grid", every=3000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=1500, keep=2, best="valid/frames/mse"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(given=2, predicted=2)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there is: smoke')
  return config
