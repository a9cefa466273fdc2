"""Videos to shards: which clips, which frames, the same bytes after a kill; and what is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.data import clips
from vgjax.data import scenes
from vgjax.data.__main__ import main
from vgjax.data.manifest import Row, write_manifest
from vgjax.data.prepare import pool, record
from vgjax.data.prepare import recipe as recipe_lib

ROOT = Path(__file__).parents[2]
RAW = ("--workers", "0", "--valid", "0", "--test", "0", "--size", "16", "--raw")


def prepare(folder, out, *options):
  return main(["prepare", str(folder), str(out), *options])


def videos(root, count=5, frames=30):
  root.mkdir(exist_ok=True)
  for number in range(count):
    clips.write(root / f"{number:02}.mp4", clips.numbered(frames, 32, 32))
  return root


def contents(out):
  """{file: bytes} of all that was written."""
  return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def records(out):
  """[(header, video, arrays)] in the order of the shards, opened as `array_records` does."""
  from array_record.python import array_record_module

  found = []
  for shard in json.loads((out / "recipe.json").read_text())["shards"]:
    for data in array_record_module.ArrayRecordReader(str(out / shard["file"])).read_all():
      header, begin = record.read_header(data)
      video = record.read_video(data, header, begin, range(header["time"]))
      found.append((header, video, record.read_arrays(data, header, begin)))
  return found


# -- which clips


def test_clips_lie_end_to_end_and_a_short_rest_is_left_out(tmp_path):
  folder = videos(tmp_path / "in", 1)
  assert prepare(folder, tmp_path / "out", *RAW, "--time", "8", "--min-time", "5") == 0
  shown = [clips.number_of(video) for _, video, _ in records(tmp_path / "out")]
  assert shown == [list(range(k, min(k + 8, 30))) for k in (0, 8, 16, 24)]
  prepare(folder, tmp_path / "none", *RAW, "--time", "8", "--min-time", "7")
  assert len(records(tmp_path / "none")) == 3


@pytest.mark.parametrize(
  "options, shown",
  [
    (("--fps", "5", "--time", "8"), [[0, 2, 4, 6, 8, 10, 12, 14], [16, 18, 20, 22, 24, 26, 28]]),
    (("--stride", "3", "--time", "5"), [[0, 3, 6, 9, 12], [15, 18, 21, 24, 27]]),
    (("--time", "whole"), [list(range(30))]),
    (("--time", "6", "--clips", "2"), [list(range(6, 12)), list(range(18, 24))]),
  ],
)
def test_rate_stride_and_number_of_clips(tmp_path, options, shown):
  folder = videos(tmp_path / "in", 1)
  assert prepare(folder, tmp_path / "out", *RAW, "--min-time", "5", *options) == 0
  assert [clips.number_of(video) for _, video, _ in records(tmp_path / "out")] == shown


def test_long_videos_are_decoded_in_pieces_to_the_same_clips(tmp_path, monkeypatch):
  folder = videos(tmp_path / "in", 1)
  prepare(folder, tmp_path / "whole", *RAW, "--fps", "7", "--time", "4", "--min-time", "2")
  monkeypatch.setattr("vgjax.data.prepare.clips.MEMORY", 9 * 16 * 16 * 3)
  prepare(folder, tmp_path / "pieces", *RAW, "--fps", "7", "--time", "4", "--min-time", "2")
  assert contents(tmp_path / "whole") == contents(tmp_path / "pieces")


def test_what_the_manifest_says_travels(tmp_path):
  folder = videos(tmp_path / "in", 3)
  np.save(folder / "action.npy", np.arange(30) * 10)
  np.save(folder / "text.npy", np.arange(4, dtype=np.float32))
  rows = [
    Row("00.mp4", label="cat", text="ein Kätzchen", split="train", start=0.5, end=2.5, action="action.npy"),
    Row("01.mp4", label="dog", split="test", embedding="text.npy"),
    Row("02.mp4", label="dog", split="valid", content="c"),
  ]
  write_manifest(tmp_path / "list.jsonl", rows)
  options = (*RAW, "--manifest", str(tmp_path / "list.jsonl"), "--stride", "2", "--time", "10")
  assert prepare(folder, tmp_path / "out", *options) == 0
  first, *others = records(tmp_path / "out")
  assert clips.number_of(first[1]) == list(range(5, 25, 2))
  assert first[2]["action"].tolist() == [10 * number for number in range(5, 25, 2)]
  assert first[0]["label"] == "cat" and first[0]["text"] == "ein Kätzchen" and first[0]["start"] == 0.55
  by_path = {header["path"]: (header, arrays) for header, _, arrays in others}
  assert by_path["02.mp4"][0]["content"] == "c" and "action" not in by_path["02.mp4"][1]
  assert by_path["01.mp4"][1]["embedding"].tolist() == [0, 1, 2, 3]
  index = recipe_lib.read_index(tmp_path / "out")
  assert [line["split"] for line in index] == ["train", "valid", "test"]
  assert recipe_lib.read(tmp_path / "out")["labels"] == ["cat", "dog"]


def test_the_shorter_side_or_the_centre(tmp_path):
  clips.write(tmp_path / "a.mp4", clips.numbered(16, 32, 64))
  for option, shape in (("--crop", (16, 16, 16, 3)), ("--resize", (16, 16, 32, 3))):
    prepare(tmp_path, tmp_path / option, *RAW, option)
    assert records(tmp_path / option)[0][1].shape == shape


# -- scene cuts


def noise(count, low, high, seed=0, size=48):
  """A scene: a fixed texture in a range of grey, which moves to the right."""
  base = np.random.default_rng(seed).integers(low, high, (size // 8, size // 8 + 8, 3)).astype(np.uint8)
  base = base.repeat(8, 0).repeat(8, 1)
  return np.stack([base[:, 2 * k % 64 : 2 * k % 64 + size] for k in range(count)])


def test_scenes_are_found_and_clips_do_not_cross_them(tmp_path):
  video = np.concatenate([noise(13, 0, 90), noise(11, 120, 250, 1), noise(14, 30, 160, 2)])
  path = clips.write(tmp_path / "a.mp4", video)
  assert scenes.split(path, 0.0, 3.8) == [(0.0, 1.3), (1.3, 2.4), (2.4, 3.8)]
  assert scenes.split(path, 0.5, 2.0) == [(0.5, 1.3), (1.3, 2.0)]
  prepare(tmp_path, tmp_path / "out", *RAW, "--scene-cuts", "--time", "5", "--min-time", "5")
  starts = [round(header["start"] * 10 - 0.5) for header, _, _ in records(tmp_path / "out")]
  assert starts == [0, 5, 13, 18, 24, 29]


def test_motion_light_and_a_flash_are_no_cuts(tmp_path):
  still = noise(24, 60, 120)
  flash = still.copy()
  flash[11] = 255
  light = np.clip(still * np.linspace(0.5, 2.0, 24)[:, None, None, None], 0, 255).astype(np.uint8)
  for name, video in (("motion", still), ("flash", flash), ("light", light)):
    path = clips.write(tmp_path / f"{name}.mp4", video)
    assert scenes.split(path, 0.0, 2.4) == [(0.0, 2.4)], name


# -- killed and continued


def command(folder, out, *options):
  words = [sys.executable, "-m", "vgjax.data", "prepare", str(folder), str(out), "--workers", "2", *options]
  return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_killed_and_continued_is_the_same_byte_for_byte(tmp_path):
  folder = videos(tmp_path / "in", 24, 40)
  options = ("--size", "48", "--time", "20", "--shard-mb", "0.001")
  whole = command(folder, tmp_path / "whole", *options)
  out = tmp_path / "killed"
  state = out / ".work" / "shards.jsonl"
  killed = []
  for lines in (1, 4):  # killed twice, at different places; the second time it may be through already
    process = command(folder, out, *options)
    while process.poll() is None and not (state.exists() and state.read_text().count("\n") >= lines):
      time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    killed.append(process.returncode == -signal.SIGKILL)
    if lines == 1:
      assert killed[0] and not json.loads((out / "recipe.json").read_text())["complete"]
  done = command(folder, out, *options)
  said = done.communicate(timeout=100)[0]
  assert done.returncode == 0 and ("Going on with" if killed[1] else "complete already") in said
  assert whole.wait(timeout=100) == 0
  assert len(contents(out)) > 10 and contents(out) == contents(tmp_path / "whole")


def test_a_line_cut_short_and_a_shard_without_a_line_are_done_again(tmp_path, monkeypatch):
  folder = videos(tmp_path / "in", 4)
  options = (*RAW, "--shard-mb", "0.001")
  prepare(folder, tmp_path / "whole", *options)
  out = tmp_path / "out"
  with monkeypatch.context() as patch:
    patch.setattr("vgjax.data.prepare.shards._finish", lambda *_: sys.exit("stop"))
    with pytest.raises(SystemExit):
      prepare(folder, out, *options)
  state = out / ".work" / "shards.jsonl"
  text = state.read_text()
  assert text.count("\n") == 4
  state.write_text(text[:-40])
  assert prepare(folder, out, *options) == 0
  assert contents(out) == contents(tmp_path / "whole")


def test_other_options_or_videos_are_refused_with_the_difference(tmp_path, capsys):
  folder, out = videos(tmp_path / "in", 3), tmp_path / "out"
  assert prepare(folder, out, *RAW) == 0
  before = contents(out)
  assert prepare(folder, out, *RAW) == 0 and "complete already" in capsys.readouterr().out
  assert prepare(folder, out, *RAW, "--fps", "5", "--channels", "1") == 1
  said = capsys.readouterr().err
  assert (
    "another recipe" in said and "channels: 3 before, 1 now" in said and "fps: None before, 5.0 now" in said
  )
  clips.write(folder / "02.mp4", clips.numbered(20, 32, 32))
  assert prepare(folder, out, *RAW) == 1 and "the videos have changed" in capsys.readouterr().err
  clips.write(folder / "03.mp4", clips.numbered(20, 32, 32))
  assert prepare(folder, out, *RAW) == 1 and "inputs: 3 before, 4 now" in capsys.readouterr().err
  assert contents(out) == before


def test_two_at_once_are_refused(tmp_path, capsys):
  from vgjax.data.prepare import shards

  folder, out = videos(tmp_path / "in", 1), tmp_path / "out"
  (out / ".work").mkdir(parents=True)
  with shards._only_one(out / ".work"):
    assert prepare(folder, out, *RAW) == 1
  assert "Another process" in capsys.readouterr().err
  assert prepare(folder, out, *RAW) == 0


# -- bad videos


def test_bad_videos_are_skipped_counted_and_named(tmp_path, capsys):
  folder = videos(tmp_path / "in", 4)
  (folder / "01.mp4").write_bytes(b"junk")
  clips.write(folder / "02.mp4", clips.numbered(3, 32, 32))
  assert prepare(folder, tmp_path / "stops", *RAW) == 1
  assert "2 of 4 videos are bad" in (said := capsys.readouterr().err) and "01.mp4: Invalid data" in said
  assert prepare(folder, tmp_path / "out", *RAW, "--max-bad", "0.5") == 0
  assert "02.mp4: too short: 0.30 s, less than 16 frames at 10 fps" in capsys.readouterr().out
  recipe = recipe_lib.read(tmp_path / "out")
  assert recipe["counts"]["bad"] == 2 and recipe["counts"]["records"] == 2


def crash(job):
  if job == 3:
    os.kill(os.getpid(), signal.SIGSEGV)
  return job * 10


def test_a_file_that_kills_its_process_takes_no_other_with_it():
  done = dict(pool.ordered(crash, range(8), workers=2))
  assert isinstance(done.pop(3), pool.Crashed)
  assert done == {job: job * 10 for job in (0, 1, 2, 4, 5, 6, 7)}


# -- what the reader mends


def test_errors_name_what_and_where(tmp_path, capsys):
  folder = videos(tmp_path / "in", 1)
  (tmp_path / "empty").mkdir()
  for words, said in (
    ((tmp_path / "nowhere", tmp_path / "out"), "nowhere does not exist"),
    ((tmp_path / "empty", tmp_path / "out"), "No videos in"),
    ((folder, folder), "holds other files, such as 00.mp4"),
    ((folder, tmp_path / "out", "--fps", "0"), "--fps must be above 0"),
    ((folder, tmp_path / "out", "--time", "8", "--min-time", "9"), "nothing would be left"),
    ((folder, tmp_path / "in" / "00.mp4" / "out"), "cannot write"),
    ((folder, "/proc/nowhere/out"), "cannot write /proc/nowhere"),  # where no folder can be made
  ):
    assert prepare(*words[:2], *RAW, *words[2:]) == 1
    assert said in capsys.readouterr().err
  with pytest.raises(SystemExit) as stopped:
    prepare(folder, tmp_path / "out", "--sise", "64")
  assert stopped.value.code == 2


def test_a_split_whose_videos_are_all_left_out_is_named(tmp_path, capsys):
  (tmp_path / "in").mkdir()
  for split in ("train", "valid", "test"):
    videos(tmp_path / "in" / split, 2)
  for path in sorted((tmp_path / "in" / "test").iterdir()):
    path.write_bytes(b"no video")
  assert prepare(tmp_path / "in", tmp_path / "out", *RAW, "--max-bad", "0.5") == 0
  assert "Nothing is left for the split test," in capsys.readouterr().out
  assert prepare(tmp_path / "in" / "train", tmp_path / "fine", *RAW, "--valid", "0", "--test", "0") == 0
  assert "Nothing is left" not in capsys.readouterr().out


def test_a_full_disk_says_so_and_goes_on_later(tmp_path, capsys, monkeypatch):
  folder, out = videos(tmp_path / "in", 3), tmp_path / "out"

  def full(path, done, found):
    raise OSError(28, "No space left on device", path)

  with monkeypatch.context() as patch:
    patch.setattr("vgjax.data.prepare.clips.write_part", full)
    assert prepare(folder, out, *RAW) == 1
  assert "the disk is full" in capsys.readouterr().err
  assert prepare(folder, out, *RAW) == 0 and len(records(out)) == 3


def test_starts_without_jax():
  code = (
    "import sys; import vgjax.data.__main__ as m; print([n for n in ('jax', 'flax') if n in sys.modules])"
  )
  done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
  assert done.stdout.strip() == "[]"


def test_the_names_of_vgjax_are_functions_whatever_was_imported_first():
  """`import vgjax` imports its parts when they are used; no module of the same name may hide a function."""
  code = (
    "import vgjax.train, vgjax.restore, vgjax; "
    "print([type(getattr(vgjax, name)).__name__ for name in (*vgjax.__all__, 'restore')]); vgjax.nothing"
  )
  done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
  assert done.stdout.strip() == str(["function"] * 7 + ["module"])
  assert "module 'vgjax' has no attribute 'nothing'" in done.stderr


# -- the layout


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(11, 33, 47), (3, 16, 16), (1, 2, 2)])
def test_what_is_packed_comes_back(channels, shape):
  y, x = np.indices(shape[1:])
  video = np.stack([(3 * x + 2 * y + 9 * k) % 256 for k in range(shape[0])]).astype(np.uint8)
  video = np.repeat(video[..., None], channels, -1)
  arrays = dict(action=np.arange(shape[0] * 2.0).reshape(-1, 2), flag=np.float32(1))
  for gop in (0, 4):
    data = record.pack(dict(path="a"), video, arrays, gop=gop, crf=0)
    assert data == record.pack(dict(path="a"), video, arrays, gop=gop, crf=0)
    header, begin = record.read_header(data)
    whole = record.read_video(data, header, begin, range(shape[0]))
    assert np.abs(whole.astype(int) - video).max() <= (3 if gop and channels == 3 else 0)
    for frames in (range(shape[0] - 1, shape[0]), range(0, shape[0], 3), range(shape[0] // 2, shape[0])):
      np.testing.assert_array_equal(record.read_video(data, header, begin, frames), whole[list(frames)])
    back = record.read_arrays(data, header, begin)
    np.testing.assert_array_equal(back["action"], arrays["action"])
    assert back["flag"].shape == () and back["flag"] == 1
    for cut in (b"", data[:3], data[:30], data[:-1], b"XXXX" + data[4:]):
      with pytest.raises(ValueError):
        record.read_header(cut)
