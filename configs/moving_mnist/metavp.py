"""MetaVP on Moving MNIST, 10 frames to 10, the published protocol of OpenSTL: which block predicts best?

  python -m vgjax.launch --config configs/moving_mnist/metavp.py:van --workdir runs/metavp_van

200 epochs of 10,000 sequences, batch 16, Adam with OneCycle; only block and learning rate differ. Published,
on a V100, the best checkpoint picked on the test set (vgjax: not run at full length, on any hardware):

  block         rate   MSE     MAE     SSIM   PSNR
  convnext      1e-2   26.94   77.23  .9397  22.74
  hornet        1e-3   29.64   83.26  .9331  22.26
  mlp_mixer     1e-3   29.52   83.36  .9338  22.22
  moganet       1e-3   25.57   75.19  .9429  22.99
  poolformer    1e-3   31.79   88.48  .9271  22.03
  swin          1e-3   29.70   84.05  .9331  22.22
  uniformer     5e-4   30.38   85.87  .9308  22.13
  van           1e-3   26.10   76.11  .9417  22.89
  vit           5e-4   35.15   95.87  .9139  21.67

SimVP, SimVP v2, TAU and ConvMixer, of the same family, have configs of their own.
Variants: the name of a block, or none for convnext; `smoke` (convnext, seconds on a CPU); `cpu` (likewise, a
quarter of the width, half the blocks, for a CPU with 2 cores). For another block on a CPU, the `cpu` variant
with `--config.models.predictor.mixer=van --config.optim.predictor.learning_rate=1e-3`.
"""

from ml_collections import ConfigDict

RATES = {
  "convnext": 1e-2,
  "hornet": 1e-3,
  "mlp_mixer": 1e-3,
  "moganet": 1e-3,
  "poolformer": 1e-3,
  "swin": 1e-3,
  "uniformer": 5e-4,
  "van": 1e-3,
  "vit": 5e-4,
}


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=200 * 10_000 // 16,
      batch_size=16,
      dtype="float32",
      data=dict(name="moving_mnist", num_digits=2, size=64, digit_size=28, time=20, num_videos=10_000),
      task=dict(name="predict", given=10),
      models=dict(predictor=dict(name="metavp", mixer="convnext", given=10, predicted=10)),
      method=dict(name="predictor", losses=dict(mse=1.0)),
      optim=dict(
        predictor=dict(name="adam", learning_rate=RATES["convnext"], schedule=dict(name="onecycle"))
      ),
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
    case _ if variant in RATES:
      config.models.predictor.mixer = variant
      config.optim.predictor.learning_rate = RATES[variant]
    case "cpu":
      config.update(steps=1500)
      config.models.predictor.update(spatial_channels=16, temporal_channels=128, temporal_blocks=4)
      config.evaluators.frames.update(every=500, num_videos=256)
      config.evaluators.grid.every = 500
      config.checkpoint.every = 500
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(
        given=2, predicted=2, spatial_channels=8, temporal_channels=16, temporal_blocks=2
      )
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there are: smoke, cpu, {", ".join(RATES)}')
  return config
