"""The command `python -m vgjax.data prepare`."""

from __future__ import annotations

import argparse
import importlib.util
import os
import pathlib
import shlex
import shutil
from typing import Any

from vgjax.data.doctor import console
from vgjax.data.prepare import inputs
from vgjax.data.prepare import recipe as recipe_lib
from vgjax.data.prepare.recipe import Recipe
from vgjax.errors import ConfigError, DataError

HELP = "decode a folder of videos once, into small clips that load fast"
DESCRIPTION = """\
Decodes the videos of a folder, or those that a manifest lists, cuts them into clips of one size and rate, and
writes them as ArrayRecord shards with short groups of pictures, or as raw pixels. Killed at any moment, the
same command goes on where it was, to the same bytes."""
EPILOG = """\
examples:
  python -m vgjax.data prepare my_videos prepared/mine --size 64 --fps 8
  python -m vgjax.data prepare my_videos prepared/mine --manifest doctor/my_videos/manifest.jsonl
  python -m vgjax.data prepare my_videos prepared/raw --time 16 --raw    largest on disk, fastest to read

OUT will hold train-00000.array_record and so on, recipe.json (the options, counts, sums) and inputs.jsonl (a
line a video: where its clips are, or why it has none). To train on it:
  config.data = dict(name="array_records", path="OUT", time=16)

exit status: 0 done, 1 could not be done, 2 a wrong option, 130 stopped by Ctrl-C."""
_DEFAULT = Recipe()


def add_arguments(parser: argparse.ArgumentParser) -> None:
  parser.add_argument("folder", type=pathlib.Path, help="the folder of videos; it may have subfolders")
  parser.add_argument("out", type=pathlib.Path, help="where to write: a new folder, or one to go on with")
  parser.add_argument(
    "--manifest",
    type=pathlib.Path,
    metavar="FILE",
    help="the videos or parts of videos to take (.jsonl, .csv, .parquet)",
  )
  pixels = parser.add_argument_group("the pictures")
  pixels.add_argument(
    "--size",
    type=_size,
    default=_DEFAULT.size,
    metavar="N",
    help="height and width, or HEIGHTxWIDTH (default: 64)",
  )
  fit = pixels.add_mutually_exclusive_group()
  fit.add_argument(
    "--crop", action="store_true", help="scale until the size is covered, keep the centre (default)"
  )
  fit.add_argument(
    "--resize", action="store_true", help="scale so, but keep all: training can crop at random"
  )
  pixels.add_argument("--channels", type=int, choices=(1, 3), default=3, help="3: colour (default), 1: grey")
  frames = parser.add_argument_group("the frames")
  frames.add_argument("--fps", type=float, metavar="F", help="frames a second (default: every frame)")
  frames.add_argument("--stride", type=int, default=1, metavar="N", help="without --fps, every N-th frame")
  frames.add_argument(
    "--time", type=_time, default=_DEFAULT.time, metavar="N",
    help="frames of a clip (default: 64), or `whole` for whole videos; training cuts shorter ones out of it",
  )  # fmt: skip
  frames.add_argument(
    "--min-time", type=int, metavar="N",
    help="leave out shorter clips, as at a video's end (default: 16, or --time if that is less)",
  )  # fmt: skip
  frames.add_argument("--clips", type=int, metavar="N", help="at most N clips a video, evenly spread")
  frames.add_argument(
    "--scene-cuts",
    action="store_true",
    help="no clip crosses from one scene to the next: cuts, fades, dissolves",
  )
  frames.add_argument(
    "--frame-fps", type=float, default=_DEFAULT.frame_fps, metavar="F",
    help="frames a second of folders of pictures (default: 25)",
  )  # fmt: skip
  kept = parser.add_argument_group("what is kept")
  kept.add_argument("--raw", action="store_true", help="raw pixels instead of h264")
  kept.add_argument(
    "--crf", type=float, default=_DEFAULT.crf, metavar="Q",
    help="the quality of h264: 0 loses nothing, 12 (default) little, 23 is for the web",
  )  # fmt: skip
  kept.add_argument(
    "--gop",
    type=int,
    default=_DEFAULT.gop,
    metavar="N",
    help="frames from key frame to key frame (default: 8)",
  )
  kept.add_argument("--audio", action="store_true", help="keep the sound, as log-mel a frame")
  kept.add_argument("--label-folders", action="store_true", help="each subfolder is a class")
  kept.add_argument("--valid", type=float, default=0.1, metavar="SHARE", help="for validation (default: 0.1)")
  kept.add_argument("--test", type=float, default=0.1, metavar="SHARE", help="for the test (default: 0.1)")
  kept.add_argument(
    "--shard-mb", type=float, default=256, metavar="MB", help="a shard is full at this size (default: 256)"
  )
  parser.add_argument(
    "--max-bad", type=float, default=0.1, metavar="SHARE", help="stop if more videos are bad (default: 0.1)"
  )
  parser.add_argument(
    "--workers", type=int, default=os.cpu_count(), metavar="N", help="processes (default: one a core)"
  )


def run(options: argparse.Namespace) -> int:
  """Runs the command; returns its exit status."""
  if importlib.util.find_spec("array_record") is None:
    raise DataError("prepare needs array_record: pip install array-record (there is none for Windows).")
  from vgjax.data.prepare import shards

  recipe = _recipe(options)
  folder, out = options.folder, options.out
  rows = inputs.divided(folder, options.manifest, recipe)
  source = dict(folder=folder.resolve().name, inputs=len(rows), fingerprint=inputs.fingerprint(folder, rows))
  description = recipe_lib.describe(recipe, source)
  theirs = recipe_lib.read(out)
  if theirs is not None:
    recipe_lib.check_same(description, out, theirs)
    if theirs.get("complete"):
      _check_files(out, theirs)
      shutil.rmtree(out / ".work", ignore_errors=True)  # killed between the last two steps
      print(f"{out} is complete already.\n")
      print(_report(out, theirs, recipe_lib.read_index(out)))
      return 0
    print(f"Going on with {out}.")
  else:
    _check_new(out)
  finished = shards.write(
    folder, rows, out, recipe, description, workers=options.workers, max_bad_fraction=options.max_bad
  )
  print(_report(out, finished, recipe_lib.read_index(out)))
  return 0


def _recipe(options: argparse.Namespace) -> Recipe:
  """The options, checked."""
  least = {"stride": 1, "time": 1, "min_time": 1, "clips": 1, "gop": 1}
  for name, smallest in least.items():
    value = getattr(options, name)
    if value is not None and value < smallest:
      raise ConfigError(f"--{name.replace('_', '-')} must be at least {smallest}, not {value}.")
  if options.fps is not None and (options.fps <= 0 or options.stride != 1):
    raise ConfigError("--fps must be above 0, and goes without --stride.")
  if options.crf < 0 or options.crf > 51:
    raise ConfigError(f"--crf is from 0 to 51, not {options.crf:g}.")
  if min(options.shard_mb, options.frame_fps) <= 0:
    raise ConfigError("--shard-mb and --frame-fps must be above 0.")
  least_time = options.min_time or min(_DEFAULT.min_time, options.time or _DEFAULT.min_time)
  if options.time is not None and least_time > options.time:
    raise ConfigError(f"--min-time {least_time} is more than --time {options.time}: nothing would be left.")
  return Recipe(
    size=options.size,
    crop=not options.resize,
    channels=options.channels,
    fps=options.fps,
    stride=options.stride,
    frame_fps=options.frame_fps,
    time=options.time,
    min_time=least_time,
    clips=options.clips,
    scene_cuts=options.scene_cuts,
    audio=options.audio,
    gop=0 if options.raw else options.gop,
    crf=options.crf,
    shard_bytes=int(options.shard_mb * 1e6),
    valid_fraction=options.valid,
    test_fraction=options.test,
    label_folders=options.label_folders,
  )


def _check_new(out: pathlib.Path) -> None:
  """OUT is new or empty: nobody's files are mixed with shards."""
  out.mkdir(parents=True, exist_ok=True)
  others = sorted(entry.name for entry in out.iterdir() if entry.name != ".work")
  if others:
    raise DataError(
      f"{out} holds other files, such as {others[0]}, and no {recipe_lib.FILE}. Name a new folder."
    )


def _check_files(out: pathlib.Path, recipe: dict[str, Any]) -> None:
  for shard in recipe["shards"]:
    path = out / shard["file"]
    if not path.exists() or path.stat().st_size != shard["bytes"]:
      raise DataError(
        f"{path} is missing, or not as it was written. Remove the folder {out} and prepare it again."
      )


def _report(out: pathlib.Path, recipe: dict[str, Any], index: list[dict[str, Any]]) -> str:
  """What was written: a table of the splits, what was left out, and what to do next."""
  cells: list[tuple[str, ...]] = [("split", "videos", "clips", "frames", "shards", "size")]
  for split in ("train", "valid", "test"):
    lines = [line for line in index if line["split"] == split and not line["bad"]]
    files = [shard for shard in recipe["shards"] if shard["split"] == split]
    numbers = len(lines), sum(len(line["frames"]) for line in lines), sum(sum(x["frames"]) for x in lines)
    size = console.size(sum(shard["bytes"] for shard in files))
    cells.append((split, *(f"{n:,}" for n in (*numbers, len(files))), size))
  widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
  table = [
    "  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(r, widths))) for r in cells
  ]
  lines = [table[0], "─" * len(table[0]), *table[1:]]
  bad = [line for line in index if line["bad"]]
  if bad:
    lines += ["", f"Left out ({len(bad):,}; all in {out / recipe_lib.INDEX}):"]
    lines += [f"  {line['path']}: {line['bad']}" for line in bad[:10]]
  lost = [name for name, videos, *_ in cells[1:] if videos == "0" and any(b["split"] == name for b in bad)]
  if lost:
    lines += [
      "",
      f"Nothing is left for the split {' and '.join(lost)}, and training stops before its first step where "
      "its config asks for it.\nThe doctor's manifest names what can be read, with videos for every split: "
      "give it with --manifest.",
    ]
  return "\n".join([
    *lines,
    "",
    f"Wrote {out} (recipe {recipe['hash']})",
    "",
    "Next",
    "  python -m vgjax.launch --config configs/own_video/prepared.py "
    f"--config.data.path={shlex.quote(str(out))} --workdir runs/mine",
  ])  # fmt: skip


def _size(text: str) -> tuple[int, int]:
  height, _, width = text.partition("x")
  try:
    size = int(height), int(width or height)
  except ValueError:
    size = 0, 0
  if min(size) < 1:
    raise argparse.ArgumentTypeError(f"64, or HEIGHTxWIDTH such as 64x96, is wanted, not {text!r}")
  return size


def _time(text: str) -> int | None:
  try:
    return None if text == "whole" else int(text)
  except ValueError as error:
    raise argparse.ArgumentTypeError(f"a number of frames, or `whole`, is wanted, not {text!r}") from error
