"""Transforms of one example on the host: small functions `(example, rng) -> example`.

A config lists them by name, with their fields where they have some, and they apply in that order:

  transforms=("flip", dict(name="jitter", brightness=0.2))

Here belongs what changes the choice of pixels and frames. What a device does faster (scaling to [-1, 1],
masks, noise) is in the jitted step. A transform treats all frames of a video alike.

A transform changes the video and leaves what goes with it. That is wrong where an action or a caption speaks
of left and right, or of an order: `flip`, `flip_vertical` and `reverse` refuse an example with `action`, and
are not to be used with captions or true positions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np
from PIL import Image

from vgjax import configs

Example = dict[str, np.ndarray]
Transform = Callable[[Example, np.random.Generator], Example]


def flip(example: Example, rng: np.random.Generator, *, probability: float = 0.5) -> Example:
  """Mirrors left and right. Not for digits, text, or actions which know left from right."""
  return _turn(example, rng, probability, axis=2, name="flip")


def flip_vertical(example: Example, rng: np.random.Generator, *, probability: float = 0.5) -> Example:
  """Turns upside down: for microscopes and satellites, where no direction is up."""
  return _turn(example, rng, probability, axis=1, name="flip_vertical")


def reverse(example: Example, rng: np.random.Generator, *, probability: float = 0.5) -> Example:
  """Plays the video backwards, and the spectra of its sound in the same order."""
  turned = _turn(example, rng, probability, axis=0, name="reverse")
  if turned is not example and "audio" in turned:
    turned["audio"] = turned["audio"][::-1]
  return turned


def _turn(example: Example, rng: np.random.Generator, probability: float, *, axis: int, name: str) -> Example:
  if "action" in example:
    raise ValueError(
      f"{name}: the examples have actions, which a mirrored or reversed video does not follow. Leave it out "
      "of config.data.transforms, or write a transform that changes the actions too."
    )
  if rng.random() >= probability:
    return example
  return {**example, "video": np.flip(example["video"], axis)}


def resize(example: Example, rng: np.random.Generator, *, size: int | tuple[int, int]) -> Example:
  """Scales with antialiasing: a number is the shorter side, keeping the shape; a pair is height and width."""
  del rng
  video = example["video"]
  height, width = video.shape[1:3]
  if isinstance(size, int):
    scale = size / min(height, width)
    size = max(size, round(height * scale)), max(size, round(width * scale))
  return {**example, "video": scale_video(video, size)}


def center_crop(example: Example, rng: np.random.Generator, *, size: int | tuple[int, int]) -> Example:
  """Cuts the middle out of every frame; a number is the side of a square."""
  del rng
  height, width = (size, size) if isinstance(size, int) else size
  video = _fits(example["video"], height, width, "center_crop")
  y, x = (video.shape[1] - height) // 2, (video.shape[2] - width) // 2
  return {**example, "video": video[:, y : y + height, x : x + width]}


def crop(example: Example, rng: np.random.Generator, *, size: int | tuple[int, int]) -> Example:
  """Cuts the same random window out of every frame; a number is the side of a square."""
  height, width = (size, size) if isinstance(size, int) else size
  video = _fits(example["video"], height, width, "crop")
  y = int(rng.integers(video.shape[1] - height + 1))
  x = int(rng.integers(video.shape[2] - width + 1))
  return {**example, "video": video[:, y : y + height, x : x + width]}


def resized_crop(
  example: Example,
  rng: np.random.Generator,
  *,
  size: int | tuple[int, int],
  area: tuple[float, float] = (0.3, 1.0),
  aspect: tuple[float, float] = (0.75, 4 / 3),
) -> Example:
  """Scales a random window to `size` (Szegedy et al. 2015, arXiv:1409.4842).

  Args:
    example: what to change.
    rng: decides the window, the same in every frame.
    size: height and width (one number: both).
    area: the least and the most share of the frame.
    aspect: the least and the most width over height; it is drawn evenly in its logarithm.
  """
  video = example["video"]
  height, width = video.shape[1:3]
  target = height * width * rng.uniform(*area)
  ratio = math.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1])))
  window = min(height, round(math.sqrt(target / ratio))), min(width, round(math.sqrt(target * ratio)))
  window = max(1, window[0]), max(1, window[1])
  y = int(rng.integers(height - window[0] + 1))
  x = int(rng.integers(width - window[1] + 1))
  cut = video[:, y : y + window[0], x : x + window[1]]
  return {**example, "video": scale_video(cut, (size, size) if isinstance(size, int) else size)}


def jitter(
  example: Example,
  rng: np.random.Generator,
  *,
  brightness: float = 0.1,
  contrast: float = 0.1,
  saturation: float = 0.0,
  hue: float = 0.0,
) -> Example:
  """Changes the colours of all frames alike.

  Args:
    example: what to change.
    rng: draws each change evenly between its two bounds.
    brightness: it is shifted by up to this share of the range.
    contrast: it is scaled, about the video's mean, by up to 1 plus or minus this.
    saturation: the distance from grey is scaled by up to 1 plus or minus this.
    hue: colours turn about the grey axis by up to this share of the circle (1 is all of it).
  """
  factor = 1 + contrast * rng.uniform(-1, 1)
  shift = 255 * brightness * rng.uniform(-1, 1)
  video = example["video"]
  if saturation or hue:
    video = _recolour(video, 1 + saturation * rng.uniform(-1, 1), hue * rng.uniform(-1, 1))
  mean = float(video.mean())
  table = np.clip(np.rint((np.arange(256) - mean) * factor + mean + shift), 0, 255)
  return {**example, "video": table.astype(np.uint8)[video]}  # 256 values: a look-up is all of it


def erase(
  example: Example,
  rng: np.random.Generator,
  *,
  probability: float = 0.5,
  area: tuple[float, float] = (0.02, 0.2),
  aspect: tuple[float, float] = (0.3, 3.3),
  value: int = 0,
) -> Example:
  """Blanks a random box at the same place in all frames (Zhong et al. 2017, arXiv:1708.04896).

  Args:
    example: what to change.
    rng: decides whether, and where.
    probability: how often.
    area: the least and the most share of the frame.
    aspect: the least and the most width over height of the box; it is drawn evenly in its logarithm.
    value: what it is filled with, 0 to 255.
  """
  if rng.random() >= probability:
    return example
  video = example["video"].copy()
  height, width = video.shape[1:3]
  target = height * width * rng.uniform(*area)
  ratio = math.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1])))
  box = (
    min(height, max(1, round(math.sqrt(target / ratio)))),
    min(width, max(1, round(math.sqrt(target * ratio)))),
  )
  y = int(rng.integers(height - box[0] + 1))
  x = int(rng.integers(width - box[1] + 1))
  video[:, y : y + box[0], x : x + box[1]] = value
  return {**example, "video": video}


def scale_video(video: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Scales frames, bicubic, antialiased where it shrinks.

  Args:
    video: [time, height, width, 1 or 3], uint8.
    size: height and width.
  """
  height, width = size
  if video.shape[1:3] == (height, width):
    return video
  grey = video.shape[-1] == 1
  frames = [Image.fromarray(np.ascontiguousarray(frame[..., 0] if grey else frame)) for frame in video]
  frames = [np.asarray(frame.resize((width, height), Image.Resampling.BICUBIC)) for frame in frames]
  return np.stack(frames)[..., None] if grey else np.stack(frames)


def cover(video: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Scales frames, keeping their shape, until they cover `size`, and takes their middle; as `scale_video`."""
  height, width = video.shape[1:3]
  scale = max(size[0] / height, size[1] / width)
  video = scale_video(video, (max(size[0], round(height * scale)), max(size[1], round(width * scale))))
  y, x = (video.shape[1] - size[0]) // 2, (video.shape[2] - size[1]) // 2
  return video[:, y : y + size[0], x : x + size[1]]


def _fits(video: np.ndarray, height: int, width: int, name: str) -> np.ndarray:
  if height > video.shape[1] or width > video.shape[2]:
    raise ValueError(
      f"{name}: a window of {height}x{width} pixels does not fit into {video.shape[1]}x{video.shape[2]}."
    )
  return video


def _recolour(video: np.ndarray, saturation: float, turn: float) -> np.ndarray:
  """One 3x3 matrix in the space of luma and two differences of colour (Y'IQ), as television sets turn hue."""
  if video.shape[-1] == 1:
    return video
  to_yiq = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
  angle = 2 * math.pi * turn
  c, s = saturation * math.cos(angle), saturation * math.sin(angle)
  matrix = np.linalg.inv(to_yiq) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ to_yiq
  return np.clip(np.rint(video @ matrix.T.astype(np.float32)), 0, 255).astype(np.uint8)


FUNCTIONS = (flip, flip_vertical, reverse, resize, crop, center_crop, resized_crop, jitter, erase)
TRANSFORMS = {function.__name__: function for function in FUNCTIONS}


def build(transforms: Iterable[Any]) -> tuple[Transform, ...]:
  """Turns a config's list into picklable functions.

  Args:
    transforms: each a name, a mapping with `name` and the fields of that transform, or a function
      `(example, rng) -> example`.

  Raises:
    ConfigError: an unknown name or field; it names the nearest one.
  """
  return tuple(_build_one(transform, f"transforms[{i}]") for i, transform in enumerate(transforms))


def apply(transforms: Iterable[Transform], example: Example, rng: np.random.Generator) -> Example:
  """Applies them in order. Each gets its own stream: adding one leaves those before it as they were."""
  for transform in transforms:
    (stream,) = rng.spawn(1)
    example = transform(example, stream)
  return example


def _build_one(transform: Any, where: str) -> Transform:
  if callable(transform) and not isinstance(transform, Mapping):
    return cast(Transform, transform)
  name, fields = configs.split_name({"name": transform} if isinstance(transform, str) else transform, where)
  function: Callable[..., Example] = configs.pick(TRANSFORMS, name, where)
  configs.check(function, fields, 2, where=where)
  return functools.partial(function, **fields)
