"""Frames side by side under a strip of words."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GAP = 4  # pixels
_PAGE, _INK = (255, 255, 255), (60, 64, 70)


def join(frames: Sequence[np.ndarray], words: Sequence[str]) -> np.ndarray:
  """One frame of several, left to right.

  Args:
    frames: uint8 [height, width, 1 or 3], all of one size.
    words: what to write above each.

  Returns:
    uint8 [height + a strip, ..., 3], of even height and width.
  """
  height, width = frames[0].shape[:2]
  page, top = _page(height, width, tuple(words))
  page = page.copy()
  for number, frame in enumerate(frames):
    left = number * (width + _GAP)
    page[top : top + height, left : left + width] = frame
  return page


@functools.lru_cache(8)
def _page(height: int, width: int, words: tuple[str, ...]) -> tuple[np.ndarray, int]:
  """(the page without its frames, the strip's height)."""
  letters = min(48, max(10, height // 30, width // 40))
  top = letters + letters // 2 + 2
  size = (len(words) * (width + _GAP) - _GAP, top + height)
  page = Image.new("RGB", (size[0] + size[0] % 2, size[1] + size[1] % 2), _PAGE)
  pen, font = ImageDraw.Draw(page), ImageFont.load_default(letters)
  for number, word in enumerate(words):
    pen.text((number * (width + _GAP) + width / 2, top / 2), word, fill=_INK, font=font, anchor="mm")
  return np.asarray(page), top
