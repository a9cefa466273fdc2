"""The metrics of sets of videos by name, as evaluators call them: each looks at features of two sets.

`prepare` opens the networks that the features come from, and says which of the metrics that were asked for
cannot run, and why; `figures` computes the others.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from vgjax import configs
from vgjax.errors import DataError, MissingWeights
from vgjax.metrics import extractors as extractor_lib
from vgjax.metrics import features, frechet, inception_score, kernel_distance, neighbours, resample
from vgjax.metrics.features import Features


class SetMetric(NamedTuple):
  """One metric.

  Attributes:
    extractor: the network whose features it compares, unless another one is asked for.
    compute: `(real, fake) -> number or NamedTuple`, of float arrays [number, dims].
    field: of the NamedTuple, the figure; "" if `compute` gives the number itself.
    convention: what the figure is, in words, for protocol cards.
    logits: it needs a classifier's answers.
    frechet: it is a Fréchet distance, of which `resample` knows more.
    unbiased: its mean does not depend on the number of videos.
  """

  extractor: str
  compute: Callable[[np.ndarray, np.ndarray], Any]
  field: str
  convention: str
  logits: bool = False
  frechet: bool = False
  unbiased: bool = False


def _inception_score(real, fake):
  del real
  return inception_score.inception_score(fake)


_FRECHET = "squared Fréchet distance, covariances divided by N - 1"
_KERNEL = "unbiased squared MMD of the kernel (a·b / dims + 1)^3 over all vectors"
_GAUSSIAN = "1000 times unbiased squared MMD, Gaussian kernel, sigma the median distance of real vectors"
METRICS = {
  "fvd": SetMetric("i3d", frechet.frechet_distance, "", f"{_FRECHET}; a vector a video", frechet=True),
  "kvd": SetMetric(
    "i3d", kernel_distance.kernel_video_distance, "", f"{_KERNEL}; a vector a video", unbiased=True
  ),
  "fid": SetMetric("inception", frechet.frechet_distance, "", f"{_FRECHET}; a vector a frame", frechet=True),
  "kid": SetMetric(
    "inception", kernel_distance.kernel_video_distance, "", f"{_KERNEL}; a vector a frame", unbiased=True
  ),
  "cmmd": SetMetric("i3d", kernel_distance.cmmd, "", f"{_GAUSSIAN}; a vector a video", unbiased=True),
  "is": SetMetric("i3d", _inception_score, "mean", "Inception Score, the mean of 10 parts", logits=True),
  "precision": SetMetric("i3d", neighbours.neighbours, "precision", "Kynkäänniemi et al. 2019, k = 3"),
  "recall": SetMetric("i3d", neighbours.neighbours, "recall", "Kynkäänniemi et al. 2019, k = 3"),
  "density": SetMetric("i3d", neighbours.neighbours, "density", "Naeem et al. 2020, k = 5"),
  "coverage": SetMetric("i3d", neighbours.neighbours, "coverage", "Naeem et al. 2020, k = 5"),
}


def check(names: Iterable[str], where: str) -> tuple[str, ...]:
  """The names, if all are known.

  Raises:
    ConfigError: an unknown name.
  """
  names = tuple(dict.fromkeys(names))
  for name in names:
    configs.pick(METRICS, name, where)
  return names


def prepare(
  names: Iterable[str], time: int, options: Mapping[str, Mapping[str, Any]] = {}
) -> tuple[dict[str, Any], dict[str, str]]:
  """Opens the extractors.

  Args:
    names: of `METRICS`.
    time: frames a video.
    options: {metric: dict(name=extractor, **its options)} where it is not the metric's own.

  Returns:
    {metric: extractor} of those that can run, and {metric: why not} of the others.
  """
  opened: dict[str, Any] = {}  # by what was asked for
  ready, missing = {}, {}
  for name in names:
    metric = METRICS[name]
    where, part = f"extractors.{name}", options.get(name, {"name": metric.extractor})
    extractor_name, fields = configs.split_name(part, where)
    key = repr((extractor_name, sorted(fields.items())))
    if key not in opened:
      try:
        opened[key] = extractor_lib.open(extractor_name, **fields)
      except MissingWeights as error:
        opened[key] = str(error)
    extractor = opened[key]
    if isinstance(extractor, str):
      missing[name] = extractor
    elif time < extractor.min_time:
      missing[name] = (
        f"{extractor.name} reads videos of {extractor.min_time} frames or more, these have {time}"
      )
    elif metric.logits and not extractor.logits:
      missing[name] = f"needs a classifier; {extractor.name} gives features that are no logits"
    else:
      ready[name] = extractor
  return ready, missing


def by_card(ready: Mapping[str, Any]) -> dict[str, Any]:
  """The extractors, each once, by a name that tells them apart."""
  return {repr(extractor.card): extractor for extractor in ready.values()}


def figures(
  ready: Mapping[str, Any],
  real: Mapping[str, Features],
  fake: Mapping[str, Features],
  *,
  intervals: bool = True,
  seed: int = 0,
) -> Iterator[tuple[str, Any]]:
  """The figures of two sets.

  Args:
    ready: {metric: extractor} of `prepare`.
    real: {extractor's name in `by_card`: features}.
    fake: the same.
    intervals: whether Fréchet distances have an interval and a curve over the number of videos.
    seed: of what is drawn at random for these.

  Yields:
    (metric, number), or (metric, the reason in words why there is none); of a Fréchet distance also what
    `resample.Examined.numbers` has, of the Inception Score `is/std`. At last two dicts: `notes`, {metric:
    what its reader must be told}, and `extractors`, {metric: card}.
  """
  done: dict[Any, Any] = {}
  notes: dict[str, list[str]] = {}
  for name, extractor in ready.items():
    metric, key = METRICS[name], repr(extractor.card)
    sets = real[key].values, fake[key].values
    try:
      if metric.frechet and intervals:
        with features.bar(resample.steps(*sets), f"{name} distance") as progress:
          examined = resample.examine(*sets, seed=seed, progress=progress)
        notes[name] = [note.text for note in examined.notes]
        yield from examined.numbers(name).items()
        continue
      if (metric.compute, key) not in done:  # precision, recall, ... are found together
        done[metric.compute, key] = metric.compute(*sets)
      found = done[metric.compute, key]
    except DataError as error:
      yield name, str(error)
      continue
    if metric.frechet:
      frames = sets[0].shape[1] if sets[0].ndim == 3 else 1
      told = resample.notes(len(sets[0]), len(sets[1]), sets[0].shape[-1], frames=frames)
      notes[name] = [note.text for note in told]
    elif not metric.unbiased:
      notes[name] = _of_number(metric, len(sets[0]), len(sets[1]))
    yield name, float(getattr(found, metric.field) if metric.field else found)
    if name == "is":
      yield "is/std", float(found.std)
  yield "notes", {name: texts for name, texts in notes.items() if texts}
  yield "extractors", {name: dict(extractor.card) for name, extractor in ready.items()}


def _of_number(metric, num_real, num_fake):
  """What must be told of a figure that moves with the number of videos."""
  if metric.logits:
    if num_fake >= resample.CUSTOMARY:
      return []
    return [f"of {num_fake} videos, lower than of more: compare it with figures of the same number only."]
  if num_real == num_fake >= resample.CUSTOMARY:
    return []
  return [
    f"of {num_real} real and {num_fake} made videos: customary are equal numbers, {resample.CUSTOMARY} or"
    " more; compare it with figures of the same numbers only."
  ]
