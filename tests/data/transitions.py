"""Counts which dissolves and fades `vgjax.data.gradual` finds, and what it takes for one that is none.

`python -m tests.data.transitions --source FOLDER` joins parts of the videos of a folder; without it, parts of
generated films. The parts themselves, and cameras that move and zoom over their pictures, have no transition.
"""

import argparse
import itertools
import pathlib

import numpy as np
from PIL import Image

from vgjax.data import gradual, video, video_index
from vgjax.data.video_folder import EXTENSIONS

FPS, FRAMES, SIZE = 24, 120, 32
SECONDS = (0.35, 0.5, 1.0, 2.0)
KINDS = ("dissolve", "fade")
ALIKE = (
  0.4  # parts whose frames correlate more are takes of one scene, and joining them is hardly a transition
)


def camera(picture, rng, frames=FRAMES):
  """[frames, 96, 128, 3]: a camera pans and zooms over a picture, uint8 [height, width, 3]."""
  (y, x, zoom), end = rng.uniform(0.3, 0.6, 3), rng.uniform(0.3, 0.6, 3)
  image, shown = Image.fromarray(picture), []
  for part in np.linspace(0, 1, frames):
    now = (1 - part) * np.array([y, x, zoom]) + part * end
    height, width = picture.shape[0] * now[2], picture.shape[1] * now[2]
    top, left = now[0] * (picture.shape[0] - height), now[1] * (picture.shape[1] - width)
    shown.append(image.resize((128, 96), Image.Resampling.BILINEAR, (left, top, left + width, top + height)))
  return np.stack([np.asarray(frame) for frame in shown])


def picture(rng, height=192, width=256):
  """A picture of its own: coloured patches, coarse and fine, uint8 [height, width, 3]."""
  layers = [
    np.asarray(Image.fromarray(rng.integers(0, 256, (n, n, 3), dtype=np.uint8)).resize((width, height)))
    for n in (3, 8, 24)
  ]
  return np.mean(layers, axis=0, dtype=np.float32).clip(0, 255).astype(np.uint8)


def small(film):
  """As `scenes` looks at it: [frames, 32, 32, 3]."""
  return np.stack([np.asarray(Image.fromarray(f).resize((SIZE, SIZE), Image.Resampling.BOX)) for f in film])


def join(first, second, seconds, kind, level=0):
  """(film, begin, end): two parts with a transition, which is in the frames begin to end - 1."""
  count = max(2, round(seconds * FPS))
  weight = (np.arange(1, count + 1) / (count + 1))[:, None, None, None]
  begin = len(first) // 3
  leaving, coming = first[begin : begin + count].astype(float), second[:count].astype(float)
  if kind == "fade":  # half the time to the empty frame, half the time from it
    middle = (1 - np.abs(1 - 2 * weight)).clip(0, 1)
    shown = np.where(weight < 0.5, leaving, coming)
    shown[count // 2] = level
    mixed = (1 - middle) * shown + middle * level
  else:
    mixed = (1 - weight) * leaving + weight * coming
  film = np.concatenate([first[:begin], np.rint(mixed).astype(np.uint8), second[count:]])
  return film, begin, begin + count


def correlation(one, other):
  return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def count(parts, *, trials=80, seed=0):
  """{(kind, seconds): (found, all, found where none is)} of random pairs of small films."""
  rng, result = np.random.default_rng(seed), {}
  for kind, seconds in itertools.product(KINDS, SECONDS):
    found = wrong = done = 0
    while done < trials:
      one, other = (parts[number] for number in rng.choice(len(parts), 2, replace=False))
      if correlation(one[len(one) // 3], other[round(seconds * FPS)]) > ALIKE:
        continue
      film, begin, end = join(one, other, seconds, kind, int(rng.choice([0, 16, 255])))
      shown = gradual.find(film, FPS)
      right = [True for first, last in shown if first < (begin + end) / 2 < last]
      done, found, wrong = done + 1, found + bool(right), wrong + len(shown) - len(right)
    result[kind, seconds] = found, done, wrong
  return result


def films(source):
  """Small films of a folder's videos, at their own rates, or generated ones: [(name, fps, film)]."""
  if source is None:
    rng = np.random.default_rng(1)
    return [(f"camera {k}", float(FPS), small(camera(picture(rng), rng))) for k in range(24)]
  found = []
  for name in video_index.find_videos(source, EXTENSIONS):
    info = video.probe(source / name)
    found.append((name, info.fps, small(video.read_video(source / name, size=96))))
  return found


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--source", type=pathlib.Path)
  whole = films(parser.parse_args().source)
  for name, fps, film in whole:
    print(f"{name}: {len(film)} frames, taken for transitions: {gradual.find(film, fps)}")
  rng = np.random.default_rng(2)
  pictures = [film[int(rng.integers(len(film)))] for _, _, film in whole for _ in range(20)]
  wrong = sum(bool(gradual.find(small(camera(one, rng)), FPS)) for one in pictures)
  print(f"cameras over {len(pictures)} of their frames: {wrong} taken for transitions")
  parts = [film[k : k + FRAMES] for _, _, film in whole for k in range(0, len(film) - FRAMES + 1, 40)]
  for (kind, seconds), (found, done, wrong) in count(parts).items():
    print(f"{kind} of {seconds:.2f} s: {found} of {done} found, {wrong} found where none is")


if __name__ == "__main__":
  main()
