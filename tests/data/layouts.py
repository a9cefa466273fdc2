"""Public data sets in small: a tree of the same structure as each of `configs/public/` reads.

`MAKE[name](folder)` writes one and returns the `config.data` of it: what says where it lies.
"""

import json

import numpy as np
from PIL import Image

from tests.data import clips

N = 64  # frames of a video
GROUPS = (1, 8, 9, 10)
KTH_TEST = range(17, 26)


def write(root, *names, num_frames=N, codec="libx264"):
  """The same small video under each name."""
  first = None
  for name in names:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if first is None:
      first = clips.write(path, clips.numbered(num_frames, 32, 32), codec=codec).read_bytes()
    path.write_bytes(first)


def write_frames(folder, count, suffix="png"):
  folder.mkdir(parents=True)
  for number, frame in enumerate(clips.numbered(count, 16, 16)):
    Image.fromarray(frame).save(folder / f"{number}.{suffix}")


def ucf101(root):
  """Class folders, and the official lists beside them; clips of one group (g01) were cut from one video."""
  listed = [f"{c}/v_{c}_g{g:02}_c{k:02}.avi" for c in ("Archery", "YoYo") for g in GROUPS for k in (1, 2)]
  write(root / "UCF-101", *listed, codec="mpeg4")
  lists = root / "ucfTrainTestlist"
  lists.mkdir()
  train = [name for name in listed if "_g01_" not in name]
  (lists / "trainlist01.txt").write_text("".join(f"{n} {1 + n.startswith('Y')}\r\n" for n in train))
  (lists / "testlist01.txt").write_text("".join(f"{n}\n" for n in listed if n not in train))
  return dict(path=str(root / "UCF-101"))


def kth(root):
  """Class folders; a person is in all of them. The test set is a list."""
  listed = [
    f"{action}/person{person:02}_{action}_d{scenario}_uncomp.avi"
    for action in ("boxing", "running")
    for person in (1, 2, 11, 16, 17, 25)
    for scenario in (1, 2)
  ]
  write(root, *listed, codec="mpeg4")
  test = [name for name in listed if int(name.partition("/person")[2][:2]) in KTH_TEST]
  (root / "test.txt").write_text("".join(f"{name}\n" for name in test))
  return dict(path=str(root))


def bair(root):
  """Folders of 30 frames, split/trajectories/number."""
  for number in range(3):
    write_frames(root / "train" / "traj_0_to_255" / str(number), 30)
  write_frames(root / "test" / "traj_0_to_255" / "0", 30)
  return dict(path=str(root))


def kinetics(root):
  """The lists name videos by id and seconds; some were never to be had."""
  rows = [
    ("abseiling", "--abc", 12, "train"),
    ("abseiling", "x_y", 104, "train"),
    ("zumba", "gone", 7, "train"),
    ("zumba", "0aB", 0, "validate"),
    ("abseiling", "9-9", 3, "test"),
  ]
  lines = [f"{c},{i},{s},{s + 10},{split}" for c, i, s, split in rows]
  root.mkdir(parents=True, exist_ok=True)
  (root / "kinetics.csv").write_text("\n".join(["label,youtube_id,time_start,time_end,split", *lines]))
  write(root, *(f"{sp}/{c}/{i}_{s:06}_{s + 10:06}.mp4" for c, i, s, sp in rows if i != "gone"))
  return dict(path=str(root))


def ssv2(root):
  """A JSON list a split; the label is a caption, the template a class."""
  said = {"1": "pot", "22": "pen", "3": "cup", "4": "lid"}
  rows = [
    dict(id=k, label=f"{verb.lower()} a {thing}", template=f"{verb} [something]", placeholders=[f"a {thing}"])
    for (k, thing), verb in zip(said.items(), ("Holding", "Pushing", "Holding", "Pushing"))
  ]
  root.mkdir(parents=True, exist_ok=True)
  for name, part in (("train", rows[:3]), ("validation", rows[3:])):
    (root / f"something-something-v2-{name}.json").write_text(json.dumps(part))
  write(root / "20bn-something-something-v2", *(f"{k}.webm" for k in said), codec="libvpx-vp9")
  return dict(path=str(root))


def sky_timelapse(root):
  """Folders of jpg frames, split/video/part of it."""
  for number in range(4):
    for part in (1, 2):
      write_frames(root / "sky_train" / f"v{number}" / f"v{number}_{part}", N, suffix="jpg")
  write_frames(root / "sky_test" / "w" / "w_1", N, suffix="jpg")
  return dict(path=str(root))


def moving_mnist_test(root, size=64):
  """mnist_test_seq.npy: [time, videos, height, width]."""
  root.mkdir(parents=True, exist_ok=True)
  stored = np.random.default_rng(0).integers(0, 256, (20, 10, size, size), dtype=np.uint8)
  np.save(root / "mnist_test_seq.npy", stored)
  return dict(test_file=str(root / "mnist_test_seq.npy"))


def coinrun(root):
  """One npz of many recordings: `video`, `action` and what else was recorded."""
  root.mkdir(parents=True, exist_ok=True)
  rng = np.random.default_rng(0)
  video = rng.integers(0, 256, (12, 40, 16, 16, 3), dtype=np.uint8)
  action = rng.integers(0, 15, (12, 40), dtype=np.uint8)
  np.savez_compressed(root / "coinrun.npz", video=video, action=action, first=np.zeros((12, 40), bool))
  return dict(path=str(root / "coinrun.npz"))


MAKE = {
  make.__name__: make
  for make in (ucf101, kth, bair, kinetics, ssv2, sky_timelapse, moving_mnist_test, coinrun)
} | {"coinrun_actions": coinrun, "coinrun_gan": coinrun}
