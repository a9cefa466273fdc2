"""Plain folders: what is found in them, what is read, what is left out and named."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from vgjax.data import video as video_files
from vgjax.data.sampling import Sampling
from vgjax.errors import DataError
from vgjax.evaluate import folders, pairs


def clip(time=6, height=16, width=24, seed=0):
  """Smooth in space, so that an encoder keeps it."""
  rng = np.random.default_rng(seed)
  ramp = np.linspace(0, 1, width)[None, None, :, None] * rng.uniform(50, 150, (time, 1, 1, 3))
  return np.broadcast_to(ramp + rng.uniform(0, 100, (time, 1, 1, 3)), (time, height, width, 3)).astype(
    np.uint8
  )


def write_pictures(folder, video):
  folder.mkdir(parents=True)
  for number, picture in enumerate(video):
    Image.fromarray(picture).save(folder / f"{number}.png")


def read(folder, time=6, size=None, channels=3, fps=None, stride=1):
  sampling = Sampling(time, fps, stride)
  folder = folders.long_enough(folder, sampling)
  source = folders.clips(folder, folder.videos, sampling, size=size, channels=channels)
  return source, [source.example(i, np.random.default_rng(0)) for i in range(len(source))]


@pytest.fixture
def mixed(tmp_path):
  (tmp_path / "a").mkdir()
  video_files.write_video(tmp_path / "a" / "b.mp4", clip())
  write_pictures(tmp_path / "c", clip(seed=1))
  (tmp_path / "notes.txt").write_text("hi")
  return tmp_path


def test_files_and_frame_folders_side_by_side(mixed):
  found = folders.look(mixed)
  assert [video.stem for video in found.videos] == ["a/b", "c"] and not found.bad and not found.grey
  source, examples = read(found)
  np.testing.assert_array_equal(examples[1]["video"], clip(seed=1))
  assert np.abs(examples[0]["video"].astype(int) - clip()).mean() < 4
  assert source.card()["resolution"] == [16, 24, 3] and source.card()["resize"] == "none"


def test_the_first_frames_every_second_one(mixed):
  _, examples = read(folders.look(mixed), time=3, stride=2)
  np.testing.assert_array_equal(examples[1]["video"], clip(seed=1)[:5:2])


def test_frames_at_a_rate(mixed):
  """A folder of pictures has 25 frames a second."""
  _, examples = read(folders.look(mixed), time=3, fps=12.5)
  np.testing.assert_array_equal(examples[1]["video"], clip(seed=1)[:5:2])


@pytest.mark.parametrize("form", ["vthwc", "compressed", "grey", "folder"])
def test_arrays(tmp_path, form):
  videos = np.stack([clip(seed=i) for i in range(3)])
  if form == "vthwc":
    np.save(tmp_path / "fake.npy", videos)
  elif form == "compressed":
    np.savez_compressed(tmp_path / "fake.npz", video=videos)
  elif form == "grey":
    np.save(tmp_path / "fake.npy", videos[..., 0])
  else:
    for i, video in enumerate(videos):
      np.save(tmp_path / f"v{i}.npy", video)
  found = folders.look(tmp_path)
  stems = ["v0", "v1", "v2"] if form == "folder" else ["0", "1", "2"]
  assert [video.stem for video in found.videos] == stems
  assert found.grey == (form == "grey")
  _, examples = read(found, time=4, channels=1 if form == "grey" else 3)
  wanted = videos[:, :4, ..., :1] if form == "grey" else videos[:, :4]
  np.testing.assert_array_equal([example["video"] for example in examples], wanted)


def test_arrays_in_another_size_and_as_colour(tmp_path):
  np.save(tmp_path / "fake.npy", clip()[None, ..., 0])
  source, (example,) = read(folders.look(tmp_path / "fake.npy"), size=(8, 8))
  assert example["video"].shape == (6, 8, 8, 3) and "Pillow" in source.card()["resize"]
  # The centre of the ramp, half as large.
  wanted = clip()[:, ::2, 4:20, 0].reshape(6, 8, 8, 2).mean(-1)
  assert np.abs(example["video"][..., 0] - wanted).max() < 4
  with pytest.raises(DataError, match="use --stride"):
    read(folders.look(tmp_path), fps=10)


def test_short_videos_are_left_out_and_named(mixed):
  write_pictures(mixed / "d", clip(time=2))
  found = folders.look(mixed)
  assert folders.most_frames(found, None, 1) == 2 and folders.most_frames(found, None, 2) == 1
  source, examples = read(found)
  assert len(examples) == 2
  assert source.bad == {"d": f"{mixed / 'd'}: too short, 2 frames in 0.08 seconds"}
  with pytest.raises(DataError, match=r"no video has 40 frames; the longest, a/b\.mp4, has 6 frames"):
    read(found, time=40)


def test_unreadable_files_are_counted_and_named(mixed):
  (mixed / "broken.mp4").write_bytes(b"no video")
  found = folders.look(mixed)
  assert len(found.videos) == 2 and list(found.bad) == ["broken.mp4"]
  picture = mixed / "c" / "3.png"
  picture.write_bytes(picture.read_bytes()[:60])  # shows only when decoded
  source, examples = read(found)
  assert [int(example["ok"]) for example in examples] == [1, 0]
  assert set(source.bad) == {"broken.mp4", "c"} and "3.png" in source.bad["c"]


def test_sizes_that_differ_need_a_choice(mixed):
  write_pictures(mixed / "e", clip(height=20))
  with pytest.raises(DataError, match=r"a/b.mp4 is 24x16 and e 24x20. Choose one for all, such as --size 16"):
    read(folders.look(mixed))
  _, examples = read(folders.look(mixed), size=(16, 16))
  assert {example["video"].shape for example in examples} == {(6, 16, 16, 3)}


@pytest.mark.parametrize(
  "make,message",
  [
    (lambda path: None, "it is empty"),
    (lambda path: (path / "x.txt").write_text(""), "it holds 1 other files, such as x.txt"),
    (lambda path: Image.new("RGB", (8, 8)).save(path / "0.png"), "single pictures, such as 0.png"),
    (lambda path: (path / "x.mp4").write_text("no"), "None of the 1 videos .* can be read"),
    (lambda path: np.save(path / "x.npy", np.zeros((2, 3, 8, 8, 3))), "float64; uint8"),
  ],
)
def test_folders_without_videos(tmp_path, make, message):
  make(tmp_path)
  with pytest.raises(DataError, match=message):
    folders.look(tmp_path)


def test_a_folder_that_is_not_there_and_a_file(tmp_path):
  with pytest.raises(DataError, match="there is no such folder"):
    folders.look(tmp_path / "no")
  (tmp_path / "x.mp4").write_text("")
  with pytest.raises(DataError, match="name the folder"):
    folders.look(tmp_path / "x.mp4")


def test_two_files_of_one_name_are_refused(mixed):
  video_files.write_video(mixed / "a" / "b.gif", clip())
  with pytest.raises(DataError, match=r"a/b.gif and a/b.mp4 have one name"):
    folders.look(mixed)


def test_identity_changes_with_any_file(mixed):
  found = folders.look(mixed)
  before = found.identity()
  assert folders.look(mixed).identity() == before
  picture = mixed / "c" / "5.png"
  os.utime(picture, ns=(1, 1))
  assert folders.look(mixed).identity() != before


def test_a_copied_folder_has_the_same_card(mixed, tmp_path_factory):
  copy = tmp_path_factory.mktemp("elsewhere") / "other_name"
  shutil.copytree(mixed, copy)
  assert read(folders.look(copy))[0].card() == read(folders.look(mixed))[0].card()


def test_pairs_are_of_one_name(mixed, tmp_path_factory):
  other = tmp_path_factory.mktemp("fake")
  (other / "a").mkdir()
  video_files.write_video(other / "a" / "b.gif", clip())  # another format
  write_pictures(other / "x", clip())
  matched = pairs.match(folders.look(mixed), [folders.look(other)])
  assert [(a.name, b.name) for a, b in matched.groups] == [("a/b.mp4", "a/b.gif")]
  assert matched.real_only == ("c",) and matched.fake_only == ("x",)
