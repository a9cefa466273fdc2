"""Moving shapes: videos of which everything is known, rendered as fast as they are read.

A shape of some color and size (its *content*) follows a path at some speed from some start (its *motion*),
over a background that stands still, and, with `sound`, swells with the beat of a drum that is heard. Content
and motion are independent numbers: `render` draws any content with any motion, so what a model makes of the
content of one video and the motion of another can be compared with the truth, pixel by pixel:

  a, b = source.example(0, rng), source.example(1, rng)
  swapped = render([Content.from_id(a["content"][0])], [Motion.from_id(b["motion"][0])])

`shapes_read` reads shape, color and motion back from a video, a sampled one too. There is no published set
of this kind that we follow; the conditions and the split are ours.

The splits are disjoint: of (content id + kind of motion + start) modulo 8, training has the remainders 0 to
5, validation 6, test 7, so no object looks and moves exactly as one of another split. `held_out` goes
further, and keeps whole combinations for validation and test.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from vgjax import configs
from vgjax.data import shapes_flow, shapes_sound, shapes_words
from vgjax.data.shapes_draw import BACKGROUNDS, COLORS, REACH, SHAPES, SIZES, Content, render
from vgjax.data.shapes_motion import MARGIN, PATHS, SPEEDS, STARTS, Motion, track
from vgjax.errors import ConfigError

SPLITS = ("train", "valid", "test")
BUCKETS = {"train": (0, 1, 2, 3, 4, 5), "valid": (6,), "test": (7,)}
HELD_OUT = {"shape_color": (0, 1), "shape_motion": (0, 2), "color_motion": (1, 2)}
ONE_IN = 4  # pairs that are held out


def make(
  *,
  split: str,
  seed: int,
  num_objects: int = 1,
  size: int = 64,
  time: int = 16,
  num_videos: int = 10_000,
  background: str = "black",
  label: str = "shape_motion",
  text_length: int | None = None,
  sound: bool = False,
  fps: float = 8.0,
  mels: int = 64,
  flow: bool = False,
  held_out: str | None = None,
  shapes: Sequence[str] = tuple(SHAPES),
  colors: Sequence[str] = tuple(COLORS),
  sizes: Sequence[str] = tuple(SIZES),
  paths: Sequence[str] = PATHS,
  speeds: Sequence[str] = tuple(SPEEDS),
  scale: float = 1.0,
) -> MovingShapes:
  """Builds the source. It takes no transforms: they would make what is known untrue.

  Args:
    split: "train" (fresh videos for ever), "valid" or "test" (fixed by `seed` and index).
    seed: fixes the validation and test sets; training takes its randomness from the loader.
    num_objects: shapes in a video.
    size: height and width of the video, at least 8; at 32 and above shapes are told apart with ease.
    time: frames in a video.
    num_videos: videos an epoch, or in the fixed set.
    background: "black", "plain" or "texture", see `shapes_draw.render`.
    label: the class of the first object: "shape", "color", "motion" (its path) or "shape_motion".
    text_length: bytes of the caption; None for as many as the longest one needs, 0 for no caption.
    sound: whether shapes swell with a beat, which examples then carry as features and as truth.
    fps: frames a second; it matters to the sound alone.
    mels: bands of the sound's features.
    flow: whether examples carry the optical flow, by which the evaluator `temporal` measures motion.
    held_out: "shape_color", "shape_motion" or "color_motion": of the pairs of these, a quarter (those whose
      places in the lists of all names add up to a multiple of 4) is never trained on, and is all that
      validation and test have. Every name by itself is trained on.
    shapes, colors, sizes, paths, speeds: the names that are drawn from; ids and labels do not change.
    scale: all radii are so many times what `shapes_draw.SIZES` says; 4/3 makes large shapes three eighths of
      the frame, for small models.

  Returns:
    A source of examples with `video`, uint8 [time, size, size, 3].

  Raises:
    ConfigError: unknown names, or fields that do not fit together.
  """
  where = "moving_shapes"
  for name, known in ((split, SPLITS), (background, BACKGROUNDS), (label, shapes_words.LABELS)):
    configs.pick(dict.fromkeys(known), name, where)
  if min(num_objects, time, num_videos) < 1:
    raise ConfigError(f"{where}: num_objects, time and num_videos must be at least 1.")
  if size < 8:
    raise ConfigError(f"{where}: size must be at least 8 pixels, not {size}.")
  if fps <= 0 or mels < 1:
    raise ConfigError(f"{where}: fps must be above 0 and mels at least 1; they are {fps} and {mels}.")
  sizes = _names(sizes, SIZES, "sizes")
  widest = max(SIZES[name] for name in sizes) * (1 + shapes_sound.SWELL if sound else 1) * REACH
  if not 0 < scale <= MARGIN / widest:
    raise ConfigError(
      f"{where}: scale must be above 0 and at most {MARGIN / widest:.3f}, not {scale}: larger shapes of the "
      f"sizes {', '.join(sizes)} {'with sound ' * sound}would leave the frame."
    )
  needed = shapes_words.longest_caption(num_objects)
  if text_length and text_length < needed:
    raise ConfigError(
      f"{where}: text_length {text_length} is too short: captions may have {needed} bytes. Give that, "
      "None for as many as they need, or 0 for no caption."
    )
  return MovingShapes(
    split=split,
    seed=seed,
    num_objects=num_objects,
    size=size,
    time=time,
    num_videos=num_videos,
    background=background,
    label=label,
    text_length=needed if text_length is None else text_length,
    sound=sound,
    fps=fps,
    mels=mels,
    flow=flow,
    held_out=held_out,
    combinations=_combinations(split, held_out, shapes, colors, paths),
    sizes=sizes,
    speeds=_names(speeds, SPEEDS, "speeds"),
    scale=scale,
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MovingShapes:
  """A source of moving shapes; the arguments are those of `make`.

  Attributes:
    combinations: the (shape, color, path) that this split draws from.
  """

  split: str
  seed: int
  num_objects: int
  size: int
  time: int
  num_videos: int
  background: str
  label: str
  text_length: int
  sound: bool
  fps: float
  mels: int
  flow: bool
  held_out: str | None
  combinations: tuple[tuple[str, str, str], ...]
  sizes: tuple[str, ...]
  speeds: tuple[str, ...]
  scale: float

  def __len__(self) -> int:
    return self.num_videos

  def example(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Renders one video.

    Returns:
      * `video`, uint8 [time, size, size, 3];
      * `content` and `motion`, int32 [objects]: ids for `Content.from_id` and `Motion.from_id`; the last
        object is in front;
      * `background`, int32: `background_id` of `render`, which with these gives the video again;
      * `position`, float32 [objects, time, 2]: the centre (y, x) in pixels, 0 at the first pixel's centre;
      * `velocity`, alike: the way from this frame to the next, in pixels;
      * `label`, int32, of the first object; `text`, uint8 [text_length], unless that is 0;
      * with sound `audio`, float32 [time, mels], log-mel; `beat`, int32 [time], 1 at a beat's frame;
        `rhythm`, int32, for `Rhythm.from_id`;
      * with flow `flow` and `valid` of `shapes_flow.flow`.
    """
    if self.split != "train":
      rng = np.random.default_rng((self.seed, SPLITS.index(self.split), index))
    contents, motions = zip(*(self._draw(rng) for _ in range(self.num_objects)))
    background_id = int(rng.integers(2**31)) if self.background != "black" else 0
    rhythm = shapes_sound.draw_rhythm(rng) if self.sound else None
    video = render(
      contents,
      motions,
      size=self.size,
      time=self.time,
      background=self.background,
      background_id=background_id,
      rhythm=rhythm,
      scale=self.scale,
    )
    tracks = np.array([track(motion, self.time + 1, self.size) for motion in motions])
    example = dict(
      video=video,
      content=np.array([content.id for content in contents], np.int32),
      motion=np.array([motion.id for motion in motions], np.int32),
      background=np.array(background_id, np.int32),
      position=tracks[:, :-1].astype(np.float32),
      velocity=np.diff(tracks, axis=1).astype(np.float32),
      label=np.array(shapes_words.label_of(self.label, contents[0], motions[0]), np.int32),
    )
    if self.text_length:
      text = shapes_words.caption(contents, motions, self.time)
      example["text"] = shapes_words.to_bytes(text, self.text_length)
    if self.flow:
      options = dict(size=self.size, time=self.time, rhythm=rhythm, scale=self.scale)
      found = shapes_flow.flow(contents, motions, **options)
      example["flow"], example["valid"] = found
    if rhythm is not None:
      example["audio"] = shapes_sound.features(rhythm, self.time, self.fps, self.mels).copy()
      example["beat"] = shapes_sound.beats(rhythm, self.time)
      example["rhythm"] = np.array(rhythm.id, np.int32)
    return example

  def card(self) -> dict[str, Any]:
    """What a protocol card says of this data."""
    shapes, colors, paths = (sorted(set(names)) for names in zip(*self.combinations))
    return dict(
      dataset="moving_shapes",
      split=self.split,
      held_out=self.held_out,
      num_objects=self.num_objects,
      shapes=shapes,
      colors=colors,
      sizes=list(self.sizes),
      paths=paths,
      speeds=list(self.speeds),
      scale=self.scale,
      background=self.background,
      label=self.label,
      sound=self.sound,
      num_videos=self.num_videos,
      frames=self.time,
      stride=1,
      resolution=[self.size, self.size, 3],
      resize="none",
      seed=self.seed,
    )

  def _draw(self, rng: np.random.Generator) -> tuple[Content, Motion]:
    shape, color, path = self.combinations[rng.integers(len(self.combinations))]
    content = Content(shape, color, self.sizes[rng.integers(len(self.sizes))])
    # What is still has no speed; it is drawn all the same, and the stream stays in step.
    speed = self.speeds[rng.integers(len(self.speeds))]
    motion = Motion(path, "slow" if path == "still" else speed, 0)
    buckets = BUCKETS[self.split]
    wanted = buckets[rng.integers(len(buckets))] - bucket(content, motion)
    return content, motion._replace(start=int(8 * rng.integers(STARTS // 8) + wanted % 8))


def bucket(content: Content, motion: Motion) -> int:
  """The remainder that decides on the split, 0 to 7."""
  kind, start = divmod(motion.id, STARTS)
  return (content.id + kind + start) % 8


def is_held_out(held_out: str, combination: tuple[str, str, str]) -> bool:
  """Whether a (shape, color, path) is kept for validation and test."""
  places = [list(names).index(name) for names, name in zip((SHAPES, COLORS, PATHS), combination)]
  return sum(places[axis] for axis in HELD_OUT[held_out]) % ONE_IN == 0


def _combinations(
  split: str, held_out: str | None, shapes: Iterable[str], colors: Iterable[str], paths: Iterable[str]
) -> tuple[tuple[str, str, str], ...]:
  """The (shape, color, path) of a split."""
  chosen = (_names(shapes, SHAPES, "shapes"), _names(colors, COLORS, "colors"), _names(paths, PATHS, "paths"))
  whole = list(itertools.product(*chosen))
  if held_out is None:
    return tuple(whole)
  configs.pick(HELD_OUT, held_out, "moving_shapes: held_out")
  kept = [each for each in whole if is_held_out(held_out, each)]
  trained = [each for each in whole if not is_held_out(held_out, each)]
  if not kept or any({e[axis] for e in trained} != set(chosen[axis]) for axis in range(3)):
    raise ConfigError(
      f"moving_shapes: held_out={held_out!r} leaves a split empty, or a name untrained, with the shapes, "
      f"colors and paths that are chosen. Choose at least {ONE_IN} of each kind, or leave out held_out."
    )
  return tuple(trained if split == "train" else kept)


def _names(chosen: Iterable[str], known: Iterable[str], field: str) -> tuple[str, ...]:
  """The chosen names, each once, in the order of all."""
  chosen, known = tuple(chosen), tuple(known)
  for name in chosen:
    configs.pick(dict.fromkeys(known), name, f"moving_shapes: {field}")
  if not chosen:
    raise ConfigError(f"moving_shapes: {field} is empty. Known: {', '.join(known)}")
  return tuple(name for name in known if name in chosen)
