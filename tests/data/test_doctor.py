"""The doctor: what it finds in a folder, and that it finds nothing where nothing is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data import clips
from vgjax.data.__main__ import main
from vgjax.data.doctor import console, examine
from vgjax.data.manifest import Row, read_manifest, write_manifest

ROOT = Path(__file__).parents[2]


def doctor(folder, out, *options):
  """(exit status, report) of the command."""
  status = main(["doctor", str(folder), "--out", str(out), "--workers", "0", *options])
  report = out / "doctor.json"
  return status, json.loads(report.read_text()) if report.exists() else None


def kinds(report):
  return {kind: problem["videos"] for kind, problem in report["problems"].items()}


@pytest.fixture(scope="module")
def sick(tmp_path_factory):
  """Twelve good videos, and one of each trouble."""
  root = tmp_path_factory.mktemp("sick")
  for number in range(12):
    clips.write(root / f"good_{number:02}.mp4", clips.scene(number))
  clips.write(root / "black.mp4", np.zeros((30, 48, 64, 3), np.uint8) + 5)
  clips.write(root / "still.mp4", np.repeat(clips.scene(50, 1), 30, axis=0))
  clips.write(root / "short.mp4", clips.scene(51, 8))
  clips.write(
    root / "small.webm", clips.scene(3)[:, ::2, ::2], codec="libvpx-vp9"
  )  # good_03 in other clothes
  clips.write(root / "times.mkv", clips.scene(52), times=np.cumsum(np.tile([0.05, 0.15, 0.1], 10)))
  (root / "empty.mp4").write_bytes(b"")
  (root / "text.avi").write_text("this is no video")
  whole = clips.write(root / "whole.mkv", clips.scene(53)).read_bytes()
  (root / "cut.mkv").write_bytes(whole[: len(whole) // 2])
  (root / "whole.mkv").unlink()
  return root


@pytest.fixture(scope="module")
def found(sick, tmp_path_factory):
  out = tmp_path_factory.mktemp("out")
  status, report = doctor(sick, out)
  return status, report, out


def test_every_trouble_is_found_and_nothing_else(found):
  status, report, _ = found
  assert status == 0
  assert kinds(report) == {
    "unreadable": ["empty.mp4", "text.avi"],
    "damaged": ["cut.mkv"],
    "duplicate": ["good_03.mp4", "small.webm"],
    "black": ["black.mp4"],
    "still": ["still.mp4"],
    "short": ["short.mp4"],
  }
  by_name = {video["name"]: video for video in report["videos"]}
  assert by_name["empty.mp4"]["problem"] == "the file is empty"
  assert "of its 30 frames are there" in by_name["cut.mkv"]["problem"]
  assert [n for n, video in by_name.items() if video["variable_rate"]] == ["times.mkv"]
  good = by_name["good_00.mp4"]
  assert (good["width"], good["height"], good["num_frames"], good["fps"]) == (64, 48, 30, 10)
  assert (good["duration"], good["codec"], good["sound"], good["key_every"]) == (3.0, "h264", "", 10.0)
  assert report["summary"]["usable"] == len(by_name) - 5
  assert any("1 video is shorter than 16 frames at 8 fps" in text for text in report["suggestions"])


def test_the_manifest_has_what_can_be_used_and_a_split(found, sick):
  _, report, out = found
  rows = {row.path: row for row in read_manifest(out / "manifest.jsonl")}
  left_out = {"empty.mp4", "text.avi", "cut.mkv", "black.mp4", "short.mp4"}
  assert set(rows) == {video["name"] for video in report["videos"]} - left_out
  assert {row.split for row in rows.values()} == {"train", "valid", "test"}
  assert rows["good_03.mp4"].split == rows["small.webm"].split
  assert rows["good_03.mp4"].content == rows["small.webm"].content
  assert len({row.content for row in rows.values()}) == len(rows) - 1
  assert report["left_out"].keys() == left_out


def test_the_sheet_is_a_picture_of_them(found):
  _, report, out = found
  sheet = np.asarray(Image.open(out / "sheet.png"))
  rows = -(-len(report["videos"]) // 2)
  assert sheet.shape[0] > rows * 108 and 1500 < sheet.shape[1] < 1800
  assert len(np.unique(sheet.astype(int) @ [1, 256, 65536])) > 1000
  assert sorted(path.name for path in out.iterdir()) == ["doctor.json", "manifest.jsonl", "sheet.png"]


def test_the_console_says_it_in_words(sick, tmp_path, capsys):
  assert doctor(sick, tmp_path / "o", "--strict")[0] == 3
  said = capsys.readouterr().out
  for words in ("15 can be used", "✗ unreadable  2", "• black", "same as good_03.mp4", "What to do\n  1. ",
                "manifest.jsonl  15 rows", "vgjax.data prepare"):  # fmt: skip
    assert words in said
  assert max(map(len, said.split("Next")[0].splitlines())) <= 120


def test_quick_reads_headers_only(sick, tmp_path):
  _, report = doctor(sick, tmp_path, "--quick")
  found = kinds(report)
  assert found["unreadable"] == ["empty.mp4", "text.avi"]
  assert "damaged" not in found and "duplicate" not in found
  assert (tmp_path / "sheet.png").stat().st_size > 10_000


# -- splits


def in_splits(root):
  root.mkdir()
  for split, numbers in (("train", range(6)), ("val", (6, 7)), ("test", (8, 2))):
    (root / split).mkdir()
    for number in numbers:
      clips.write(root / split / f"{number}.mp4", clips.scene(number))
  return root


def test_a_leak_between_splits_is_found_and_left_out(tmp_path):
  folder = in_splits(tmp_path / "in")
  _, report = doctor(folder, tmp_path / "out")
  assert report["leaks"] == [
    [{"video": "test/2.mp4", "split": "test"}, {"video": "train/2.mp4", "split": "train"}]
  ]
  rows = {row.path: row.split for row in read_manifest(tmp_path / "out" / "manifest.jsonl")}
  assert rows["test/2.mp4"] == "test" and "train/2.mp4" not in rows
  assert rows["val/6.mp4"] == "valid" and rows["train/1.mp4"] == "train" and len(rows) == 9
  _, report = doctor(folder, tmp_path / "new", "--new-split")
  rows = {row.path: row.split for row in read_manifest(tmp_path / "new" / "manifest.jsonl")}
  assert len(rows) == 10 and rows["test/2.mp4"] == rows["train/2.mp4"] and not report["leaks"]


def test_clips_of_one_video_and_a_manifest(tmp_path):
  (tmp_path / "in").mkdir()
  rows = []
  for number in range(12):
    name = f"day{number // 3}-Scene-{number % 3:03}.mp4"
    clips.write(tmp_path / "in" / name, clips.scene(number))
    rows.append(Row(name, label="x", text=f"number {number}"))
  rows += [Row(rows[0].path, start=0.5, end=1.5), Row("not_there.mp4", label="x")]
  write_manifest(tmp_path / "list.csv", rows)
  _, report = doctor(tmp_path / "in", tmp_path / "out", "--manifest", str(tmp_path / "list.csv"))
  written = read_manifest(tmp_path / "out" / "manifest.jsonl")
  assert len(written) == 13 and kinds(report)["unreadable"] == ["not_there.mp4"]
  splits = {}
  for row in written:
    splits.setdefault(row.content, set()).add(row.split)
  assert set(splits) == {f"day{k}" for k in range(4)} and all(len(found) == 1 for found in splits.values())
  assert written[3].text == "number 3" and (written[12].start, written[12].end) == (0.5, 1.5)


def test_too_few_videos_to_divide(tmp_path):
  (tmp_path / "in").mkdir()
  clips.write(tmp_path / "in" / "a.mp4", clips.scene(1))
  status, report = doctor(tmp_path / "in", tmp_path / "out")
  assert status == 0 and any("All is in train" in text for text in report["suggestions"])
  assert [row.split for row in read_manifest(tmp_path / "out" / "manifest.jsonl")] == ["train"]


def test_label_folders(tmp_path):
  for name in ("cats", "dogs"):
    (tmp_path / "in" / name).mkdir(parents=True)
    for number in range(2):
      clips.write(tmp_path / "in" / name / f"{number}.mp4", clips.scene(ord(name[0]) + 50 * number))
  _, report = doctor(tmp_path / "in", tmp_path / "plain")
  assert any("add --label-folders" in text for text in report["suggestions"])
  doctor(tmp_path / "in", tmp_path / "out", "--label-folders")
  labels = {row.path: row.label for row in read_manifest(tmp_path / "out" / "manifest.jsonl")}
  assert labels["cats/0.mp4"] == "cats" and labels["dogs/1.mp4"] == "dogs"


# -- rotation


def test_a_turned_video_is_reported_upright(tmp_path):
  path = clips.write(tmp_path / "a.mp4", clips.scene(1, 20))
  data = bytearray(path.read_bytes())
  place = data.index(b"tkhd") + 4 + 40
  turn = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30]  # a quarter turn clockwise
  data[place : place + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in turn)
  path.write_bytes(data)
  found = examine.examine(examine.Job(str(path), "a.mp4", False, True))
  assert found.rotation and (found.height, found.width) == (64, 48) and not found.problem


# -- what the reader mends


def test_errors_say_what_and_where(tmp_path, capsys, monkeypatch):
  (tmp_path / "empty").mkdir()
  (tmp_path / "file").write_text("x")
  for folder, said in (
    ("nowhere", "does not exist"),
    ("empty", "There are no videos"),
    ("file", "is a file"),
  ):
    assert doctor(tmp_path / folder, tmp_path / "out")[0] == 1
    assert said in capsys.readouterr().err
  clips.write(tmp_path / "empty" / "a.mp4", clips.scene(1, 8))
  assert doctor(tmp_path / "empty", tmp_path / "file" / "out")[0] == 1
  assert "cannot write" in capsys.readouterr().err
  monkeypatch.chdir(tmp_path / "empty")
  assert main(["doctor", "."]) == 1 and "--out DIR" in capsys.readouterr().err
  assert os.listdir(".") == ["a.mp4"]


def test_a_full_disk_says_so(tmp_path, capsys, monkeypatch):
  (tmp_path / "in").mkdir()
  clips.write(tmp_path / "in" / "a.mp4", clips.scene(1, 8))

  def full(*_, **__):
    raise OSError(28, "No space left on device", "sheet.png")

  monkeypatch.setattr("PIL.Image.Image.save", full)
  monkeypatch.setattr(examine, "_jpeg", lambda _: b"")
  monkeypatch.setattr("vgjax.data.doctor.sheet.draw", lambda *_: Image.new("RGB", (2, 2)))
  assert doctor(tmp_path / "in", tmp_path / "out")[0] == 1
  assert "the disk is full" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--help",), ("doctor", "--help"), ("prepare", "--help")])
def test_help_helps(words):
  command = [sys.executable, "-m", "vgjax.data", *words]
  done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
  assert done.returncode == 0 and "usage: python -m vgjax.data" in done.stdout
  assert ("prepare" in done.stdout) if words == ("--help",) else ("examples:" in done.stdout)


def test_numbers_in_words():
  assert [console.clock(s) for s in (4.21, 59.96, 65, 7384)] == ["4.2 s", "1:00", "1:05", "2:03:04"]
  assert [console.size(b) for b in (12, 1234, 999_600, 26_900_000, 5e13)] == [
    "12 B", "1.2 kB", "1.0 MB", "26.9 MB", "50.0 TB",
  ]  # fmt: skip
  assert console.shorten("a" * 50 + ".mp4", 20) == "aaaaaa…" + "a" * 9 + ".mp4"
