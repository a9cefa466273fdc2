"""Metrics of pairs: a real video and the made one of the same name, frame by frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from vgjax.evaluate.folders import Clips, Folder, Video
from vgjax.metrics import per_frame


class Matched(NamedTuple):
  """Videos by their names without suffix.

  Attributes:
    groups: (real, fake of the first folder, of the second, ...) of one stem, in the order of the real ones.
    real_only, fake_only: names without a partner, or without one in each folder.
  """

  groups: tuple[tuple[Video, ...], ...]
  real_only: tuple[str, ...]
  fake_only: tuple[str, ...]


def match(real: Folder, fakes: Sequence[Folder]) -> Matched:
  """Finds the real videos that have a fake one of their name in every folder."""
  by_stem = [{video.stem: video for video in fake.videos} for fake in fakes]
  whole = lambda video: all(video.stem in videos for videos in by_stem)
  groups = tuple(
    (video, *(videos[video.stem] for videos in by_stem)) for video in real.videos if whole(video)
  )
  stems = {group[0].stem for group in groups}
  fake_only = [video.name for fake in fakes for video in fake.videos if video.stem not in stems]
  return Matched(
    groups, tuple(video.name for video in real.videos if video.stem not in stems), tuple(fake_only)
  )


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
  """A source of pairs: `video`, `fake`, both uint8 [time, height, width, channels], and `ok`."""

  real: Clips
  fake: Clips

  def __len__(self) -> int:
    return len(self.real)

  def example(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    real, fake = self.real.example(index, rng), self.fake.example(index, rng)
    return {"video": real["video"], "fake": fake["video"], "ok": real["ok"] * fake["ok"]}

  def card(self) -> dict[str, Any]:
    return self.real.card()


class FrameMetrics(NamedTuple):
  """Metrics of pairs as an extractor, so that `features.collect` runs them: `dims` figures a frame."""

  dims: int
  params: Any
  card: dict[str, Any]
  apply: Any


def extractor(params: dict[str, Any]) -> FrameMetrics:
  """The metrics of `per_frame.prepare` as an extractor; the figures are in the order of their names.

  `apply` is `(params, (real, fake)) -> [batch, time, dims]`.
  """
  names = sorted(params)
  conventions = {name: per_frame.METRICS[name].convention for name in names}
  return FrameMetrics(len(names), params, {"name": "frame metrics", **conventions}, _compute)


def figures(names: Sequence[str], values: np.ndarray) -> dict[str, Any]:
  """Means over samples, videos and frames, those of the best samples, and the curves over frames.

  Args:
    names: of the metrics, in their order.
    values: [samples, videos, time, len(names)].

  Returns:
    {metric: mean}, of k > 1 samples {"<metric>/best_of_<k>": mean}, then the same with "/curve": [time].
  """
  values = np.asarray(values, np.float64)
  rows = {"": values.mean(0)}
  if len(values) > 1:
    rows[f"/best_of_{len(values)}"] = per_frame.best(names, values)
  found: dict[str, Any] = {}
  for which, row in rows.items():
    found |= {f"{name}{which}": float(row[..., i].mean()) for i, name in enumerate(names)}
  for which, row in rows.items():
    found |= {f"{name}{which}/curve": row[..., i].mean(0).tolist() for i, name in enumerate(names)}
  return found


def _compute(params, videos):
  real, fake = videos
  everything = jnp.ones((*real.shape[:4], 1), jnp.float32)
  values = per_frame.compute(params, fake, real, everything)
  return jnp.stack([values[name] for name in sorted(params)], axis=-1)
