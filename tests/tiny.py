"""The smallest run that does everything, and what tests do with it."""

import json
from pathlib import Path

from ml_collections import ConfigDict


def config(**changes) -> ConfigDict:
  """Moving MNIST at 16x16, two frames to two, a small CNN, batches of 8, 6 steps."""
  base = ConfigDict(
    dict(
      seed=0,
      steps=6,
      batch_size=8,
      data=dict(name="moving_mnist", num_digits=1, size=16, digit_size=12, time=4, num_videos=16),
      task=dict(name="predict", given=2),
      models=dict(predictor=dict(name="cnn", given=2, predicted=2, channels=8, levels=1, groups=4)),
      method=dict(name="predictor"),
      optim=dict(predictor=dict(name="adam", learning_rate=1e-3)),
      mesh=dict(data=1),
      evaluators=dict(),
      log=dict(every=1, tensorboard=False),
      checkpoint=dict(every=2, keep=10),
    )
  )
  base.update(changes)
  return base


def losses(workdir: Path, key: str = "predictor/loss") -> dict[int, float]:
  """{step: loss} of a run folder."""
  lines = map(json.loads, (Path(workdir) / "metrics.jsonl").read_text().splitlines())
  return {line["step"]: line[key] for line in lines if key in line}
