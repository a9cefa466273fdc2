"""The command `python -m vgjax.data doctor`: examines a folder, prints a report and writes three files."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import shlex
import shutil
from collections.abc import Sequence

from vgjax import progress
from vgjax.data import listing
from vgjax.data.doctor import console, findings, sheet
from vgjax.data.doctor.examine import Checked, Job, examine
from vgjax.data.doctor.splits import Division, divide
from vgjax.data.manifest import Row, write_manifest
from vgjax.data.prepare import inputs, pool
from vgjax.errors import ConfigError, DataError

PICTURES = 600  # videos whose frames are kept for the sheet; of more, evenly spread ones
HELP = "look at a folder of videos: what is in it, what is wrong, what to do"
DESCRIPTION = """\
Decodes every video of a folder (files, and folders of pictures) and reports: counts, lengths, sizes, frame
rates, codecs, sound; files that are unreadable or cut short; black and still videos; near-duplicates
(re-encoded, mirrored or cropped ones too); videos that are in two splits. The folder itself is only read."""
EPILOG = """\
examples:
  python -m vgjax.data doctor my_videos
  python -m vgjax.data doctor my_videos --time 32 --fps 10    for clips of 32 frames at 10 a second
  python -m vgjax.data doctor my_videos --quick               headers and first frames only

It writes DIR/doctor.json (all that was found), DIR/sheet.png (frames of the videos, to look at)
and DIR/manifest.jsonl (the videos that can be used, divided into train, valid
and test; near-duplicates, and clips named as cut from one video, are in one split).

exit status: 0 done, 1 could not be done, 2 a wrong option, 3 (with --strict) something severe was found."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
  parser.add_argument("folder", type=pathlib.Path, help="the folder of videos; it may have subfolders")
  parser.add_argument(
    "--out", type=pathlib.Path, metavar="DIR", help="where to write (default: doctor/FOLDER in this folder)"
  )
  parser.add_argument(
    "--quick", action="store_true", help="read headers and first frames only: finds no damage further in"
  )
  clip = parser.add_argument_group("the clips you want to train on, for advice")
  clip.add_argument("--time", type=int, default=16, metavar="N", help="frames (default: 16)")
  clip.add_argument("--fps", type=float, default=8.0, metavar="F", help="frames a second (default: 8)")
  clip.add_argument("--size", type=int, default=64, metavar="N", help="height and width (default: 64)")
  clip.add_argument(
    "--frame-fps", type=float, default=25.0, metavar="F",
    help="frames a second of folders of pictures (default: 25)",
  )  # fmt: skip
  split = parser.add_argument_group("the split")
  split.add_argument(
    "--manifest", type=pathlib.Path, metavar="FILE",
    help="examine what this manifest lists (default: the folder's own manifest.jsonl, .csv or .parquet, if "
    "it has one); its labels, texts and splits are kept",
  )  # fmt: skip
  split.add_argument(
    "--valid", type=float, default=0.1, metavar="SHARE", help="for validation (default: 0.1)"
  )
  split.add_argument("--test", type=float, default=0.1, metavar="SHARE", help="for the test (default: 0.1)")
  split.add_argument(
    "--new-split", action="store_true", help="divide anew, whatever the folders train/, valid/ and test/ say"
  )
  split.add_argument("--label-folders", action="store_true", help="each subfolder is a class: write labels")
  parser.add_argument(
    "--workers", type=int, default=os.cpu_count(), metavar="N", help="processes (default: one a core)"
  )
  parser.add_argument("--strict", action="store_true", help="exit with 3 if something severe was found")


def run(options: argparse.Namespace) -> int:
  """Runs the command; returns its exit status."""
  folder: pathlib.Path = options.folder
  wanted = findings.Wanted(options.time, options.fps, options.size)
  if min(*wanted, options.frame_fps) <= 0:
    raise ConfigError("--time, --fps, --size and --frame-fps must be above 0.")
  inputs.check_folder(folder)
  manifest = options.manifest
  if manifest is None and (inside := listing.find_manifest(folder)[1]) is not None:
    manifest = folder / inside  # training on the folder, and `prepare`, read it too
    print(f"{manifest} says which videos there are.\n")
  rows = None if manifest is None else inputs.rows_of(manifest, folder)
  names = inputs.find(folder) if rows is None else sorted({row.path for row in rows})
  others = inputs.others(folder, names) if rows is None else {}
  out = _out_folder(options.out, folder)
  every = -(-len(names) // PICTURES)
  jobs = [
    Job(str(folder / name), name, options.quick, pictures=i % every == 0, frame_fps=options.frame_fps)
    for i, name in enumerate(names)
  ]
  videos = _examine_all(jobs, options.workers)
  division = divide(
    videos,
    rows,
    valid_fraction=options.valid,
    test_fraction=options.test,
    keep_splits=not options.new_split,
    label_folders=options.label_folders,
    shortest=wanted.seconds(),
  )
  problems = findings.problems(videos, division, wanted)
  advice = findings.suggestions(videos, division, wanted, quick=options.quick)
  summary = findings.summary(videos, division, others)
  notes = remarks(videos, division, problems)

  width = min(100, shutil.get_terminal_size((100, 24)).columns)
  print(console.overview(str(folder), summary))
  print(console.table(videos, notes))
  print(console.problem_lines(problems))
  if advice:
    print(console.numbered("What to do", advice, width))

  report = dict(
    folder=os.fspath(folder.resolve()),
    quick=options.quick,
    wanted=wanted._asdict(),
    summary=summary,
    problems={p.kind: dict(says=p.says, severe=p.severe, videos=p.names) for p in problems},
    duplicates=division.duplicates,
    leaks=[[dict(video=name, split=split) for name, split in group] for group in division.leaks],
    left_out=division.left_out,
    suggestions=advice,
    videos=[video.to_json() for video in videos],
  )
  title = f"{folder.resolve().name}: {len(videos):,} videos"
  _write(out, report, title, videos, notes, division.rows)
  frame_fps = options.frame_fps if any(video.codec == "frames" for video in videos) else None
  print(_what_next(folder, out, division.rows, wanted, frame_fps))
  return 3 if options.strict and any(problem.severe for problem in problems) else 0


def remarks(
  videos: Sequence[Checked], division: Division, problems: Sequence[findings.Finding]
) -> dict[str, str]:
  """{name: what there is to say of it}, for the table and the sheet."""
  said: dict[str, list[str]] = {video.name: [video.problem] for video in videos if video.problem}
  for problem in problems:
    if problem.kind in ("black", "still", "short"):
      for name in problem.names:
        said.setdefault(name, []).append({"short": "too short"}.get(problem.kind, problem.kind))
  for first, *others in division.duplicates:
    for name in others:
      said.setdefault(name, []).append(f"same as {first}")
  for group in division.leaks:
    for name, split in group:
      others = sorted({other for _, other in group} - {split})
      said.setdefault(name, []).append(f"in {split}, and in {', '.join(others)} too")
  return {name: "; ".join(words) for name, words in said.items()}


def _examine_all(jobs: list[Job], workers: int) -> list[Checked]:
  workers = 0 if workers < 2 and len(jobs) == 1 else max(1, min(workers, len(jobs)))
  videos = []
  results = pool.ordered(examine, jobs, workers=workers)
  with progress.Progress(len(jobs), "video") as bar, contextlib.closing(results):
    for job, found in results:
      if isinstance(found, pool.Crashed):
        found = Checked(job.name, os.path.getsize(job.path), problem=found.reason)
      videos.append(found)
      bar.update()
  return videos


def _out_folder(out: pathlib.Path | None, folder: pathlib.Path) -> pathlib.Path:
  """Where to write; made, and found to be writable before the work begins."""
  if out is None:
    out = pathlib.Path("doctor", folder.resolve().name)
    if out.resolve().is_relative_to(folder.resolve()):
      raise DataError(
        f"The report would be written to {out}, inside the folder of videos itself. Say where it may go: "
        "--out DIR."
      )
  out.mkdir(parents=True, exist_ok=True)
  probe = out / ".writable"
  probe.touch()
  probe.unlink()
  return out


def _write(
  out: pathlib.Path,
  report: dict,
  title: str,
  videos: Sequence[Checked],
  notes: dict[str, str],
  rows: Sequence[Row],
) -> None:
  by_name = {video.name: video for video in videos if video.strip or not video.decodes}
  chosen = sheet.choose(sorted(by_name), notes)
  if len(chosen) < len(videos):
    title += f", {len(chosen)} of them shown"
  sheet.draw(title, [by_name[name] for name in chosen], notes).save(out / "sheet.png.part", "PNG")
  os.replace(out / "sheet.png.part", out / "sheet.png")
  text = json.dumps(report, indent=1) + "\n"  # plain ASCII: names may hold anything
  (out / "doctor.json.part").write_text(text, encoding="utf-8")
  os.replace(out / "doctor.json.part", out / "doctor.json")
  if rows:
    write_manifest(out / "manifest.jsonl", rows)


def _what_next(
  folder: pathlib.Path,
  out: pathlib.Path,
  rows: Sequence[Row],
  wanted: findings.Wanted,
  frame_fps: float | None,
) -> str:
  """The files that were written, and the commands that use them."""
  lines = ["Wrote", f"  {out / 'sheet.png'}  look at it", f"  {out / 'doctor.json'}"]
  if rows:
    manifest = out / "manifest.jsonl"
    prepare = ["prepare", str(folder), "PREPARED", "--manifest", str(manifest)]
    prepare += ["--frame-fps", f"{frame_fps:g}"] if frame_fps else []
    lines += [
      f"  {manifest}  {len(rows):,} rows",
      "",
      "Next: decode once, then train on what that wrote",
      f"  python -m vgjax.data {shlex.join(prepare)} --size {wanted.size} --fps {wanted.fps:g}",
      "  python -m vgjax.launch --config configs/own_video/prepared.py --config.data.path=PREPARED "
      "--workdir runs/mine",
    ]
  return "\n".join(lines)
