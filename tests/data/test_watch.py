"""A decoder that never comes back: it is named, and nobody waits for it for ever."""

import dataclasses
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.data import clips
from vgjax.data import loader, reader, video_index, watch
from vgjax.data.prepare import pool
from vgjax.errors import DataError

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Circling:
  """Example 3 is read by a decoder that runs in circles; the others take a while, and come."""

  def __len__(self):
    return 4

  def example(self, index, rng):
    with watch.reading(f"/videos/{index}.mp4"):
      for _ in range(10):
        time.sleep(0.05)
        watch.beat()
      circle(index == 3)
    return {"index": np.int64(index)}


def circle(never_ends):
  """In a process of its own too, where a test cannot reach."""
  watch.LIMIT, watch.POLL = 0.3, 0.05
  if never_ends:
    _release.wait()


_release = threading.Event()


@pytest.fixture
def impatient(monkeypatch):
  monkeypatch.setattr(watch, "LIMIT", 0.3)
  monkeypatch.setattr(watch, "POLL", 0.05)
  yield
  _release.set()  # no thread of a test outlives it
  _release.clear()


def take_all(batches):
  for _ in range(4):
    next(batches)


def test_a_decoder_that_never_comes_back_is_named(impatient):
  batches = loader.train_batches(Circling(), batch_size=1, seed=0)
  with batches, pytest.raises(DataError, match=r"/videos/3\.mp4: its decoder has given nothing"):
    take_all(batches)


def test_a_worker_ends_itself_and_names_the_file(impatient, capfd):
  batches = loader.train_batches(Circling(), batch_size=1, seed=0, workers=1)
  with batches, pytest.raises(DataError, match="never came back, and it named the file above"):
    take_all(batches)
  assert "/videos/3.mp4: its decoder has given nothing" in capfd.readouterr().err


def test_the_program_can_still_end():
  script = """
import time
from tests.data.test_watch import Circling, watch
from vgjax.data import loader
watch.LIMIT, watch.POLL, watch.LEAVE = 0.3, 0.05, 0.2
batches = loader.train_batches(Circling(), batch_size=1, seed=0)
for _ in range(4):
  next(batches)
"""
  done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
  assert done.returncode == 1 and "/videos/3.mp4: its decoder" in done.stderr.splitlines()[-1]


def _read(number):
  """What prepare and the doctor have their workers do."""
  with watch.reading(f"/videos/{number}.mp4"):
    circle(number == 2)
  return number


def test_prepare_and_the_doctor_go_on_with_the_next_file():
  found = list(pool.ordered(_read, range(4), workers=1))
  assert [result for _, result in found if not isinstance(result, pool.Crashed)] == [0, 1, 3]
  assert "keeps it for ever" in found[2][1].reason


def test_the_decoder_is_watched(tmp_path, impatient, monkeypatch):
  """A real file whose decoder circles after some frames, by the source that trains on it."""
  from vgjax.data import video_folder

  for number in range(3):
    clips.write(tmp_path / f"{number}.mp4", clips.numbered(20))
  source = video_folder.make(split="train", seed=0, path=str(tmp_path), time=4, size=16)
  stamped = reader.Reader._stamped

  def circling(self, leave_out, end):
    for number, shown in enumerate(stamped(self, leave_out, end)):
      if number == 2:
        _release.wait()
      yield shown

  monkeypatch.setattr(reader.Reader, "_stamped", circling)
  batches = loader.train_batches(source, batch_size=1, seed=0)
  with batches, pytest.raises(DataError, match=rf"{tmp_path}/\d\.mp4: its decoder has given nothing"):
    next(batches)


def test_a_header_is_watched_too(tmp_path, impatient, monkeypatch):
  clips.write(tmp_path / "a.mp4", clips.numbered(4))
  monkeypatch.setattr("vgjax.data.video._probe", lambda path, container: _release.wait())
  with pytest.raises(DataError, match=r"a\.mp4: its decoder has given nothing"):
    video_index.probe_all(tmp_path, ["a.mp4"], cache=False)


def test_neither_slow_nor_stopped_is_stuck(monkeypatch):
  now = [0.0]
  monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])
  watcher = watch.Watch({threading.get_ident()})
  with watch.reading("/videos/slow.mp4"):
    for _ in range(1000):  # a packet every now and then
      now[0] += watch.POLL
      watch.beat()
      assert watcher.look() is None
    now[0] += 100 * watch.LIMIT  # the process, or the machine, slept
    assert watcher.look() is None
    for _ in range(int(watch.LIMIT / watch.POLL)):
      now[0] += watch.POLL
      found = watcher.look()
    assert found == "/videos/slow.mp4"
  assert watcher.look() is None


def test_threads_give_results_in_turn_and_pass_errors_on():
  threads = watch.Threads(2, "test")
  futures = [threads.submit(divmod, 7, number) for number in range(3)]
  with pytest.raises(ZeroDivisionError):
    threads.result(futures[0])
  assert [threads.result(future) for future in futures[1:]] == [(7, 0), (3, 1)]

  def late():
    raise TimeoutError("of the job itself")

  with pytest.raises(TimeoutError, match="of the job"):
    threads.result(threads.submit(late))
  threads.close()
  threads.join(time.monotonic() + 5)
  assert not any(thread.name.startswith("test_") for thread in threading.enumerate())
