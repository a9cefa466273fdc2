"""SAVP on stochastic Moving MNIST, 5 frames to 10: futures that are drawn, and digits that stay sharp.

  python -m vgjax.launch --config configs/moving_mnist/savp.py --workdir runs/savp
  python -m vgjax.launch --config configs/moving_mnist/savp.py:vae --workdir runs/savp_vae

At a wall a digit leaves with a speed that is drawn anew (SM-MNIST, Denton and Fergus 2018, arXiv:1802.07687).
The method, the weights and the length are those of the authors for BAIR (`configs/bair/savp.py`); they
publish nothing for these data. `vae` is the same without critics, to compare. vgjax: not run at full length,
on any hardware.

A model like this is scored by the best of several samples. Draw other futures by another seed:

  python -m vgjax.launch --mode=evaluate --workdir runs/savp --split=test
  python -m vgjax.launch --mode=sample --workdir runs/savp --num_videos=8 --time=30 --seed=1

Variants:
  vae      SAVP-VAE, by the method `predictor`
  cpu      one digit, 32x32, narrow networks: about 20 minutes on 2 cores
  cpu_vae  the same without critics
  smoke    seconds on a CPU
"""

from ml_collections import ConfigDict

PREDICTED = 14 / 15  # of the frames, in all means over them


def get_config(variant: str = "") -> ConfigDict:
  adam = dict(name="adam", learning_rate=2e-4, b1=0.5, schedule=dict(name="linear", hold=200_000))
  config = ConfigDict(
    dict(
      seed=0,
      steps=300_000,
      batch_size=16,
      dtype="float32",
      data=dict(
        name="moving_mnist", motion="stochastic", num_digits=2, size=64, digit_size=32, time=15,
        num_videos=60_000,
      ),
      task=dict(name="predict", given=5),
      models=dict(
        generator=dict(name="savp", channels=32, latent=8),
        critic=dict(name="sn_critic3d", length=10, channels=32),
        posterior_critic=dict(name="sn_critic3d", length=10, channels=32),
      ),
      method=dict(
        name="vae_gan",
        loss=dict(name="least_squares"),
        losses=dict(l1=50.0, kl=1.0, feature_cosine=10.0 * PREDICTED),
        weights=dict(critic=0.2 * PREDICTED, posterior_critic=0.2 * PREDICTED),
        loss_over="all",
        anneal=dict(kl=(50_000, 100_000)),
        feed=dict(name="inverse_sigmoid", k=900.0),
      ),
      optim=dict(generator=dict(adam), critic=dict(adam), posterior_critic=dict(adam)),
      evaluators=dict(
        frames=dict(name="frames", every=10_000, split="valid", num_videos=256, samples=10),
        grid=dict(name="grid", every=10_000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=10_000, keep=2, best="valid/frames/best_of_10/mse"),
      log=dict(every=50),
    )
  )  # fmt: skip
  if variant.startswith("cpu"):
    config.update(steps=1800, batch_size=4)
    config.data.update(num_digits=1, size=32, digit_size=20, num_videos=10_000)
    config.models.generator.update(channels=8, posterior_channels=16)
    for name in ("critic", "posterior_critic"):
      config.models[name].update(channels=8, levels=2, length=6)
      config.optim[name].learning_rate = 4e-4
    config.optim.generator.learning_rate = 1e-3
    for optim in config.optim.values():
      optim.schedule.hold = 2 * config.steps // 3
    # As large shares of the run as the published ones, but for the truth, of which more is read.
    config.method.anneal.kl = (config.steps // 6, config.steps // 3)
    config.method.feed.k = config.steps / 30
    config.evaluators.frames.update(num_videos=128, samples=5)
    config.checkpoint.best = "valid/frames/best_of_5/mse"
    for part in (config.evaluators.frames, config.evaluators.grid, config.checkpoint):
      part.every = config.steps // 3
  elif variant == "smoke":
    config.update(steps=2, batch_size=8)
    config.data.update(size=16, digit_size=12, time=6, num_videos=8)
    config.task.given = 2
    config.models.generator.update(channels=4, latent=2, posterior_channels=2, posterior_layers=2)
    for name in ("critic", "posterior_critic"):
      config.models[name].update(length=4, channels=8, levels=1)
    config.method.anneal.kl = (0, 1)
    config.checkpoint.best = "valid/frames/best_of_2/mse"
    config.evaluators.frames.samples = 2
    for evaluator in config.evaluators.values():
      evaluator.update(every=2, num_videos=4)
  elif variant not in ("", "vae"):
    raise ValueError(f'no variant "{variant}"; there are: vae, cpu, cpu_vae, smoke')
  if variant.endswith("vae"):
    config.models = dict(predictor=config.models.generator)
    config.method.name = "predictor"
    for part, key in (
      (config.method, "loss"),
      (config.method, "weights"),
      (config.method.losses, "feature_cosine"),
    ):
      del part[key]
    config.optim = dict(predictor=config.optim.generator)
  return config
