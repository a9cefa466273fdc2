"""`python -m vgjax.interpolate`: puts frames between the frames of a video, by a run that was trained to."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from vgjax.errors import ConfigError
from vgjax.inference import beside, between, console, cuts, tiles, writing
from vgjax.inference.between import Plan
from vgjax.inference.film import Film, Frame, open_film
from vgjax.inference.opened import Opened, open_run
from vgjax.progress import Progress

DESCRIPTION = """\
Puts frames between the frames of a video: --factor times its rate, or --slow_motion at its own. The video's
own frames are kept as they are, and its sound. Scene cuts are found, and nothing is made up across them.
Frames of any size and films of any length will do: only some frames are in memory at a time."""
EPILOG = f"""\
examples:
  python -m vgjax.interpolate holiday.mp4 --run runs/interpolate --factor 4
  python -m vgjax.interpolate holiday.mp4 --run runs/interpolate --factor 4 --slow_motion --out slow.mp4
  python -m vgjax.interpolate 'shot/*.png' --run runs/interpolate --picture_fps 12 --out smooth
  python -m vgjax.interpolate film.mkv --run runs/interpolate --start 1:30 --end 1:40 --side_by_side

configs/own_video/interpolate.py trains a run for it, on your own videos:
  python -m vgjax.data prepare my_videos prepared/smooth --size 256 --resize --scene-cuts --min-time 5
  python -m vgjax.launch --config configs/own_video/interpolate.py --workdir runs/interpolate

{console.EXIT}"""
_BATCH_PIXELS = 2**21  # of all frames of a batch, where the user does not say


def parser() -> argparse.ArgumentParser:
  made = argparse.ArgumentParser(
    prog="python -m vgjax.interpolate",
    description=DESCRIPTION,
    epilog=EPILOG,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  console.add_arguments(
    made,
    size="scale frames so that their shorter side is N, or to cover HxW and crop (default: as they are)",
  )
  made.add_argument(
    "--factor", type=_factor, default=2, metavar="K",
    help="K times as many frames (default: 2); any for networks such as ifnet, for others a power of what"
    " they were trained for",
  )  # fmt: skip
  made.add_argument(
    "--slow_motion", action="store_true", help="keep the rate: the video lasts --factor times as long"
  )
  made.add_argument(
    "--audio", choices=("keep", "drop", "stretch"), default="keep",
    help="keep: copied as it is, but dropped from slow motion (default); stretch: slowed down with it, at its"
    " pitch",
  )  # fmt: skip
  made.add_argument("--side_by_side", action="store_true", help="the source beside what is made of it")
  made.add_argument(
    "--start", type=console.seconds, default=0.0, metavar="S", help="begin at S seconds, or M:S"
  )
  made.add_argument("--end", type=console.seconds, metavar="S", help="end at S seconds")
  made.add_argument(
    "--ignore_cuts", action="store_true", help="make frames across scene cuts too, and do not look for them"
  )
  made.add_argument(
    "--batch_size", type=console.positive, metavar="N", help="pairs at a time (default: by their size)"
  )
  return made


def run(options: argparse.Namespace) -> int:
  """Interpolates; returns the exit status."""
  if options.end is not None and options.end <= options.start:
    raise ConfigError(f"--end {options.end:g} is not after --start {options.start:g}.")
  film = open_film(options.video, picture_fps=options.picture_fps)
  slower = options.factor if options.slow_motion else 1
  fps = film.fps * options.factor / slower
  out = options.out or _out(film, options)
  writing.check(out, fps, options.video)
  opened = open_run(options.run, options.checkpoint)
  plan = between.plan(opened, options.factor)
  size = _size(film, options.size)
  tile, told = console.choose_tile(options.tile, size)
  console.say(
    f"{film.path}: {film.width}x{film.height}, {film.fps:.5g} fps, {film.num_frames:,} frames"
    f"{'' if size == (film.height, film.width) else f', scaled to {size[1]}x{size[0]}'}\n"
    f"{opened.workdir}: {opened.network}, {opened.trained_steps:,} steps{told and ', ' + told}\n"
    f"{out}: {fps:.5g} fps{_about_sound(film, out, options)}"
  )
  network = _Network(opened, plan, tile, options)

  source = film.frames(options.start, options.end, size=size)
  first = next(source, None)
  if first is None:
    raise ConfigError(f"--start {options.start:g}: {film.path} ends before.")
  own = itertools.chain([first], source)
  counts = _Counts()
  with (
    Progress(_expected(film, options), "frame") as progress,
    writing.Writer(
      out,
      fps=fps,
      like=film,
      crf=options.crf,
      sound=_sound(options),
      start=first.seconds,
      end=options.end,
      slower=slower,
    ) as writer,
  ):
    counted = counts.own(own if options.ignore_cuts else cuts.mark(own), progress)
    frames = between.interpolate(counted, network, plan, batch=network.batch(size))
    if options.side_by_side:
      frames = _beside(frames, options.factor)
    for frame in frames:
      writer.add(frame.pixels, (frame.seconds - first.seconds) * slower)
      counts.written += 1
  console.say(counts.text(out, writer.sound_copied))
  return 0


class _Network:
  """Fills in frames of any size by the run's network, on each colour by itself if it knows grey only."""

  def __init__(self, opened: Opened, plan: Plan, tile, options: argparse.Namespace):
    self._opened, self._plan, self._tile, self._options = opened, plan, tile, options
    self._grey = opened.channels == 1
    self._multiple: int | None = None
    self._number = 0

  def batch(self, size: tuple[int, int]) -> int:
    """How many groups at once, for frames of `size`."""
    if self._options.batch_size:
      return self._options.batch_size
    height, width = tiles.tile_size(size, 1, self._tile)
    pixels = len(self._plan.given) * height * width * (3 if self._grey else 1)
    devices = self._opened.devices
    return max(1, min(16, _BATCH_PIXELS // pixels) // devices) * devices

  def __call__(self, groups: np.ndarray) -> np.ndarray:
    """[batch, group, height, width, 3] to [batch, time, height, width, 3], uint8."""
    given, shape = self._plan.given, groups.shape
    video = np.zeros((shape[0], len(given), *shape[2:]), np.uint8)
    video[:, given] = groups
    if self._grey:
      video = np.moveaxis(video, -1, 1).reshape(-1, *video.shape[1:4], 1)
    if self._multiple is None:
      self._multiple = self._opened.multiple(len(given), *tiles.tile_size(video.shape[2:4], 1, self._tile))
    number, self._number = self._number, self._number + 1
    made = tiles.apply(
      lambda part: self._opened.draw(part, given, seed=self._options.seed, number=number),
      video,
      multiple=self._multiple,
      tile=self._tile,
      overlap=self._options.overlap,
    )
    if self._grey:
      made = np.moveaxis(made.reshape(shape[0], 3, *made.shape[1:4]), 1, -1)
    return made


class _Counts:
  """What went by."""

  def __init__(self):
    self.read = self.cuts = self.written = 0

  def own(self, frames: Iterator[Frame], progress: Progress) -> Iterator[Frame]:
    for frame in frames:
      self.read += 1
      self.cuts += frame.cut
      progress.update()
      yield frame

  def text(self, out, copied: bool | None) -> str:
    crossed = f"; {self.cuts} scene cut{'s' * (self.cuts != 1)} not crossed" if self.cuts else ""
    sound = {None: "", True: "; sound copied", False: "; sound encoded anew"}[copied]
    return f"wrote {out}: {self.written:,} frames of {self.read:,}{crossed}{sound}"


def _beside(frames: Iterator[Frame], factor: int) -> Iterator[Frame]:
  """The film's own frame on display, and the frame made of it."""
  shown = None
  for frame in frames:
    if shown is None or not frame.made:
      shown = frame.pixels
    yield frame._replace(pixels=beside.join([shown, frame.pixels], ["source", f"interpolated x{factor}"]))


def _size(film: Film, wanted) -> tuple[int, int]:
  height, width = film.height, film.width
  if wanted is None or wanted == "source":
    return height, width
  if isinstance(wanted, tuple):
    return wanted
  scale = wanted / min(height, width)
  return max(1, round(height * scale)), max(1, round(width * scale))


def _out(film: Film, options: argparse.Namespace):
  fps = film.fps if options.slow_motion else film.fps * options.factor
  gif = film.path.lower().endswith(".gif") and fps <= writing.GIF_FPS
  ending = f"-x{options.factor}{'-slow' if options.slow_motion else ''}"
  return console.default_out(film.path, ending, ".gif" if gif else ".mp4")


def _sound(options: argparse.Namespace) -> bool:
  return options.audio == "stretch" or (options.audio == "keep" and not options.slow_motion)


def _about_sound(film: Film, out, options: argparse.Namespace) -> str:
  if not film.has_audio or options.audio == "drop":
    return ""
  if out.suffix.lower() not in writing.FILES:
    return ", without the sound, which this format cannot hold"
  if not _sound(options):
    return ", without the sound, which would not fit slow motion; --audio stretch slows it down too"
  return ", with the sound"


def _expected(film: Film, options: argparse.Namespace) -> int:
  """How many frames of the film go by, about."""
  ends = film.num_frames if options.end is None else min(film.num_frames, round(options.end * film.fps))
  return max(1, ends - round(options.start * film.fps))


def _factor(text: str) -> int:
  value = int(text)
  if value < 2:
    raise argparse.ArgumentTypeError(f"{text} is not 2 or more")
  return value


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  return console.main(parser(), run, arguments)


if __name__ == "__main__":
  sys.exit(main())
