"""A plain CNN encoder and decoder on Moving MNIST, 10 frames to 10: the baseline to beat.

  python -m vgjax.launch --config configs/moving_mnist/cnn.py --workdir runs/cnn

Data, batch and number of steps are those of `simvp_v2.py`, so the figures may stand in one table. There are
no published figures for this network. vgjax: not run at full length, on any hardware.
Variants: `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=200 * 10_000 // 16,
      batch_size=16,
      dtype="float32",
      data=dict(name="moving_mnist", num_digits=2, size=64, digit_size=28, time=20, num_videos=10_000),
      task=dict(name="predict", given=10),
      models=dict(predictor=dict(name="cnn", given=10, predicted=10, channels=64, levels=3)),
      method=dict(name="predictor", losses=dict(mse=1.0)),
      optim=dict(predictor=dict(name="adam", learning_rate=1e-3, schedule=dict(name="onecycle"))),
      evaluators=dict(
        frames=dict(name="frames", every=6250, split="valid", num_videos=1000),
        grid=dict(name="grid", every=6250, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=6250, keep=2, best="valid/frames/mse"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(given=2, predicted=2, channels=16, levels=2)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there is: smoke')
  return config
