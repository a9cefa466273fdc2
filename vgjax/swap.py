"""Any content with any motion: the matrix of videos whose content code is one's and whose motion code
another's.

For models whose latents are called `content` and `motion`. A code is named by a number: a whole one is the
seed that draws it, one between two of them lies on the arc from the one code to the other,

  code(k + s) = cos(s pi/2) code(k) + sin(s pi/2) code(k + 1),   0 <= s <= 1,

which is drawn from N(0, 1) as both ends are. So `0, 1/7, ..., 1` changes one video into another in eight
steps, in content alone or in motion alone.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from vgjax import rollout, sheet
from vgjax.errors import ConfigError
from vgjax.evaluate import Report, keep
from vgjax.run import Run
from vgjax.sample import drawn_as, to_uint8, with_time
from vgjax.types import Array, TrainState

NAMES = ("content", "motion")
LAST = 2**31  # codes are numbered below this
_MOMENTS = 3  # frames of each video on the sheet


def parse(words: str, where: str) -> list[float]:
  """The numbers of codes: `3`, `0,2,5`, `0:7` (0, 1, ... 7) or `0:1:8` (8 numbers from 0 to 1).

  Raises:
    ConfigError: anything else.
  """
  try:
    found = []
    for word in words.split(","):
      first, *more = word.split(":")
      if not more:
        found.append(float(first))
      elif len(more) == 1:
        found += [float(n) for n in range(int(first), int(more[0]) + 1)]
      else:
        last, count = more
        found += np.linspace(float(first), float(last), int(count)).round(6).tolist()
  except ValueError:
    found = []
  if not found:
    raise ConfigError(
      f'{where} = "{words}" names no codes; write numbers, as 0,2,5, or 0:7 for 0 to 7, upwards, or 0:1:8 for'
      " eight from 0 to 1"
    )
  if not all(0 <= number < LAST for number in found):
    raise ConfigError(f'{where} = "{words}": codes are numbered from 0 to {LAST - 1}')
  return found


def swap(
  run: Run,
  state: TrainState,
  *,
  content: Sequence[float] = tuple(range(8)),
  motion: Sequence[float] = tuple(range(8)),
  time: int | None = None,
  split: str = "test",
  seed: int = 0,
) -> np.ndarray:
  """Videos of each content with each motion.

  Args:
    run: the run.
    state: its weights; branches with a moving average are sampled by it.
    content: the numbers of the content codes.
    motion: the numbers of the motion codes.
    time: frames a video; None: as many as the data has.
    split: what else the model reads, a label say, is that of this split's first example.
    seed: another seed draws other codes.

  Returns:
    uint8 `[contents, motions, time, height, width, channels]`.

  Raises:
    ConfigError: a model without such codes.
  """
  model = _model(run)
  batch = next(run.batches(split, 1))
  example = jax.tree.map(lambda a: np.asarray(a)[:1], multihost_utils.process_allgather(batch, tiled=True))
  example = jax.tree.map(np.asarray, with_time(example, time or example["video"].shape[1]))
  shapes = model.latents(example["video"].shape[1])
  codes = {
    name: np.stack([_code(name, number, shapes[name], seed) for number in numbers])
    for name, numbers in zip(NAMES, (content, motion))
  }
  rows, columns = (n.ravel() for n in np.indices((len(content), len(motion))))
  videos, size = [], run.batch_size
  for start in range(0, len(rows), size):
    cells = np.arange(start, start + size) % len(rows)  # the last batch is filled up from the beginning
    repeated = jax.tree.map(lambda a: np.repeat(a, size, axis=0), example)
    chosen = {"content": codes["content"][rows[cells]], "motion": codes["motion"][columns[cells]]}
    given = repeated | {rollout.LATENT + name: array for name, array in chosen.items()}
    made = run.sample(state, given, jax.random.key(seed))
    videos.append(np.asarray(multihost_utils.process_allgather(made, tiled=True)))
  videos = to_uint8(np.concatenate(videos)[: len(rows)])
  return videos.reshape(len(content), len(motion), *videos.shape[1:])


def write_swap(
  run: Run,
  state: TrainState,
  *,
  content: Sequence[float],
  motion: Sequence[float],
  time: int | None = None,
  split: str = "test",
  seed: int = 0,
) -> Report:
  """`swap`, written to the run folder: an mp4 of the matrix, and a sheet with moments of each video."""
  videos = swap(run, state, content=content, motion=motion, time=time, split=split, seed=seed)
  codes = f"content-{_in_words(content)}-motion-{_in_words(motion)}" + drawn_as(time, seed)
  step, report = int(state.step), Report()
  report.files += keep(run, f"swap-sheet-{codes}", step, matrix(videos, content, motion))
  report.files += keep(
    run, f"swap-{codes}", step, sheet.tile(videos.reshape(-1, *videos.shape[2:]), columns=len(motion))
  )
  return report


def matrix(videos: np.ndarray, content: Sequence[float], motion: Sequence[float]) -> np.ndarray:
  """A sheet, uint8 [height, width, 3]: a row for each content, its videos' first, middle and last frames."""
  moments = np.unique(np.linspace(0, videos.shape[2] - 1, _MOMENTS).round().astype(int))
  words = [f"motion {_word(number, 2)}" for number in motion]
  rows = []
  for n, (number, line) in enumerate(zip(content, videos, strict=True)):
    strips = [np.concatenate(list(video[moments]), axis=1) for video in line]
    rows.append(sheet.Row(f"content {_word(number, 2)}", sheet.MADE, strips, None if n else words))
  return sheet.draw([rows])


def _in_words(numbers: Sequence[float]) -> str:
  """What a file of these codes is called: `3`, `0to7`, `0to1in8`, or `0_2_5`; at most 80 characters."""
  count, first, last = len(numbers), numbers[0], numbers[-1]
  ends = f"{_word(first)}to{_word(last)}"
  if count > 1 and np.allclose(numbers, np.linspace(first, last, count), rtol=0, atol=1e-5):
    return ends if last - first == count - 1 else f"{ends}in{count}"
  each = "_".join(map(_word, numbers))
  return each if len(each) <= 80 else f"{ends}of{count}"


def _word(number: float, places: int = 6) -> str:
  """A number without needless digits: 3, not 3.0, and never 1e+06."""
  return f"{number:.{places}f}".rstrip("0").rstrip(".")


def _model(run):
  for model in run.models.values():
    if model.latents is not None and set(NAMES) <= set(model.latents(1)):
      return model
  found = sorted({name for m in run.models.values() if m.latents is not None for name in m.latents(1)})
  raise ConfigError(
    "content and motion can be swapped in models that draw them apart: mocogan, stylegan_v and dcgan2d; what"
    f" this run's models draw is called: {', '.join(found) or 'nothing'}"
  )


def _code(name: str, number: float, shape: Sequence[int], seed: int) -> Array:
  """The code of a number, float32."""
  key = jax.random.fold_in(jax.random.key(seed), NAMES.index(name))
  whole = math.floor(number)
  ends = [jax.random.normal(jax.random.fold_in(key, k), tuple(shape)) for k in (whole, whole + 1)]
  angle = (number - whole) * math.pi / 2
  return jnp.cos(angle) * ends[0] + jnp.sin(angle) * ends[1]
