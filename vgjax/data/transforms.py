"""Transforms of one example on the host: small functions `(example, rng) -> example`.

A config lists them by name, with their fields where they have some, and they apply in that order:

  transforms=("flip", dict(name="jitter", brightness=0.2))

Here belongs what changes the choice of pixels and frames. What a device does faster (scaling to [-1, 1],
masks, noise) is in the jitted step. A transform treats all frames of a video alike.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np

from vgjax import configs

Example = dict[str, np.ndarray]
Transform = Callable[[Example, np.random.Generator], Example]


def flip(example: Example, rng: np.random.Generator, *, probability: float = 0.5) -> Example:
  """Mirrors left and right. Not for digits, text, or actions which know left from right."""
  if rng.random() >= probability:
    return example
  return {**example, "video": example["video"][:, :, ::-1]}


def flip_vertical(example: Example, rng: np.random.Generator, *, probability: float = 0.5) -> Example:
  """Turns upside down: for microscopes and satellites, where no direction is up."""
  if rng.random() >= probability:
    return example
  return {**example, "video": example["video"][:, ::-1]}


def reverse(example: Example, rng: np.random.Generator, *, probability: float = 0.5) -> Example:
  """Plays the video backwards."""
  if rng.random() >= probability:
    return example
  return {**example, "video": example["video"][::-1]}


def crop(example: Example, rng: np.random.Generator, *, size: int) -> Example:
  """Cuts the same random square of `size` pixels out of every frame."""
  video = example["video"]
  height, width = video.shape[1:3]
  if size > min(height, width):
    raise ValueError(f"crop: a square of {size} pixels does not fit into {height}x{width}.")
  y = int(rng.integers(height - size + 1))
  x = int(rng.integers(width - size + 1))
  return {**example, "video": video[:, y : y + size, x : x + size]}


def jitter(
  example: Example, rng: np.random.Generator, *, brightness: float = 0.1, contrast: float = 0.1
) -> Example:
  """Scales contrast about the video's mean and shifts brightness, each by up to that share."""
  factor = 1 + contrast * rng.uniform(-1, 1)
  shift = 255 * brightness * rng.uniform(-1, 1)
  video = example["video"]
  mean = float(video.mean())
  table = np.clip(np.rint((np.arange(256) - mean) * factor + mean + shift), 0, 255)
  return {**example, "video": table.astype(np.uint8)[video]}  # 256 values: a look-up is all of it


TRANSFORMS = {function.__name__: function for function in (flip, flip_vertical, reverse, crop, jitter)}


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
