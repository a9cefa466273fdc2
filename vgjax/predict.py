"""`python -m vgjax.predict`: continues a video, by a run that was trained to predict."""

from __future__ import annotations

import argparse
import math
import pathlib
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from vgjax import configs, sheet, tasks
from vgjax.errors import ConfigError, DataError
from vgjax.inference import console, tiles, writing
from vgjax.inference.film import Film, open_film
from vgjax.inference.opened import Opened, open_run
from vgjax.progress import Progress
from vgjax.sample import to_uint8

DESCRIPTION = """\
Continues a video: reads as many of its last frames as the run's network needs (or those up to --at SECONDS),
at the size and rate that it was trained at, and predicts the frames that follow, as many as you like."""
EPILOG = f"""\
examples:
  python -m vgjax.predict walk.mp4 --run runs/mine --frames 30 --out next.mp4
  python -m vgjax.predict walk.mp4 --run runs/mine --at 4.5 --side_by_side    beside what really follows
  python -m vgjax.predict walk.mp4 --run runs/svg --samples 3                 three futures, if it draws them
  python -m vgjax.predict walk.mp4 --run runs/mine --size source --tile 64    the whole frame, in pieces

A run for it is trained by
  python -m vgjax.launch --config configs/video_folder.py --config.data.path=my_videos --workdir runs/mine

{console.EXIT}"""


def parser() -> argparse.ArgumentParser:
  made = argparse.ArgumentParser(
    prog="python -m vgjax.predict",
    description=DESCRIPTION,
    epilog=EPILOG,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  console.add_arguments(
    made,
    size="scale frames to cover N or HxW pixels, and crop; source: as the video has them"
    " (default: as the run was trained)",
  )
  made.add_argument(
    "--frames", type=console.positive, metavar="N", help="how many to predict (default: as in training)"
  )
  made.add_argument(
    "--at",
    type=console.seconds,
    metavar="S",
    help="predict what follows S seconds, or M:S (default: the end)",
  )
  made.add_argument(
    "--fps", type=console.above_zero, metavar="F",
    help="the rate at which frames are read and written (default: as the run was trained)",
  )  # fmt: skip
  made.add_argument(
    "--samples", type=console.positive, default=1, metavar="K",
    help="K futures of a model that draws: OUT-1.mp4 and so on, or one file with --side_by_side",
  )  # fmt: skip
  made.add_argument("--only_predicted", action="store_true", help="write the predicted frames only")
  made.add_argument(
    "--side_by_side",
    action="store_true",
    help="all samples in one, beside what really follows if --at says where",
  )
  return made


def run(options: argparse.Namespace) -> int:
  """Predicts; returns the exit status."""
  film = open_film(options.video, picture_fps=options.picture_fps)
  opened = open_run(options.run, options.checkpoint)
  given = _given(opened)
  count = options.frames or max(1, opened.time - given)
  past, future, fps = read_around(film, opened, options, given, count)
  out = options.out or console.default_out(film.path, "-predicted", ".mp4")
  writing.check(out, fps, options.video)
  size = past.shape[1:3]
  tile, told = console.choose_tile(options.tile, size)
  console.say(
    f"{film.path}: {film.width}x{film.height}, {film.fps:.5g} fps; the last {given} frames"
    f"{'' if options.at is None else f' up to {options.at:g} s'}, at {fps:.5g} fps and {size[1]}x{size[0]}\n"
    f"{opened.workdir}: {opened.network}, {opened.trained_steps:,} steps{told and ', ' + told}"
  )
  begin = np.repeat(past[None], options.samples, axis=0)
  parts = []
  with Progress(count, "frame") as progress:
    for made in continued(opened, begin, count, tile=tile, overlap=options.overlap, seed=options.seed):
      parts.append(made)
      progress.update(made.shape[1])
  predicted = np.concatenate(parts, axis=1)  # [samples, count, height, width, channels]
  for path in _write(out, begin, predicted, future, fps, options):
    console.say(f"wrote {path}")
  return 0


def read_around(
  film: Film, opened: Opened, options: argparse.Namespace, given: int, count: int
) -> tuple[np.ndarray, np.ndarray, float]:
  """The frames that are given and those that really follow, at the run's rate.

  Returns:
    uint8 [given, height, width, channels]; [up to count, height, width, channels]; frames a second.

  Raises:
    DataError: the film is too short before that moment.
  """
  times = film.times
  last = len(times) - 1
  if options.at is not None:
    if options.at > times[-1] + 1.5 / film.fps:
      raise ConfigError(f"--at {options.at:g}: {film.path} ends at {times[-1]:.2f} s.")
    last = max(0, int(np.searchsorted(times, options.at + 1e-3)) - 1)
  rate = options.fps or opened.card.get("fps")
  offsets = np.arange(1 - given, count + 1 if options.at is not None else 1)
  if rate:
    wanted = times[last] + offsets / rate
  else:
    stride = int(opened.card.get("stride") or 1)
    rate = film.fps / stride
    places = last + offsets * stride
    inside = (places >= 0) & (places < len(times))
    wanted = np.where(inside, times[np.clip(places, 0, len(times) - 1)], np.where(places < 0, -1.0, math.inf))
  if wanted[0] < times[0] - 1e-3:
    raise DataError(
      f"{film.path}: the network reads {given} frames at {rate:.4g} a second, {(given - 1) / rate:.2f} s, and"
      f" there are {times[last] - times[0]:.2f} s before {times[last]:.2f} s. "
      + ("Give a later --at, or a higher --fps." if last < len(times) - 1 else "Give a higher --fps.")
    )
  if options.size == "source":
    size = film.height, film.width
  elif isinstance(options.size, int):
    size = options.size, options.size
  else:
    size = options.size or opened.size
  shown = list(_on_display(film, wanted, size, opened.channels))
  if len(shown) < given:
    raise DataError(
      f"{film.path} is cut short: its last frames cannot be decoded. Give --at, with a time before"
      f" {times[last]:.2f} s."
    )
  video = np.stack(shown)
  return video[:given], video[given:], float(rate)


def continued(
  opened: Opened,
  given: np.ndarray,
  count: int,
  *,
  tile: tuple[int, int] | None = None,
  overlap: int = 64,
  seed: int = 0,
) -> Iterator[np.ndarray]:
  """Yields the predicted frames piece by piece, as the network makes them.

  A network that works at one length of video gets the end of the video so far, again and again, all by one
  compiled program; one of any length makes all at once.

  Args:
    opened: the run.
    given: uint8 [samples, given, height, width, channels].
    count: how many frames to predict.
    tile: height and width of tiles, or None for whole frames.
    overlap: pixels that tiles share.
    seed: of what the network draws.

  Yields:
    float32 [samples, some, height, width, channels], in [-1, 1].
  """
  past = given.astype(np.float32) / 127.5 - 1
  length, keep = opened.model.window or (past.shape[1] + count, 0)
  multiple, done, number = None, 0, 0
  while done < count:
    known = min(past.shape[1], length - 1) if number == 0 else keep
    video = np.zeros((len(past), length, *past.shape[2:]), np.float32)
    video[:, :known] = past[:, past.shape[1] - known :]
    which = np.arange(length) < known
    if multiple is None:
      multiple = opened.multiple(length, *tiles.tile_size(past.shape[2:4], 1, tile))
    made = tiles.apply(
      lambda part, which=which, number=number: opened.draw(part, which, seed=seed, number=number),
      video,
      multiple=multiple,
      tile=tile,
      overlap=overlap,
    )[:, known:]
    yield made[:, : count - done]
    past = np.concatenate([past, made], axis=1)[:, -max(length, 1) :]
    done, number = done + made.shape[1], number + 1


def _given(opened: Opened) -> int:
  """How many frames the network needs."""
  task = opened.task("predict")
  if task is None:
    raise ConfigError(
      f"the run {opened.workdir} was trained for the task {opened.run.config['task'].get('name')!r}, not to"
      " predict. Train one that does on your own videos:\n"
      "  python -m vgjax.launch --config configs/video_folder.py --config.data.path=my_videos"
      " --workdir runs/mine"
    )
  return task.get("given", configs.parameters(tasks.predict)["given"].default)


def _on_display(film: Film, times: np.ndarray, size, channels: int) -> Iterator[np.ndarray]:
  """The frames on display at these times, [height, width, channels]; fewer if the film ends before."""
  wanted = iter(times.tolist())
  when, shown = next(wanted), None
  for frame in film.frames(max(0.0, when), size=size, channels=channels):
    while shown is not None and when < frame.seconds - 1e-3:
      yield shown.pixels
      when = next(wanted, None)
      if when is None:
        return
    shown = frame
  while shown is not None and when is not None and when < shown.seconds + 1 / film.fps - 1e-3:
    yield shown.pixels
    when = next(wanted, None)


def _write(out: pathlib.Path, given, predicted, future, fps: float, options) -> Iterator[pathlib.Path]:
  """Writes the videos; yields what was written.

  Args:
    out: the file or folder.
    given: uint8 [samples, given, height, width, channels].
    predicted: float32 [samples, count, height, width, channels].
    future: uint8 [up to count, height, width, channels], what really follows.
    fps: frames a second.
    options: of the command.
  """
  made = to_uint8(predicted)
  videos = made if options.only_predicted else np.concatenate([given, made], axis=1)
  if options.side_by_side:
    yield _file(out, _panels(videos, made.shape[1], future), fps, options)
    return
  for number, video in enumerate(videos, 1):
    path = out if len(videos) == 1 else out.with_name(f"{out.stem}-{number}{out.suffix}")
    yield _file(path, video, fps, options)


def _panels(videos: np.ndarray, count: int, future: np.ndarray) -> np.ndarray:
  """What really follows, where it is known, and the samples: [time, height, width, 3]."""
  before = videos.shape[1] - count
  words = ["predicted"] if len(videos) == 1 else [f"sample {number + 1}" for number in range(len(videos))]
  colours = np.repeat(
    np.array([sheet.GIVEN] * before + [sheet.MADE] * count, np.uint8)[None], len(videos), axis=0
  )
  if len(future):
    real = np.zeros_like(videos[:1])
    real[0, :before] = videos[0, :before]
    real[0, before : before + len(future)] = future
    videos = np.concatenate([real, videos])
    words = ["video", *words]
    known = np.array([sheet.GIVEN] * before + [sheet.TRUTH] * count, np.uint8)
    colours = np.concatenate([known[None], colours])
  return sheet.tile(videos, columns=len(videos), labels=words, colours=colours)


def _file(path: pathlib.Path, video: np.ndarray, fps: float, options) -> pathlib.Path:
  with writing.Writer(path, fps=fps, crf=options.crf) as writer:
    for number, pixels in enumerate(video):
      writer.add(pixels, number / fps)
  return path


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  return console.main(parser(), run, arguments)


if __name__ == "__main__":
  sys.exit(main())
