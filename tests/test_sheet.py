"""Contact sheets and tiled videos: every frame is where a reader looks for it."""

import itertools

import numpy as np
import pytest

from vgjax import sheet


def coloured(number=1, time=6, height=16, width=16, channels=1):
  """Videos whose every frame is flat and has its own value, 10 * (time + 1) + number."""
  values = 10 * (np.arange(time) + 1) + np.arange(number)[:, None]
  frames = values[..., None, None, None] * np.ones((height, width, channels), int)
  return frames.astype(np.uint8)


def masked(shape, frames=(), rows=()):
  mask = np.zeros((*shape[:4], 1), np.float32)
  mask[:, list(frames)] = 1
  mask[:, :, list(rows)] = 1
  return mask


def values(picture):
  """The flat frames' values in reading order, one list for each line of frames."""
  lines, seen = [], None
  for row in picture:
    grey = (row[:, 0] == row[:, 1]) & (row[:, 1] == row[:, 2])
    line = [int(v) for v in row[grey, 0]]
    runs = [a for a, b in itertools.pairwise(line) if a == b]
    found = [v for i, v in enumerate(runs) if (i == 0 or runs[i - 1] != v) and runs.count(v) > 40]
    found = [v for v in found if 10 <= v < 200]
    if found and found != seen:
      lines.append(found)
    seen = found
  return lines


def test_prediction_has_given_frames_above_truth_above_prediction():
  truth = coloured()
  made = truth + np.uint8(5)
  picture = sheet.contact_sheet(made, masked(truth.shape, range(3)), given=truth, truth=truth)
  assert values(picture) == [[10, 20, 30], [40, 50, 60], [45, 55, 65]]
  assert picture.dtype == np.uint8 and picture.shape[-1] == 3


def test_interpolation_is_aligned_in_time_and_leaves_places_empty():
  truth = coloured(time=5)
  made = truth + np.uint8(5)
  picture = sheet.contact_sheet(made, masked(truth.shape, [0, 4]), given=truth, truth=truth)
  assert values(picture) == [[10, 50], [20, 30, 40], [25, 35, 45]]


def test_generation_has_one_row_a_video():
  made = coloured(number=3, time=4)
  assert values(sheet.contact_sheet(made, masked(made.shape))) == [
    [10, 20, 30, 40], [11, 21, 31, 41], [12, 22, 32, 42],
  ]  # fmt: skip


def test_translation_shows_the_hint_above():
  made, nothing = coloured(time=3), masked(coloured(time=3).shape)
  hint, truth = made + np.uint8(2), made + np.uint8(4)
  shown = sheet.contact_sheet(made, nothing, given=hint, truth=truth)
  assert values(shown) == [[12, 22, 32], [14, 24, 34], [10, 20, 30]]
  assert values(sheet.given_and_predicted(hint, made, nothing)) == [[12, 22, 32], [10, 20, 30]]
  grey = np.full_like(made, 128)  # of the task `generate`: there is nothing to show
  assert values(sheet.contact_sheet(made, nothing, given=grey)) == [[10, 20, 30]]


def test_inpainting_hides_what_was_not_given():
  truth = coloured(time=2)
  mask = masked(truth.shape, rows=range(8))
  picture = sheet.contact_sheet(truth + np.uint8(5), mask, given=truth, truth=truth)
  assert values(picture)[-2:] == [[10, 20], [15, 25]]
  assert values(picture)[0] == [10, 20]  # the upper half of the first row; below it are stripes
  stripes = (picture == (196, 222, 223)).all(-1)
  assert stripes.any() and not stripes[: stripes.any(1).argmax() - 40].any()


def test_long_videos_show_evenly_spaced_frames_with_first_and_last():
  made = coloured(time=16)
  found = values(sheet.contact_sheet(made, masked(made.shape), columns=6))
  assert found == [[10, 40, 70, 100, 130, 160]]


def test_subsampling_keeps_the_given_frames_of_an_interpolation():
  truth = coloured(time=17)
  picture = sheet.contact_sheet(truth, masked(truth.shape, [0, 8, 16]), columns=6)
  assert values(picture)[0] == [10, 90, 170] and len(values(picture)[1]) == 3


def test_given_and_predicted_has_no_truth():
  made = coloured()
  given = np.where(masked(made.shape, range(3)) > 0, made, 0).astype(np.uint8)
  picture = sheet.given_and_predicted(given, made, masked(made.shape, range(3)))
  assert values(picture) == [[10, 20, 30], [40, 50, 60]]


@pytest.mark.parametrize(
  "shape", [(1, 20, 4, 4, 1), (1, 5, 90, 160, 3), (1, 12, 300, 500, 3), (1, 3, 7, 11, 1)]
)
def test_any_size_fits_a_page(shape):
  picture = sheet.contact_sheet(coloured(*shape), masked(shape), columns=12)
  assert 96 <= picture.shape[1] <= 1900 and picture.shape[0] < 2000


def test_colours_survive():
  made = np.zeros((1, 1, 32, 32, 3), np.uint8)
  made[..., 0] = 200
  picture = sheet.contact_sheet(made, masked(made.shape))
  assert (picture == (200, 0, 0)).all(-1).sum() == 94 * 94  # 96 x 96 less its thin frame


def test_two_channels_are_refused():
  with pytest.raises(ValueError, match="1 or 3 channels, got 2"):
    sheet.contact_sheet(coloured(channels=2), masked((1, 6, 16, 16, 2)))


def test_tile_holds_every_video_whole_with_even_sides():
  videos = coloured(number=5, time=3)
  out = sheet.tile(videos)
  assert out.shape[0] == 3 and out.shape[1] % 2 == out.shape[2] % 2 == 0 and out.shape[3] == 3
  for t in range(3):
    for video in videos:
      assert (out[t] == video[t, 0, 0]).all(-1).sum() == 96 * 96


def test_tile_of_one_video_and_of_large_ones():
  assert sheet.tile(coloured(number=1, height=96, width=96)).shape == (6, 104, 104, 3)
  large = sheet.tile(coloured(number=2, time=1, height=600, width=1200))
  assert large.shape[2] <= 2 * 520


def test_side_by_side_marks_given_and_made_frames():
  truth = coloured(number=2, time=4, height=96, width=96)
  out = sheet.side_by_side(truth + np.uint8(5), masked(truth.shape, [0, 1]), truth)
  count = lambda t, colour: int((out[t] == np.uint8(colour)).all(-1).sum())
  border = 2 * (102 * 102 - 96 * 96)  # of two videos
  assert [count(t, sheet.GIVEN) for t in range(4)] == [border, border, 0, 0]
  assert [count(t, sheet.MADE) for t in range(4)] == [0, 0, border, border]
  for t in range(4):
    assert count(t, (10 * (t + 1),) * 3) == count(t, (10 * (t + 1) + 5,) * 3) == 96 * 96


def test_side_by_side_shows_what_an_inpainter_saw():
  truth = coloured(time=2, height=96, width=96)
  out = sheet.side_by_side(truth, masked(truth.shape, rows=range(48)), truth)
  assert out.shape[2] >= 3 * 102
  assert (out[0] == 10).all(-1).sum() == 2.5 * 96 * 96  # half of what was given, truth, prediction
