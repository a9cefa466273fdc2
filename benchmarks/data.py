"""How fast clips reach the device, beside PyTorch's DataLoader, in one run.

  pip install torch decord
  python benchmarks/data.py --source my_videos

Two comparisons, each of random clips:

* **video**: 16 frames from h264 files of 240 lines, which are made first from the videos of `--source`. vgjax
  decodes in two threads ("vgjax"), or in two worker processes ("workers"); DataLoader has two worker
  processes over decord, or over plain PyAV (each frame by `frame.reformat`). All keep their files open, seek
  by key frames, and scale to cover a square of `--size` pixels, of which the middle is kept; 0 keeps the
  files' size.
* **arrays**: raw uint8 clips from one memory-mapped `.npy` file, collated and put on the device: vgjax's
  loader, and DataLoader in this process (worker processes are slower still), once over items as they are
  customarily made, `torch.tensor(array[index])` ("torch"), and once over views of the mapped file, so that
  the collation makes the only copy ("views").

The sides take turns, `--rounds` times; a side that waits does nothing. What a side read ahead while it waited
is not counted. The ratio is between the best turns.
"""

import argparse
import itertools
import json
import os
import pathlib
import platform
import sys
import tempfile
import time

import av
import numpy as np

from vgjax import memory

FRAMES = 16
LINES = 240
FILE_FRAMES = 120
GOP = 48
BATCH = 8
ARRAY_BATCH = 64
READ_AHEAD = 16  # batches; more than any side keeps ready
OURS = ("vgjax", "workers")


def make_files(source, folder, copies):
  """Writes h264 files of 240 lines, and says how many."""
  count = 0
  for path in sorted(pathlib.Path(source).iterdir()):
    try:
      with av.open(str(path)) as container:
        count += transcode(container, folder, count, copies)
    except (av.error.FFmpegError, IndexError, ValueError) as error:
      print(f"  left out {path.name}: {error}")
  if not count:
    sys.exit(f"No video of at least {FILE_FRAMES} frames in {source}.")
  return count


def transcode(container, folder, count, copies):
  """Cuts a video into files of FILE_FRAMES frames; each is there `copies` times."""
  frames = (frame.reformat(320, LINES, "yuv420p") for frame in container.decode(video=0))
  made = 0
  while len(part := list(itertools.islice(frames, FILE_FRAMES))) == FILE_FRAMES:
    path = folder / f"{count + made:04}.mp4"
    with av.open(str(path), "w") as output:
      stream = output.add_stream("libx264", rate=25, options={"crf": "23", "g": str(GOP), "threads": "1"})
      stream.width, stream.height, stream.pix_fmt = 320, LINES, "yuv420p"
      for frame in part:
        output.mux(stream.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")))
      output.mux(stream.encode())
    made += 1
    for _ in range(copies - 1):
      (folder / f"{count + made:04}.mp4").write_bytes(path.read_bytes())
      made += 1
  return made


def scaled(size):
  """(height, width) that covers the square, from 320x240."""
  return (LINES, 320) if not size else (size, round(size * 320 / LINES))


def middle(video, size):
  """The square in the middle of [time, height, width, channels]."""
  if not size:
    return video
  x = (video.shape[2] - size) // 2
  return video[:, :, x : x + size]


def vgjax_batches(folder, size, workers=0):
  """Host batches of vgjax, made in two threads or in worker processes."""
  from vgjax.data import loader, video_folder

  source = video_folder.make(
    split="train",
    seed=0,
    path=str(folder),
    time=FRAMES,
    size=size or (LINES, 320),
    crop="center",
    valid_fraction=0,
    test_fraction=0,
  )
  batches = loader.train_batches(source, batch_size=BATCH, seed=0, workers=workers, threads=2, prefetch=4)
  return (batch["video"] for batch in batches)


class DecordClips:
  """A dataset of random clips through decord."""

  def __init__(self, paths, size):
    self.paths, self.size, self.readers = paths, size, {}

  def __len__(self):
    return 10**9

  def __getitem__(self, index):
    import decord

    rng = np.random.default_rng(index)
    path = self.paths[rng.integers(len(self.paths))]
    if path not in self.readers:
      height, width = scaled(self.size)
      self.readers[path] = decord.VideoReader(path, width=width, height=height, num_threads=1)
    first = int(rng.integers(FILE_FRAMES - FRAMES + 1))
    video = self.readers[path].get_batch(range(first, first + FRAMES)).asnumpy()
    return np.ascontiguousarray(middle(video, self.size))


class PyavClips:
  """A dataset of random clips through PyAV, as its documentation reads them."""

  def __init__(self, paths, size):
    self.paths, self.size, self.containers = paths, size, {}

  def __len__(self):
    return 10**9

  def __getitem__(self, index):
    rng = np.random.default_rng(index)
    path = self.paths[rng.integers(len(self.paths))]
    if path not in self.containers:
      self.containers[path] = av.open(path)
      self.containers[path].streams.video[0].thread_count = 1
    container = self.containers[path]
    stream = container.streams.video[0]
    start = int(rng.integers(FILE_FRAMES - FRAMES + 1) / 25 / stream.time_base)
    container.seek(start, stream=stream)
    height, width = scaled(self.size)
    video = []
    for frame in container.decode(stream):
      if frame.pts >= start:
        video.append(frame.reformat(width, height, "rgb24").to_ndarray())
        if len(video) == FRAMES:
          break
    return np.ascontiguousarray(middle(np.stack(video), self.size))


def torch_batches(dataset):
  """Host batches of DataLoader with two workers."""
  import torch

  return iter(torch.utils.data.DataLoader(dataset, batch_size=BATCH, num_workers=2, prefetch_factor=2))


class Rows:
  """A dataset over a memory-mapped array; `default_collate` copies its items once more."""

  def __init__(self, path, views):
    self.array = np.load(path, mmap_mode="r+")  # writable, as torch asks for; nothing writes
    self.views = views

  def __len__(self):
    return len(self.array)

  def __getitem__(self, index):
    import torch

    return torch.from_numpy(self.array[index]) if self.views else torch.tensor(self.array[index])


def torch_arrays(path, views):
  """Shuffled host batches of DataLoader in this process, for ever."""
  import torch

  dataset = Rows(path, views)
  loader = torch.utils.data.DataLoader(dataset, batch_size=ARRAY_BATCH, shuffle=True, drop_last=True)
  for _ in itertools.count():
    for batch in loader:
      yield batch.numpy()


def vgjax_arrays(path):
  """The same of vgjax."""
  from vgjax.data import arrays, loader

  source = arrays.make(
    split="train", seed=0, path=str(path), time=FRAMES, axes="vthwc", valid_fraction=0, test_fraction=0
  )
  batches = loader.train_batches(source, batch_size=ARRAY_BATCH, seed=0)
  return (batch["video"] for batch in batches)


def race(sides, rounds, batches, batch_size, put=lambda batch: batch):
  """{side: [clips a second of each turn]}; `sides` are iterators of batches."""
  rates = {name: [] for name in sides}
  for _ in range(rounds):
    for name, side in sides.items():
      for _ in range(READ_AHEAD):
        put(next(side))
      start = time.perf_counter()
      for _ in range(batches):
        put(next(side))
      rates[name].append(batches * batch_size / (time.perf_counter() - start))
      time.sleep(0.8)  # until it has filled its buffers, and stops
  return rates


def report(title, rates):
  """Prints one comparison."""
  print(title)
  ours = {name: max(found) for name, found in rates.items() if name in OURS}
  for name, found in rates.items():
    others = {} if name in ours else ours
    ratio = "".join(f"   {one} / {name} {best / max(found):.2f}" for one, best in others.items())
    print(
      f"  {name:10} {max(found):9.1f} clips/s  (all turns: {', '.join(f'{r:.1f}' for r in found)}){ratio}"
    )


def compare_video(options, folder):
  """Decoding."""
  count = make_files(options.source, folder, options.copies)
  paths = sorted(map(str, folder.glob("*.mp4")))
  results = {}
  for size in options.size:
    sides = {"vgjax": vgjax_batches(folder, size), "workers": vgjax_batches(folder, size, workers=2)}
    datasets = {"decord": DecordClips, "pyav": PyavClips}
    for name in options.sides:
      sides[name] = torch_batches(datasets[name](paths, size))
    rates = race(sides, options.rounds, options.batches, BATCH)
    title = f"video: {FRAMES} frames of {count} files of {LINES} lines, "
    report(title + (f"to {size}x{size}" if size else "at their size"), rates)
    results[f"video_{size}"] = rates
    del sides
  return results


def compare_arrays(options, folder):
  """Raw clips, on the device."""
  import jax

  results = {}
  for side, channels in ((32, 1), (64, 1), (64, 3)):
    path = folder / "clips.npy"
    shape = (options.array_clips, FRAMES, side, side, channels)
    np.save(path, np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    sides = {
      "vgjax": vgjax_arrays(path),
      "torch": torch_arrays(path, False),
      "views": torch_arrays(path, True),
    }
    put = lambda batch: jax.block_until_ready(jax.device_put(batch))
    rates = race(sides, options.rounds, options.array_batches, ARRAY_BATCH, put)
    report(f"arrays: {FRAMES}x{side}x{side}x{channels}, {options.array_clips} clips", rates)
    results[f"arrays_{side}_{channels}"] = rates
    del sides
  return results


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--source", help="a folder of videos to make the files from; without it, arrays only")
  parser.add_argument("--size", type=int, nargs="*", default=[128, 0])
  parser.add_argument("--sides", nargs="*", default=["decord", "pyav"], choices=["decord", "pyav"])
  parser.add_argument("--copies", type=int, default=3, help="of each file, so that there are more of them")
  parser.add_argument("--rounds", type=int, default=4)
  parser.add_argument("--batches", type=int, default=40, help="batches of a turn")
  parser.add_argument("--array_batches", type=int, default=200)
  parser.add_argument("--array_clips", type=int, default=2000)
  parser.add_argument("--out", help="a JSON file for the figures")
  options = parser.parse_args()
  try:
    import torch
  except ImportError:
    sys.exit("This benchmark compares with PyTorch, which is not installed: pip install torch")
  versions = f"torch {torch.__version__}, av {av.__version__}, Python {platform.python_version()}"
  print(f"{versions}, {os.cpu_count()} CPUs")
  memory.keep_freed()  # as vgjax.launch does, for both sides
  results = {}
  with tempfile.TemporaryDirectory() as folder:
    if options.source:
      results |= compare_video(options, pathlib.Path(folder))
    results |= compare_arrays(options, pathlib.Path(folder))
  if options.out:
    pathlib.Path(options.out).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
  main()
