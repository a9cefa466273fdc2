"""Damages video files, by seed. `python -m tests.data.damage --count 1000` reads a thousand of them.

One process probes and reads all the damaged files; another watches it, so that a crash or a hang names its
file. `--source` adds the files of a folder to the generated ones.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings

import av
import numpy as np

from tests.data import clips
from vgjax.data import audio, video, video_folder
from vgjax.errors import DataError

FORMATS = [
  ("mp4", "libx264", "yuv420p"),
  ("mov", "libx264", "yuv420p"),
  ("mkv", "libx264", "yuv444p"),
  ("webm", "libvpx-vp9", "yuv420p"),
  ("avi", "mpeg4", "yuv420p"),
  ("avi", "mjpeg", "yuvj420p"),
  ("mkv", "ffv1", "gray"),
  ("mpg", "mpeg2video", "yuv420p"),
  ("gif", "gif", "rgb8"),
]
SUFFIXES = ("mp4", "mkv", "webm", "avi", "mov", "gif", "mpg", "ogv")
ABSURD = (0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x00FFFFFF, 0x0000FFFF, 0)
SECONDS = 20  # for one file


def originals(folder, source=None):
  """Small whole files: {name: bytes}."""
  y, x = np.indices((48, 64))
  moving = np.stack([np.stack([4 * x + 8 * k, 5 * y + 3 * k, x + y], -1) for k in range(20)]).astype(np.uint8)
  whole = {}
  for suffix, codec, pix_fmt in FORMATS:
    fps = 25 if suffix == "mpg" else 10
    path = clips.write(folder / f"{codec}.{suffix}", moving, codec=codec, pix_fmt=pix_fmt, fps=fps)
    whole[path.name] = path.read_bytes()
    path.unlink()
  path = folder / "sound.mp4"
  with av.open(str(path), "w") as container:
    stream = container.add_stream("libx264", rate=10)
    stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
    track = container.add_stream("aac", rate=16000)
    for pixels in moving:
      container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
    container.mux(stream.encode())
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 32000)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
    frame.sample_rate = 16000
    container.mux(track.encode(frame))
    container.mux(track.encode())
  whole[path.name] = path.read_bytes()
  path.unlink()
  for real in sorted(pathlib.Path(source).iterdir()) if source else ():
    if real.suffix[1:] in SUFFIXES and real.stat().st_size < 4_000_000:
      whole[real.name] = real.read_bytes()
  return whole


def damage(data, suffix, rng):
  """(what was done, the damaged bytes, the suffix to give them)."""
  kind = rng.choice(list(KINDS))
  changed, new_suffix = KINDS[kind](bytearray(data), suffix, rng)
  return kind, bytes(changed), new_suffix


def _truncate(data, suffix, rng):
  return data[: int(rng.integers(len(data)))], suffix


def _flip(data, suffix, rng):
  for place in rng.integers(len(data), size=int(rng.choice([1, 4, 16, 64, 256]))):
    data[place] ^= 1 << int(rng.integers(8))
  return data, suffix


def _flip_headers(data, suffix, rng):
  """Headers are at the front or, as in mp4, at the back."""
  for place in rng.integers(min(1000, len(data)), size=int(rng.choice([1, 4, 16]))):
    data[place if rng.random() < 0.5 else -1 - place] = int(rng.integers(256))
  return data, suffix


def _absurd(data, suffix, rng):
  """Numbers of a header become enormous, of either byte order."""
  for _ in range(int(rng.choice([1, 3, 10]))):
    place = int(rng.integers(max(1, min(2000, len(data) - 4))))
    place = place if rng.random() < 0.5 else max(0, len(data) - 4 - place)
    data[place : place + 4] = int(rng.choice(ABSURD)).to_bytes(4, str(rng.choice(["big", "little"])))
  return data, suffix


def _absurd_size(data, suffix, rng):
  """The width or height, wherever it is written as a number, becomes enormous."""
  for value in (48, 64, 240, 320, 480, 640, 720, 1280):
    for size, order in ((2, "big"), (2, "little"), (4, "little"), (4, "big")):
      place = data.find(value.to_bytes(size, order), 16)
      if place >= 0 and rng.random() < 0.5:
        new = min(int(rng.choice([5_000, 16_384, 32_767, 65_535, 2**31 - 1])), 256**size - 1)
        data[place : place + size] = new.to_bytes(size, order)
  return data, suffix


def _blank(data, suffix, rng):
  first, last = sorted(rng.integers(len(data), size=2))
  data[first:last] = bytes(int(last - first))
  return data, suffix


def _cut_out(data, suffix, rng):
  first, last = sorted(rng.integers(len(data), size=2))
  del data[first:last]
  return data, suffix


def _repeat(data, suffix, rng):
  first, last = sorted(rng.integers(len(data), size=2))
  return data[:last] + data[first:], suffix


def _wrong_suffix(data, suffix, rng):
  return data, str(rng.choice(SUFFIXES))


def _empty(data, suffix, rng):
  return bytearray(), suffix


def _noise(data, suffix, rng):
  keep = int(rng.choice([0, 16, 64, 1000]))
  return data[:keep] + rng.bytes(int(rng.integers(1, 20_000))), suffix


KINDS = {
  f.__name__[1:]: f for f in (_truncate, _flip, _flip_headers, _absurd, _absurd_size, _blank, _cut_out)
}
KINDS |= {f.__name__[1:]: f for f in (_repeat, _wrong_suffix, _empty, _noise)}


def write_damaged(folder, count, seed, source=None):
  """Fills a folder; {name: what was done}."""
  folder.mkdir(parents=True, exist_ok=True)
  whole, done = originals(folder, source), {}
  for number in range(count):
    rng = np.random.default_rng((seed, number))
    name = str(rng.choice(list(whole)))
    kind, data, suffix = damage(whole[name], name.rpartition(".")[2], rng)
    path = folder / f"{number:05}_{kind}_{name.rpartition('.')[0]}.{suffix}"
    path.write_bytes(data)
    done[path.name] = kind
  return done


def read_all(path):
  """Reads a file in every way; the class of the first error, or "read"."""
  outcome = "read"
  ways = (
    lambda: video.probe(path),
    lambda: video.read_video(path, num_frames=8, size=32),
    lambda: video.read_video(path, start=1.05, num_frames=4, fps=7.0, size=32),
    lambda: video.read_video(path, stride=2, size=(16, 24), channels=1),
    lambda: audio.read_samples(path, start=0.5, end=1.5, sample_rate=8000),
  )
  for way in ways:
    try:
      way()
    except video.TooShort:
      outcome = "too short" if outcome == "read" else outcome
    except video.VideoError as error:
      assert os.path.basename(path) in str(error), f"{path} is not named: {error}"
      outcome = "refused"
  return outcome


def child(folder):
  """Reads every file of a folder and says before and after each which it is."""
  for path in sorted(pathlib.Path(folder).iterdir()):
    print(json.dumps(["begin", path.name]), flush=True)
    start = time.perf_counter()
    outcome = read_all(str(path))
    peak = peak_memory()
    print(json.dumps(["end", path.name, outcome, time.perf_counter() - start, peak]), flush=True)


def peak_memory() -> int:
  """MiB, of this program alone: ru_maxrss also counts what the process held before it became this one."""
  try:
    status = pathlib.Path("/proc/self/status").read_text()
  except OSError:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
  return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024


def watch(folder, environment=None):
  """Runs `child`; ([(name, outcome, seconds, peak MiB)], [(name, what happened)] of crashes and hangs)."""
  command = [sys.executable, "-X", "faulthandler", "-m", "tests.data.damage", "--child", str(folder)]
  results, failures, current = [], [], None
  process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
  for line in process.stdout:
    what, name, *rest = json.loads(line)
    current = name if what == "begin" else None
    if what == "end":
      results.append((name, *rest))
      if rest[1] > SECONDS:
        failures.append((name, f"took {rest[1]:.0f} seconds"))
  if process.wait():
    failures.append((current, f"ended the process with {process.returncode}"))
  return results, failures


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--count", type=int, default=1000)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--source", help="a folder of real videos; those below 4 MB are damaged too")
  parser.add_argument("--child", help=argparse.SUPPRESS)
  options = parser.parse_args()
  if options.child:
    child(options.child)
    return
  with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    done = write_damaged(folder, options.count, options.seed, options.source)
    results, failures = watch(folder)
    table = collections.Counter((done[name], outcome) for name, outcome, *_ in results)
    for kind in KINDS:
      outcomes = {o: table[kind, o] for o in ("read", "too short", "refused")}
      print(f"{kind:14}", "  ".join(f"{outcome} {count:4}" for outcome, count in outcomes.items()))
    slowest = max(results, key=lambda result: result[2])
    print(f"{len(results)} of {len(done)} files; slowest {slowest[0]}: {slowest[2]:.2f} seconds")
    print(f"peak memory {max(result[3] for result in results)} MiB; crashes and hangs: {failures or 'none'}")
    try:
      video_folder.make(split="train", seed=0, path=str(folder), time=4, size=16, valid_fraction=0)
      print("the source was built")
    except DataError as error:
      print("the source stops:", "\n  ".join(str(error).splitlines()[:4]))
    with warnings.catch_warnings(record=True) as caught:
      warnings.simplefilter("always")
      source = video_folder.make(
        split="train", seed=0, path=str(folder), time=4, size=16, max_bad_fraction=1.0, test_fraction=0
      )
      for index in range(len(source)):
        source.example(index, np.random.default_rng((0, index)))
    named = sum("Skipped" in str(warning.message) for warning in caught)
    print(f"all allowed: {len(source)} examples, {len(source.bad)} skipped in {named} warnings")
  sys.exit(bool(failures))


if __name__ == "__main__":
  main()
