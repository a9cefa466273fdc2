"""Batch n is a function of (seed, n), whatever the hosts, workers, threads and the first step."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.data.sources import Counting, Process, Slow, Uneven
from vgjax.data import loader, moving_mnist
from vgjax.errors import DataError

STEPS = 7


def take(batches, number=None):
  with batches:
    return [batch for batch, _ in zip(batches, range(number))] if number else list(batches)


def train(source=Counting(10), **options):
  options = dict(batch_size=4, seed=0, num_steps=STEPS, threads=0) | options
  return take(loader.train_batches(source, **options))


def assert_equal(ours, theirs):
  assert len(ours) == len(theirs)
  for one, two in zip(ours, theirs):
    assert one.keys() == two.keys()
    for key in one:
      np.testing.assert_array_equal(one[key], two[key])


def joined(hosts):
  """The hosts' rows put together again."""
  return [{key: np.concatenate([part[key] for part in parts]) for key in parts[0]} for parts in zip(*hosts)]


def test_every_epoch_has_every_example_once_in_a_new_order():
  batches = take(loader.train_batches(Counting(10), batch_size=4, seed=0, num_steps=15, threads=0))
  order = np.concatenate([batch["index"] for batch in batches]).reshape(6, 10)
  for epoch in order:
    assert sorted(epoch) == list(range(10))
  assert len({tuple(epoch) for epoch in order}) == 6
  assert len(np.unique(np.concatenate([b["noise"] for b in batches]))) == 60  # the rng is new each time


def test_the_seed_decides():
  assert_equal(train(seed=5), train(seed=5))
  orders = {seed: np.concatenate([b["index"] for b in train(seed=seed, num_steps=15)]) for seed in range(4)}
  assert len({tuple(order) for order in orders.values()}) == 4
  # One seed's second epoch is not the next seed's first.
  assert not np.array_equal(orders[0][10:20], orders[1][:10])


@pytest.mark.parametrize("threads, prefetch", [(0, 0), (1, 1), (3, 2), (4, 16)])
def test_threads_change_nothing(threads, prefetch):
  assert_equal(train(threads=threads, prefetch=prefetch), train())


@pytest.mark.parametrize("workers, start", [(1, 0), (2, 0), (4, 3)])
def test_workers_change_nothing(workers, start):
  source = moving_mnist.make(split="train", seed=0, size=32, time=4)
  assert_equal(train(source, workers=workers, start_step=start), train(source)[start:])


@pytest.mark.parametrize("hosts", [1, 2, 4])
@pytest.mark.parametrize("threads", [0, 2])
def test_hosts_read_their_rows_of_the_same_global_batch(hosts, threads):
  parts = [train(process_index=index, process_count=hosts, threads=threads) for index in range(hosts)]
  assert parts[0][0]["index"].shape == (4 // hosts,)
  assert_equal(joined(parts), train())


def test_workers_and_hosts_together_resume_the_same_global_batch():
  """Two hosts, each with a worker process of its own, from a step in the middle of the run."""
  options = dict(process_count=2, workers=1, start_step=3)
  assert_equal(joined([train(process_index=index, **options) for index in range(2)]), train()[3:])


@pytest.mark.parametrize("start", range(STEPS))
@pytest.mark.parametrize("hosts", [1, 2, 4])
def test_resumes_at_any_step_on_any_number_of_hosts(hosts, start):
  reference = train()[start:]
  for threads in (0, 2):
    options = dict(start_step=start, threads=threads, process_count=hosts)
    assert_equal(joined([train(process_index=index, **options) for index in range(hosts)]), reference)


def test_resumes_with_other_workers_than_before():
  """Stopped after two batches, and after three more, each time with batches that were read ahead."""
  reference, found = train(), []
  for workers, count in ((0, 2), (2, 3), (0, 2)):
    options = dict(batch_size=4, seed=0, num_steps=STEPS, workers=workers, start_step=len(found))
    found += take(loader.train_batches(Counting(10), **options), count)
  assert_equal(found, reference)


def test_goes_on_for_ever_and_far():
  (batch,) = take(loader.train_batches(Counting(), batch_size=4, seed=0, start_step=10**9), 1)
  assert set(batch["index"]) <= set(range(10))


def test_a_batch_may_be_larger_than_the_source():
  batches = train(Counting(3), batch_size=8, num_steps=3)
  np.testing.assert_array_equal(
    np.sort(np.concatenate([b["index"] for b in batches]).reshape(8, 3)), [[0, 1, 2]] * 8
  )


@pytest.mark.parametrize(
  "options, message",
  [
    (dict(process_count=3), "batch_size 4 is not a multiple of the 3 hosts"),
    (dict(process_index=2, process_count=2), "process_index 2"),
    (dict(source=Counting(0)), "empty"),
    (dict(source=Uneven()), r"differ in their arrays.*\(2, 5, 4, 1\)"),
  ],
)
def test_wrong_options_say_so(options, message):
  with pytest.raises(ValueError, match=message):
    train(**options)


def evaluate(**options):
  options = dict(batch_size=4, threads=0) | options
  return take(loader.eval_batches(options.pop("source", Counting(10)), **options))


@pytest.mark.parametrize("num_examples, real", [(None, 10), (6, 6), (8, 8), (99, 10), (1, 1)])
def test_evaluation_takes_every_example_once_in_order(num_examples, real):
  batches = evaluate(num_examples=num_examples)
  weight = np.concatenate([batch["weight"] for batch in batches])
  index = np.concatenate([batch["index"] for batch in batches])
  assert all(batch["video"].shape == (4, 2, 4, 4, 1) for batch in batches)
  assert weight.dtype == np.float32 and weight.sum() == real
  np.testing.assert_array_equal(index[weight == 1], np.arange(real))
  assert len(batches) == -(-real // 4)


@pytest.mark.parametrize("hosts", [2, 4])
def test_evaluation_over_hosts(hosts):
  """Every host has the same number of batches, though the last has no real row for some."""
  for num_examples in (9, 10):
    parts = [
      evaluate(num_examples=num_examples, process_index=index, process_count=hosts) for index in range(hosts)
    ]
    reference = evaluate(num_examples=num_examples)
    together = joined(parts)
    for one, two in zip(together, reference, strict=True):
      np.testing.assert_array_equal(one["weight"], two["weight"])
      real = two["weight"] == 1
      np.testing.assert_array_equal(one["index"][real], two["index"][real])


def test_evaluation_is_the_same_with_workers_and_threads():
  assert_equal(evaluate(workers=1), evaluate())
  assert_equal(evaluate(threads=3), evaluate())


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_reaches_the_consumer_with_the_files_name(workers):
  batches = loader.train_batches(Counting(10, broken=3), batch_size=4, seed=0, workers=workers)
  with batches, pytest.raises(OSError, match=r"clip_3\.mp4: it is damaged"):
    for _ in range(4):
      next(batches)


def test_workers_are_other_processes_and_end_on_close():
  batches = loader.train_batches(Process(), batch_size=2, seed=0, workers=2)
  pids = {int(pid) for _ in range(4) for pid in next(batches)["pid"]}
  assert len(pids) == 2 and os.getpid() not in pids
  batches.close()
  assert not [pid for pid in pids if _alive(pid)]
  with pytest.raises(StopIteration):
    next(batches)
  batches.close()  # twice does no harm


def test_a_killed_worker_is_reported_with_what_to_do():
  with loader.train_batches(Process(), batch_size=2, seed=0, workers=1) as batches:
    os.kill(int(next(batches)["pid"][0]), signal.SIGKILL)
    with pytest.raises(DataError, match=r"data worker died.*-9.*config\.loader\.workers"):
      for _ in range(100):
        next(batches)


def test_workers_survive_a_signal_that_is_for_the_parent():
  with loader.train_batches(Process(), batch_size=2, seed=0, workers=1, prefetch=1) as batches:
    pid = int(next(batches)["pid"][0])
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    for _ in range(20):
      assert int(next(batches)["pid"][0]) == pid


SCRIPT = """
import os, signal, sys
from tests.data.sources import Process
from vgjax.data import loader

if __name__ == "__main__":
  batches = loader.train_batches(Process(), batch_size=2, seed=0, workers=1)
  print(next(batches)["pid"][0], flush=True)
  if "die" in sys.argv:
    os.kill(os.getpid(), signal.SIGKILL)
  batches.close()
"""


@pytest.mark.parametrize("die", [False, True])
def test_a_script_with_workers_leaves_none_behind(tmp_path, die):
  """As a script, with absl's flags not parsed; killed, its workers end as well."""
  script = tmp_path / "main.py"
  script.write_text(SCRIPT)
  command = [sys.executable, str(script)] + ["die"] * die
  environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
  process = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100)
  assert process.returncode == (-signal.SIGKILL if die else 0), process.stderr
  if not die:
    assert not process.stderr
  pid = int(process.stdout)
  deadline = time.time() + 30
  while _alive(pid) and time.time() < deadline:
    time.sleep(0.1)
  assert not _alive(pid)


def _alive(pid):
  multiprocessing.active_children()  # collects those that have ended
  try:
    os.kill(pid, 0)
    return True
  except ProcessLookupError:
    return False


# -- device_prefetch


def test_device_prefetch_keeps_order_and_ends():
  with loader.device_prefetch(iter(range(50)), lambda n: n * n) as batches:
    assert list(batches) == [n * n for n in range(50)]
    with pytest.raises(StopIteration):
      next(batches)


def test_device_prefetch_runs_ahead_but_not_further():
  made = []
  with loader.device_prefetch(iter(range(50)), made.append, size=3) as batches:
    next(batches)
    deadline = time.time() + 10
    while len(made) < 5 and time.time() < deadline:
      time.sleep(0.01)
    time.sleep(0.1)
    assert made == [0, 1, 2, 3, 4]  # one used, three waiting, one in the hand


def test_device_prefetch_measures_the_wait():
  host = loader.train_batches(Slow(0.05), batch_size=2, seed=0, threads=0)
  with loader.device_prefetch(host, lambda batch: batch) as batches:
    for _ in range(3):
      next(batches)
    assert 0.15 < batches.wait_seconds < 5  # 0.1 s a batch, and nothing done meanwhile
    time.sleep(1.0)  # the queue fills
    before = batches.wait_seconds
    next(batches)
    assert batches.wait_seconds - before < 0.05


def test_device_prefetch_passes_errors_on_and_then_ends():
  host = loader.train_batches(Counting(10, broken=3), batch_size=2, seed=0)
  with loader.device_prefetch(host, lambda batch: batch) as batches:
    with pytest.raises(OSError, match="clip_3"):
      for _ in range(6):
        next(batches)
    with pytest.raises(StopIteration):
      next(batches)


def test_device_prefetch_closes_what_it_reads_from():
  before = threading.active_count()
  host = loader.train_batches(Counting(), batch_size=2, seed=0)
  batches = loader.device_prefetch(host, lambda batch: batch)
  next(batches)
  batches.close()
  with pytest.raises(StopIteration):
    next(host)
  deadline = time.time() + 10
  while threading.active_count() > before and time.time() < deadline:
    time.sleep(0.01)
  assert threading.active_count() <= before
