"""Drawing videos from a trained run, of any length."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from vgjax import sheet
from vgjax.errors import ConfigError
from vgjax.evaluate import Report, keep
from vgjax.run import Run
from vgjax.types import Batch, TrainState


def sample(
  run: Run,
  state: TrainState,
  *,
  num_videos: int = 8,
  time: int | None = None,
  split: str = "test",
  seed: int = 0,
) -> np.ndarray:
  """Videos for the first examples of a split, as the task gives them.

  Args:
    run: the run.
    state: its weights; branches with a moving average are sampled by it.
    num_videos: how many.
    time: frames a video, the given ones included; None: as many as the data has. Beyond the data's
      length the model rolls on.
    split: "train", "valid" or "test".
    seed: another seed draws other samples of a stochastic model.

  Returns:
    uint8 `[num_videos, time, height, width, channels]`.
  """
  return _draw(run, state, num_videos, time, split, seed)[1]


def write_samples(
  run: Run,
  state: TrainState,
  *,
  num_videos: int = 8,
  time: int | None = None,
  split: str = "test",
  seed: int = 0,
) -> Report:
  """`sample`, written to the run folder: an mp4 of each video, one of all, and a contact sheet."""
  given, video, mask = _draw(run, state, num_videos, time, split, seed)
  step, report = int(state.step), Report()
  report.files += keep(run, f"sample-{split}-sheet", step, sheet.given_and_predicted(given, video, mask))
  report.files += keep(run, f"sample-{split}", step, sheet.tile(video))
  for number, one in enumerate(video):
    report.files += keep(run, f"sample-{split}-{number:03d}", step, one)
  return report


def _draw(run, state, num_videos, time, split, seed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """What was given and what was drawn, uint8, and the mask of what was given."""
  rng = jax.random.key(seed)
  parts = []
  for number, batch in enumerate(run.batches(split, num_videos)):
    longest = batch["video"].shape[1]
    if time and time > longest and any(model.reads_ends for model in run.models.values()):
      raise ConfigError(
        f"time = {time}: the videos have {longest} frames, and after the last given one this model makes none"
        f" (it interpolates); ask for {longest} or fewer"
      )
    batch = with_time(batch, time or longest)
    video = run.sample(state, batch, jax.random.fold_in(rng, number))
    parts.append(multihost_utils.process_allgather((batch["hint"], video, batch["mask"]), tiled=True))
  hint, video, mask = (np.concatenate(arrays)[:num_videos] for arrays in zip(*parts, strict=True))
  return to_uint8(hint), to_uint8(video), mask


def with_time(batch: Batch, time: int) -> Batch:
  """The batch with `time` frames: cut, or with unknown black frames at its end."""
  extra = max(0, time - batch["video"].shape[1])

  def fit(array, value):
    pad = [(0, 0), (0, extra)] + [(0, 0)] * (array.ndim - 2)
    return jnp.pad(array, pad, constant_values=value)[:, :time]

  values = {"video": -1.0, "hint": 0.0, "mask": 0.0}
  return batch | {name: fit(batch[name], value) for name, value in values.items()}


def to_uint8(video: np.ndarray) -> np.ndarray:
  """[-1, 1] to 0 ... 255, clipped."""
  return np.round((np.clip(video, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
