"""The index on disk is used while files stay as they are, and never otherwise."""

import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.data import clips
from vgjax.data import index_cache, video, video_index


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """Three settled files, a cache of its own, and a count of files opened."""
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
  root = tmp_path / "videos"
  root.mkdir()
  for name in ("a.mp4", "b.mp4"):
    clips.write(root / name, clips.numbered(6))
  (root / "bad.mp4").write_bytes(b"junk")
  settle(root)
  return root


def settle(root):
  """Files as if written a while ago."""
  for path in root.iterdir():
    os.utime(path, (time.time() - 60,) * 2)


def probed(root, monkeypatch, **options):
  """({name: what was found}, the names that were opened)."""
  opened = []
  probe = video.probe
  with monkeypatch.context() as patch:
    patch.setattr(
      video, "probe", lambda path, **kw: (opened.append(os.path.basename(path)), probe(path, **kw))[1]
    )
    patch.setattr(video_index, "_remembered", {})
    infos, bad = video_index.probe_all(root, sorted(p.name for p in root.iterdir()), **options)
  return infos | bad, sorted(opened)


def kept_file(root):
  (path,) = (root.parent / "cache" / "vgjax" / "index").iterdir()
  return path


def test_files_are_opened_once(folder, monkeypatch):
  first, opened = probed(folder, monkeypatch)
  assert opened == ["a.mp4", "b.mp4", "bad.mp4"] and "bad.mp4: Invalid data" in first["bad.mp4"]
  again, opened = probed(folder, monkeypatch)
  assert opened == [] and again == first and isinstance(again["a.mp4"], video.VideoInfo)
  assert probed(folder, monkeypatch, cache=False)[1] == ["a.mp4", "b.mp4", "bad.mp4"]


def test_a_moved_folder_is_read_anew_and_names_itself(folder, monkeypatch):
  probed(folder, monkeypatch)
  moved = folder.rename(folder.parent / "moved")
  found, opened = probed(moved, monkeypatch)
  assert len(opened) == 3 and found["bad.mp4"].startswith(str(moved))


def test_a_changed_file_is_opened_again(folder, monkeypatch):
  probed(folder, monkeypatch)
  clips.write(folder / "b.mp4", clips.numbered(9))
  settle(folder)  # another time for all of them
  found, opened = probed(folder, monkeypatch)
  assert opened == ["a.mp4", "b.mp4", "bad.mp4"] and found["b.mp4"].num_frames == 9
  stamp = (folder / "b.mp4").stat()
  (folder / "b.mp4").write_bytes(b"junk")  # another size, the same time
  os.utime(folder / "b.mp4", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
  assert probed(folder, monkeypatch)[1] == ["b.mp4"]


def test_a_file_that_may_be_changing_is_not_kept(folder, monkeypatch):
  clips.write(folder / "new.mp4", clips.numbered(6))
  probed(folder, monkeypatch)
  assert probed(folder, monkeypatch)[1] == ["new.mp4"]


@pytest.mark.parametrize(
  "content",
  [
    b"",
    b"\xff\xfe{",
    b"[]",
    b'{"made_by": 1}',
    b"[" * 100_000,
    None,
  ],
)
def test_a_damaged_index_is_not_believed(folder, monkeypatch, content):
  first, _ = probed(folder, monkeypatch)
  path = kept_file(folder)
  if content is None:
    kept = json.loads(path.read_text())
    kept["entries"] = {name: [*entry[:2], [1, 2]] for name, entry in kept["entries"].items()}
    content = json.dumps(kept).encode()
  path.write_bytes(content)
  found, opened = probed(folder, monkeypatch)
  assert len(opened) == 3 and found == first
  assert probed(folder, monkeypatch)[1] == []  # a whole one has replaced it


def test_another_version_is_not_believed(folder, monkeypatch):
  probed(folder, monkeypatch)
  monkeypatch.setattr(index_cache, "VERSION", index_cache.VERSION + 1)
  assert len(probed(folder, monkeypatch)[1]) == 3


def test_it_can_be_turned_off_and_a_disk_that_refuses_is_no_error(folder, monkeypatch):
  monkeypatch.setenv("VGJAX_INDEX_CACHE", "off")
  probed(folder, monkeypatch)
  assert not (folder.parent / "cache").exists()
  monkeypatch.delenv("VGJAX_INDEX_CACHE")
  (folder.parent / "cache").write_text("a file, not a folder")
  with pytest.warns(UserWarning, match="could not be kept for the next start"):
    assert len(probed(folder, monkeypatch)[1]) == 3


def _save(arguments):
  folder, number = arguments
  for step in range(20):
    name = f"{number}_{step}"
    index_cache.save(folder, {name: ((1, 1), name)})
  return True


def test_several_processes_may_write_at_once(folder):
  # Spawned: a fork of this process, in which JAX has threads, might hang.
  with ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
    assert all(pool.map(_save, [(str(folder), number) for number in range(3)]))
  entries = index_cache.load(folder)
  # How many are lost to one another is chance. The last to write has kept its own, and all are true.
  assert any(f"{number}_19" in entries for number in range(3))
  assert all(entry == [1, 1, name] for name, entry in entries.items())
  assert [path.suffix for path in kept_file(folder).parent.iterdir()] == [".json"]  # nothing left behind
