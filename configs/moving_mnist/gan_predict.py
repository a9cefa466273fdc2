"""Prediction with critics beside the pixel loss, from a network that the pixel loss alone has trained.

  python -m vgjax.launch --config configs/moving_mnist/gan_predict.py:mse --workdir runs/mse_predict
  python -m vgjax.launch --config configs/moving_mnist/gan_predict.py --workdir runs/gan_predict

The second command goes on from the first one's run, as SRGAN does (Ledig et al. 2017, arXiv:1609.04802); with
another workdir, name it: `--config.init_from.generator=runs/other:predictor` and
`--config.init_from.generator_stats=runs/other:predictor_stats`. On two cores:

  python -m vgjax.launch --config configs/moving_mnist/gan_predict.py:cpu_mse --workdir runs/mse_predict
  python -m vgjax.launch --config configs/moving_mnist/gan_predict.py:cpu --workdir runs/gan_predict

At the walls digits turn round by chance (SM-MNIST, Denton and Fergus 2018, arXiv:1802.07687), so that the
future is not known: the mean of all futures has the least squared error, and is blurred. A critic has never
seen blurred digits (Mathieu et al. 2016, arXiv:1511.05440; Lee et al. 2018, arXiv:1804.01523). The generator
is SimVP v2; the image critic sees frames, the video critic the whole video, the given frames in their place.
Critics learn as in moving_shapes/dcgan3d.py:cpu. There are no published figures for this pair. vgjax: not run
at full length; `cpu` has a better LPIPS and FVD than as many steps of squared error alone, at 2 dB of PSNR.

Variants:
  mse      by the mean squared error alone
  cpu_mse  the same: one digit, 32x32, narrower networks; a quarter of an hour on 2 cores
  cpu      what follows that, with critics: half an hour on one core (docs/results.md)
  smoke    seconds on a CPU; starts from nothing
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  adam = dict(name="adam", b1=0.0, b2=0.99, schedule=dict(name="cosine", final=0.1))
  config = ConfigDict(
    dict(
      seed=0,
      steps=40_000,
      batch_size=16,
      dtype="float32",
      data=dict(
        name="moving_mnist", motion="stochastic", num_digits=2, size=64, digit_size=28, time=15,
        num_videos=10_000,
      ),
      task=dict(name="predict", given=5),
      init_from=dict(
        generator="runs/mse_predict:predictor", generator_stats="runs/mse_predict:predictor_stats"
      ),
      models=dict(
        generator=dict(name="simvp_v2", given=5, predicted=10),
        image_critic=dict(name="critic2d", frames=4, norm="none"),
        video_critic=dict(name="critic3d", norm="none"),
      ),
      method=dict(
        name="gan",
        loss=dict(name="relativistic"),
        losses=dict(mse=1.0),
        weights=dict(image_critic=0.1, video_critic=0.1),
        penalty=dict(name="r1_r2", weight=1.0, every=4),
      ),
      optim=dict(
        generator=dict(adam, learning_rate=1e-3, ema=0.995),
        image_critic=dict(adam, learning_rate=2e-3),
        video_critic=dict(adam, learning_rate=2e-3),
      ),
      evaluators=dict(
        frames=dict(
          name="frames", every=5000, split="valid", num_videos=256,
          metrics=("mse", "psnr", "ssim", "lpips_vgg"),
        ),
        grid=dict(name="grid", every=5000, split="valid", num_videos=4),
        distribution=dict(name="distribution", split="test"),
      ),
      checkpoint=dict(every=5000, keep=2),
      log=dict(every=50),
    )
  )  # fmt: skip
  if variant.startswith("cpu"):
    config.steps = 2000
    config.data.update(num_digits=1, size=32, digit_size=20)
    config.models.generator.update(spatial_channels=16, temporal_channels=128, temporal_blocks=4)
    config.models.image_critic.channels = 32
    config.models.video_critic.channels = 16
    config.evaluators.distribution.num_videos = 256
    for evaluator in (config.evaluators.frames, config.evaluators.grid):
      evaluator.every = 500
    config.checkpoint.every = 500
  elif variant == "smoke":
    del config.init_from
    config.update(steps=2, batch_size=8)
    config.data.update(size=16, digit_size=12, time=4, num_videos=8)
    config.task.given = 2
    config.models.generator.update(
      given=2, predicted=2, spatial_channels=8, temporal_channels=16, temporal_blocks=2
    )
    config.models.image_critic.update(channels=4, levels=1, frames=2)
    config.models.video_critic.update(channels=4, levels=1)
    config.evaluators.frames.update(every=2, num_videos=4, metrics=("mse", "psnr", "ssim"))
    config.evaluators.grid.update(every=2, num_videos=4)
    del config.evaluators.distribution
  elif variant not in ("", "mse"):
    raise ValueError(f'no variant "{variant}"; there are: mse, cpu_mse, cpu, smoke')
  if variant.endswith("mse"):
    del config.init_from
    config.steps = config.steps * 3 // 2
    config.models = dict(predictor=config.models.generator)
    config.method = dict(name="predictor", losses=dict(mse=1.0))
    config.optim = dict(predictor=dict(name="adam", learning_rate=1e-3, schedule=dict(name="onecycle")))
  return config
