"""How many copies the doctor finds, and how often it takes different videos for copies.

  python benchmarks/duplicates.py --source my_videos

Cuts the videos of `--source` (files, and `video` in `.npz` files) into pieces of two seconds at 25 frames a
second, 128 lines high: pieces of one film and recordings of one game are alike, and yet not the same. Pieces
in which nothing moves are left out: those of one still camera are the same to anybody. Each kind of copy is
made of all of them, and looked at together with them. Recall is the share of pieces that are joined with
their copy. A false pair is one of videos of different pieces that are in one group.
"""

import argparse
import json
import pathlib
import tempfile

import numpy as np
from PIL import Image

from vgjax.data import video
from vgjax.data.doctor import duplicates, examine

FRAMES, FPS, LINES = 50, 25, 128


def crop(share, y=0.5, x=0.5):
  """A function that cuts a part of a video out."""

  def cut(frames):
    height, width = (round(share * side) for side in frames.shape[1:3])
    top, left = round(y * (frames.shape[1] - height)), round(x * (frames.shape[2] - width))
    return frames[:, top : top + height, left : left + width]

  return cut


def half_size(frames):
  """Half as high and wide."""
  size = (frames.shape[2] // 2, frames.shape[1] // 2)
  return np.stack([np.asarray(Image.fromarray(f).resize(size, Image.Resampling.BOX)) for f in frames])


COPIES = {
  "half the size": half_size,
  "mirrored": lambda frames: frames[:, :, ::-1],
  "middle 95%": crop(0.95),
  "middle 90%": crop(0.9),
  "middle 80%": crop(0.8),
  "middle 70%": crop(0.7),
  "middle 60%": crop(0.6),
  "corner 90%": crop(0.9, 0, 0),
  "mirrored, middle 90%": lambda frames: crop(0.9)(frames)[:, :, ::-1],
  "first 4% cut off": lambda frames: frames[2:],
  "first 20% cut off": lambda frames: frames[10:],
}


def pieces(source, limit):
  """Yields videos [FRAMES, height, width, 3]."""
  for path in sorted(pathlib.Path(source).iterdir()):
    if path.suffix == ".npz":
      with np.load(path) as arrays:
        stored = arrays["video"][:limit, :FRAMES]
      for frames in stored:
        yield np.stack([np.asarray(Image.fromarray(frame).resize((LINES, LINES))) for frame in frames])
      continue
    for number in range(limit):
      try:
        info = video.probe(path)
        size = (LINES, round(LINES * info.width / info.height))
        start = number * FRAMES / FPS
        yield video.read_video(path, start=start, num_frames=FRAMES, fps=FPS, size=size)
      except video.VideoError:
        break


def look(folder, name, frames):
  """What the doctor makes of a video."""
  path = folder / f"{name}.mp4"
  video.write_video(path, np.ascontiguousarray(frames), FPS)
  found = examine.examine(examine.Job(str(path), path.name, quick=False, pictures=False))
  path.unlink()
  return found


def pairs(groups, count):
  """(pieces joined with their copy, pairs of different pieces) of groups over pieces, then their copies."""
  found, false = 0, 0
  for group in groups:
    kinds = [number % count for number in group]
    found += sum(kinds.count(kind) > 1 for kind in set(kinds))
    false += len(set(kinds)) * (len(set(kinds)) - 1) // 2
  return found, false


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--source", required=True, help="a folder of videos")
  parser.add_argument("--limit", type=int, default=24, help="pieces of one file")
  parser.add_argument("--out", help="a JSON file for the figures")
  options = parser.parse_args()
  results = {}
  with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    originals = list(pieces(options.source, options.limit))
    looked = [look(folder, f"{number}", frames) for number, frames in enumerate(originals)]
    changes = [(found.looks - found.looks.mean(axis=0)).std() for found in looked]
    moving = [number for number, change in enumerate(changes) if change >= duplicates.MOVES]
    originals, looked = [originals[number] for number in moving], [looked[number] for number in moving]
    _, false = pairs(duplicates.near_duplicates(looked), len(looked))
    print(f"{len(looked)} pieces; pairs of them taken for copies: {false}", flush=True)
    for kind, change in COPIES.items():
      copies = [look(folder, f"copy {number}", change(frames)) for number, frames in enumerate(originals)]
      found, false = pairs(duplicates.near_duplicates(looked + copies), len(looked))
      results[kind] = dict(found=found, of=len(looked), false_pairs=false)
      print(f"  {kind:22} found {found} of {len(looked)} ({found / len(looked):.0%}), false pairs {false}",
            flush=True)  # fmt: skip
  if options.out:
    pathlib.Path(options.out).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
  main()
