"""Two videos an example, `video` and `source`, each from a source of its own: for translation.

  config.data = dict(
    name="pairs", paired=True, time=16, size=64,              what both sources are told
    first=dict(name="video_folder", path="photos"),           what is to be made: `video`, and all beside it
    second=dict(name="video_folder", path="sketches"),        what it is made from: `source`
  )
  config.task = dict(name="translate")

Unpaired, the second video has nothing to do with the first: it is drawn at random in training, and fixed in
validation and test. Paired, both have one index and equal random generators, so that what they draw is alike:

* two sources of one kind with the same fields draw the same numbers. Clips begin at the same share of their
  files (the same frame, where these are equally long), crops and transforms are the same in both;
* rendered sources show one scene if the fields that differ change no draw: `moving_shapes` with another
  `background`, say; other lists of names draw other scenes;
* the videos of two folders must have the same names, without suffixes, and they are compared. A damaged file
  would be replaced by the next one, in one of the two folders only: set `max_bad_fraction=0.0` to be sure.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from vgjax import configs
from vgjax.data import order
from vgjax.data.video_folder import VideoFolder
from vgjax.errors import ConfigError, DataError
from vgjax.types import Source


def make(
  *,
  split: str,
  seed: int,
  first: Mapping[str, Any],
  second: Mapping[str, Any],
  paired: bool = False,
  **both: Any,
) -> Pairs:
  """Opens both sources.

  Args:
    split: "train", "valid" or "test", of both.
    seed: of both, where they do not say another.
    first: the source of `video` and of all that is beside it, with its `name` and fields.
    second: the source of `source`.
    paired: whether example i is made of example i of both.
    **both: fields of both, where they say nothing else.

  Returns:
    A source with as many examples as the first one has.

  Raises:
    ConfigError: unknown names or fields, of either.
    DataError: paired sources of other lengths, or whose videos have other names.
  """
  parts = {}
  for name, part in (("first", first), ("second", second)):
    where = f"config.data.{name}"
    kind, fields = configs.split_name(part, where)
    maker = configs.find("data", kind, f"{where}.name").make
    parts[name] = configs.call(maker, {"seed": seed} | both | fields, where=where, split=split)
  if not len(parts["second"]):
    raise DataError(f"pairs: the second source has no examples in the split {split!r}.")
  if paired:
    _check_pairs(split, **parts)
  return Pairs(split=split, seed=seed, paired=paired, **parts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pairs:
  """A source of two; the arguments are those of `make`, worked out."""

  split: str
  seed: int
  paired: bool
  first: Source
  second: Source

  def __len__(self) -> int:
    return len(self.first)

  def example(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """All of an example of the first source, and `source`, the `video` of one of the second.

    Raises:
      ConfigError: the first source has a `source` of its own.
    """
    state = int(rng.integers(2**63))
    example = self.first.example(index, np.random.default_rng(state))
    if "source" in example:
      raise ConfigError("pairs: examples of config.data.first have a `source` already")
    if self.paired:
      other = self.second.example(index, np.random.default_rng(state))
    elif self.split == "train":
      other = self.second.example(int(rng.integers(len(self.second))), rng)
    else:  # shuffled, so that two sets in one order do not become pairs
      (chosen,) = order.indices([index], len(self.second), self.seed)
      other = self.second.example(chosen, rng)
    return {**example, "source": other["video"]}

  def card(self) -> dict[str, Any]:
    """What a protocol card says of this data: the first source's words, and the second's under `source`."""
    first = self.first.card()
    return {**first, "dataset": "pairs", "video": first.get("dataset"), "paired": self.paired} | {
      "source": self.second.card()
    }

  def fingerprint(self) -> str:
    """Changes when either source's does."""
    found = []
    for source in (self.first, self.second):
      identify = getattr(source, "fingerprint", None)
      found.append(identify() if identify else None)
    return hashlib.sha256(repr((self.paired, found)).encode()).hexdigest()[:16]


def _check_pairs(split: str, first: Source, second: Source) -> None:
  if len(first) != len(second):
    raise DataError(
      f"pairs: in the split {split!r} the first source has {len(first)} examples and the second"
      f" {len(second)}. Pairs need the same number of both; with paired=False they need not."
    )
  for index, (ours, theirs) in enumerate(zip(_names(first), _names(second))):
    if ours != theirs:
      raise DataError(
        f"pairs: example {index} of the split {split!r} is {ours[0]!r} in the first source and"
        f" {theirs[0]!r} in the second. Give the files of a pair the same name, or set paired=False."
      )


def _names(source: Source) -> list[tuple[str, int]]:
  """The file of each example, without its suffix, and the clip in it; only a folder of videos has them."""
  if not isinstance(source, VideoFolder):
    return []
  return [(PurePath(entry.name).with_suffix("").as_posix(), entry.number) for entry in source.entries]
