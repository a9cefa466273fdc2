"""The Inception Score: how sure a classifier is of each video, and how varied its answers are.

  IS = exp( E_x KL( p(y|x) ‖ p(y) ) )

(Salimans et al. 2016; for videos Saito et al. 2017). It lies between 1 and the number of classes; more is
better. The figure depends on the classifier above all. For videos the field has used a C3D fine-tuned on
UCF-101, which gives other figures than I3D on Kinetics-400: name it beside the number, and compare only
figures of one classifier.
"""

from typing import NamedTuple

import numpy as np

from vgjax.errors import DataError
from vgjax.metrics import feature_sets


class InceptionScore(NamedTuple):
  """The mean over the splits, and their standard deviation (divided by their number, as published)."""

  mean: float
  std: float


def inception_score(logits, *, splits: int = 10) -> InceptionScore:
  """The Inception Score of a set of videos.

  Args:
    logits: [number, classes], what the classifier gives before its softmax, in the order of the videos;
      or [videos, time, classes], whose frames are then one set.
    splits: the set is cut into so many consecutive parts, as equal as they can be, and the score is that
      of each part; 10 is customary. Fewer videos in a part give a lower score.

  Returns:
    Mean and standard deviation over the parts.

  Raises:
    DataError: fewer videos than parts.
  """
  logits = feature_sets.rows(logits, "logits")
  if splits < 1:
    raise ValueError(f"splits = {splits}: 1 or more")
  if len(logits) < splits:
    raise DataError(
      f"Inception Score: {len(logits)} videos do not make {splits} parts; use splits=1 or more videos"
    )
  scores = [_score(part) for part in np.array_split(logits, splits)]
  return InceptionScore(float(np.mean(scores)), float(np.std(scores)))


def _score(logits):
  log_each = logits - _log_sum_exp(logits, 1)  # log p(y|x)
  log_all = _log_sum_exp(log_each, 0) - np.log(len(logits))  # log p(y)
  return np.exp(np.mean(np.sum(np.exp(log_each) * (log_each - log_all), axis=1)))


def _log_sum_exp(x, axis):
  most = x.max(axis, keepdims=True)
  return most + np.log(np.exp(x - most).sum(axis, keepdims=True))
