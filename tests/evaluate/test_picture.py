"""The picture of an evaluation's curves."""

import numpy as np

from vgjax import plot
from vgjax.evaluate import picture

PAIRS = {"psnr": 2.0, "psnr/curve": [3.0, 2.0, 1.0], "psnr/best_of_2/curve": [4.0, 3.0, 2.0]}
SETS = {"fvd": 1.0, "fvd/number/curve": [8, 16, 32], "fvd/by_number/curve": [9.0, 5.0, 3.0]}


def test_a_panel_for_each_metric():
  frames = plot.panels({"psnr": {"": ([1, 2, 3], [3, 2, 1]), "best_of_2": ([1, 2, 3], [4, 3, 2])}}, "frame")
  videos = plot.panels({"fvd": {"": ([8, 16, 32], [9, 5, 3])}}, "videos of each")
  np.testing.assert_array_equal(picture.draw(PAIRS), frames)
  np.testing.assert_array_equal(picture.draw(SETS), videos)
  both = picture.draw(PAIRS | SETS)
  assert both is not None and both.dtype == np.uint8
  np.testing.assert_array_equal(both[: len(frames), : frames.shape[1]], frames)
  np.testing.assert_array_equal(both[len(frames) :, : videos.shape[1]], videos)


def test_the_activity_of_a_step_stands_at_its_later_frame():
  found = picture.draw({"activity/curve": [1.0, 2.0, 3.0], "activity/real/curve": [2.0, 2.0, 2.0]})
  curves = {"": ([2, 3, 4], [1, 2, 3]), "real": ([2, 3, 4], [2, 2, 2])}
  np.testing.assert_array_equal(found, plot.panels({"activity": curves}, "frame"))


def test_a_curve_of_one_point_is_none():
  assert (
    picture.draw({"psnr": 2.0, "psnr/curve": [2.0], "fvd/number/curve": [8], "fvd/by_number/curve": [1.0]})
    is None
  )
