"""RIFE with its public weights: interpolates your own videos as it is, or after fine-tuning on them.

  python -m vgjax.launch --config configs/own_video/rife.py:published --config.data.path=videos --workdir R
  python -m vgjax.interpolate holiday.mp4 --run R --factor 2

The network is RIFE HDv3 (`vgjax/models/rife_hdv3.py`), the weights are fetched at the first use (20 MB). The
variant `published` makes a run folder of them and learns nothing: one step at a learning rate of zero.
Without it the network is fine-tuned, on crops of 128x128 pixels at the videos' own rate, each frame from its
neighbours, with RIFE's Laplacian loss; meant for one GPU. A factor of 4 or 8 is reached by halving again.
There is no published figure for your videos: compare with the blend of both frames in the printed table.
vgjax: not fine-tuned, on any hardware.
Variants: `published`; `smoke` (seconds on a CPU, no weights).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=5000,
      batch_size=16,
      dtype="float32",
      data=dict(name="video_folder", path="videos", time=3, size=128, clips_per_video=None),
      task=dict(name="interpolate"),
      models=dict(predictor=dict(name="rife_hdv3", factor=2, channels=90, scales=(4, 2, 1))),
      init_from=dict(predictor="weights:rife_hdv3"),
      method=dict(name="predictor", losses=dict(laplacian=1.0)),
      optim=dict(
        predictor=dict(
          name="adamw",
          learning_rate=3e-5,
          weight_decay=1e-4,
          schedule=dict(name="cosine", warmup=200),
          clip=1.0,
          ema=0.999,
        )
      ),
      evaluators=dict(
        frames=dict(name="frames", every=1000, split="valid", num_videos=200),
        grid=dict(name="grid", every=1000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=1000, keep=2, best="valid/frames/psnr", best_mode="max"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "published":
      config.update(steps=1, batch_size=2)
      config.data.size = 64
      config.optim.predictor = dict(name="sgd", learning_rate=0.0)
      for evaluator in config.evaluators.values():
        evaluator.update(every=1, num_videos=2)
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.size = 16
      config.models.predictor.update(channels=4, scales=(1,))
      config.init_from = {}
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: published, smoke')
  return config
