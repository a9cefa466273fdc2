"""Frame interpolation on your own videos: of 5 frames the first and the last are given, 3 are wanted.

Prepare the videos once, without clips that cross a cut; train on that; interpolate any video:

  python -m vgjax.data prepare my_videos prepared/smooth --size 256 --resize --scene-cuts --min-time 5
  python -m vgjax.launch --config configs/own_video/interpolate.py --workdir runs/smooth
  python -m vgjax.interpolate holiday.mp4 --run runs/smooth --factor 4

`--config.data.path` names another folder. The network is RIFE's IFNet with time (RIFEm): it estimates the
motion from the wanted frame to both given ones, at any time between them, so one training serves every
--factor. Width, loss and 224x224 crops are the paper's; meant for one GPU. There is no published figure for
your videos: compare with the blend of both frames in the printed table. vgjax: not run at full width, on any
hardware.
Variants: `cpu` (minutes on 2 cores: RIFE's public network and weights, which are fetched at the first use,
20 MB, and fine-tuned on 96x96 crops; factors 2, 4, 8; `docs/results.md` has its figures), `smoke` (seconds).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=50_000,
      batch_size=16,
      dtype="float32",
      data=dict(
        name="array_records",
        path="prepared/smooth",
        time=5,
        size=224,
        clips_per_record=None,
        transforms=("flip", "reverse"),
      ),
      task=dict(name="interpolate", every=4),
      models=dict(predictor=dict(name="ifnet", timestep=True, channels=(240, 150, 90), context=16)),
      method=dict(name="predictor", losses=dict(laplacian=0.5, teacher=0.5, distillation=0.005)),
      optim=dict(
        predictor=dict(
          name="adamw",
          learning_rate=3e-4,
          weight_decay=1e-3,
          schedule=dict(name="cosine", warmup=2000),
          clip=1.0,
          ema=0.999,
        )
      ),
      evaluators=dict(
        frames=dict(name="frames", every=5000, split="valid", num_videos=200),
        grid=dict(name="grid", every=5000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=5000, keep=2, best="valid/frames/psnr", best_mode="max"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "cpu":
      config.update(steps=300, batch_size=4)
      config.data.size = 96
      config.models.predictor = dict(name="rife_hdv3", factor=4)
      config.init_from = dict(predictor="weights:rife_hdv3")
      config.method.losses = dict(laplacian=1.0)
      config.optim.predictor.update(learning_rate=3e-5, weight_decay=1e-4, ema=None)
      config.optim.predictor.schedule.warmup = 30
      config.evaluators.frames.update(every=100, num_videos=32)
      config.evaluators.grid.every = 100
      config.checkpoint.every = 100
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.size = 32
      config.models.predictor.update(channels=(8,), scales=(1,), context=2)
      config.optim.predictor.schedule.warmup = 1
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: cpu, smoke')
  return config
