"""SVG-LP on BAIR robot pushing: 2 frames are given, the next 10 are predicted, 64x64, the authors' protocol.

  python -m vgjax.launch --config configs/bair/svg_lp.py --workdir runs/bair_svg_lp

The data is laid out as `configs/public/bair.py` says; `--config.data.path` names another folder. VGG
encoder and decoder, z of 64, beta 1e-4 (a weight of 4e-4 beside the squared error in [-1, 1]), Adam at
2e-3, batch 100, 300 epochs of 600 steps. The arm moves at random, so the paper scores the best of 100
samples of each of the 256 test videos, 28 frames from 2, as curves of PSNR and SSIM; 10 samples of 12
frames are scored while training. vgjax: not run at full length, on any hardware. After training:

  python -m vgjax.launch --mode=evaluate --workdir runs/bair_svg_lp
  python -m vgjax.launch --mode=sample --workdir runs/bair_svg_lp --time=30 --seed=1

Variants: `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=300 * 600,
      batch_size=100,
      dtype="float32",
      data=dict(name="video_folder", path="data/bair", time=12, size=64),
      task=dict(name="predict", given=2),
      models=dict(
        predictor=dict(name="svg", prior="learned", encoder="vgg", width=64, code=128, latent=64, hidden=256)
      ),
      method=dict(name="predictor", losses=dict(mse=1.0, kl=4e-4), loss_over="all"),
      optim=dict(predictor=dict(name="adam", learning_rate=2e-3, b1=0.9)),
      evaluators=dict(
        frames=dict(name="frames", every=6000, split="valid", num_videos=256, samples=10),
        grid=dict(name="grid", every=6000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=6000, keep=2, best="valid/frames/best_of_10/mse"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(time=4, size=8)
      config.models.predictor.update(width=4, code=8, latent=2, hidden=8)
      config.checkpoint.best = "valid/frames/best_of_2/mse"
      config.evaluators.frames.samples = 2
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there is: smoke')
  return config
