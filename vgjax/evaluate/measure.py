"""Two folders of videos, measured: distances between the sets, and metrics of the pairs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from vgjax import cards, configs, sharding
from vgjax.data import loader
from vgjax.data.sampling import Sampling
from vgjax.errors import ConfigError, DataError
from vgjax.evaluate import folders, motion, pairs
from vgjax.metrics import features, parts, per_frame, per_set
from vgjax.metrics.features import Features, Stream

CONVENTIONS: dict[str, str] = (
  {name: metric.convention for name, metric in per_set.METRICS.items()}
  | {name: metric.convention for name, metric in per_frame.METRICS.items()}
  | motion.METRICS
)  # of every metric
FRAMES_AT_ONCE = 128  # of all videos of a batch, unless one alone has more: fits into 4 GB


@dataclasses.dataclass(frozen=True)
class Protocol:
  """How two folders are compared.

  Attributes:
    metrics: names of `CONVENTIONS`.
    num_frames: of each video, from its first; None: as many as the shortest has.
    fps: frames a second; None takes every `stride`-th.
    stride: every how many-th frame.
    size: height and width that frames are scaled to cover and cropped to; None keeps theirs.
    num_videos: the most of each folder, drawn by `seed`; None for all.
    seed: of what is drawn.
    batch_size: videos at a time; None: by their length and the number of devices.
    extractors: {metric: dict(name=..., options)} for another network than the metric's own, see
      `vgjax.metrics.extractors.open`.
  """

  metrics: tuple[str, ...]
  num_frames: int | None = None
  fps: float | None = None
  stride: int = 1
  size: tuple[int, int] | None = None
  num_videos: int | None = None
  seed: int = 0
  batch_size: int | None = None
  extractors: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Measured:
  """What was found.

  Attributes:
    numbers: {metric: number or curve}.
    missing: {metric: why there is no number, and what to do}.
    notes: {metric: what its reader must be told}.
    bad: {folder: {name: why it is left out}}.
    card: the protocol card.
  """

  numbers: dict[str, Any]
  missing: dict[str, str]
  notes: dict[str, list[str]]
  bad: dict[str, dict[str, str]]
  card: dict[str, Any]


def check(metrics: Sequence[str]) -> tuple[str, ...]:
  """The names, if all are known.

  Raises:
    ConfigError: an unknown name.
  """
  if not metrics:
    raise ConfigError(f"--metrics names none; known: {', '.join(CONVENTIONS)}")
  for name in metrics:
    configs.pick(CONVENTIONS, name, "--metrics")
  return tuple(dict.fromkeys(metrics))


def measure(
  real: folders.Folder,
  fakes: Sequence[folders.Folder],
  protocol: Protocol,
  say: Callable[[str], None] = print,
) -> Measured:
  """Measures.

  Args:
    real: of `folders.look`.
    fakes: the same; several hold samples of the same videos, of which pairs also have a best one.
    protocol: how.
    say: told what is done, a line at a time.

  Raises:
    DataError: folders that cannot be compared: videos too short, of different sizes, none readable.
  """
  for name in protocol.extractors:
    configs.pick({n: None for n in protocol.metrics if n in per_set.METRICS}, name, "--extractor")
  time = protocol.num_frames or min(
    folders.most_frames(folder, protocol.fps, protocol.stride) for folder in (real, *fakes)
  )
  sampling = Sampling(time, protocol.fps, protocol.stride)
  real, *fakes = (folders.long_enough(folder, sampling) for folder in (real, *fakes))
  channels = 1 if all(folder.grey for folder in (real, *fakes)) else 3

  def clips(folder, videos):
    return folders.clips(folder, videos, sampling, size=protocol.size, channels=channels)

  sets = [clips(folder, _draw(folder.videos, protocol)) for folder in (real, *fakes)]
  for other in sets[1:]:
    _check_size(sets[0], other)
  say(_what_is_compared(sets, protocol))

  result = Measured({}, {}, {}, {}, _card(sets, protocol))
  _measure_sets(sets, protocol, result)
  wanted = [name for name in protocol.metrics if name in per_frame.METRICS]
  if wanted:
    matched = pairs.match(real, fakes)
    say(_what_is_paired(matched))
    if matched.groups:
      chosen = _draw(matched.groups, protocol)
      paired = [clips(folder, [group[i] for group in chosen]) for i, folder in enumerate((real, *fakes))]
      _measure_pairs([pairs.Pairs(paired[0], fake) for fake in paired[1:]], wanted, protocol, result)
      sets += paired
    else:
      for name in wanted:
        result.missing[name] = (
          "compares each fake video with the real one of the same name, and no two names are alike"
        )
  for name, chosen in (("real", [real]), ("fake", fakes)):
    result.bad[name] = {
      str(one.folder.root / k): v for one in sets if one.folder in chosen for k, v in one.bad.items()
    }
  result.card["missing"], result.card["notes"] = result.missing, result.notes
  result.card["left_out"] = {name: len(bad) for name, bad in result.bad.items()}
  return result


def _check_size(one, other):
  if one.shape == other.shape:
    return
  (height, width), (other_height, other_width) = (clips.shape[1:3] for clips in (one, other))
  raise DataError(
    f"The folders differ in size: {one.folder.root} has {width}x{height}, {other.folder.root} "
    f"{other_width}x{other_height}. Choose one for both, such as --size "
    f"{min(height, width, other_height, other_width)}."
  )


def _measure_sets(sets, protocol, result):
  time = sets[0].sampling.time
  wanted = [name for name in protocol.metrics if name in per_set.METRICS]
  ready, missing = per_set.prepare(wanted, time, protocol.extractors)
  moving, still = motion.prepare([name for name in protocol.metrics if name in motion.METRICS], time)
  result.missing |= missing | still
  used = per_set.by_card(ready) | ({"motion": motion.extractor(time)} if moving else {})
  if not used:
    return
  found = []
  for clips, word in zip(sets, ("real", *["fake"] * (len(sets) - 1))):
    stream = _stream(clips, protocol, "video")
    with features.bar(stream.size, f"{word} video") as progress:
      made_of = {"files": clips.folder.identity(), "clips": clips.card()}
      found.append(features.collect(used, stream, folder=parts.cache(), made_of=made_of, progress=progress))
    _note_unreadable(clips, next(iter(found[-1].values())).rows)
  real, fake = found[0], {name: _together([one[name] for one in found[1:]]) for name in used}
  for word, one in (("real", real), ("fake", fake)):
    result.card["num_videos"][word] = len(next(iter(one.values())).rows)
  if moving:
    both = [one.pop("motion").values for one in (real, fake)]
    if all(map(len, both)):
      result.numbers |= motion.figures(moving, *both, time)
    else:
      result.missing |= dict.fromkeys(moving, "of one folder no video could be read")
  for name, value in per_set.figures(ready, real, fake, seed=protocol.seed):
    if isinstance(value, str):
      result.missing[name] = value
    elif name == "notes":
      result.notes |= value
    elif name == "extractors":
      result.card["evaluator"]["extractors"] = value
    else:
      result.numbers[name] = value


def _together(found):
  """The features of several folders as those of one set."""
  return Features(*(np.concatenate(part) for part in zip(*found)))


def _measure_pairs(sources, wanted, protocol, result):
  params, missing = per_frame.prepare(wanted, *sources[0].real.shape[1:3])
  result.missing |= missing
  if not params:
    return
  found = []
  for source in sources:
    stream = _stream(source, protocol, "video", "fake")
    made_of = {
      word: {"files": clips.folder.identity(), "clips": clips.card()}
      for word, clips in (("real", source.real), ("fake", source.fake))
    }
    with features.bar(stream.size, "pair") as progress:
      of_one = features.collect(
        {"pairs": pairs.extractor(params)}, stream, folder=parts.cache(), made_of=made_of, progress=progress
      )
    found.append(of_one["pairs"])
  # The best is chosen of as many samples of each video.
  rows = sorted(set.intersection(*(set(one.rows.tolist()) for one in found)))
  result.card["num_videos"]["pairs"] = len(rows)
  if not rows:
    result.missing |= dict.fromkeys(params, "of no pair could both videos be read")
    return
  values = [one.values[np.isin(one.rows, rows)] for one in found]
  result.numbers |= pairs.figures(sorted(params), np.stack(values))


def _stream(source, protocol, *keys):
  """Batches of a source, split over all devices and hosts."""
  mesh = sharding.make_mesh()
  ways = math.lcm(mesh.size, jax.process_count())
  size = protocol.batch_size or max(1, min(16, FRAMES_AT_ONCE // _time(source)))
  size = -(-size // ways) * ways

  def open_from(number) -> Iterator[tuple[Any, jax.Array]]:
    batches = loader.eval_batches(
      source,
      batch_size=size,
      start_batch=number,
      process_index=jax.process_index(),
      process_count=jax.process_count(),
    )
    with batches:
      for batch in batches:
        weight = batch["weight"] * batch["ok"]
        placed = sharding.put_batch({key: batch[key] for key in keys} | {"weight": weight}, mesh)
        video = tuple(placed[key] for key in keys)
        yield video if len(keys) > 1 else video[0], placed["weight"]

  return Stream(len(source), size, open_from)


def _time(source):
  return (source.real if isinstance(source, pairs.Pairs) else source).sampling.time


def _draw(items, protocol):
  """At most `num_videos` of them, in their order."""
  if protocol.num_videos is None or protocol.num_videos >= len(items):
    return tuple(items)
  chosen = np.random.default_rng(protocol.seed).permutation(len(items))[: protocol.num_videos]
  return tuple(items[i] for i in sorted(chosen))


def _note_unreadable(clips, rows):
  """Names what another host, or a run before this one, found damaged."""
  for row in sorted(set(range(len(clips))) - set(rows.tolist())):
    name = clips.videos[row].name
    clips.bad.setdefault(name, f"{clips.folder.root / name}: it could not be decoded")


def _card(sets, protocol):
  real, *fakes = sets
  origins = [{"folder": str(fake.folder.root), **fake.card()} for fake in fakes]
  # How many samples there are of each video moves the best of them.
  samples = {"samples": len(fakes)} if len(fakes) > 1 else {}
  return dict(
    data=real.card(),
    split="folder",
    num_videos={"real": len(real), "fake": sum(map(len, fakes))},
    task=None,
    evaluator={"name": "folders", "seed": protocol.seed, "extractors": {}} | samples,
    conventions={name: CONVENTIONS[name] for name in protocol.metrics},
    value_range=[-1, 1],
    real=str(real.folder.root),
    fake=origins[0] if len(fakes) == 1 else origins,
    code=cards.code_version() | dict(jax=jax.__version__, device=jax.devices()[0].device_kind),
  )


def _what_is_compared(sets, protocol):
  time, height, width, channels = sets[0].shape
  rate = (
    f"at {protocol.fps:g} fps" if protocol.fps else f"every {protocol.stride}" if protocol.stride > 1 else ""
  )
  frames = " ".join(filter(None, [f"the first {time} frames" if time > 1 else "the first frame", rate]))
  lengths = [video.info.num_frames for one in sets for video in one.videos]
  longer = "" if min(lengths) == max(lengths) else f" (the videos have {min(lengths)} to {max(lengths)})"
  colour = "grey" if channels == 1 else "RGB"
  resize = sets[0].card()["resize"]
  resized = "" if resize == "none" else f", {resize}"
  return f"compared: {frames} of each video{longer}, {width}x{height} {colour}{resized}"


def _what_is_paired(matched):
  text = f"pairs by name: {len(matched.groups)}"
  for word, names in (("real", matched.real_only), ("fake", matched.fake_only)):
    if names:
      more = f" and {len(names) - 3} more" if len(names) > 3 else ""
      text += f"; {len(names)} {word} without a partner: {', '.join(names[:3])}{more}"
  return text
