"""The first run: ten frames of a drifting, bouncing digit are given, the next ten are predicted.

  python -m vgjax.launch --config configs/quickstart.py --workdir runs/quickstart

Two CPU cores, two to five minutes. The digits are MNIST's, shipped in the package; those of the test set were
never trained on. The model moves the pixels of the last given frame along paths that it learns, so what it
shows is sharp. Figures are in docs/results.md.

Variants:
  full   the published Moving MNIST benchmark, two digits, 200 epochs, SimVP v2; for a GPU
  smoke  seconds on a CPU
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=6000,
      batch_size=16,
      dtype="float32",
      data=dict(name="moving_mnist", num_digits=1, size=64, digit_size=28, time=20, num_videos=10_000),
      task=dict(name="predict", given=10),
      models=dict(predictor=dict(name="layered_motion", given=10, predicted=10, layers=1)),
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
      checkpoint=dict(every=1000, keep=2),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "full":
      config.steps = 200 * 10_000 // 16
      config.data.num_digits = 2
      config.models.predictor = dict(name="simvp_v2", given=10, predicted=10)
      config.method.losses = dict(mse=1.0)
      config.optim.predictor = dict(name="adam", learning_rate=1e-3, schedule=dict(name="onecycle"))
      config.evaluators.frames.update(every=6250, num_videos=1000)
      config.checkpoint.update(every=6250, best="valid/frames/mse")
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(given=2, predicted=2)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: full, smoke')
  return config
