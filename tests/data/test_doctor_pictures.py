"""The doctor on folders of pictures."""

import numpy as np
from PIL import Image

from tests.data import clips
from tests.data.test_doctor import doctor, kinds
from vgjax.data.manifest import read_manifest


def write_pictures(folder, frames, suffix="png"):
  folder.mkdir(parents=True)
  for number, frame in enumerate(frames):
    Image.fromarray(frame).save(folder / f"{number}.{suffix}")
  return folder


def test_folders_of_pictures_are_videos_too(tmp_path):
  """Beside files, with their troubles: a damaged picture, a copy of a file, a still one, a folder without."""
  root = tmp_path / "in"
  for number in range(4):
    write_pictures(root / f"shot_{number}", clips.scene(number, 20))
  clips.write(root / "file.mp4", clips.scene(1, 20))  # shot_1 at 10 frames a second
  clips.write(root / "other.mp4", clips.scene(5, 20))
  broken = write_pictures(root / "broken", clips.scene(6, 20)) / "7.png"
  broken.write_bytes(broken.read_bytes()[:200])
  write_pictures(root / "still", np.repeat(clips.scene(7, 1), 20, axis=0), "jpg")
  write_pictures(root / "raw_a", clips.scene(8, 20), "bmp")  # each picture of both is of one size
  write_pictures(root / "raw_b", clips.scene(9, 20), "bmp")
  _, report = doctor(root, tmp_path / "out", "--frame-fps", "10")
  assert kinds(report) == {
    "damaged": ["broken"],
    "duplicate": ["file.mp4", "shot_1"],
    "still": ["still"],
  }
  by_name = {video["name"]: video for video in report["videos"]}
  assert len(by_name) == 10
  assert by_name["broken"]["problem"].startswith("1 of its 20 pictures cannot be read, such as 7.png: ")
  shot = by_name["shot_0"]
  assert (shot["width"], shot["height"], shot["num_frames"], shot["fps"]) == (64, 48, 20, 10)
  assert (shot["duration"], shot["codec"], shot["container"]) == (2.0, "frames", "folder")
  assert shot["bytes"] == sum(path.stat().st_size for path in (root / "shot_0").iterdir())
  assert any("7 videos are folders of pictures, taken as 10 a second" in s for s in report["suggestions"])
  rows = {row.path: row for row in read_manifest(tmp_path / "out" / "manifest.jsonl")}
  assert set(rows) == set(by_name) - {"broken"} and rows["shot_1"].split == rows["file.mp4"].split
  _, report = doctor(root, tmp_path / "quick", "--quick", "--frame-fps", "10")
  assert not kinds(report) and len(report["videos"]) == 10


def test_a_folder_whose_first_picture_is_no_picture(tmp_path):
  folder = write_pictures(tmp_path / "in" / "a", clips.scene(1, 4))
  (folder / "0.png").write_text("none")
  _, report = doctor(tmp_path / "in", tmp_path / "out")
  assert kinds(report) == {"unreadable": ["a"]} and "0.png: cannot identify" in report["videos"][0]["problem"]


def test_pictures_without_a_folder_of_their_own(tmp_path, capsys):
  write_pictures(tmp_path / "in", clips.scene(1, 4))
  assert doctor(tmp_path / "in", tmp_path / "out")[0] == 1
  assert "are in a folder of their own" in capsys.readouterr().err
