"""The doctor and folders as people have them: names, files beside the videos, a manifest, wrong words."""

import av
import pytest
from PIL import Image

from tests.data import clips
from tests.data.test_doctor import doctor
from vgjax.data.__main__ import main
from vgjax.data.doctor import sheet
from vgjax.data.manifest import Row, read_manifest, write_manifest


@pytest.fixture
def folder(tmp_path):
  root = tmp_path / "my videos ünï"
  (root / "DCIM").mkdir(parents=True)
  for number in range(4):
    clips.write(root / "DCIM" / f"IMG {number}.MOV", clips.scene(number))
  return root


def test_what_is_beside_the_videos_is_counted(folder, tmp_path, capsys):
  frames = folder / "frames"
  frames.mkdir()
  for number, picture in enumerate(clips.scene(9)):
    Image.fromarray(picture).save(frames / f"{number}.png")
  for name in ("DCIM/IMG_1.HEIC", "DCIM/IMG_2.HEIC", "DCIM/IMG_3.JPG", "notes", ".DS_Store", "frames/x.txt"):
    (folder / name).write_bytes(b"x")
  _, report = doctor(folder, tmp_path / "out", "--time", "4", "--frame-fps", "10")
  assert report["summary"]["others"] == {".heic": 2, ".jpg": 1, ".txt": 1, "no suffix": 1}
  printed = capsys.readouterr().out
  assert "others   .heic (2), .jpg, .txt, no suffix, not looked at" in printed
  assert "--frame-fps 10" in printed.partition("Next:")[2]


def test_older_phones_and_cameras(folder, tmp_path):
  clips.write(folder / "old.3gp", clips.scene(10), codec="mpeg4")
  clips.write(folder / "mine.wmv", clips.scene(11), codec="wmv2")
  _, report = doctor(folder, tmp_path / "out")
  assert report["summary"]["videos"] == report["summary"]["usable"] == 6
  assert set(report["summary"]["codecs"]) == {"h264", "mpeg4", "wmv2"} and not report["summary"]["others"]


def test_codecs_have_the_names_of_formats(folder, tmp_path):
  encoders = {"libsvtav1", "libaom-av1"} & av.codecs_available
  if not encoders:
    pytest.skip("this FFmpeg encodes no AV1")
  clips.write(folder / "new.mkv", clips.scene(12, size=(96, 128)), codec=min(encoders))
  _, report = doctor(folder, tmp_path / "out")
  assert report["summary"]["codecs"] == {"h264": 4, "av1": 1}  # and not libdav1d, which decodes it


def test_the_manifest_of_the_folder_is_read(folder, tmp_path, capsys):
  rows = [
    Row(f"DCIM/IMG {k}.MOV", label="ab"[k % 2], split=s) for k, s in enumerate(("train", "valid", "test"))
  ]
  write_manifest(folder / "manifest.csv", rows)
  _, report = doctor(folder, tmp_path / "out")
  assert report["summary"]["videos"] == 3 and report["summary"]["labels"] == {"a": 2, "b": 1}
  assert "manifest.csv says which videos there are" in capsys.readouterr().out
  written = read_manifest(tmp_path / "out" / "manifest.jsonl")
  assert [(row.path, row.label, row.split) for row in written] == [(r.path, r.label, r.split) for r in rows]


def test_a_still_video_that_is_left_out_is_no_advice(folder, tmp_path):
  clips.write(folder / "photo.mp4", clips.scene(13, 1))
  _, report = doctor(folder, tmp_path / "out")
  assert report["problems"]["still"]["videos"] == ["photo.mp4"] and "photo.mp4" in report["left_out"]
  assert not [line for line in report["suggestions"] if "Still" in line]


def test_names_are_drawn_in_letters_that_there_are():
  assert sheet.drawable("plain_Name-01.mp4") == "plain_Name-01.mp4"
  shown = sheet.drawable("mötley 日本.mp4")
  assert shown[0] == "m" and shown[1] in "öo" and shown.endswith(" ??.mp4")


@pytest.mark.parametrize(
  "words, said",
  [
    (("doctor", "IN", "--frame_fps", "3"), 'unknown option --frame_fps; did you mean "--frame-fps"?'),
    (("prepare", "IN", "OUT", "--fpss=8"), 'unknown option --fpss; did you mean "--fps"?'),
    (("prepare", "IN", "OUT", "--siz", "8"), 'unknown option --siz; did you mean "--size"?'),
    (("prepare", "IN", "OUT", "--size", "big"), "64, or HEIGHTxWIDTH such as 64x96, is wanted, not 'big'"),
    (("prepare", "IN", "OUT", "--size", "0"), "64, or HEIGHTxWIDTH such as 64x96, is wanted, not '0'"),
    (("prepare", "IN", "OUT", "--time", "all"), "a number of frames, or `whole`, is wanted, not 'all'"),
  ],
)
def test_wrong_options_are_explained(folder, tmp_path, capsys, words, said):
  words = [{"IN": str(folder), "OUT": str(tmp_path / "out")}.get(word, word) for word in words]
  with pytest.raises(SystemExit) as stopped:
    main(words)
  assert stopped.value.code == 2 and said in capsys.readouterr().err
  assert not (tmp_path / "out").exists()
