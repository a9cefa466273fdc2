"""CycleGAN on moving shapes: warm colours become cold ones, without a pair to learn from (Zhu et al. 2017).

  python -m vgjax.launch --config configs/moving_shapes/cyclegan.py --workdir runs/cyclegan

Videos are of blue and cyan shapes, sources of red and yellow ones; every other thing about them is drawn from
the same names. Which video a source becomes is told by nothing but the cycle. The published network for
frames of 128x128 and less (6 blocks), critics of frames, losses and optimizers; kernels see a frame's
neighbours (`time=3`), and beside the critic of frames one of whole videos watches motion, with half of the
weight of the published one each. The pool of 50 earlier videos is left out, and samples are drawn with
averaged weights. The evaluator `frames` has no use here: validation has no pairs either. There are no
published figures for this data. vgjax: not run at full length.
Variants: `cpu` (32x32, 10 frames, narrow, larger steps; under half an hour on 2 cores); `smoke` (seconds on
a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  fall = dict(name="linear", hold=50_000)
  adam = dict(name="adam", learning_rate=2e-4, b1=0.5, b2=0.999, schedule=fall)
  generator = dict(name="cyclegan_resnet", channels=64, blocks=6, time=3)
  of_frames = dict(name="critic2d", frames=4, levels=3, fine=1, channels=64, patches=True, norm="instance")
  of_videos = dict(name="critic3d", levels=3, channels=32, patches=True, norm="instance")
  config = ConfigDict(
    dict(
      seed=0,
      steps=100_000,
      batch_size=4,
      dtype="float32",
      data=dict(
        name="pairs",
        paired=False,
        size=64,
        time=16,
        background="texture",
        text_length=0,
        num_videos=10_000,
        first=dict(name="moving_shapes", colors=("blue", "cyan")),
        second=dict(name="moving_shapes", colors=("red", "yellow")),
      ),
      task=dict(name="translate"),
      models=dict(
        generator=dict(generator),
        inverse=dict(generator),
        frame_video_critic=dict(of_frames),
        video_critic=dict(of_videos),
        frame_source_critic=dict(of_frames),
        source_critic=dict(of_videos),
      ),
      method=dict(
        name="cyclegan",
        loss=dict(name="least_squares"),
        cycle=10.0,
        identity=5.0,
        # The two of a side together weigh what the published one does.
        weights=dict(frame_video_critic=0.5, video_critic=0.5, frame_source_critic=0.5, source_critic=0.5),
      ),
      optim=dict(
        generator=dict(adam, ema=0.999),
        inverse=dict(adam, ema=0.999),
        frame_video_critic=dict(adam),
        video_critic=dict(adam),
        frame_source_critic=dict(adam),
        source_critic=dict(adam),
      ),
      loader=dict(threads=1),
      evaluators=dict(
        grid=dict(name="grid", every=5000, split="valid", num_videos=4, truth=False),
        distribution=dict(name="distribution", split="test", metrics=("fvd", "precision", "recall")),
        critic=dict(name="critic", split="test"),
      ),
      checkpoint=dict(every=5000, keep=2),
      log=dict(every=100),
    )
  )
  match variant:
    case "":
      pass
    case "cpu":
      config.update(steps=1000, batch_size=4)
      _plain(config)
      config.data.update(size=32, time=10)
      for name in ("generator", "inverse"):
        config.models[name].update(channels=8, blocks=3, time=1)
        config.optim[name].update(learning_rate=1e-3, ema=0.99)  # so few steps must be larger
      for name in ("frame_video_critic", "frame_source_critic"):
        config.models[name].update(frames=2, channels=16, levels=2)
      for name in ("video_critic", "source_critic"):
        config.models[name].update(channels=8, levels=2)
      config.evaluators.grid.every = 500
      config.evaluators.distribution.num_videos = 256
      config.checkpoint.every = 500
      config.log.every = 20
    case "smoke":
      config.update(steps=2, batch_size=8)
      _plain(config)
      config.data.update(size=16, time=4, num_videos=8)
      config.method.cycle = 1.0  # a few steps teach the identity at best
      for name in ("generator", "inverse"):
        config.models[name].update(channels=2, blocks=1, time=1)
        config.optim[name].learning_rate = 3e-3
      # One critic of each side: two are shown above.
      for name in ("frame_video_critic", "frame_source_critic"):
        del config.models[name], config.optim[name]
      for name in ("video_critic", "source_critic"):
        config.models[name].update(channels=8, levels=2)
      config.evaluators.grid.update(every=2, num_videos=4)
      del config.evaluators.distribution
    case _:
      raise ValueError(f'no variant "{variant}"; there are: cpu, smoke')
  return config


def _plain(config):
  """Constant learning rates, and each critic with a weight of 1: a short run has no time for less."""
  config.method.weights = {}
  for optimizer in config.optim.values():
    optimizer.schedule = dict(name="constant")
