"""A run whose model is known, so that what an evaluator must find is known too."""

import types

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

STATE = types.SimpleNamespace(params={"predictor": {"kernel": np.arange(3.0)}}, ema={})


class FakeRun:
  """Evaluates `model(batch) -> video` on given videos.

  Attributes:
    videos: float32 [number, time, height, width, channels], in [-1, 1].
    task: `(batch, rng) -> batch`.
    model: `batch -> video`; given pixels are pasted over it, as every method does.
    num_devices: over how many the batch is split.
    workdir: its folder, or None.
  """

  config = {}

  def __init__(self, videos, task, model, *, batch_size=8, num_devices=1, workdir=None):
    self.videos, self.task, self.model, self.batch_size = videos, task, model, batch_size
    self.workdir = workdir
    devices = jax.devices()[:num_devices]
    mesh = jax.make_mesh((num_devices,), ("data",), devices=devices, axis_types=(AxisType.Auto,))
    self.sharding = NamedSharding(mesh, PartitionSpec("data"))

  def source(self, split):
    return FakeSource(self.videos)

  def batches(self, split, num_videos=None, batch_size=None, start=0):
    videos, size = self.videos[:num_videos], batch_size or self.batch_size
    for first in range(start * size, len(videos), size):
      part = videos[first : first + size]
      padding = np.full((size - len(part), *part.shape[1:]), np.nan, np.float32)
      batch = {
        "video": np.concatenate([part, padding]),
        "weight": np.float32(np.arange(size) < len(part)),
      }
      yield jax.jit(self.task)(jax.device_put(batch, self.sharding), jax.random.key(0))

  def sample(self, state, batch, rng):
    return jnp.where(batch["mask"] > 0, batch["hint"], self.model(batch))


class FakeSource:
  """The videos as a source."""

  def __init__(self, videos):
    self.videos = videos

  def __len__(self):
    return len(self.videos)

  def example(self, index, rng):
    return {"video": np.round((self.videos[index] + 1) * 127.5).astype(np.uint8)}

  def card(self):
    return {"dataset": "fake"}


def videos(number, time=6, size=16, channels=1, seed=0):
  rng = np.random.default_rng(seed)
  shape = (number, time, size, size, channels)
  return (np.cumsum(rng.uniform(-1, 1, shape), axis=1) / 4).clip(-1, 1).astype(np.float32)
