"""The few types everything in vgjax is made of.

A **model** knows tensors, a **method** knows models and how they learn, a **task** says what is given,
a **run** is all that one config builds. A **branch** is a named subtree of the parameters; the same name
is used in `config.models`, in `params`, for its loss, optimizer, average, sharding rules and logs. A
branch is *trained* (the method has a loss for it), *frozen* (it has none) or *written* (a loss returns
its new value, as batch statistics and codebook averages do).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import flax.struct
import jax
import numpy as np

Array = jax.Array
Tree = Any
Batch = dict[str, Array]
Params = dict[str, Tree]  # {branch: parameters}


class Aux(NamedTuple):
  """What a loss returns beside its value.

  Attributes:
    metrics: scalars to log, by name; the loop logs them as `<branch>/<name>`.
    writes: {branch: new value} of the branches that this loss replaces.
  """

  metrics: Mapping[str, Array] = {}
  writes: Mapping[str, Tree] = {}


class Output(NamedTuple):
  """What a model returns.

  Attributes:
    value: the network's output.
    writes: {branch: new value} of its other variables, in training.
    losses: {name: scalar} of the losses that it adds itself, in training.
  """

  value: Any
  writes: Mapping[str, Tree] = {}
  losses: Mapping[str, Array] = {}


class Model(NamedTuple):
  """A Linen module as two pure functions over branches.

  Attributes:
    branch: the name of its parameters in `params`; its other variables (batch statistics) live in the
      branch `<branch>_stats`.
    init: `(rng, *inputs) -> {branch: parameters, ...}`.
    apply: `(params, *inputs, train=False, rng=None) -> Output`.
    window: `(length, overlap)` of a model that works at one length of video only, of which the first
      `overlap` frames are given; None if any length will do.
    given: the number of first frames that the model reads as exactly given, whatever the mask says.
    reads_ends: whether it reads the first and the last frame of its window as exactly given, whatever the
      mask says, and makes those between.
    reads: what `apply` has keywords for beside the video: `truth`, the true video, for what only training
      may see (the posterior of a variational model, a privileged teacher); `follow_mask`, up to where of that
      truth such a model follows the posterior, in training too; any other name is an array [batch, time, ...]
      of the batch, such as `action`, which is always there.
    latents: `time -> {name: shape}` of what a generator draws for a video of `time` frames; None if it draws
      nothing by itself.
    classes: the number of labels that it knows, 0 to classes - 1; 0 if it reads none.
  """

  branch: str
  init: Callable[..., Params]
  apply: Callable[..., Output]
  window: tuple[int, int] | None = None
  given: int = 0
  reads_ends: bool = False
  reads: tuple[str, ...] = ()
  latents: Callable[[int], dict[str, tuple[int, ...]]] | None = None
  classes: int = 0


Loss = Callable[[Params, Batch, Array, Array], tuple[Array, Aux]]


class Method(NamedTuple):
  """A way to learn and to sample.

  Attributes:
    init: `(rng, batch) -> params`.
    losses: {branch: `(params, batch, rng, step) -> (scalar, Aux)`}, one for each trained branch.
    sample: `(params, batch, rng) -> video`, `[batch, time, height, width, channels]` in [-1, 1]; the
      pixels that `batch["mask"]` gives are kept exactly.
    watch: None, or `() -> watcher` of a method whose numbers need reading: the loop calls `watcher(step,
      numbers)` with the numbers of every logged step, and of evaluations while training, and says what comes
      back, a text, if there is any.
    lazy: {branch: n} where a part of the loss counts n times on the steps that n divides, and nothing on the
      others. The branch must have an update on as large a share of those steps as of all.
  """

  init: Callable[[Array, Batch], Params]
  losses: dict[str, Loss]
  sample: Callable[[Params, Batch, Array], Array]
  watch: Callable[[], Callable[[int, Mapping[str, float]], str | None]] | None = None
  lazy: Mapping[str, int] = {}


Task = Callable[[Batch, Array], Batch]  # (batch, rng) -> batch with `hint` and `mask`


class Codec(NamedTuple):
  """Maps video to the space a method works in, and back. Both are `(params, array) -> array`."""

  encode: Callable[[Params, Array], Array]
  decode: Callable[[Params, Array], Array]


@flax.struct.dataclass
class TrainState:
  """All that a checkpoint holds. `opt` and `ema` have an entry for each branch that uses one.

  With a branch its statistics, `<branch>_stats`, are averaged: averaged parameters need their own.
  """

  step: Array
  params: Params
  opt: dict[str, Tree]
  ema: dict[str, Tree]
  rng: Array  # key data, uint32; folded with the step, never changed


class Source(Protocol):
  """A split of a data set, read at random. The objects are picklable: worker processes get a copy.

  A source may also have

  * `fingerprint() -> str`, which changes when the files do: a run that resumes is refused other data;
  * `examples(indices, rngs) -> list`, if it reads many at once faster than one by one;
  * `batch(indices, rngs) -> dict` of stacked arrays, if it makes those faster still.
  """

  def __len__(self) -> int:
    """The number of examples in an epoch."""
    ...

  def example(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Example `index`; `video` is uint8 `[time, height, width, channels]`."""
    ...

  def card(self) -> dict[str, Any]:
    """What a protocol card must say of the data: name, split, frames, rate, resolution, resize."""
    ...


Evaluator = Callable[[Any, TrainState], Iterator[tuple[str, Any]]]  # (run, state) -> (name, value)
