"""Pictures and videos to look at: contact sheets (PNG) and several videos in one (mp4).

All takes and gives uint8 on the host, grey or colour in, RGB out. Colours mean the same everywhere: teal
is given, grey is the truth, orange is made by the model. Frames are numbered from 1.
"""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GIVEN, TRUTH, MADE = (0, 132, 137), (104, 108, 114), (222, 101, 17)
_PAGE, _BLANK, _LINE, _INK = (255, 255, 255), (241, 242, 244), (203, 206, 210), (104, 108, 114)
_WIDTH = 1600  # pixels that the frames of a sheet may take; wider does not fit a page or a screen
_SMALLEST = 96  # pixels; smaller frames are enlarged by whole factors
_GAP = 4
_MID_GREY = 128  # the hint where nothing is given, 0 in [-1, 1]


class Row(NamedTuple):
  """One line of a sheet.

  Attributes:
    label: written to its left.
    colour: of the label.
    frames: pictures uint8 [height, width, 1 or 3], or None for an empty place.
    numbers: what is written above the frames, numbers or words; None if the row above has said it.
  """

  label: str
  colour: tuple[int, int, int]
  frames: list
  numbers: list[int] | list[str] | None = None


def contact_sheet(made, mask, *, given=None, truth=None, columns=10):
  """What was given, what was true and what the model made, one block of rows a video.

  A task that gives the first frames has the given frames in the first row, and below them, aligned with each
  other, truth and prediction of the frames that follow. Any other task has all rows aligned in time.

  Args:
    made: the model's videos, uint8 [number, time, height, width, channels].
    mask: [number, time, height, width, 1], 1 where a pixel was given.
    given: the hint, shaped like `made`; only its pixels under the mask are looked at, or, if there are none,
      all of a hint that is not all mid-grey, a translation's. None: `made` (given pixels are kept exactly).
    truth: shaped like `made`, or None if there is none to show.
    columns: the most frames in a row; of longer videos evenly spaced ones are shown.

  Returns:
    The picture, uint8 [height, width, 3].
  """
  blocks = []
  for i in range(len(made)):
    real, hint = (None if videos is None else videos[i] for videos in (truth, given))
    blocks.append(_block(made[i], np.asarray(mask[i]) > 0, hint, real, columns))
  return draw(blocks)


def given_and_predicted(given, made, mask, *, columns=10):
  """A contact sheet without truth, for videos longer than the data; arguments as in `contact_sheet`."""
  return contact_sheet(made, mask, given=given, columns=columns)


def draw(blocks):
  """A sheet of blocks of `Row`s, as uint8 [height, width, 3]; all frames have one shape."""
  rows = [row for block in blocks for row in block]
  if not rows:
    raise ValueError("a sheet needs at least one row")
  columns = max(len(row.frames) for row in rows)
  height, width = next(f.shape[:2] for row in rows for f in row.frames if f is not None)
  height, width = _cell(height, width, (_WIDTH - _GAP * columns) // columns)
  font, small = ImageFont.load_default(15), ImageFont.load_default(12)
  margin, number_line = 20, 18
  label_width = math.ceil(max(font.getlength(row.label) for row in rows)) + 24

  total = 2 * margin + sum(
    (number_line if row.numbers else 0) + height + _GAP for row in rows
  ) + (len(blocks) - 1) * margin  # fmt: skip
  sheet = Image.new("RGB", (2 * margin + label_width + columns * (width + _GAP) - _GAP, total), _PAGE)
  pen = ImageDraw.Draw(sheet)
  y = margin
  for block in blocks:
    for row in block:
      left = margin + label_width
      if row.numbers:
        for i, number in enumerate(row.numbers):
          place = (left + i * (width + _GAP) + width / 2, y + number_line - 4)
          pen.text(place, str(number), fill=_INK, font=small, anchor="ms")
        y += number_line
      pen.rectangle((margin, y, margin + 3, y + height - 1), fill=row.colour)
      pen.text((margin + 12, y + height / 2), row.label, fill=row.colour, font=font, anchor="lm")
      for i, frame in enumerate(row.frames):
        x = left + i * (width + _GAP)
        if frame is None:
          pen.rectangle((x, y, x + width - 1, y + height - 1), fill=_BLANK)
        else:
          sheet.paste(Image.fromarray(_resize(_rgb(frame), height, width)), (x, y))
          pen.rectangle((x, y, x + width - 1, y + height - 1), outline=_LINE)
      y += height + _GAP
    y += margin
  return np.asarray(sheet)


def tile(videos, *, columns=None, labels=None, colours=None):
  """Several videos in one, on a grid.

  Args:
    videos: uint8 [number, time, height, width, channels].
    columns: videos side by side; None: as many as make the picture about 16:9.
    labels: a word above each video of the first row, or None.
    colours: uint8 [number, time, 3], the colour of each video's border at each time, or None for none.

  Returns:
    uint8 [time, height, width, 3] with even sides, as video codecs want them.
  """
  number, time, height, width = videos.shape[:4]
  height, width = _cell(height, width, 512)
  border = 0 if colours is None else 3
  outer_height, outer_width = height + 2 * border, width + 2 * border
  columns = columns or _across(number, outer_height, outer_width)
  rows = -(-number // columns)
  head = 0 if labels is None else 22
  size = (rows * (outer_height + _GAP) + _GAP + head, columns * (outer_width + _GAP) + _GAP)
  page = Image.new("RGB", tuple(n + n % 2 for n in reversed(size)), _PAGE)
  if labels is not None:
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for i, label in enumerate(labels[:columns]):
      x = _GAP + i * (outer_width + _GAP) + outer_width / 2
      pen.text((x, head - 4), label, fill=_INK, font=font, anchor="ms")
  out = np.repeat(np.asarray(page)[None], time, axis=0)
  for i, video in enumerate(videos):
    y = head + _GAP + i // columns * (outer_height + _GAP)
    x = _GAP + i % columns * (outer_width + _GAP)
    if colours is not None:
      out[:, y : y + outer_height, x : x + outer_width] = np.asarray(colours)[i, :, None, None]
    y, x = y + border, x + border
    for t in range(time):
      out[t, y : y + height, x : x + width] = _resize(_rgb(video[t]), height, width)
  return out


def side_by_side(made, mask, truth=None):
  """Truth beside the model's video, for each example; the border tells given frames from made ones.

  Args:
    made: uint8 [number, time, height, width, channels].
    mask: [number, time, height, width, 1], 1 where a pixel was given. Where single pixels are given, a
      panel with what the model saw is put in front.
    truth: shaped like `made`, or None: the model's videos alone.

  Returns:
    uint8 [time, height, width, 3].
  """
  number, time = made.shape[:2]
  mask = np.greater(mask, 0)
  whole = np.all(mask, axis=(2, 3, 4))
  shades = np.where(whole[..., None], np.array(GIVEN, np.uint8), np.array(MADE, np.uint8))
  panels = {"predicted" if mask.any() else "generated": (made, shades)}
  if truth is not None:
    panels = {"truth": (truth, np.broadcast_to(np.array(TRUTH, np.uint8), shades.shape))} | panels
  if (mask.any(axis=(2, 3, 4)) & ~whole).any():
    seen = np.stack([[_hide(made[i, t], mask[i, t]) for t in range(time)] for i in range(number)])
    panels = {"given": (seen, np.broadcast_to(np.array(GIVEN, np.uint8), shades.shape))} | panels
  videos = np.stack([_video_rgb(video) for video, _ in panels.values()], axis=1)
  colours = np.stack([shade for _, shade in panels.values()], axis=1)
  across = len(panels) * _across(number, made.shape[2], made.shape[3] * len(panels))
  return tile(
    videos.reshape(-1, *videos.shape[2:]),
    columns=across,
    labels=list(panels) * (across // len(panels)),
    colours=colours.reshape(-1, time, 3),
  )


def _block(made, mask, given, truth, columns):
  """The rows of one video; `mask` is boolean [time, height, width, 1]; `given`, `truth` may be None."""
  whole, some = mask.all(axis=(1, 2, 3)), mask.any(axis=(1, 2, 3))
  time = len(made)
  if not some.any():
    shown = _spread(np.arange(time), columns)
    rows = []
    if given is not None and np.any(given != _MID_GREY):
      rows.append(Row("hint", GIVEN, [given[t] for t in shown]))
    if truth is not None:
      rows.append(Row("truth", TRUTH, [truth[t] for t in shown]))
    return _numbered([*rows, Row("generated", MADE, [made[t] for t in shown])], shown)

  given = made if given is None else given
  given_count = int(whole.sum())
  first_frames = whole[:given_count].all() and not some[given_count:].any() and given_count < time
  if first_frames:
    before, after = (_spread(part, columns) for part in np.split(np.arange(time), [given_count]))
    rows = [] if truth is None else [Row("truth", TRUTH, [truth[t] for t in after])]
    rows.append(Row("predicted", MADE, [made[t] for t in after]))
    first = Row("given", GIVEN, [given[t] for t in before])
    return _numbered([first], before) + _numbered(rows, after)

  # The frames that are given show best how well the others fit between them.
  landmarks = _spread(np.flatnonzero(whole), (columns + 1) // 2)
  others = _spread(np.flatnonzero(~whole), columns - len(landmarks))
  shown = np.sort(np.concatenate([landmarks, others]))
  rows = [Row("given", GIVEN, [_hide(given[t], mask[t]) if some[t] else None for t in shown])]
  if truth is not None:
    rows.append(Row("truth", TRUTH, [None if whole[t] else truth[t] for t in shown]))
  rows.append(Row("predicted", MADE, [None if whole[t] else made[t] for t in shown]))
  return _numbered(rows, shown)


def _numbered(rows, times):
  return [rows[0]._replace(numbers=[int(t) + 1 for t in times]), *rows[1:]]


def _spread(times, most):
  """At most `most` of the times, evenly spaced, the first and the last included."""
  if len(times) <= most:
    return times
  return times[np.round(np.linspace(0, len(times) - 1, most)).astype(int)]


def _hide(frame, mask):
  """The frame with its unknown pixels striped, so that they are not taken for black or grey ones."""
  height, width = frame.shape[:2]
  period = max(4, min(height, width) // 8)
  stripe = (np.add.outer(np.arange(height), np.arange(width)) // (period // 2)) % 2
  pattern = np.array([(222, 238, 239), (196, 222, 223)], np.uint8)[stripe]
  return np.where(mask, _rgb(frame), pattern)


def _across(number, height, width):
  """How many of `number` panels to put side by side for a picture of about 16:9, rows evenly filled."""
  columns = min(max(round(math.sqrt(number * 16 / 9 * height / width)), 1), number)
  return -(-number // -(-number // columns))


def _cell(height, width, most):
  """The size at which a frame is shown: enlarged by a whole factor, or shrunk to `most` pixels."""
  side = max(height, width)
  if side > most:
    return max(1, round(height * most / side)), max(1, round(width * most / side))
  factor = max(1, min(-(-_SMALLEST // side), most // side))
  return height * factor, width * factor


def _resize(frame, height, width):
  if frame.shape[:2] == (height, width):
    return frame
  smaller = height < frame.shape[0]
  method = Image.Resampling.LANCZOS if smaller else Image.Resampling.NEAREST
  return np.asarray(Image.fromarray(frame).resize((width, height), method))


def _video_rgb(video):
  return np.broadcast_to(video, (*video.shape[:-1], 3))


def _rgb(frame):
  if frame.shape[-1] not in (1, 3):
    raise ValueError(f"a frame to show has 1 or 3 channels, got {frame.shape[-1]}")
  return np.ascontiguousarray(_video_rgb(frame))
