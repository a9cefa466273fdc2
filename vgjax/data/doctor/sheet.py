"""The doctor's contact sheet: a strip of frames for each video, under its name."""

from __future__ import annotations

import functools
import io
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vgjax.data.doctor import console
from vgjax.data.doctor.examine import Checked

MOST = 60  # videos on a sheet
WIDTH, HEIGHT = 192, 108  # a frame of 16:9; others have this height
ACROSS = 8  # frames of 16:9 beside each other
_PAGE, _BLANK, _LINE = (255, 255, 255), (241, 242, 244), (203, 206, 210)
_INK, _FAINT, _WARN = (32, 34, 38), (104, 108, 114), (178, 34, 34)
_GAP, _MARGIN, _CAPTION, _HEAD = 4, 20, 26, 40


def choose(names: Sequence[str], remarks: Mapping[str, str]) -> list[str]:
  """Which videos to show: half the sheet for those with a remark, the others evenly spread."""
  marked = [name for name in names if name in remarks]
  plain = [name for name in names if name not in remarks]
  marked = _spread(marked, max(MOST // 2, MOST - len(plain)))
  return sorted(marked + _spread(plain, MOST - len(marked)))


def draw(title: str, videos: Sequence[Checked], remarks: Mapping[str, str]) -> Image.Image:
  """The sheet.

  Args:
    title: its headline.
    videos: what to show, with `strip`; one without is drawn as an empty strip.
    remarks: {name: what is wrong with it}, written in red.
  """
  columns = 1 if len(videos) <= 12 else 2
  column = (ACROSS * (WIDTH + _GAP) + _GAP) // columns - _GAP
  row = _CAPTION + HEIGHT + 3 * _GAP
  rows = -(-len(videos) // columns)
  page = 2 * _MARGIN + columns * column + (columns - 1) * _MARGIN, 2 * _MARGIN + _HEAD + rows * row
  sheet = Image.new("RGB", page, _PAGE)
  pen = ImageDraw.Draw(sheet)
  pen.text((_MARGIN, _MARGIN + 18), drawable(title), fill=_INK, font=ImageFont.load_default(20), anchor="ls")
  for i, video in enumerate(videos):
    # Down the first column, then down the second: names stay in order.
    left = _MARGIN + i // rows * (column + _MARGIN)
    top = _MARGIN + _HEAD + i % rows * row
    _caption(pen, left, top + _CAPTION - 8, column, video, remarks.get(video.name, ""))
    _strip(sheet, pen, left, top + _CAPTION, column, video)
  return sheet


def drawable(text: str) -> str:
  """Text for the font that comes with Pillow: without accents that it lacks, and ? for other letters."""
  return "".join(map(_drawable, text))


@functools.cache
def _drawable(letter: str) -> str:
  font = ImageFont.load_default(15)
  missing = bytes(font.getmask("\uffff"))
  for candidate in (letter, unicodedata.normalize("NFKD", letter)[0]):
    if candidate.isspace() or bytes(font.getmask(candidate)) != missing:
      return candidate
  return "" if unicodedata.combining(letter) else "?"


def _caption(pen, left: int, base: int, width: int, video: Checked, remark: str) -> None:
  font, small = ImageFont.load_default(15), ImageFont.load_default(13)
  facts = ""
  if video.decodes:
    rate = f"{'~' if video.variable_rate else ''}{video.fps:.4g} fps"
    facts = f"{video.width}x{video.height}   {rate}   {console.clock(video.duration)}"
  end = left + width
  for text, font_, colour in ((console.shorten(video.name, 48), font, _INK), (facts, small, _FAINT)):
    text = drawable(text)
    pen.text((left, base), text, fill=colour, font=font_, anchor="ls")
    left += round(font_.getlength(text)) + 16
  remark = drawable(remark)
  while remark and left + small.getlength(remark) > end:
    remark = remark[:-2].rstrip() + "…"
  pen.text((left, base), remark, fill=_WARN, font=small, anchor="ls")


def _strip(sheet: Image.Image, pen, left: int, top: int, width: int, video: Checked) -> None:
  frames = [Image.open(io.BytesIO(data)) for data in video.strip]
  if not frames:
    pen.rectangle((left, top, left + width - 1, top + HEIGHT - 1), fill=_BLANK)
    words = "not shown" if video.decodes else "no picture"
    pen.text((left + width / 2, top + HEIGHT / 2), words, fill=_FAINT, anchor="mm",
             font=ImageFont.load_default(13))  # fmt: skip
    return
  across = min(width, max(8, round(frames[0].width * HEIGHT / frames[0].height)))
  for frame in _spread(frames, max(1, (width + _GAP) // (across + _GAP))):
    sheet.paste(frame.resize((across, HEIGHT), Image.Resampling.LANCZOS), (left, top))
    pen.rectangle((left, top, left + across - 1, top + HEIGHT - 1), outline=_LINE)
    left += across + _GAP


def _spread(items: list, most: int) -> list:
  if len(items) <= most:
    return items
  return [items[i] for i in np.round(np.linspace(0, len(items) - 1, most)).astype(int)]
