"""A trained run that needs nothing but its folder: neither the data nor the devices of its training."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np

from vgjax import configs, restore, sharding, step
from vgjax import workdir as workdir_lib
from vgjax.build import build
from vgjax.errors import ConfigError, DataError, VgjaxError, WorkdirError
from vgjax.run import Run
from vgjax.types import Model, Params

MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 128)  # of pixels, that a network may want height and width to be


@dataclasses.dataclass(frozen=True)
class Opened:
  """A run's network, ready to draw.

  Attributes:
    workdir: the run folder.
    run: what its config builds, on black data of the shape of the run's own.
    params: the weights, averaged where there is an average.
    trained_steps: at which they were saved.
    card: of the data that it was trained on: `frames`, `resolution`, and `fps` or `stride`.
  """

  workdir: pathlib.Path
  run: Run
  params: Params
  trained_steps: int
  card: Mapping[str, Any]

  @property
  def time(self) -> int:
    """Frames of a training video."""
    return int(self.card["frames"])

  @property
  def size(self) -> tuple[int, int]:
    """Height and width of a training video."""
    return int(self.card["resolution"][0]), int(self.card["resolution"][1])

  @property
  def channels(self) -> int:
    return int(self.card["resolution"][2])

  @property
  def devices(self) -> int:
    """Batches are of a multiple of these."""
    return self.run.mesh.size

  def task(self, name: str) -> dict[str, Any] | None:
    """The options of the run's task if it has that name, or of the first of its mixture that does."""
    return _find_task(self.run.config["task"], name)

  @property
  def model(self) -> Model:
    """The network that makes the frames: the first of `config.models`."""
    return next(iter(self.run.models.values()))

  @property
  def network(self) -> str:
    """The network's name, for the console."""
    return str(self.run.config["models"][self.model.branch]["name"])

  @property
  def any_time(self) -> bool:
    """Whether the network makes the frame of any time between two, however many are asked for at once."""
    part = self.run.config["models"][self.model.branch]
    name, options = configs.split_name(part, f"config.models.{self.model.branch}")
    module = configs.find("models", name, f"config.models.{self.model.branch}.name").Module
    return bool(getattr(module(**options), "any_time", False))

  def draw(self, frames: np.ndarray, given: np.ndarray, *, seed: int, number: int = 0) -> np.ndarray:
    """Fills in the frames that are not given.

    Args:
      frames: [batch, time, height, width, channels], uint8, or float32 in [-1, 1]; what is not given may hold
        anything.
      given: bool [time].
      seed: of what a stochastic model draws.
      number: of the batch, so that each draws its own.

    Returns:
      Of the same shape and type; the given frames are those of `frames`, exactly.
    """
    count = len(frames)
    extra = -count % self.devices
    if extra:
      frames = np.concatenate([frames, np.repeat(frames[-1:], extra, axis=0)])
    rng = jax.random.fold_in(jax.random.key(seed), number)
    placed = self.run.put({"video": np.ascontiguousarray(frames)})
    return np.asarray(self._jitted(self.params, placed, np.asarray(given, bool), rng))[:count]

  def multiple(self, time: int, height: int, width: int) -> int:
    """What height and width must be multiples of: the smallest at which the network can be traced.

    Raises:
      ConfigError: the network works at no size near this one.
    """
    error: Exception | None = None
    for multiple in MULTIPLES:
      shape = (1, time, -(-height // multiple) * multiple, -(-width // multiple) * multiple, self.channels)
      frames = jax.ShapeDtypeStruct(shape, jnp.uint8)
      try:
        jax.eval_shape(self._draw, self.params, {"video": frames}, np.ones(time, bool), jax.random.key(0))
        return multiple
      except (ValueError, TypeError, AssertionError, flax.errors.FlaxError) as problem:
        error = error or problem
    height, width = self.size
    raise ConfigError(
      f"the network of {self.workdir} does not work at {shape[3]}x{shape[2]} pixels, only at those that it"
      f" was trained at: --size {height}x{width} scales the video, --tile {height}x{width} works on pieces."
      f" ({str(error).strip().splitlines()[0][:200]})"
    ) from error

  def _draw(self, params, batch, given, rng):
    video = step.prepare(batch)["video"]
    mask = jnp.broadcast_to(jnp.asarray(given, video.dtype)[None, :, None, None, None], (*video.shape[:4], 1))
    made = self.run.method.sample(params, {"video": video, "hint": video * mask, "mask": mask}, rng)
    if made.shape != video.shape:
      raise ValueError(f"a video of {list(video.shape)} came out as {list(made.shape)}")
    if batch["video"].dtype != jnp.uint8:
      return made
    return jnp.round((jnp.clip(made, -1.0, 1.0) + 1.0) * 127.5).astype(jnp.uint8)

  @functools.cached_property
  def _jitted(self):
    return jax.jit(self._draw, out_shardings=sharding.batch_sharding(self.run.mesh))


def open_run(folder: pathlib.Path, which: str = "latest") -> Opened:
  """Builds the network of a run folder and reads its weights.

  Args:
    folder: the run folder.
    which: "latest", "best", or a number of steps.

  Raises:
    WorkdirError: it is no run folder.
    CheckpointError: it has no such checkpoint.
  """
  config = workdir_lib.read_config(folder)
  if config is None:
    state = "has no config.json" if folder.is_dir() else "does not exist"
    raise WorkdirError(
      f"{folder} {state}: it is no run folder. Name the --workdir of a run that was trained."
    )
  # The devices here are not those that it was trained on.
  here: dict[str, Any] = dict(mesh={}, batch_size=jax.device_count(), accumulate=1)
  card = workdir_lib.read_data(folder).get("card") or _look_up(config | here, folder)
  shape = tuple(int(n) for n in (card["frames"], *card["resolution"]))
  data = dict(name="vgjax.inference.blank", shape=shape)
  run = build(config | here | dict(data=data), folder)
  state = restore.open_state(run, which if which in ("latest", "best") else _number(which))
  return Opened(folder, run, step.averaged(state), int(state.step), card)


def _look_up(config: dict[str, Any], folder: pathlib.Path) -> Mapping[str, Any]:
  """The card of the training data, of the data itself: run folders of older versions do not keep it."""
  try:
    return build(config).source("train").card()
  except VgjaxError as error:
    raise DataError(
      f"{folder} is of an older version and does not say what its videos are like, and its data cannot be"
      f" read: {error}\nBring the data back, and it is found."
    ) from error


def _find_task(task: Mapping[str, Any], name: str) -> dict[str, Any] | None:
  found, options = configs.split_name(task, "config.task")
  if found == name:
    return options
  parts = (_find_task(part, name) for part in options.get("tasks", {}).values())
  return next((part for part in parts if part is not None), None)


def _number(text: str) -> int:
  if not text.isdecimal():
    raise ConfigError(f'--checkpoint is "latest", "best" or a number of steps, not {text!r}')
  return int(text)
