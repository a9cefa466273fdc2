"""How much the videos of two folders move, and whether they stand still or repeat themselves.

The figures of `vgjax.metrics.temporal`, of the made videos and of the real ones; pairs are not needed. They
are those of the evaluator `temporal` of a run whose task gives no frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from vgjax.metrics import temporal

METRICS = {
  "activity": "mean absolute difference of successive frames, intensities in [0, 1]",
  "frozen": f"share of steps with less than {temporal.FROZEN:g} of the real videos' median activity",
  "looping": "share of videos that come back: a lag of 2 to T/2 frames with less than "
  f"{temporal.RETURN:g} of the greatest distance",
}
_FRAMES = {"activity": 2, "frozen": 2, "looping": temporal.LOOP_TIMES}  # that a video must have


class Motion(NamedTuple):
  """What the figures are made of, as an extractor, so that `features.collect` runs it.

  `apply` is `(params, video) -> [batch, dims]`: the activity of each step, then the mean distance of frames
  1, 2, ... T/2 apart.
  """

  dims: int
  params: Any
  card: dict[str, Any]
  apply: Any


def prepare(names: Sequence[str], time: int) -> tuple[tuple[str, ...], dict[str, str]]:
  """Which of these metrics can run on videos of `time` frames, and {name: why not} of the others."""
  missing = {
    name: f"needs videos of {_FRAMES[name]} frames or more, these have {time}"
    for name in names
    if time < _FRAMES[name]
  }
  return tuple(name for name in names if name not in missing), missing


def extractor(time: int) -> Motion:
  """What the metrics look at, of videos of `time` frames."""
  return Motion(time - 1 + time // 2, None, {"name": "motion", "frames": time}, _compute)


def figures(names: Sequence[str], real: np.ndarray, fake: np.ndarray, time: int) -> dict[str, Any]:
  """The figures of both sets.

  Args:
    names: of `METRICS`.
    real, fake: [videos, dims] of `extractor`.
    time: frames of a video.

  Returns:
    {"<metric>": of the made videos, "<metric>/real": of the real ones}; of the activity also "/distance", the
    1-Wasserstein distance of both sets' steps, and the curves over frames.
  """
  sets = {"": np.asarray(fake, np.float64), "/real": np.asarray(real, np.float64)}
  typical = float(np.median(sets["/real"][:, : time - 1]))
  found: dict[str, Any] = {}
  for name in names:
    for which, values in sets.items():
      steps, apart = values[:, : time - 1], values[:, time - 1 :]
      if name == "activity":
        found |= {f"activity{which}": float(steps.mean()), f"activity{which}/curve": steps.mean(0).tolist()}
      elif name == "frozen":
        found[f"frozen{which}"] = float(temporal.frozen(steps, typical).mean())
      else:
        found[f"looping{which}"] = float(temporal.returns(apart.T, typical).mean())
    if name == "activity":
      both = (values[:, : time - 1] for values in sets.values())
      found["activity/distance"] = temporal.distance(*both)
  return found


def _compute(params, video):
  del params
  apart = [temporal.activity(video, lag=lag).mean(1) for lag in range(1, video.shape[1] // 2 + 1)]
  return jnp.concatenate([temporal.activity(video), jnp.stack(apart, axis=1)], axis=1)
