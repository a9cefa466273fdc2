"""The Inception Score against closed forms and plain numpy."""

import numpy as np
import pytest

from vgjax.errors import DataError
from vgjax.metrics.inception_score import inception_score


def plain(logits):
  each = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
  return np.exp((each * np.log(each / each.mean(0))).sum(1).mean())


@pytest.mark.parametrize("splits", [1, 3, 10])
def test_equals_plain_numpy(splits):
  logits = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
  scores = [plain(part) for part in np.array_split(logits.astype(np.float64), splits)]
  found = inception_score(logits, splits=splits)
  np.testing.assert_allclose(found, (np.mean(scores), np.std(scores)), rtol=1e-10, atol=1e-14)


def test_splits_are_in_order_and_ten():
  """All of one class within a part: nothing varies there, though the whole set does."""
  logits = 50 * np.repeat(np.eye(10), 4, axis=0)
  np.testing.assert_allclose(inception_score(logits), (1, 0), atol=1e-9)
  np.testing.assert_allclose(inception_score(logits, splits=1), (10, 0), rtol=1e-9)


def test_sure_and_even_answers_reach_the_number_of_classes_and_unsure_ones_give_one():
  sure = 800 * np.tile(np.eye(5), (6, 1))  # exp(800) is more than a float holds
  np.testing.assert_allclose(inception_score(sure, splits=1).mean, 5)
  np.testing.assert_allclose(inception_score(np.zeros((30, 5)), splits=1).mean, 1)


def test_two_classes_have_a_closed_form():
  """p(y|x) is (p, 1-p) or its mirror image: IS = 2 exp(-H(p))."""
  p = 0.8
  one = np.log([p, 1 - p])
  logits = np.stack([one, one[::-1]] * 10)
  entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
  np.testing.assert_allclose(inception_score(logits, splits=1).mean, 2 * np.exp(-entropy), rtol=1e-12)


def test_a_constant_added_to_the_logits_changes_nothing():
  logits = np.random.default_rng(0).standard_normal((20, 4))
  moved = logits + np.arange(20)[:, None] * 100
  np.testing.assert_allclose(inception_score(moved, splits=2), inception_score(logits, splits=2), rtol=1e-9)


def test_frames_of_all_videos_are_one_set():
  logits = np.random.default_rng(0).standard_normal((20, 4))
  assert inception_score(logits.reshape(5, 4, 4), splits=2) == inception_score(logits, splits=2)


def test_fewer_videos_than_parts():
  with pytest.raises(DataError, match="4 videos do not make 10 parts"):
    inception_score(np.zeros((4, 3)))
