"""What comes with a clip beside its video: label, text, sound, actions, all cut in step with its frames."""

from __future__ import annotations

import dataclasses
import functools
import os
import zipfile
import zlib

import numpy as np

from vgjax.data import audio as audio_lib
from vgjax.data import frame_folder
from vgjax.data import reader as reader_lib
from vgjax.data.manifest import Row
from vgjax.data.reader import VideoError
from vgjax.errors import ConfigError

TEXTS = (None, "bytes", "embedding")


@dataclasses.dataclass(frozen=True)
class Conditions:
  """Which of them examples hold; the arguments are those of `video_folder.make`."""

  root: str
  text: str | None
  text_length: int
  audio: bool
  mels: int
  sample_rate: int
  action: bool

  def __post_init__(self):
    if self.text not in TEXTS:
      raise ConfigError(f'config.data.text is "bytes", "embedding" or None, not {self.text!r}.')
    if min(self.text_length, self.mels, self.sample_rate // 1000) < 1:
      raise ConfigError("config.data: text_length and mels must be at least 1, sample_rate at least 1000.")

  def read(
    self, row: Row, times: np.ndarray, shown: np.ndarray, has_audio: bool, frame_fps: float | None
  ) -> dict[str, np.ndarray]:
    """The arrays that go with a clip.

    Args:
      row: what the clip is from.
      times: [time + 1], seconds: when each of the clip's frames begins, and when the last one ends.
      shown: [time], seconds: the frames' own times in the file.
      has_audio: whether the file has sound.
      frame_fps: frames a second of a folder of pictures; None for a video file.

    Returns:
      Of `text`, `audio` with `has_audio`, `action`: those that are wanted.

    Raises:
      VideoError: one of them is missing or cannot be read; the message names its file.
    """
    example = {}
    if self.text == "bytes":
      example["text"] = encode_text(row.text or "", self.text_length)
    elif self.text == "embedding":
      example["text"] = self._array(row, "embedding").astype(np.float32)
    if self.audio:
      example["audio"] = self._audio(row, times, has_audio)
      example["has_audio"] = np.float32(has_audio)
    if self.action:
      example["action"] = self._action(row, shown, frame_fps)
    return example

  def _audio(self, row: Row, times: np.ndarray, has_audio: bool) -> np.ndarray:
    if not has_audio:
      return np.zeros((len(times) - 1, self.mels), np.float32)
    start = max(0.0, times[0] - audio_lib.WINDOW)
    samples = audio_lib.read_samples(
      os.path.join(self.root, row.path),
      start=start,
      end=times[-1] + audio_lib.WINDOW,
      sample_rate=self.sample_rate,
    )
    if samples is None:
      return np.zeros((len(times) - 1, self.mels), np.float32)
    return audio_lib.log_mel(samples, sample_rate=self.sample_rate, times=times, mels=self.mels, start=start)

  def _action(self, row: Row, shown: np.ndarray, frame_fps: float | None) -> np.ndarray:
    actions = self._array(row, "action")
    if actions.dtype.kind in "iub" and actions.ndim == 1:
      actions = actions.astype(np.int32)
    else:
      actions = actions.reshape(len(actions), -1).astype(np.float32)
    path = os.path.join(self.root, row.path)
    if frame_fps is None:
      of_file = reader_lib.frame_times(path)
      numbers = np.searchsorted(of_file, shown + 1e-6, side="right") - 1
      count = len(of_file)
    else:
      numbers = np.rint(shown * frame_fps).astype(int)
      count = len(frame_folder.list_pictures(path))
    # The action after the last frame leads nowhere, and many recordings leave it out.
    if not count - 1 <= len(actions) <= count:
      of = os.path.join(self.root, row.action or "")
      raise VideoError(f"{of}: {len(actions)} actions for the {count} frames of {path}.")
    return actions[np.clip(numbers, 0, len(actions) - 1)]

  def _array(self, row: Row, column: str) -> np.ndarray:
    """An array that the manifest names."""
    name = getattr(row, column)
    if name is None:
      raise VideoError(f"{os.path.join(self.root, row.path)}: the manifest names no {column} of it.")
    path = os.path.join(self.root, name)
    try:
      array = _load(path, os.stat(path).st_mtime_ns, column)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
      raise VideoError(f"{path}: {column}: {reader_lib.reason(error)}") from error
    if not array.ndim or not array.size or array.dtype.kind not in "fiub":
      raise VideoError(f"{path}: {column}: {array.dtype} {list(array.shape)} is no array of numbers.")
    return array


def encode_text(text: str, length: int) -> np.ndarray:
  """Text as UTF-8, uint8 [length], zero padded; what is too long is cut off between two characters."""
  data = text.encode("utf-8", "replace")[:length]
  data = data.decode("utf-8", "ignore").encode()
  return np.frombuffer(data.ljust(length, b"\0"), np.uint8).copy()


@functools.lru_cache(128)
def _load(path: str, modified: int, key: str) -> np.ndarray:
  del modified  # a file that is written anew is read anew
  loaded = np.load(path, allow_pickle=False)
  if isinstance(loaded, np.ndarray):
    return loaded
  with loaded:
    if key not in loaded:
      raise ValueError(f"there is no array {key!r}, but {', '.join(loaded)}")
    return loaded[key]
