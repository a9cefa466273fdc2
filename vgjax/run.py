"""A run: all that one config builds, and the folder it writes."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from vgjax import configs, devices, sharding, step
from vgjax.data import loader
from vgjax.errors import ConfigError, DataError
from vgjax.models.layers.conditions import NUMBERED
from vgjax.optim import BranchOptimizer
from vgjax.types import Array, Batch, Evaluator, Method, Model, Source, Task, TrainState


@dataclasses.dataclass(frozen=True)
class PlannedEvaluator:
  """An evaluator of the config: `make(split)` builds it; it runs every `every` steps, and at the end."""

  make: Callable[[str], Evaluator]
  split: str
  every: int


@dataclasses.dataclass(frozen=True)
class Run:
  """What `build` makes of a config.

  Attributes:
    config: the config as plain dicts.
    workdir: the folder this run writes, or None to write nothing.
    mesh: the devices.
    models: {branch: network}.
    method: what is learned, and how to sample.
    task: what is given.
    optimizers: {trained branch: optimizer}.
    evaluators: {name: evaluator and when}.
    open_split: `split -> Source`.
  """

  config: dict[str, Any]
  workdir: Path | None
  mesh: jax.sharding.Mesh
  models: Mapping[str, Model]
  method: Method
  task: Task
  optimizers: Mapping[str, BranchOptimizer]
  evaluators: Mapping[str, PlannedEvaluator]
  open_split: Callable[[str], Source]
  seed: int
  steps: int
  batch_size: int
  accumulate: int
  rules: tuple
  loader_options: Mapping[str, Any]

  # What the program itself tells `loader.train_batches`; the rest is `config.loader`'s.
  LOADER_ARGUMENTS: ClassVar = (
    "batch_size",
    "seed",
    "start_step",
    "num_steps",
    "process_index",
    "process_count",
  )

  # -- the state -------------------------------------------------------------------------------

  @functools.cached_property
  def shapes(self) -> TrainState:
    """The state's shapes and types, without computing anything.

    Raises:
      ConfigError: a model refuses a value of its fields, or the videos.
    """
    init = step.make_init(self.method, self.task, self.optimizers)
    try:
      return jax.eval_shape(lambda batch: init(self.seed, batch), self._example_batch)
    except ConfigError:
      raise
    except ValueError as error:
      if not configs.is_refusal(error):
        raise
      raise ConfigError(f"config.models: {error}") from error

  @functools.cached_property
  def shardings(self) -> TrainState:
    return sharding.tree_shardings(self.shapes, self.mesh, self.rules)

  def init_state(self) -> TrainState:
    """A new state, born sharded: no device ever holds more than its share."""
    return self._init(self._example_batch)

  @functools.cached_property
  def _init(self) -> Callable[[Batch], TrainState]:
    init = step.make_init(self.method, self.task, self.optimizers)
    seed = self.seed  # a constant of the program: every process makes the same state
    options = devices.run_once(self.mesh.devices.flat[0].platform)
    return jax.jit(lambda batch: init(seed, batch), out_shardings=self.shardings, compiler_options=options)

  @functools.cached_property
  def _example_batch(self) -> Batch:
    example = self.source("train").example(0, np.random.default_rng(0))
    return {k: np.asarray(v)[None] for k, v in example.items()}

  @functools.cached_property
  def measured(self) -> dict[str, dict[str, Any]]:
    """{split: what `efficiency` measured}, so that it is measured once."""
    return {}

  # -- the jitted functions --------------------------------------------------------------------

  @functools.cached_property
  def update(self) -> Callable[[TrainState, Batch], tuple[TrainState, dict[str, Array]]]:
    """One step; the old state is donated."""
    update = step.make_update(self.method, self.task, self.optimizers, accumulate=self.accumulate)
    return jax.jit(
      update,
      in_shardings=(self.shardings, sharding.batch_sharding(self.mesh)),
      out_shardings=(self.shardings, sharding.replicated(self.mesh)),
      donate_argnums=0,
    )

  @functools.cached_property
  def sample(self) -> Callable[[TrainState, Batch, Array], Array]:
    """`(state, batch with hint and mask, rng) -> video` in [-1, 1], with the averaged weights."""
    return jax.jit(step.make_sample(self.method), out_shardings=sharding.batch_sharding(self.mesh))

  @functools.cached_property
  def _give_task(self):
    def give(batch, rng):
      return self.task(step.prepare(batch), rng)

    return jax.jit(give, out_shardings=sharding.batch_sharding(self.mesh))

  # -- the data --------------------------------------------------------------------------------

  @functools.cached_property
  def _sources(self) -> dict[str, Source]:
    return {}

  def source(self, split: str) -> Source:
    """The data of "train", "valid" or "test", opened once."""
    if split not in self._sources:
      self._sources[split] = self.open_split(split)
    return self._sources[split]

  def train_batches(self, start_step: int) -> loader.DevicePrefetch:
    """Device batches for the steps from `start_step` on, the same whatever was run before."""
    batches = loader.train_batches(
      self.source("train"),
      **self.loader_options,
      batch_size=self.batch_size,
      seed=self.seed,
      start_step=start_step,
      num_steps=self.steps,
      process_index=jax.process_index(),
      process_count=jax.process_count(),
    )
    return loader.device_prefetch(batches, self.put)

  def put(self, batch: dict[str, np.ndarray]) -> Batch:
    """This process's rows of a host batch, as global arrays.

    Raises:
      DataError: a label that a model has no class for, or a numbered action beyond those that are known.
    """
    for branch, model in self.models.items():
      who = f"config.models.{branch}"
      if model.classes and "label" in batch:
        _check_numbers(batch["label"], "label", model.classes, who, "set its `classes` (or `categories`)")
      if "action" in model.reads and "action" in batch and batch["action"].dtype.kind in "iu":
        _check_numbers(batch["action"], "action", NUMBERED, who, "number them anew, or make them vectors")
    return sharding.put_batch(batch, self.mesh)

  def batches(
    self, split: str, num_videos: int | None = None, batch_size: int | None = None, start: int = 0
  ) -> Iterator[Batch]:
    """The first `num_videos` of a split in order, with the task applied; `weight` is 0 for padding.

    `start` leaves out the batches before that one, and changes nothing of the others.
    """
    host_batches = loader.eval_batches(
      self.source(split),
      batch_size=batch_size or self.batch_size,
      num_examples=num_videos,
      start_batch=start,
      process_index=jax.process_index(),
      process_count=jax.process_count(),
    )
    key = jax.random.key(self.seed)
    for number, batch in enumerate(host_batches, start):
      yield self._give_task(self.put(batch), jax.random.fold_in(key, number))

  def num_parameters(self) -> dict[str, int]:
    """The number of parameters of each branch."""
    return {
      branch: sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))
      for branch, tree in self.shapes.params.items()
    }

  def check_task(self) -> None:
    """Applies the task to an example, before anything is computed.

    Raises:
      ValueError: the task does not fit the videos, or gives other frames than a model reads.
    """
    batch = {k: jnp.asarray(v) for k, v in self._example_batch.items()}
    mask = np.asarray(self.task(step.prepare(batch), jax.random.key(0))["mask"])
    for branch, model in self.models.items():
      given, time = model.given, mask.shape[1]
      if given and (time <= given or not (mask[:, :given] == 1).all()):
        raise ValueError(
          f"config.task gives other frames than the model reads: config.models.{branch}.given = {given} needs"
          f" the first {given} of {time} frames; set given=0 for a model that reads hint and mask,"
          f" or config.task = dict(name='predict', given={given})"
        )
      if model.reads_ends and model.window:
        every = model.window[0] - 1
        if (time - 1) % every or not (mask[:, ::every] == 1).all():
          raise ValueError(
            f"config.task gives other frames than the model reads: config.models.{branch} makes the frames"
            f" between given ones that are {every} apart, and of {time} frames it would need 0, {every},"
            f" {2 * every} and so on, up to the last; set config.task = dict(name='interpolate',"
            f" every={every}),"
            f" and let config.data make videos of {max(1, time // every) * every + 1} frames, say"
          )


def _check_numbers(numbers, name, known, who, remedy):
  wrong = numbers[(numbers < 0) | (numbers >= known)]
  if wrong.size:
    raise DataError(
      f"config.data gives the {name} {wrong.flat[0]}, but {who} knows 0 to {known - 1}; {remedy}"
    )
