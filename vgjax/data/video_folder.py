"""A folder of videos, or a manifest of them, as a source of clips.

Every file below the folder with a known suffix is a video, and so is every folder of pictures; a manifest
lists them instead, or parts of them, with labels, captions and more (`manifest`). `listing` says which split
each is in: whole videos only, and the same in every run, also when other files come and go.

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
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vgjax.data import listing as listing_lib
from vgjax.data import sampling as sampling_lib
from vgjax.data import transforms as transforms_lib
from vgjax.data import video as video_lib
from vgjax.data import video_index
from vgjax.data.conditions import Conditions
from vgjax.data.manifest import Row
from vgjax.data.sampling import Entry, Sampling
from vgjax.errors import ConfigError, DataError

SPLITS = listing_lib.SPLITS
EXTENSIONS = (".mp4", ".webm", ".mkv", ".avi", ".mov", ".gif", ".m4v", ".mpg", ".mpeg", ".ogv")
EXTENSIONS += (".3gp", ".3g2", ".mts", ".m2ts", ".wmv", ".flv")  # older phones and cameras, Windows, the web
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
  manifest: str | Mapping[str, str] | None = None,
  columns: Mapping[str, str] | None = None,
  extensions: Sequence[str] = EXTENSIONS,
  frame_fps: float = 25.0,
  labels: str | None = None,
  text: str | None = None,
  text_length: int = 128,
  audio: bool = False,
  mels: int = 64,
  sample_rate: int = 16_000,
  action: bool = False,
  clips_per_video: int | None = 1,
  content: str | None = None,
  splits: Mapping[str, str] = {},
  valid_fraction: float = 0.1,
  test_fraction: float = 0.1,
  max_bad_fraction: float = 0.1,
  transforms: Sequence[Any] = (),
) -> VideoFolder:
  """Builds the source: lists the folder, splits it and reads the files' headers.

  Args:
    split: "train", "valid" or "test".
    seed: not used: training's randomness comes from the loader, and the other splits have none.
    path: the folder, or a manifest file; a `manifest.jsonl`, `.csv` or `.parquet` in the folder is used.
    time: frames in a clip.
    fps: frames a second, by timestamps; None takes the files' own frames.
    stride: without `fps`, every how many-th frame.
    size: height and width (one number: both). A frame is scaled with antialiasing, keeping its shape,
      until it covers them, and cropped.
    crop: "random" crops at random in training, "center" never; validation and test crop the centre.
    channels: 3 for RGB, 1 for grey.
    manifest: a manifest elsewhere, or {split: manifest}, relative to `path`, as the paths in it then are.
    columns: what to read of a manifest that another program wrote: {our column: its column or pattern}.
    extensions: the suffixes of video files, in any case.
    frame_fps: frames a second of folders of pictures.
    labels: "folder" takes the class from the first folder (below that of the split), "manifest" from there:
      `label`, int32. None gives none.
    text: "bytes" for the manifest's `text` as UTF-8 (empty where it says none), "embedding" for its
      `embedding` files: `text`. None gives none.
    text_length: bytes; longer ones are cut off, shorter ones padded with zeros.
    audio: whether to give the file's sound: `audio`, float32 [time, mels], as `vgjax.data.audio` defines it,
      and `has_audio`, 1, or 0 for a file without, whose `audio` is 0.
    mels: bands of `audio`.
    sample_rate: samples a second that the sound is resampled to.
    action: whether to give the manifest's `action` files, one action a frame of the file, in step with the
      clip: `action`, int32 [time] or float32 [time, dims]. Those of frames that are left out are too.
    clips_per_video: clips of each video an epoch, or in the fixed set; None takes as many as fit into it
      end to end, so that long videos count for more.
    content: a regular expression that finds in a path what the video was cut from, such as
      r"person\\d+": all videos of one content are in one split. A manifest's `content` does the same.
    splits: {split: a folder below `path`, or a text file there which lists paths}; without "train", the
      rest is for training.
    valid_fraction: the share of the files for validation, where nothing else says which they are.
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
  if time < 1 or stride < 1 or (fps is not None and fps <= 0) or frame_fps <= 0:
    raise ConfigError("video_folder: time and stride must be at least 1, fps and frame_fps above 0.")
  size = (size, size) if isinstance(size, int) else (size[0], size[1])
  if min(size) < 1 or channels not in (1, 3):
    raise ConfigError("video_folder: size must be at least 1, and channels 1 (grey) or 3 (RGB).")
  if clips_per_video is not None and clips_per_video < 1:
    raise ConfigError("video_folder: clips_per_video must be at least 1, or None.")
  listing = listing_lib.read(
    path,
    manifest=manifest,
    columns=columns,
    extensions=extensions,
    labels=labels,
    content=content,
    splits=splits,
  )
  root, rows = listing.root, listing.rows
  _check_columns(root, rows, {"text": text == "bytes", "embedding": text == "embedding", "action": action})
  sampling = Sampling(time=time, fps=fps, stride=stride)
  infos, unreadable = video_index.probe_all(
    root, list(dict.fromkeys(row.path for row in rows)), frame_fps=frame_fps
  )
  bad, usable = dict(unreadable), []
  for row in rows:
    if row.path in infos:
      info = sampling_lib.part(infos[row.path], row)
      if sampling.room(info) < 0:
        name = sampling_lib.key(row)
        bad[name] = f"{root / name}: too short, {info.num_frames} frames in {info.duration:.2f} seconds"
      else:
        usable.append(row)
  # One bad file is never a reason to stop, unless none are allowed at all.
  max_bad = max(1.0, max_bad_fraction * len(rows)) if max_bad_fraction else 0
  _check_bad(root, bad, max_bad)
  if not usable:
    raise DataError(_list_bad(f"None of the {len(rows)} video(s) of {root} can be used.", bad))
  if bad:
    warnings.warn(_list_bad(f"Skipped {len(bad)} of the {len(rows)} videos of {root}:", bad), stacklevel=2)
  mine = listing_lib.divide(usable, valid_fraction, test_fraction)[split]
  if not mine:
    raise DataError(
      f"The split {split!r} of {root} is empty: there is no folder {split}/ with videos that can be read, "
      f"and config.data.{split}_fraction is 0."
    )
  return VideoFolder(
    root=str(root),
    split=split,
    sampling=sampling,
    size=size,
    random_crop=crop == "random" and split == "train",
    channels=channels,
    frame_fps=frame_fps,
    entries=sampling_lib.entries(mine, infos, sampling, clips_per_video),
    classes=listing.classes,
    label_numbers=listing.numbers,
    conditions=Conditions(str(root), text, text_length, audio, mels, sample_rate, action),
    transforms=transforms_lib.build(transforms) if split == "train" else (),
    bad=bad,
    max_bad=max_bad,
  )


@dataclasses.dataclass(frozen=True)
class VideoFolder:
  """A source of clips; the arguments are those of `make`, worked out.

  Attributes:
    classes: the names of the classes, by number.
    bad: the files found bad so far, each with the reason; those found while decoding are added by the
      process that meets them.
  """

  root: str
  split: str
  sampling: Sampling
  size: tuple[int, int]
  random_crop: bool
  channels: int
  frame_fps: float
  entries: tuple[Entry, ...]
  classes: tuple[str, ...]
  label_numbers: Mapping[str | int | None, int]
  conditions: Conditions
  transforms: tuple[transforms_lib.Transform, ...]
  bad: dict[str, str]
  max_bad: float  # files

  def __len__(self) -> int:
    return len(self.entries)

  def example(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Decodes one clip: `video`, uint8 [time, height, width, channels], and what goes with it.

    When a file proves damaged the next entry takes its place. Which clip comes out depends on `index`,
    `rng` and the files, and not on what failed before: else a resumed run would see other clips.
    """
    for attempt in range(len(self)):
      entry = self.entries[(index + attempt) % len(self)]
      (stream,) = rng.spawn(1)
      try:
        example = self._read(entry, stream)
      except video_lib.VideoError as error:
        self._skip(entry.key, error)
        continue
      return transforms_lib.apply(self.transforms, example, stream)
    raise DataError(_list_bad(f"No video of {self.root} could be decoded.", self.bad))

  def card(self) -> dict[str, Any]:
    """What a protocol card says of this data."""
    contents = "\n".join(f"{e.key} {e.info.num_frames} {e.number}" for e in self.entries)
    return dict(
      dataset="video_folder",
      folder=pathlib.Path(self.root).resolve().name,
      split=self.split,
      num_videos=len(self),
      num_files=len({entry.name for entry in self.entries}),
      contents=hashlib.sha256(contents.encode("utf-8", "surrogateescape")).hexdigest()[:16],
      **({"classes": list(self.classes)} if self.classes else {}),
      frames=self.sampling.time,
      **({"fps": self.sampling.fps} if self.sampling.fps else {"stride": self.sampling.stride}),
      resolution=[*self.size, self.channels],
      resize="bicubic with antialiasing until it covers, then "
      + ("a random crop" if self.random_crop else "the centre crop"),
    )

  def fingerprint(self) -> str:
    """Changes when a run that resumes would see other examples: files, their sizes, rows or classes.

    Times of change do not count, so that a folder may be copied.
    """
    digest = hashlib.sha256(repr(self.classes).encode("utf-8", "surrogateescape"))
    for entry in self.entries:
      try:
        status = os.stat(os.path.join(self.root, entry.name))
        size = -1 if entry.info.codec == "frames" else status.st_size
      except OSError:
        size = -2
      line = f"{entry.row} {tuple(entry.info)} {entry.number} {entry.count} {size}\n"
      digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]

  def _read(self, entry: Entry, rng: np.random.Generator) -> dict[str, np.ndarray]:
    where = rng.random() if self.split == "train" else (entry.number + 0.5) / entry.count
    crop = (rng.random(), rng.random()) if self.random_crop else (0.5, 0.5)
    start, video, shown = self._decode(entry, where, crop)
    example: dict[str, Any] = {"video": video}
    if self.classes:
      example["label"] = np.int32(self.label_numbers[entry.row.label])
    times = self.sampling.times(start, shown, entry.info)
    frame_fps = self.frame_fps if entry.info.codec == "frames" else None
    example |= self.conditions.read(entry.row, times, shown, entry.info.has_audio, frame_fps)
    return example

  def _decode(
    self, entry: Entry, where: float, crop: tuple[float, float]
  ) -> tuple[float, np.ndarray, np.ndarray]:
    """(seconds at which the clip begins, video, [time] seconds of its frames)."""
    earliest = entry.row.start or 0.0
    start = earliest + self.sampling.start(entry.info, where)
    read = functools.partial(
      video_lib.read_clip,
      os.path.join(self.root, entry.name),
      num_frames=self.sampling.time,
      fps=self.sampling.fps,
      stride=self.sampling.stride,
      size=self.size,
      crop=crop,
      channels=self.channels,
      frame_fps=self.frame_fps,
    )
    try:
      return start, *read(start=start)
    except video_lib.TooShort as error:
      if error.missing == self.sampling.time:
        raise  # the file is cut off before the clip begins
      # Headers overstate a little: once more, earlier by what was missing.
      missing = error.missing / (self.sampling.fps or entry.info.fps / self.sampling.stride)
    try:
      start = max(earliest, start - missing)
      return start, *read(start=start)
    except video_lib.TooShort:  # of variable rate: frames are not where the average says
      return earliest, *read(start=earliest)

  def _skip(self, name: str, error: Exception) -> None:
    if name in self.bad:
      return
    self.bad[name] = str(error)
    warnings.warn(f"Skipped a video that cannot be decoded ({len(self.bad)} so far): {error}", stacklevel=3)
    _check_bad(self.root, self.bad, self.max_bad)


def _check_columns(root: os.PathLike, rows: Sequence[Row], wanted: Mapping[str, bool]) -> None:
  """What is wanted of a manifest is there: captions that are all empty teach nothing."""
  for column, want in wanted.items():
    if want and all(getattr(row, column) is None for row in rows):
      field = "action" if column == "action" else "text"
      raise ConfigError(
        f"config.data.{field} asks for the column {column!r} of a manifest, but none for {root} fills it. "
        "Write one (docs/data.md has the columns), and name it in config.data.manifest."
      )


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
