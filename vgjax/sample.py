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

  Where nothing is given, the examples serve again and again; else there are at most as many as the split has.

  Args:
    run: the run.
    state: its weights; branches with a moving average are sampled by it.
    num_videos: how many.
    time: frames a video, the given ones included; None: as many as the data has. Beyond the data's
      length the model rolls on.
    split: "train", "valid" or "test".
    seed: another seed draws other samples of a stochastic model.

  Returns:
    uint8 `[num_videos, time, height, width, channels]`, fewer where the split has fewer to go on from.
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
  """`sample`, written to the run folder: a folder with an mp4 of each video, one of all, a contact sheet."""
  given, video, mask = _draw(run, state, num_videos, time, split, seed)
  step, report, name = int(state.step), Report(), "sample-" + split + drawn_as(time, seed)
  report.files += keep(run, f"{name}-sheet", step, sheet.given_and_predicted(given, video, mask))
  report.files += keep(run, name, step, sheet.tile(video))
  for number, one in enumerate(video):
    report.files += keep(run, name, step, one, number=number)
  if len(video) < num_videos:
    report.notes["samples"] = [
      f"the {split} split has {len(video)} videos to go on from: as many samples were made, not {num_videos}"
    ]
  return report


def drawn_as(time: int | None, seed: int) -> str:
  """What names of files have of a length or a seed that was asked for: "-time40-seed1"."""
  return (f"-time{time}" if time else "") + (f"-seed{seed}" if seed else "")


def _draw(run, state, num_videos, time, split, seed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """What was given and what was drawn, uint8, and the mask of what was given."""
  rng, parts, found = jax.random.key(seed), [], 0
  while found < num_videos:
    for batch in run.batches(split, num_videos - found):
      longest = batch["video"].shape[1]
      _check_time(run, time, longest)
      batch = with_time(batch, time or longest)
      video = run.sample(state, batch, jax.random.fold_in(rng, len(parts)))
      arrays = (batch["hint"], video, batch["mask"], batch["weight"])
      *arrays, weight = multihost_utils.process_allgather(arrays, tiled=True)
      parts.append([array[weight > 0] for array in arrays])
      found += len(parts[-1][0])
    if not found or any(hint.any() for hint, _, _ in parts):
      break  # an empty split, or one that gives nothing else a second time
  hint, video, mask = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
  return to_uint8(hint), to_uint8(video), mask


def _check_time(run, time, longest):
  if time and time > longest and any(model.reads_ends for model in run.models.values()):
    raise ConfigError(
      f"time = {time}: the videos have {longest} frames, and after the last given one this model makes none"
      f" (it interpolates); ask for {longest} or fewer"
    )


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
