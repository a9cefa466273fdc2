"""Well-known data sets load as they are laid out on disk: one small tree of the same structure each."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.data import clips
from vgjax.data import arrays, video_folder

N = 20


def write(root, *names, num_frames=N, codec="libx264"):
  """The same small video under each name."""
  first = None
  for name in names:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if first is None:
      first = clips.write(path, clips.numbered(num_frames, 32, 32), codec=codec).read_bytes()
    path.write_bytes(first)


def write_frames(folder, count=N, suffix="png"):
  folder.mkdir(parents=True)
  for number, frame in enumerate(clips.numbered(count, 16, 16)):
    Image.fromarray(frame).save(folder / f"{number}.{suffix}")


def load(root, **fields):
  """{split: the source}, with one example of each read."""
  fields = dict(time=4, size=16) | fields
  sources = {s: video_folder.make(split=s, seed=0, path=str(root), **fields) for s in video_folder.SPLITS}
  for source in sources.values():
    example = source.example(0, np.random.default_rng(0))
    assert example["video"].shape[:3] == (4, 16, 16)
    assert ("label" in example) == bool(fields.get("labels"))
  return sources


def names(source):
  return sorted({entry.name for entry in source.entries})


def test_ucf101(tmp_path):
  """Class folders; the official lists; clips of one group (g01) were cut from one video."""
  listed = [f"{c}/v_{c}_g{g:02}_c{k:02}.avi" for c in ("Archery", "YoYo") for g in (1, 8, 9) for k in (1, 2)]
  write(tmp_path / "UCF-101", *listed, codec="mpeg4")
  lists = tmp_path / "ucfTrainTestlist"
  lists.mkdir()
  train = [name for name in listed if "_g01_" not in name]
  (lists / "trainlist01.txt").write_text("".join(f"{n} {1 + n.startswith('Y')}\r\n" for n in train))
  (lists / "testlist01.txt").write_text("".join(f"{n}\n" for n in listed if n not in train))
  splits = dict(train="../ucfTrainTestlist/trainlist01.txt", test="../ucfTrainTestlist/testlist01.txt")
  found = load(tmp_path / "UCF-101", labels="folder", splits=splits, content=r"v_(\w+_g\d+)_")
  assert names(found["test"]) == [name for name in listed if "_g01_" in name]
  assert sorted(names(found["train"]) + names(found["valid"])) == sorted(train)
  groups = [{name.rpartition("_")[0] for name in names(found[split])} for split in ("train", "valid")]
  assert not groups[0] & groups[1]
  assert found["train"].classes == ("Archery", "YoYo")


def test_kth(tmp_path):
  """Class folders; a person is in one split, whatever the class."""
  actions = ("boxing", "running")
  listed = [f"{a}/person{p:02}_{a}_d{d}_uncomp.avi" for a in actions for p in range(1, 9) for d in (1, 2)]
  write(tmp_path, *listed, codec="mpeg4")
  found = load(tmp_path, labels="folder", content=r"person\d+", channels=1, valid_fraction=0.2)
  persons = [{name.partition("/")[2][:8] for name in names(source)} for source in found.values()]
  assert len(set.union(*persons)) == sum(map(len, persons)) == 8
  assert found["train"].example(0, np.random.default_rng(0))["video"].shape == (4, 16, 16, 1)


def test_bair(tmp_path):
  """Folders of 30 frames, split/trajectories/number."""
  for number in range(3):
    write_frames(tmp_path / "train" / "traj_0_to_255" / str(number), 30)
  write_frames(tmp_path / "test" / "traj_0_to_255" / "0", 30)
  found = load(tmp_path, size=16)
  assert names(found["test"]) == ["test/traj_0_to_255/0"]
  assert len(found["train"]) == 2 and len(found["valid"]) == 1
  shown = clips.number_of(found["test"].example(0, np.random.default_rng(0))["video"])
  assert np.diff(shown).tolist() == [1, 1, 1]


@pytest.mark.filterwarnings("ignore:Skipped 1 of the")
def test_kinetics(tmp_path):
  """The lists name videos by id and seconds; some were never to be had."""
  rows = [
    ("abseiling", "--abc", 12, "train"),
    ("abseiling", "x_y", 104, "train"),
    ("zumba", "gone", 7, "train"),
  ]
  rows += [("zumba", "0aB", 0, "validate"), ("abseiling", "9-9", 3, "test")]
  lines = [f"{c},{i},{s},{s + 10},{split}" for c, i, s, split in rows]
  (tmp_path / "kinetics.csv").write_text("\n".join(["label,youtube_id,time_start,time_end,split", *lines]))
  write(tmp_path, *(f"{sp}/{c}/{i}_{s:06}_{s + 10:06}.mp4" for c, i, s, sp in rows if i != "gone"))
  columns = dict(
    path="{split}/{label}/{youtube_id}_{time_start:0>6}_{time_end:0>6}.mp4", label="label", split="split"
  )
  fields = dict(manifest="kinetics.csv", columns=columns, labels="manifest", max_bad_fraction=0.2)
  found = load(tmp_path, **fields)
  assert names(found["train"]) == [
    f"train/abseiling/{n}.mp4" for n in ("--abc_000012_000022", "x_y_000104_000114")
  ]
  assert names(found["valid"]) == ["validate/zumba/0aB_000000_000010.mp4"]
  assert found["valid"].example(0, np.random.default_rng(0))["label"] == 1
  assert [name for name in found["test"].bad] == ["train/zumba/gone_000007_000017.mp4"]


def test_something_something(tmp_path):
  """A JSON list a split; the label is a caption, the template a class."""
  rows = [
    dict(id="1", label="holding a pot", template="Holding [something]", placeholders=["a pot"]),
    dict(id="22", label="pushing a pen", template="Pushing [something]", placeholders=["a pen"]),
    dict(id="3", label="holding a cup", template="Holding [something]", placeholders=["a cup"]),
  ]
  for name, part in (("train", rows[:2]), ("validation", rows[2:]), ("test", rows[2:])):
    (tmp_path / f"something-something-v2-{name}.json").write_text(json.dumps(part))
  write(tmp_path / "20bn-something-something-v2", "1.webm", "22.webm", "3.webm", codec="libvpx-vp9")
  found = load(
    tmp_path,
    manifest={
      split: f"something-something-v2-{name}.json"
      for split, name in (("train", "train"), ("valid", "validation"), ("test", "test"))
    },
    columns=dict(path="20bn-something-something-v2/{id}.webm", text="label", label="template"),
    labels="manifest",
    text="bytes",
  )
  example = found["valid"].example(0, np.random.default_rng(0))
  assert bytes(example["text"]).rstrip(b"\0") == b"holding a cup" and example["label"] == 0
  assert found["train"].classes == ("Holding [something]", "Pushing [something]")


def test_sky_timelapse(tmp_path):
  """Folders of jpg frames, split/video/part of it; the parts of a video stay together."""
  for number in range(4):
    for part in (1, 2):
      write_frames(tmp_path / "sky_train" / f"v{number}" / f"v{number}_{part}", suffix="jpg")
  write_frames(tmp_path / "sky_test" / "w" / "w_1", suffix="jpg")
  found = load(tmp_path, splits=dict(train="sky_train", test="sky_test"), content=r"sky_\w+/([^/]+)/")
  assert names(found["test"]) == ["sky_test/w/w_1"]
  assert len(found["train"]) == 6 and len(found["valid"]) == 2
  assert len({name.split("/")[1] for name in names(found["valid"])}) == 1


def test_moving_mnists_public_test_set(tmp_path):
  """mnist_test_seq.npy: [time, videos, height, width]."""
  stored = np.random.default_rng(0).integers(0, 256, (20, 30, 8, 8), dtype=np.uint8)
  np.save(tmp_path / "mnist_test_seq.npy", stored)
  splits = dict(test="mnist_test_seq.npy")
  source = arrays.make(split="test", seed=0, path=str(tmp_path), time=20, axes="tvhw", splits=splits,
                       valid_fraction=0)  # fmt: skip
  assert len(source) == 30
  for index in (0, 29):
    video = source.example(index, np.random.default_rng(0))["video"]
    np.testing.assert_array_equal(video, stored[:, index, :, :, None])


def test_recordings_of_games(tmp_path):
  """One npz of many: `video`, `action` and what else was recorded; in step, for every split."""
  rng = np.random.default_rng(0)
  video = rng.integers(0, 256, (12, 9, 8, 8, 3), dtype=np.uint8)
  action = rng.integers(0, 15, (12, 9), dtype=np.uint8)
  np.savez_compressed(tmp_path / "coinrun.npz", video=video, action=action, first=np.zeros((12, 9), bool))
  seen = set()
  for split in arrays.SPLITS:
    source = arrays.make(split=split, seed=0, path=str(tmp_path / "coinrun.npz"), time=4, action=True)
    for index, (_, number) in enumerate(source.videos):
      example = source.example(index, np.random.default_rng(index))
      starts = [k for k in range(6) if np.array_equal(example["video"], video[number, k : k + 4])]
      np.testing.assert_array_equal(example["action"], action[number, starts[0] : starts[0] + 4])
      seen.add(number)
  assert seen == set(range(12))
