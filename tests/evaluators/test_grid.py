"""The evaluator `grid`."""

import numpy as np
import pytest

from tests.evaluators.fakes import FakeRun, videos
from vgjax import sheet, tasks
from vgjax.evaluators import grid


def white(batch):
  return batch["video"] * 0 + 9.0  # clipped to white


def result(run, **fields):
  return dict(grid.make(**fields)(run, None))


@pytest.mark.parametrize("num_devices", [1, 8])
def test_yields_a_picture_and_a_video(num_devices):
  run = FakeRun(videos(11), tasks.predict(given=2), white, num_devices=num_devices)
  found = result(run, num_videos=9)
  assert list(found) == ["sheet", "videos"]
  assert found["sheet"].dtype == found["videos"].dtype == np.uint8
  assert found["sheet"].ndim == 3 and found["sheet"].shape[-1] == 3
  assert found["videos"].shape[0] == 6 and found["videos"].shape[-1] == 3
  alone = result(FakeRun(videos(11)[:9], tasks.predict(given=2), white), num_videos=9)
  np.testing.assert_array_equal(found["sheet"], alone["sheet"])  # no padding is shown


def test_shows_what_was_given_and_made():
  data = videos(1, time=4)
  data[:, :2] = -1
  found = result(FakeRun(data, tasks.predict(given=2), white), num_videos=1)
  made = np.full((1, 4, 16, 16, 1), 255, np.uint8)
  made[:, :2] = 0
  mask = np.zeros((1, 4, 16, 16, 1))
  mask[:, :2] = 1
  truth = np.round((data + 1) * 127.5).astype(np.uint8)
  np.testing.assert_array_equal(found["sheet"], sheet.contact_sheet(made, mask, truth=truth))
  np.testing.assert_array_equal(found["videos"], sheet.side_by_side(made, mask, truth))


def test_shows_the_hint_of_a_translation_and_the_truth_if_there_are_pairs():
  data = np.repeat(videos(1, time=4), 3, -1)
  shown, hidden = (
    result(FakeRun(data, tasks.edges(), white), num_videos=1, truth=truth) for truth in (True, False)
  )
  made, mask = np.full((1, 4, 16, 16, 3), 255, np.uint8), np.zeros((1, 4, 16, 16, 1))
  real = np.round((data + 1) * 127.5).astype(np.uint8)
  hint = tasks.edges()({"video": data}, None)["hint"]
  hint = np.round((np.asarray(hint) + 1) * 127.5).astype(np.uint8)
  np.testing.assert_array_equal(shown["sheet"], sheet.contact_sheet(made, mask, given=hint, truth=real))
  np.testing.assert_array_equal(hidden["sheet"], sheet.contact_sheet(made, mask, given=hint))
  np.testing.assert_array_equal(hidden["videos"], sheet.side_by_side(made, mask))
  assert shown["sheet"].shape != hidden["sheet"].shape


def test_a_model_that_went_wrong_is_shown_black():
  run = FakeRun(videos(2), tasks.generate(), lambda batch: batch["video"] * np.nan)
  found = result(run, num_videos=2)
  frame = found["videos"][0]
  assert (frame == 0).all(-1).sum() == 2 * 96 * 96  # two frames of 16x16, six times as large


def test_no_video_is_an_error():
  with pytest.raises(ValueError, match="no videos"):
    result(FakeRun(videos(1)[:0], tasks.generate(), white))
