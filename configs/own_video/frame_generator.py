"""Prediction on a folder of your own colour videos, with an encoder that has seen ImageNet: 8 to 8 frames.

  python -m vgjax.launch --config configs/own_video/frame_generator.py --config.data.path=videos --workdir R

The encoder is VGG-16 and starts from the weights that LPIPS brings (59 MB, fetched at the first use; see
docs/metrics.md); the loss is l1 and, for sharper frames, LPIPS through the same network. Each frame is made
from the four before it; in training the given frames are predicted as well. Meant for one GPU. Clips of 64x64
pixels and 2 seconds at 8 frames a second; `--config.data.fps` sets another rate. There is no published
figure: compare with the copy of the last frame in the printed table. vgjax: not run at full length, on any
hardware.
Variants: `smoke` (seconds on a CPU, no weights); `cpu` (AlexNet for both, narrower, 4 frames to 4).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=20_000,
      batch_size=16,
      dtype="float32",
      data=dict(name="video_folder", path="videos", time=16, fps=8.0, size=64, clips_per_video=None),
      task=dict(name="predict", given=8),
      models=dict(
        predictor=dict(
          name="frame_generator",
          context=4,
          backbone="vgg16",
          channels=32,
          levels=4,
          blocks=4,
          upsample="pixel_shuffle",
        )
      ),
      init_from={"predictor/encoder": "weights:lpips_vgg"},
      method=dict(name="predictor", losses=dict(l1=1.0, lpips_vgg=0.1), loss_over="all"),
      optim=dict(
        predictor=dict(name="adam", learning_rate=3e-4, schedule=dict(name="onecycle"), clip=1.0, ema=0.999)
      ),
      evaluators=dict(
        frames=dict(name="frames", every=1000, split="valid", num_videos=200),
        grid=dict(name="grid", every=1000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=1000, keep=2, best="valid/frames/mse"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "cpu":
      config.update(steps=1000, batch_size=8)
      config.data.time = 8
      config.task.given = 4
      config.models.predictor.update(backbone="alexnet", channels=8, blocks=2)
      config.init_from = {"predictor/encoder": "weights:lpips_alex"}
      config.method.losses = dict(l1=1.0, lpips_alex=0.1)
      config.optim.predictor.update(learning_rate=1e-3, ema=0.99)
      for evaluator in config.evaluators.values():
        evaluator.every = 500
      config.checkpoint.every = 500
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(time=4, size=16)
      config.task.given = 2
      config.models.predictor.update(backbone="conv", context=2, channels=4, levels=1, blocks=1, groups=2)
      config.init_from = {}
      config.method.losses = dict(l1=1.0)
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu')
  return config
