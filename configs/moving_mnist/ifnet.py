"""RIFE's IFNet on Moving MNIST: the frame between two.

  python -m vgjax.launch --config configs/moving_mnist/ifnet.py --workdir runs/ifnet

Of three frames the first and the last are given: two digits of 28 pixels on 64x64, which move 3.6 pixels a
frame. The losses are RIFE's for frames in [0, 1] (`vgjax/models/ifnet.py`), and so is the optimizer: AdamW,
3e-4 after 2000 steps of warm-up, cosine to 3e-6, weight decay 1e-3 on all parameters, batch 64, 300 epochs.
There are no published figures for this task. vgjax: not run at full length, on any hardware.
Variants: `smoke` (seconds on a CPU); `cpu` (minutes on 2 cores: a quarter of the width, batch 16).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=300 * 10_000 // 64,
      batch_size=64,
      dtype="float32",
      data=dict(name="moving_mnist", num_digits=2, size=64, digit_size=28, time=3, num_videos=10_000),
      task=dict(name="interpolate"),
      models=dict(
        predictor=dict(
          name="ifnet", timestep=False, factor=2, channels=(240, 150, 90), scales=(4, 2, 1), context=16
        )
      ),
      method=dict(name="predictor", losses=dict(laplacian=0.5, teacher=0.5, distillation=0.01)),
      optim=dict(
        predictor=dict(
          name="adamw",
          learning_rate=3e-4,
          weight_decay=1e-3,
          decay_mask=".*",
          schedule=dict(name="cosine", warmup=2000, final=1e-2),
        )
      ),
      evaluators=dict(
        frames=dict(name="frames", every=5000, split="valid", num_videos=1000),
        grid=dict(name="grid", every=5000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=5000, keep=2, best="valid/frames/mse"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "cpu":
      config.update(steps=1500, batch_size=16)
      config.models.predictor.update(channels=(60, 40, 24), context=8)
      config.optim.predictor.schedule.warmup = 100
      config.evaluators.frames.update(every=500, num_videos=256)
      config.evaluators.grid.every = 500
      config.checkpoint.every = 500
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, num_videos=8)
      config.models.predictor.update(channels=(4,), scales=(1,), context=2)
      config.optim.predictor.schedule.warmup = 1
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu')
  return config
