"""A contact sheet and a video of the first examples: given, truth, and what the model makes of them."""

import jax
import numpy as np
from jax.experimental import multihost_utils

from vgjax import sheet


def make(*, split="valid", num_videos=4, columns=10, seed=0, truth=True):
  """Pictures of the first videos of a split.

  Args:
    split: "train", "valid" or "test".
    num_videos: how many are shown.
    columns: the most frames in a row of the sheet.
    seed: of the samples, for methods that draw them.
    truth: whether the truth is shown; not if a translation has no pairs.

  Returns:
    `evaluate(run, state)`, which yields `sheet`, a picture, and `videos`, all examples side by side. The
    truth is shown beside videos of which anything was given, be it a hint.
  """

  def evaluate(run, state):
    rng = jax.random.key(seed)
    parts = []
    for number, batch in enumerate(run.batches(split, num_videos)):
      made = run.sample(state, batch, jax.random.fold_in(rng, number))
      part = {key: batch[key] for key in ("video", "hint", "mask", "weight")} | {"made": made}
      # Under several hosts no process holds all of an array.
      parts.append(multihost_utils.process_allgather(part, tiled=True))
    if not parts:
      raise ValueError(f"grid: the split {split} has no videos")
    whole = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    whole = {key: array[whole["weight"] > 0][:num_videos] for key, array in whole.items()}
    made, video, given = (_to_uint8(whole[key]) for key in ("made", "video", "hint"))
    real = video if truth and (whole["mask"].any() or whole["hint"].any()) else None
    yield "sheet", sheet.contact_sheet(made, whole["mask"], given=given, truth=real, columns=columns)
    yield "videos", sheet.side_by_side(made, whole["mask"], real)

  return evaluate


def _to_uint8(video):
  """[-1, 1] to 0 ... 255, clipped; what is no number becomes black."""
  video = np.nan_to_num(np.asarray(video, np.float32), nan=-1.0)
  return np.round((np.clip(video, -1, 1) + 1) * 127.5).astype(np.uint8)
