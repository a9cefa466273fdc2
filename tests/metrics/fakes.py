"""An extractor whose features are known."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np


class Extractor(NamedTuple):
  """The fields that what uses an extractor may rely on."""

  name: str
  dims: int
  per_frame: bool
  logits: bool
  min_time: int
  params: Any
  apply: Any
  card: dict


KERNEL = np.random.default_rng(5).normal(size=(3, 5)).astype(np.float32)


def apply(params, video):
  """[batch, time, height, width, channels] in [-1, 1] -> [batch, 5]."""
  mean = jnp.broadcast_to(video, (*video.shape[:-1], 3)).mean((1, 2, 3))
  motion = jnp.diff(video, axis=1).mean((1, 2, 3, 4))
  return mean @ params["kernel"] + motion[:, None]


def fake_features(video):
  """What `FAKE` makes of uint8 videos, by NumPy in float64."""
  video = np.asarray(video, np.float64) / 127.5 - 1
  video = np.broadcast_to(video, (*video.shape[:-1], 3))
  return video.mean((1, 2, 3)) @ KERNEL + np.diff(video, axis=1).mean((1, 2, 3, 4))[:, None]


FAKE = Extractor("fake", 5, False, False, 2, {"kernel": KERNEL}, apply, {"name": "fake", "sha256": "0" * 8})


def make():
  """The extractor of this module, as `extractors.open("tests.metrics.fakes")` finds it."""
  return FAKE
