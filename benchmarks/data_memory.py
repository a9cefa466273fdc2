"""Whether memory stays flat while batches go by.

  python benchmarks/data_memory.py

Reads `--batches` small batches through the real pipeline: `video` is a folder of more h264 files than a
thread keeps open, read by `video_folder`; `arrays` one memory-mapped `.npy` file. For each number of worker
processes it prints the memory of this process and its workers, at even intervals, and the growth: the mean
of the last quarter of the readings less that of the second quarter (caches fill in the first).

Counted is memory of the processes' own and what they share (once), but not the pages of mapped files, which
the system takes back when it wants them. Linux only.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

import numpy as np

from vgjax.data import arrays, loader, reader, video, video_folder

BATCH = 2
READINGS = 40
CLIP = 4  # frames


def memory():
  """MiB that this process and its workers hold."""
  return sum(_held(pid) for pid in [os.getpid(), *_children()]) / 2**20


def _held(pid):
  try:
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
  except OSError:  # it has just ended
    return 0
  return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


def _children():
  """The process ids of all that this process started."""
  tasks = pathlib.Path("/proc/self/task").iterdir()
  return [pid for task in tasks for pid in (task / "children").read_text().split()]


def make_video(folder, files):
  """A source over a folder of small videos."""
  y, x = np.mgrid[:48, :64]
  for number in range(files):
    waves = [np.sin((x + y * number + 5 * k) / 9) for k in range(16)]
    frames = np.repeat((np.stack(waves)[..., None] + 1) * 127, 3, -1).astype(np.uint8)
    video.write_video(folder / f"{number}.mp4", frames)
  options = dict(valid_fraction=0, test_fraction=0)
  return video_folder.make(split="train", seed=0, path=str(folder), time=CLIP, size=32, **options)


def make_arrays(folder, files):
  """A source over one file."""
  del files
  stored = np.random.default_rng(0).integers(0, 256, (256, 8, 32, 32, 3), dtype=np.uint8)
  np.save(folder / "a.npy", stored)
  options = dict(valid_fraction=0, test_fraction=0)
  return arrays.make(split="train", seed=0, path=str(folder / "a.npy"), time=CLIP, **options)


MAKE = dict(video=make_video, arrays=make_arrays)


def measure(source, workers, batches):
  """MiB held at `READINGS` even intervals."""
  every, readings = max(1, batches // READINGS), []
  with loader.train_batches(source, batch_size=BATCH, seed=0, workers=workers, num_steps=batches) as stream:
    for number, _ in enumerate(stream, 1):
      if number % every == 0:
        readings.append(memory())
  return readings


def growth(readings):
  """MiB, as above."""
  quarter = len(readings) // 4
  return float(np.mean(readings[-quarter:]) - np.mean(readings[quarter : 2 * quarter]))


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--kinds", nargs="*", default=list(MAKE), choices=list(MAKE))
  parser.add_argument("--workers", type=int, nargs="*", default=[0, 2])
  parser.add_argument("--batches", type=int, default=10_000)
  parser.add_argument("--files", type=int, default=96, help="videos; a thread keeps 48 open")
  parser.add_argument("--open", type=int, help="keep only so many open, in threads of this process")
  parser.add_argument("--out", help="a JSON file for the figures")
  options = parser.parse_args()
  if not pathlib.Path("/proc/self/smaps_rollup").exists():
    sys.exit("This benchmark reads /proc/self/smaps_rollup, which only Linux has.")
  reader.OPEN_FILES = options.open or reader.OPEN_FILES
  results = {}
  for kind in options.kinds:
    with tempfile.TemporaryDirectory() as folder:
      source = MAKE[kind](pathlib.Path(folder), options.files)
      for workers in options.workers:
        readings = measure(source, workers, options.batches)
        shown = ", ".join(f"{value:.1f}" for value in readings[:: max(1, READINGS // 10)])
        print(f"{kind}, {workers} workers, {options.batches} batches: {shown} MiB", flush=True)
        print(f"  growth {growth(readings):+.2f} MiB", flush=True)
        results[f"{kind}_{workers}"] = dict(growth=growth(readings), readings=readings)
  if options.out:
    pathlib.Path(options.out).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
  main()
