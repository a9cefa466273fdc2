"""A progress bar where there is a terminal, and a line now and then where there is none."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Self

from tqdm import tqdm

LINE_EVERY = 15  # seconds between lines without a terminal


class Progress:
  """Counts what is done of `total`; use it in a `with`.

  Args:
    total: how many there are.
    unit: what is counted: "video".
  """

  def __init__(self, total: int, unit: str):
    live = sys.stderr.isatty()
    size = shutil.get_terminal_size((100, 24))  # of a terminal that says it has none
    self._bar = tqdm(
      total=total, unit=unit, ncols=min(size.columns, 110), nrows=size.lines, disable=not live, leave=False
    )
    self._live, self._total, self._unit = live, total, unit
    self._done, self._start, self._said = 0, time.monotonic(), time.monotonic()

  def update(self, count: int = 1, text: str = "") -> None:
    """Says that `count` more are done; `text` is shown beside them."""
    self._done += count
    if self._live:
      self._bar.set_postfix_str(text, refresh=False)
      self._bar.update(count)
    elif time.monotonic() - self._said > LINE_EVERY:
      self._said = time.monotonic()
      left = (self._said - self._start) / self._done * (self._total - self._done)
      tail = f", {text}" if text else ""
      print(
        f"{self._done:,} of {self._total:,} {self._unit}s{tail}, {tqdm.format_interval(left)} left",
        file=sys.stderr, flush=True,
      )  # fmt: skip

  def __enter__(self) -> Self:
    return self

  def __exit__(self, *_) -> None:
    self._bar.close()
