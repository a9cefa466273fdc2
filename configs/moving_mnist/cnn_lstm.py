"""LSTM encoder and decoder over the codes of a CNN on Moving MNIST, 10 frames to 10.

  python -m vgjax.launch --config configs/moving_mnist/cnn_lstm.py --workdir runs/cnn_lstm

With GRU layers: --config.models.predictor.cell=gru. Data, batch, schedule and number of steps are those of
`convlstm.py`, so the figures may stand in one table. There are no published figures for this network; Shi et
al. 2015 have a fully connected LSTM as their baseline, in another measure. vgjax: not run at full length, on
any hardware.
Variants: `smoke` (seconds on a CPU); `cpu` (the same data, a narrow network and few steps, for 2 cores).
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
      models=dict(
        predictor=dict(name="cnn_lstm", given=10, cell="lstm", hidden=1024, layers=2, code=256, channels=64)
      ),
      method=dict(name="predictor", losses=dict(mse=1.0)),
      optim=dict(predictor=dict(name="adam", learning_rate=5e-4, schedule=dict(name="onecycle"))),
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
    case "cpu":
      config.steps = 1500
      config.models.predictor.update(hidden=512, code=128, channels=32)
      config.evaluators.frames.update(every=500, num_videos=256)
      config.evaluators.grid.every = 500
      config.checkpoint.every = 500
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(given=2, hidden=8, layers=1, code=8, channels=4, levels=2, groups=2)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu')
  return config
