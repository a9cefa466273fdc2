"""Prediction with critics beside the pixel loss, and the same network by the pixel loss alone, to compare.

  python -m vgjax.launch --config configs/moving_mnist/gan_predict.py --workdir runs/gan_predict
  python -m vgjax.launch --config configs/moving_mnist/gan_predict.py:mse --workdir runs/mse_predict

At the walls digits turn round by chance (SM-MNIST, Denton and Fergus 2018, arXiv:1802.07687), so that the
future is not known: the mean of all futures has the least squared error, and is blurred. A critic has never
seen blurred digits (Mathieu et al. 2016, arXiv:1511.05440; Lee et al. 2018, arXiv:1804.01523). The generator
is SimVP v2; the image critic sees frames, the video critic the whole video, the given frames in their place.
There are no published figures for this pair. vgjax: not run at full length; `cpu` has a better LPIPS
than `cpu_mse`, and a worse FVD and PSNR (docs/results.md). To start from the other run, as SRGAN does (Ledig
et al. 2017, arXiv:1609.04802):

  --config.init_from="{'generator': 'runs/mse_predict:predictor',
                       'generator_stats': 'runs/mse_predict:predictor_stats'}"

Variants:
  mse      by the mean squared error alone
  cpu      one digit, 32x32, narrower networks: under half an hour on 2 cores
  cpu_mse  the same by the mean squared error alone
  smoke    seconds on a CPU
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  critic = dict(name="adam", learning_rate=1e-3, b1=0.0, b2=0.99)
  config = ConfigDict(
    dict(
      seed=0,
      steps=60_000,
      batch_size=16,
      dtype="float32",
      data=dict(
        name="moving_mnist", motion="stochastic", num_digits=2, size=64, digit_size=28, time=15,
        num_videos=10_000,
      ),
      task=dict(name="predict", given=5),
      models=dict(
        generator=dict(name="simvp_v2", given=5, predicted=10),
        image_critic=dict(name="critic2d", frames=4, norm="none", levels=3, patches=True),
        video_critic=dict(name="critic3d", norm="none"),
      ),
      method=dict(
        name="gan",
        losses=dict(mse=1.0),
        weights=dict(image_critic=0.01, video_critic=0.01),
        penalty=dict(name="r1", weight=0.1, every=8),
      ),
      optim=dict(
        generator=dict(name="adam", learning_rate=1e-3, schedule=dict(name="onecycle")),
        image_critic=dict(critic),
        video_critic=dict(critic),
      ),
      evaluators=dict(
        frames=dict(
          name="frames", every=6000, split="valid", num_videos=256,
          metrics=("mse", "psnr", "ssim", "lpips_vgg"),
        ),
        grid=dict(name="grid", every=6000, split="valid", num_videos=4),
        distribution=dict(name="distribution", split="test"),
      ),
      checkpoint=dict(every=6000, keep=2),
      log=dict(every=50),
    )
  )  # fmt: skip
  if variant.startswith("cpu"):
    config.update(steps=3000)
    config.data.update(num_digits=1, size=32, digit_size=20)
    config.models.generator.update(spatial_channels=16, temporal_channels=128, temporal_blocks=4)
    config.models.image_critic.update(channels=32, levels=2)
    config.models.video_critic.channels = 16
    config.evaluators.distribution.num_videos = 256
    for evaluator in (config.evaluators.frames, config.evaluators.grid):
      evaluator.every = 1000
    config.checkpoint.every = 1000
  elif variant == "smoke":
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
    raise ValueError(f'no variant "{variant}"; there are: mse, cpu, cpu_mse, smoke')
  if variant.endswith("mse"):
    config.models = dict(predictor=config.models.generator)
    config.method = dict(name="predictor", losses=dict(mse=1.0))
    config.optim = dict(predictor=config.optim.generator)
  return config
