"""A plain folder of videos, of any program, as clips to evaluate.

It holds video files, folders of pictures, or `.npy` / `.npz` arrays, in subfolders as it likes. Each video
gives one clip: its first frames, every `stride`-th, or at `fps`. Unlike in a training source, a file that
proves damaged is left out and named; no other takes its place.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from vgjax.data import arrays, frame_folder, transforms, video_folder, video_index
from vgjax.data import video as video_lib
from vgjax.data.array_file import File
from vgjax.data.sampling import Sampling
from vgjax.data.video import VideoInfo
from vgjax.errors import DataError

FRAME_FPS = 25.0  # of folders of pictures, which do not say theirs


@dataclasses.dataclass(frozen=True)
class Video:
  """One video of a folder.

  Attributes:
    name: its path below the folder; of an array that holds several, with the number in it.
    stem: what it is paired by: the name without suffix, or the number in the only array.
    info: what its header says.
    file: the array that it is in, or None.
    number: its place in that array.
  """

  name: str
  stem: str
  info: VideoInfo
  file: File | None = None
  number: int = 0


@dataclasses.dataclass(frozen=True)
class Folder:
  """What is in a folder.

  Attributes:
    root: the folder, or the file of arrays.
    videos: those whose headers can be read, in the order of their names.
    bad: {name: why it is left out}.
  """

  root: pathlib.Path
  videos: tuple[Video, ...]
  bad: dict[str, str]

  @property
  def grey(self) -> bool:
    """Whether all videos are arrays of one channel; files are read as RGB."""
    return all(v.file is not None and v.file.arrays["video"].shape[-1] == 1 for v in self.videos)

  def identity(self) -> str:
    """Changes when any file does: names, sizes, times of change."""
    digest = hashlib.sha256(str(self.root.resolve()).encode("utf-8", "surrogateescape"))
    for path in dict.fromkeys(
      video.file.path if video.file else self.root / video.name for video in self.videos
    ):
      inside = [path]
      if os.path.isdir(path):
        inside = [os.path.join(path, name) for name in frame_folder.list_pictures(path)]
      for one in inside:
        status = os.stat(one)
        line = f"{one} {status.st_size} {status.st_mtime_ns}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:24]


def look(path: str | os.PathLike) -> Folder:
  """Lists a folder and reads the headers.

  Raises:
    DataError: it is not there, or holds no videos that can be read.
  """
  root = pathlib.Path(path).expanduser()
  if root.is_file() and root.suffix.lower() not in arrays.SUFFIXES:
    raise DataError(f"{root}: it is a file; name the folder that it is in.")
  if not root.exists():
    raise DataError(f"{root.absolute()}: there is no such folder.")
  try:
    names = [] if root.is_file() else video_index.find_videos(
      root, video_folder.EXTENSIONS, frame_folders=True
    )  # fmt: skip
  except DataError as error:
    if not _array_files(root):
      raise DataError(
        f"No videos in the folder {root.absolute()}: {_held(root)}. It should hold video files, folders of "
        "pictures (a folder a video), or .npy / .npz arrays."
      ) from error
    names = []
  videos, bad = _of_files(root, names) if names else _of_arrays(root)
  if not videos:
    raise DataError("\n  ".join([f"None of the {len(bad)} videos of {root} can be read:", *listed(bad)]))
  by_stem: dict[str, str] = {}
  for video in videos:
    if video.stem in by_stem:
      raise DataError(
        f"{root}: {by_stem[video.stem]} and {video.name} have one name but for the suffix: keep one of them."
      )
    by_stem[video.stem] = video.name
  return Folder(root, tuple(videos), bad)


def long_enough(folder: Folder, sampling: Sampling) -> Folder:
  """Without the videos that are shorter than a clip.

  Raises:
    DataError: none is long enough; arrays at a rate.
  """
  if sampling.fps and any(video.file for video in folder.videos):
    raise DataError(f"{folder.root}: arrays do not say their frame rate; use --stride in place of --fps.")
  bad, videos = dict(folder.bad), []
  for video in folder.videos:
    if video.info.num_frames < 1 or sampling.room(video.info) < 0:
      bad[video.name] = f"{folder.root / video.name}: too short, {frames_of(video)}"
    else:
      videos.append(video)
  if not videos:
    longest = max(folder.videos, key=lambda video: video.info.num_frames)
    raise DataError(
      f"{folder.root}: no video has {sampling.time} frames{_rate(sampling)}; the longest, {longest.name}, "
      f"has {frames_of(longest)}. Ask for fewer with --num_frames."
    )
  return dataclasses.replace(folder, videos=tuple(videos), bad=bad)


def most_frames(folder: Folder, fps: float | None, stride: int) -> int:
  """The frames of a clip that every video can give."""
  if fps is None:
    return min((video.info.num_frames - 1) // stride + 1 for video in folder.videos)
  durations = (video.info.duration - 0.5 / video.info.fps for video in folder.videos)
  return max(1, int(min(durations) * fps + 1e-6) + 1)


@dataclasses.dataclass(frozen=True, eq=False)
class Clips:
  """A source of the first frames of each video, see `vgjax.types.Source`.

  Attributes:
    size: height and width to scale and crop to; None keeps the videos' own.
    bad: {name: why}, added to when a file proves damaged; its example has `ok` 0 and is black.
  """

  folder: Folder
  videos: tuple[Video, ...]
  sampling: Sampling
  size: tuple[int, int] | None
  channels: int
  bad: dict[str, str]

  def __len__(self) -> int:
    return len(self.videos)

  @property
  def shape(self) -> tuple[int, int, int, int]:
    """Of a clip: [time, height, width, channels]."""
    info = self.videos[0].info
    height, width = self.size or (info.height, info.width)
    return self.sampling.time, height, width, self.channels

  def example(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """`video`, uint8 [time, height, width, channels], and `ok`, float32, 1 if it could be read."""
    del rng
    video = self.videos[index]
    try:
      clip = self._read(video)
      if clip.shape != self.shape:
        raise DataError(
          f"{self.folder.root / video.name}: its frames are {clip.shape[2]}x{clip.shape[1]}, not the "
          f"{self.shape[2]}x{self.shape[1]} of the others or of its header; choose one with --size."
        )
    except DataError as error:
      self.bad[video.name] = str(error)
      return {"video": np.zeros(self.shape, np.uint8), "ok": np.array(0, np.float32)}
    return {"video": clip, "ok": np.array(1, np.float32)}

  def card(self) -> dict[str, Any]:
    """What a protocol card says of this data; a copy of the folder elsewhere says the same."""
    contents = "\n".join(f"{video.name} {tuple(video.info)}" for video in self.videos)
    return dict(
      dataset="folder",
      num_videos=len(self),
      contents=hashlib.sha256(contents.encode("utf-8", "surrogateescape")).hexdigest()[:16],
      frames=self.sampling.time,
      **({"fps": self.sampling.fps} if self.sampling.fps else {"stride": self.sampling.stride}),
      start="the video's first frame",
      resolution=list(self.shape[1:]),
      resize=self._resize(),
    )

  def _resize(self) -> str:
    if all((video.info.height, video.info.width) == self.shape[1:3] for video in self.videos):
      return "none"
    by = "Pillow" if any(v.file or v.info.codec == "frames" for v in self.videos) else "FFmpeg"
    return f"bicubic with antialiasing until it covers, then the centre crop ({by})"

  def _read(self, video: Video) -> np.ndarray:
    if video.file is None:
      return video_lib.read_video(
        self.folder.root / video.name,
        num_frames=self.sampling.time,
        fps=self.sampling.fps,
        stride=self.sampling.stride,
        size=self.size,
        channels=self.channels,
        frame_fps=FRAME_FPS,
      )
    stop = (self.sampling.time - 1) * self.sampling.stride + 1
    clip = video.file.arrays["video"][video.number, : stop : self.sampling.stride]
    if self.size is not None:
      scale = max(self.size[0] / clip.shape[1], self.size[1] / clip.shape[2])
      covers = [max(new, round(old * scale)) for new, old in zip(self.size, clip.shape[1:3])]
      rng = np.random.default_rng(0)  # neither draws
      example = transforms.resize({"video": clip}, rng, size=(covers[0], covers[1]))
      clip = transforms.center_crop(example, rng, size=self.size)["video"]
    return np.ascontiguousarray(np.broadcast_to(clip, (*clip.shape[:3], self.channels)))


def clips(
  folder: Folder,
  videos: Sequence[Video],
  sampling: Sampling,
  *,
  size: tuple[int, int] | None,
  channels: int,
) -> Clips:
  """The clips of some of a folder's videos.

  Raises:
    DataError: they differ in size, and no size is given.
  """
  sizes: dict[tuple[int, int], str] = {}
  for video in videos:
    sizes.setdefault((video.info.width, video.info.height), video.name)
  if size is None and len(sizes) > 1:
    (first, name), (second, other) = list(sizes.items())[:2]
    raise DataError(
      f"{folder.root}: the videos differ in size, {name} is {first[0]}x{first[1]} and {other} "
      f"{second[0]}x{second[1]}. Choose one for all, such as --size {min(min(one) for one in sizes)}."
    )
  return Clips(folder, tuple(videos), sampling, size, channels, dict(folder.bad))


def frames_of(video: Video) -> str:
  """The length of a video, in words."""
  noun = "frame" if video.info.num_frames == 1 else "frames"
  return f"{video.info.num_frames} {noun}" + ("" if video.file else f" in {video.info.duration:.2f} seconds")


def listed(bad: dict[str, str], most: int = 10) -> list[str]:
  """The reasons, and how many more there are."""
  reasons = [bad[name] for name in sorted(bad)]
  return reasons[:most] + ([f"and {len(reasons) - most} more"] if len(reasons) > most else [])


def _of_files(root: pathlib.Path, names: Sequence[str]) -> tuple[list[Video], dict[str, str]]:
  infos, bad = video_index.probe_all(root, names, frame_fps=FRAME_FPS)
  videos = []
  for name, info in infos.items():
    stem = name if info.codec == "frames" else name.rpartition(".")[0]
    videos.append(Video(name, stem, info))
  return sorted(videos, key=lambda video: frame_folder.natural_key(video.name)), dict(bad)


def _of_arrays(root: pathlib.Path) -> tuple[list[Video], dict[str, str]]:
  names = [""] if root.is_file() else _array_files(root)
  videos: list[Video] = []
  bad: dict[str, str] = {}
  for name in names:
    file = File(str(root / name) if name else str(root), None, None, False, False)
    try:
      count, time, height, width = file.arrays["video"].shape[:4]
    except DataError as error:
      bad[name or root.name] = str(error)
      continue
    info = VideoInfo(height, width, FRAME_FPS, time, time / FRAME_FPS, "array")
    stem = name.rpartition(".")[0]
    for number in range(count):
      place = f"{name or root.name}:{number}" if count > 1 else name or root.name
      one = str(number) if len(names) == 1 else f"{stem}:{number}" if count > 1 else stem
      videos.append(Video(place, one, info, file, number))
  return videos, bad


def _array_files(root: pathlib.Path) -> list[str]:
  paths = [p.relative_to(root) for p in root.rglob("*") if p.suffix.lower() in arrays.SUFFIXES]
  names = [path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts)]
  return sorted(names, key=frame_folder.natural_key)


def _held(root: pathlib.Path) -> str:
  files = [path for path in root.rglob("*") if path.is_file()]
  loose = sorted(path.name for path in root.iterdir() if frame_folder.is_picture(path.name))
  if loose:
    return f"it holds single pictures, such as {loose[0]}"
  return f"it holds {len(files)} other files, such as {min(files).name}" if files else "it is empty"


def _rate(sampling: Sampling) -> str:
  if sampling.fps:
    return f" at {sampling.fps:g} fps"
  return f" with --stride {sampling.stride}" if sampling.stride > 1 else ""
