"""docs/data.md, word for word, in a clean folder, on real videos: parts of a film, see real/LICENSE."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests import tiny
from tests.test_docs import ROOT, blocks, shell
from vgjax.data import array_records, loader, video, video_folder

REAL = Path(__file__).parent / "real"


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
  """(a folder in which all commands of the page were given in their order, what each printed)."""
  folder = tmp_path_factory.mktemp("reader")
  shutil.copytree(REAL, folder / "my_videos")
  (folder / "configs").symlink_to(ROOT / "configs")
  commands = blocks("docs/data.md", "bash")
  return folder, [shell(command, folder) for command in commands]


def test_the_walk_is_what_it_says(reader):
  folder, printed = reader
  doctor, train, prepare, again, sample = printed
  assert "7 videos, all can be used" in doctor and "No problems found" in doctor
  report = json.loads((folder / "doctor" / "my_videos" / "doctor.json").read_text())
  assert report["summary"]["others"] == {"no suffix": 1}  # LICENSE
  assert "copy last frame" in train and "copy last frame" in again
  assert "Wrote prepared/mine" in prepare
  assert "/000.mp4" in sample and list((folder / "runs/try/samples").glob("sample-test-*/000.mp4"))
  assert sorted(path.name for path in (folder / "my_videos").iterdir()) == sorted(
    path.name for path in REAL.iterdir()
  ), "nothing is written into the folder of videos"


@pytest.mark.parametrize("run", ["folder", "try"])
def test_the_runs_learned_from_the_videos(reader, run):
  losses = tiny.losses(reader[0] / "runs" / run)
  assert sorted(losses) == [2] and np.isfinite(list(losses.values())).all()


def test_both_ways_read_what_is_in_the_files(reader):
  folder, _ = reader
  fields = dict(split="train", seed=0, time=16)
  whole = video_folder.make(
    **fields,
    path=str(folder / "my_videos"),
    manifest=str(folder / "doctor/my_videos/manifest.jsonl"),
    fps=8.0,
  )
  prepared = array_records.make(**fields, path=str(folder / "prepared/mine"))
  entries = {entry.name for entry in whole.entries}
  assert len(entries) == 7 - 1 - 2 and len(prepared) == len(entries)  # the doctor's split: 4, 1, 2
  for source in (whole, prepared):
    batch = next(iter(loader.eval_batches(source, batch_size=4)))["video"]
    assert batch.shape == (4, 16, 64, 64, 3) and batch.std() > 30
    means = sorted(batch.mean(axis=(1, 2, 3)).round().tolist())  # each video has colours of its own
    expected = sorted(
      video.read_video(REAL / name, size=64).mean(axis=(0, 1, 2)).round().tolist() for name in entries
    )
    assert np.abs(np.array(means) - expected).max() < 25
