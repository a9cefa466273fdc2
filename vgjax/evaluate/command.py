"""The command line of `python -m vgjax.evaluate`, and what it prints."""

from __future__ import annotations

import argparse
import ast
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from PIL import Image

from vgjax import cards, devices
from vgjax.errors import ConfigError, DataError
from vgjax.evaluate import console, folders, measure, motion, picture, table
from vgjax.metrics import per_frame, per_set
from vgjax.metrics.direction import better

DESCRIPTION = """\
Measures how far a folder of made videos is from a folder of real ones. Both hold video files, folders of
pictures (a folder a video), or .npy / .npz arrays of uint8; subfolders are looked into.

sets of videos, of any numbers:      {sets}
how much they move, also those:      {motion}
pairs, of the same name but for      {pairs}
the suffix, frame by frame:          {more_pairs}

Several folders of made videos hold samples of the same videos: sets take them all together, and pairs have
the mean over them and the best of them."""
EPILOG = """\
examples:
  python -m vgjax.evaluate --real test_set --fake samples
  python -m vgjax.evaluate --real test_set --fake samples --metrics fvd,fid,precision,recall --num_videos 2048
  python -m vgjax.evaluate --real truth --fake predictions --metrics psnr,ssim,lpips_alex --out ours.json
  python -m vgjax.evaluate --real truth --fake sample_0 sample_1 sample_2 --metrics fvd,psnr --plot curves.png
  python -m vgjax.evaluate compare ours.json theirs.json

Networks with published weights are fetched at the first use, once: `python -m vgjax.metrics.weights list`.
Features are kept in ~/.cache/vgjax/features, so a second run with other metrics is quick, and one that was
killed goes on; VGJAX_FEATURE_CACHE=off turns that off.

exit status: 0 done, 1 nothing could be measured, 2 a wrong option, 3 (with --strict) a metric is missing."""


def parser() -> argparse.ArgumentParser:
  names = list(per_frame.METRICS)
  made = argparse.ArgumentParser(
    prog="python -m vgjax.evaluate",
    description=DESCRIPTION.format(
      sets=", ".join(per_set.METRICS),
      motion=", ".join(motion.METRICS),
      pairs=", ".join(names[:5]),
      more_pairs=", ".join(names[5:]),
    ),
    epilog=EPILOG,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  folder: dict[str, Any] = dict(type=pathlib.Path, required=True, metavar="FOLDER")
  made.add_argument("--real", **folder, help="the real videos")
  made.add_argument("--fake", **folder, nargs="+", help="the made ones; several: samples of the same videos")
  made.add_argument(
    "--metrics", default="fvd,fid", metavar="A,B,...", help="which, by the names above (default: fvd,fid)"
  )
  clip = made.add_argument_group("the protocol: figures of different protocols cannot be compared")
  clip.add_argument(
    "--num_frames", type=_positive, metavar="N",
    help="take the first N frames of each video, and leave out shorter ones; 16 is customary for FVD "
    "(default: as many as every video has)",
  )  # fmt: skip
  clip.add_argument(
    "--size",
    type=_size,
    metavar="N",
    help="scale frames to cover N or HxW pixels, and crop (default: as they are)",
  )
  rate = clip.add_mutually_exclusive_group()
  rate.add_argument("--stride", type=_positive, default=1, metavar="N", help="every N-th frame (default: 1)")
  rate.add_argument("--fps", type=_above_zero, metavar="F", help="frames a second, by the files' clocks")
  clip.add_argument(
    "--num_videos",
    type=_positive,
    metavar="N",
    help="at most N of each folder, drawn at random (default: all)",
  )
  clip.add_argument("--seed", type=int, default=0, metavar="N", help="of what is drawn (default: 0)")
  clip.add_argument(
    "--extractor", type=_extractor, action="append", default=[], metavar="METRIC=NAME[,OPTION=VALUE]",
    help="another network for a metric of sets, or another way to use it: fvd=i3d,resize=half_pixel is as in "
    "PyTorch; is=my_c3d.network is a module of yours with make(). May be given several times",
  )  # fmt: skip
  made.add_argument(
    "--batch_size", type=_positive, metavar="N", help="videos at a time; less takes less memory"
  )
  made.add_argument(
    "--out", type=pathlib.Path, metavar="FILE", help="write figures, curves and protocol card, as JSON"
  )
  made.add_argument(
    "--plot", type=pathlib.Path, metavar="FILE.png", help="draw each curve: over the frames, or the videos"
  )
  made.add_argument("--strict", action="store_true", help="exit with 3 if a metric could not be measured")
  return made


def compare_parser() -> argparse.ArgumentParser:
  made = argparse.ArgumentParser(
    prog="python -m vgjax.evaluate compare",
    description="Prints the figures of evaluations side by side, or says why they may not be compared.",
    epilog="exit status: 0 comparable, 1 a file cannot be read, 3 not comparable.",
  )
  made.add_argument(
    "files",
    nargs="+",
    type=pathlib.Path,
    metavar="FILE.json",
    help="two or more; of --out, or of a run's evaluations/",
  )
  return made


def run(options: argparse.Namespace) -> int:
  """Evaluates; returns the exit status."""
  protocol = measure.Protocol(
    metrics=measure.check([name.strip().lower() for name in options.metrics.split(",") if name.strip()]),
    num_frames=options.num_frames,
    fps=options.fps,
    stride=options.stride,
    size=options.size,
    num_videos=options.num_videos,
    seed=options.seed,
    batch_size=options.batch_size,
    extractors=dict(options.extractor),
  )
  devices.initialize()
  real, fakes = folders.look(options.real), [folders.look(path) for path in options.fake]
  _say("\n".join([f"real: {console.overview(real)}", *(f"fake: {console.overview(f)}" for f in fakes)]))
  found = measure.measure(real, fakes, protocol, say=_say)
  _say("\n" + console.report(found, protocol.metrics))
  if options.plot is not None and jax.process_index() == 0:
    drawn = picture.draw(found.numbers)
    if drawn is not None:
      options.plot.parent.mkdir(parents=True, exist_ok=True)
      Image.fromarray(drawn).save(options.plot)
    _say(f"\nwrote {options.plot}" if drawn is not None else "\nno --plot: no curve has two points")
  if options.out is not None and jax.process_index() == 0:
    cards.write(options.out, found.card, found.numbers)
    _say(f"\nwrote {options.out}")
  elif found.numbers:
    _say("\n--out FILE.json keeps the figures with this protocol, for `python -m vgjax.evaluate compare`")
  if not any(name in found.numbers for name in protocol.metrics):
    return 1
  return 3 if options.strict and found.missing else 0


def compare(options: argparse.Namespace) -> int:
  """Prints evaluations side by side; returns the exit status."""
  if len(options.files) < 2:
    raise ConfigError("compare: name two files or more")
  read = [_read(path) for path in options.files]
  shared = [name for name in read[0][1] if all(name in numbers for _, numbers in read[1:])]
  status = 0
  for path, (card, _) in zip(options.files[1:], read[1:]):
    lines = cards.compare(_of(read[0][0], shared), _of(card, shared))
    if lines:
      status = 3
      print(
        f"not comparable: {options.files[0]} (here) and {path} (there) were measured differently\n  "
        + "\n  ".join(lines)
      )
  scalars = [name for name in shared if not isinstance(read[0][1][name], list)]
  if not scalars:
    raise DataError("compare: the files have no figure in common: " + "; ".join(
      f"{path} has {', '.join(n for n, v in numbers.items() if not isinstance(v, list)) or 'none'}"
      for path, (_, numbers) in zip(options.files, read)
    ))  # fmt: skip
  if status == 0:
    rows = [
      (
        f"{name} {better(name)}",
        *(table.number(numbers[name]) for _, numbers in read),
      )
      for name in scalars
    ]
    print(table.align([("", *(str(path) for path in options.files)), *rows], head=True))
    only = [sorted(set(numbers) - set(shared)) for _, numbers in read]
    for path, names in zip(options.files, only):
      names = [name for name in names if not name.endswith("/curve")]
      if names:
        print(f"only in {path}: {', '.join(names)}")
  return status


def _read(path: pathlib.Path):
  try:
    return cards.read(path)
  except (ValueError, KeyError, TypeError, AttributeError) as error:
    raise DataError(f"{path}: it is no evaluation that vgjax wrote: {error}") from error


def _of(card: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
  """The part of a card that these figures depend on: another metric's network is not theirs."""
  metrics = {part for name in names for part in name.split("/")}
  card = dict(card)
  conventions = card.get("conventions") or {}
  known = set(measure.CONVENTIONS)
  card["conventions"] = {k: v for k, v in conventions.items() if k in metrics or k not in known}
  counts = card.get("num_videos")
  if isinstance(counts, Mapping):  # of folders; those of a run say one number
    used = {"real", "fake"} if metrics & (set(per_set.METRICS) | set(motion.METRICS)) else set()
    used |= {"pairs"} if metrics & set(per_frame.METRICS) else set()
    card["num_videos"] = {word: count for word, count in counts.items() if word in used}
  evaluator = dict(card.get("evaluator") or {})
  if "extractors" in evaluator:
    evaluator["extractors"] = {k: v for k, v in evaluator["extractors"].items() if k in metrics}
    card["evaluator"] = evaluator
  return card


def _say(text: str) -> None:
  if jax.process_index() == 0:
    print(text, flush=True)


def _extractor(text: str) -> tuple[str, dict[str, Any]]:
  """ "fvd=i3d,resize=half_pixel" as ("fvd", dict(name="i3d", resize="half_pixel")); values may be numbers."""
  metric, _, rest = text.partition("=")
  name, *options = rest.split(",")
  if not name or not all("=" in option for option in options):
    raise argparse.ArgumentTypeError(f"{text} is not METRIC=NAME or METRIC=NAME,OPTION=VALUE")
  fields: dict[str, Any] = {"name": name}
  for option in options:
    key, _, value = option.partition("=")
    try:
      fields[key] = ast.literal_eval(value)
    except (ValueError, SyntaxError):
      fields[key] = value
  return metric.strip().lower(), fields


def _positive(text: str) -> int:
  value = int(text)
  if value < 1:
    raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
  return value


def _above_zero(text: str) -> float:
  value = float(text)
  if not 0 < value < float("inf"):
    raise argparse.ArgumentTypeError(f"{text} is not above 0")
  return value


def _size(text: str) -> tuple[int, int]:
  height, _, width = text.partition("x")
  return _positive(height), _positive(width or height)
