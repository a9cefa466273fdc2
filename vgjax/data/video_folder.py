"""A folder of video files as a source of clips.

Every file below the folder with a known suffix is a video. The splits are the folder's own `train/`,
`valid/` and `test/` where there is a `train/`; otherwise a stable hash of each file's relative path
decides, so that a video is in one split whole, in the same one in every run, and stays there when other
files come and go.

In training a clip begins anywhere in its video; in validation and test the clips are spread evenly over
it, the same every time. A file that cannot be read, or is shorter than a clip, is skipped, counted and
named; past `max_bad_fraction` of the files the run stops with the list (one is always tolerated).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from vgjax.data import transforms as transforms_lib
from vgjax.data import video as video_lib
from vgjax.data import video_index
from vgjax.errors import ConfigError, DataError

SPLITS = ("train", "valid", "test")
EXTENSIONS = (".mp4", ".webm", ".mkv", ".avi", ".mov", ".gif", ".m4v", ".mpg", ".mpeg", ".ogv")
CROPS = ("random", "center")
NAMED = 20  # bad files that a message lists


def make(
  *,
  split: str,
  seed: int,
  path: str,
  time: int = 16,
  fps: float | None = None,
  stride: int = 1,
  size: int | tuple[int, int] = 64,
  crop: str = "random",
  channels: int = 3,
  extensions: Sequence[str] = EXTENSIONS,
  clips_per_video: int | None = 1,
  valid_fraction: float = 0.1,
  test_fraction: float = 0.1,
  max_bad_fraction: float = 0.1,
  transforms: Sequence[Any] = (),
) -> VideoFolder:
  """Builds the source: lists the folder, splits it and reads the files' headers.

  Args:
    split: "train", "valid" or "test".
    seed: not used: training's randomness comes from the loader, and the other splits have none.
    path: the folder.
    time: frames in a clip.
    fps: frames a second, by timestamps; None takes the files' own frames.
    stride: without `fps`, every how many-th frame.
    size: height and width (one number: both). A frame is scaled with antialiasing, keeping its shape,
      until it covers them, and cropped.
    crop: "random" crops at random in training, "center" never; validation and test crop the centre.
    channels: 3 for RGB, 1 for grey.
    extensions: the suffixes of video files, in any case.
    clips_per_video: clips of each video an epoch, or in the fixed set; None takes as many as fit into it
      end to end, so that long videos count for more.
    valid_fraction: the share of the files for validation, where the folder has no `valid/`.
    test_fraction: the same for the test set.
    max_bad_fraction: the share of the files that may be bad; above 0 it allows at least one.
    transforms: named transforms of the training clips, see `vgjax.data.transforms`.

  Returns:
    A source of examples with `video`, uint8 [time, *size, channels].

  Raises:
    DataError: no such folder, no videos in it, none for this split, or too many bad ones.
  """
  del seed
  if split not in SPLITS:
    raise ConfigError(f"video_folder has the splits {', '.join(SPLITS)}, not {split!r}.")
  if crop not in CROPS:
    raise ConfigError(f"video_folder: crop is one of {', '.join(CROPS)}, not {crop!r}.")
  if time < 1 or stride < 1 or (fps is not None and fps <= 0):
    raise ConfigError("video_folder: time and stride must be at least 1, and fps above 0.")
  if clips_per_video is not None and clips_per_video < 1:
    raise ConfigError("video_folder: clips_per_video must be at least 1, or None.")
  root = pathlib.Path(path).expanduser()
  files = video_index.find_videos(root, extensions)
  sampling = Sampling(time=time, fps=fps, stride=stride)
  infos, bad = video_index.probe_all(root, files)
  for name in [name for name, info in infos.items() if sampling.room(info) < 0]:
    info = infos.pop(name)
    bad[name] = f"{root / name}: too short, {info.num_frames} frames in {info.duration:.2f} seconds"
  # One bad file is never a reason to stop, unless none are allowed at all.
  max_bad = max(1.0, max_bad_fraction * len(files)) if max_bad_fraction else 0
  _check_bad(root, bad, max_bad)
  if not infos:
    raise DataError(_list_bad(f"None of the {len(files)} video(s) of {root} can be used.", bad))
  if bad:
    warnings.warn(_list_bad(f"Skipped {len(bad)} of the {len(files)} videos of {root}:", bad), stacklevel=2)
  names = video_index.split_files(sorted(infos), valid_fraction, test_fraction)[split]
  if not names:
    raise DataError(
      f"The split {split!r} of {root} is empty: there is no folder {split}/ with videos that can be read, "
      f"and config.data.{split}_fraction is 0."
    )
  return VideoFolder(
    root=str(root),
    split=split,
    sampling=sampling,
    size=(size, size) if isinstance(size, int) else (size[0], size[1]),
    random_crop=crop == "random" and split == "train",
    channels=channels,
    entries=_entries(names, infos, sampling, clips_per_video),
    transforms=transforms_lib.build(transforms) if split == "train" else (),
    bad=bad,
    max_bad=max_bad,
  )


@dataclasses.dataclass(frozen=True)
class Sampling:
  """Which frames make a clip: `time` of them, at `fps`, or every `stride`-th."""

  time: int
  fps: float | None
  stride: int

  def room(self, info: video_lib.VideoInfo) -> float:
    """Seconds by which a video is longer than a clip; below zero it is too short."""
    if self.fps is None:
      return (info.num_frames - (self.time - 1) * self.stride - 1) / info.fps
    return info.duration - (self.time - 1) / self.fps - 0.5 / info.fps

  def clips(self, info: video_lib.VideoInfo) -> int:
    """How many clips fit into a video end to end."""
    length = self.time / self.fps if self.fps else self.time * self.stride / info.fps
    return max(1, int(info.duration / length))


@dataclasses.dataclass(frozen=True)
class Entry:
  """One clip of the epoch: clip `number` of `count` in a video."""

  name: str  # the file, relative to the folder, with forward slashes
  info: video_lib.VideoInfo
  number: int
  count: int


@dataclasses.dataclass(frozen=True)
class VideoFolder:
  """A source of clips; the arguments are those of `make`, worked out.

  Attributes:
    bad: the files found bad so far, each with the reason; those found while decoding are added by the
      process that meets them.
  """

  root: str
  split: str
  sampling: Sampling
  size: tuple[int, int]
  random_crop: bool
  channels: int
  entries: tuple[Entry, ...]
  transforms: tuple[transforms_lib.Transform, ...]
  bad: dict[str, str]
  max_bad: float  # files

  def __len__(self) -> int:
    return len(self.entries)

  def example(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Decodes one clip: `video`, uint8 [time, height, width, channels].

    When a file proves damaged the next entry takes its place. Which clip comes out depends on `index`,
    `rng` and the files, and not on what failed before: else a resumed run would see other clips.
    """
    for attempt in range(len(self)):
      entry = self.entries[(index + attempt) % len(self)]
      (stream,) = rng.spawn(1)
      try:
        video = self._decode(entry, stream)
      except video_lib.VideoError as error:
        self._skip(entry.name, error)
        continue
      return transforms_lib.apply(self.transforms, {"video": video}, stream)
    raise DataError(_list_bad(f"No video of {self.root} could be decoded.", self.bad))

  def card(self) -> dict[str, Any]:
    """What a protocol card says of this data."""
    contents = "\n".join(f"{e.name} {e.info.num_frames} {e.number}" for e in self.entries)
    return dict(
      dataset="video_folder",
      folder=pathlib.Path(self.root).resolve().name,
      split=self.split,
      num_videos=len(self),
      num_files=len({entry.name for entry in self.entries}),
      contents=hashlib.sha256(contents.encode()).hexdigest()[:16],
      frames=self.sampling.time,
      **({"fps": self.sampling.fps} if self.sampling.fps else {"stride": self.sampling.stride}),
      resolution=[*self.size, self.channels],
      resize="bicubic with antialiasing until it covers, then "
      + ("a random crop" if self.random_crop else "the centre crop"),
    )

  def _decode(self, entry: Entry, rng: np.random.Generator) -> np.ndarray:
    where = rng.random() if self.split == "train" else (entry.number + 0.5) / entry.count
    crop = (rng.random(), rng.random()) if self.random_crop else (0.5, 0.5)
    room = self.sampling.room(entry.info)
    if self.sampling.fps:
      start = where * room
    else:  # the middle of a frame's time on display: rounded timestamps cannot miss it
      start = (int(where * (round(room * entry.info.fps) + 1)) + 0.5) / entry.info.fps
    read = functools.partial(
      video_lib.read_video,
      os.path.join(self.root, entry.name),
      num_frames=self.sampling.time,
      fps=self.sampling.fps,
      stride=self.sampling.stride,
      size=self.size,
      crop=crop,
      channels=self.channels,
    )
    try:
      return read(start=start)
    except video_lib.TooShort as error:
      if error.missing == self.sampling.time:
        raise  # the file is cut off before the clip begins
      # Headers overstate a little: once more, earlier by what was missing.
      missing = error.missing / (self.sampling.fps or entry.info.fps / self.sampling.stride)
    try:
      return read(start=max(0.0, start - missing))
    except video_lib.TooShort:  # of variable rate: frames are not where the average says
      return read(start=0.0)

  def _skip(self, name: str, error: Exception) -> None:
    if name in self.bad:
      return
    self.bad[name] = str(error)
    warnings.warn(f"Skipped a video that cannot be decoded ({len(self.bad)} so far): {error}", stacklevel=3)
    _check_bad(self.root, self.bad, self.max_bad)


def _entries(
  names: Sequence[str], infos: dict[str, video_lib.VideoInfo], sampling: Sampling, count: int | None
) -> tuple[Entry, ...]:
  """The epoch's clips: the first of every video, then the second, so that the first n are diverse."""
  entries = []
  for name in names:
    clips = count or sampling.clips(infos[name])
    entries += [Entry(name, infos[name], number, clips) for number in range(clips)]
  return tuple(sorted(entries, key=lambda entry: (entry.number, entry.name)))


def _check_bad(root: str | os.PathLike, bad: dict[str, str], max_bad: float) -> None:
  if len(bad) > max_bad:
    raise DataError(
      _list_bad(
        f"{len(bad)} videos of {root} are bad, more than the {max_bad:.3g} allowed. Remove or repair them, "
        "or raise config.data.max_bad_fraction.",
        bad,
      )
    )


def _list_bad(message: str, bad: dict[str, str]) -> str:
  reasons = sorted(bad.values())
  more = [f"and {len(reasons) - NAMED} more"] if len(reasons) > NAMED else []
  return "\n  ".join([message, *reasons[:NAMED], *more])
