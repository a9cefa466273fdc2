"""Features over batches: the same on any devices and hosts, and after a kill; the cache of real sets."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from tests import processes
from tests.metrics.fakes import FAKE, fake_features
from vgjax.metrics import features, parts
from vgjax.metrics.features import Stream


def videos(number=13, seed=0):
  return np.random.default_rng(seed).integers(0, 256, (number, 4, 6, 6, 3), np.uint8)


def stream(data, *, batch_size=4, num_devices=1, bad=(), opened=None, stop=None):
  """Batches of `data`, padded with noise; `opened` counts them; the batch number `stop` is an error."""
  mesh = jax.make_mesh(
    (num_devices, 1), ("data", "fsdp"), devices=jax.devices()[:num_devices], axis_types=(AxisType.Auto,) * 2
  )
  sharding = NamedSharding(mesh, PartitionSpec("data"))

  def open_from(number):
    for n in range(number, -(-len(data) // batch_size)):
      if n == stop:
        raise KeyboardInterrupt
      if opened is not None:
        opened.append(n)
      rows = np.arange(n * batch_size, (n + 1) * batch_size)
      video = np.stack([data[r] if r < len(data) else 0 * data[0] + 77 for r in rows])
      weight = np.float32([r < len(data) and r not in bad for r in rows])
      yield jax.device_put(video, sharding), jax.device_put(weight, sharding)

  return Stream(len(data), batch_size, open_from)


def collect(*args, extractor=FAKE, **kwargs):
  return features.collect({"fake": extractor}, stream(*args, **kwargs))["fake"]


@pytest.mark.parametrize("num_devices", [1, 8])
def test_features_of_all_videos_in_order_without_padding(num_devices):
  found = collect(videos(), batch_size=8, num_devices=num_devices)
  np.testing.assert_allclose(found.values, fake_features(videos()), rtol=1e-5, atol=1e-5)
  assert found.values.dtype == np.float32 and found.rows.tolist() == list(range(13))


def test_eight_devices_give_what_one_gives():
  one, eight = (collect(videos(), batch_size=8, num_devices=n) for n in (1, 8))
  np.testing.assert_allclose(one.values, eight.values, rtol=1e-6, atol=1e-6)


def test_features_of_frames_and_of_bad_videos():
  per_frame = FAKE._replace(
    per_frame=True, apply=lambda params, video: video.mean((2, 3)) @ params["kernel"], card={"name": "frames"}
  )
  found = collect(videos(), bad=(0, 6), extractor=per_frame)
  assert found.rows.tolist() == [r for r in range(13) if r not in (0, 6)]
  assert found.values.shape == (11, 4, 5) and found.flat().shape == (44, 5)
  wanted = (videos()[found.rows] / 127.5 - 1).mean((2, 3)) @ FAKE.params["kernel"]
  np.testing.assert_allclose(found.values, wanted, atol=1e-5)


def test_a_stream_without_videos_has_no_features():
  found = collect(videos(3), bad=(0, 1, 2))
  assert found.values.shape == (0, 5) and found.rows.shape == (0,)


def test_goes_on_where_it_was_killed(tmp_path, monkeypatch):
  monkeypatch.setattr(features, "SAVE_SECONDS", 0)
  whole = collect(videos())
  with pytest.raises(KeyboardInterrupt):
    features.collect({"fake": FAKE}, stream(videos(), stop=3), folder=tmp_path, made_of={"data": 1})
  opened, told = [], []
  found = features.collect(
    {"fake": FAKE},
    stream(videos(), opened=opened),
    folder=tmp_path,
    made_of={"data": 1},
    progress=told.append,
  )["fake"]
  # The third batch was on its way when the fourth failed.
  assert opened == [2, 3] and told == [8, 12, 13]
  np.testing.assert_array_equal(found.values, whole.values)
  np.testing.assert_array_equal(found.rows, whole.rows)


def test_goes_on_with_another_batch_size_and_more_devices(tmp_path, monkeypatch):
  monkeypatch.setattr(features, "SAVE_SECONDS", 0)
  with pytest.raises(KeyboardInterrupt):
    features.collect({"fake": FAKE}, stream(videos(), batch_size=3, stop=4), folder=tmp_path)
  opened = []
  again = stream(videos(), batch_size=8, num_devices=8, opened=opened)
  found = features.collect({"fake": FAKE}, again, folder=tmp_path)["fake"]
  assert opened == [1]  # 9 rows were done, which is one batch of eight
  np.testing.assert_allclose(found.values, fake_features(videos()), rtol=1e-5, atol=1e-5)
  assert found.rows.tolist() == list(range(13))
  opened.clear()
  features.collect({"fake": FAKE}, again, folder=tmp_path)
  assert opened == []


def test_a_damaged_part_is_computed_again(tmp_path, monkeypatch):
  monkeypatch.setattr(features, "SAVE_SECONDS", 0)
  whole = features.collect({"fake": FAKE}, stream(videos()), folder=tmp_path)["fake"]
  files = sorted(tmp_path.rglob("*.npz"))
  assert len(files) == 4
  files[1].write_bytes(files[1].read_bytes()[:50])
  opened = []
  found = features.collect({"fake": FAKE}, stream(videos(), opened=opened), folder=tmp_path)["fake"]
  assert opened == [1, 2, 3]
  np.testing.assert_array_equal(found.values, whole.values)


@pytest.mark.parametrize("what", ["nothing", "data", "extractor"])
def test_kept_features_are_those_of_the_same_data_and_extractor(tmp_path, what):
  features.collect({"fake": FAKE}, stream(videos()), folder=tmp_path, made_of={"data": 1})
  opened = []
  extractor = FAKE._replace(card={"name": "other"}) if what == "extractor" else FAKE
  made_of = {"data": 2 if what == "data" else 1}
  features.collect({"fake": extractor}, stream(videos(), opened=opened), folder=tmp_path, made_of=made_of)
  assert opened == ([] if what == "nothing" else [0, 1, 2, 3])


def test_more_or_fewer_of_the_same_videos_use_what_is_kept(tmp_path):
  features.collect({"fake": FAKE}, stream(videos()[:6]), folder=tmp_path)
  opened = []
  more = features.collect({"fake": FAKE}, stream(videos(), opened=opened), folder=tmp_path)["fake"]
  assert opened == [1, 2, 3]
  np.testing.assert_allclose(more.values, fake_features(videos()), rtol=1e-5, atol=1e-5)
  fewer = features.collect({"fake": FAKE}, stream(videos()[:5], opened=opened), folder=tmp_path)["fake"]
  assert opened == [1, 2, 3]
  np.testing.assert_array_equal(fewer.values, more.values[:5])


def test_two_extractors_read_the_videos_once_and_only_what_is_missing(tmp_path):
  double = FAKE._replace(card={"name": "double"}, apply=lambda p, v: 2 * FAKE.apply(p, v))
  features.collect({"one": FAKE}, stream(videos()), folder=tmp_path)
  opened = []
  found = features.collect(
    {"one": FAKE, "two": double}, stream(videos(), opened=opened), folder=tmp_path
  )  # fmt: skip
  assert opened == [0, 1, 2, 3]
  np.testing.assert_allclose(found["two"].values, 2 * found["one"].values, rtol=1e-6)


def test_extractors_that_were_killed_at_different_places_go_on(tmp_path, monkeypatch):
  monkeypatch.setattr(features, "SAVE_SECONDS", 0)
  other = FAKE._replace(card={"name": "other"})
  for extractor, stop in ((FAKE, 2), (other, 4)):
    with pytest.raises(KeyboardInterrupt):
      features.collect({"it": extractor}, stream(videos(), batch_size=3, stop=stop), folder=tmp_path)
  opened = []
  again = stream(videos(), batch_size=3, opened=opened)
  found = features.collect({"one": FAKE, "two": other}, again, folder=tmp_path)
  assert opened == [1, 2, 3, 4]
  for one in found.values():
    assert one.rows.tolist() == list(range(13))
    np.testing.assert_allclose(one.values, fake_features(videos()), rtol=1e-5, atol=1e-5)


def test_the_cache_moves_and_is_turned_off(monkeypatch, tmp_path):
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  assert parts.cache() == tmp_path / "vgjax" / "features"
  monkeypatch.setenv("VGJAX_FEATURE_CACHE", "off")
  assert parts.cache() is None
  kept = parts.Parts(None, {})
  kept.save(0, 1, {"a": np.zeros(1)})
  assert kept.load() == (0, [])


def test_a_disk_that_cannot_be_written_is_said_and_does_no_harm(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.warns(UserWarning, match="will not resume"):
    found = features.collect({"fake": FAKE}, stream(videos()), folder=tmp_path / "file")["fake"]
  assert len(found.rows) == 13


def test_discard_leaves_nothing(tmp_path):
  kept = parts.Parts(tmp_path, {"a": 1})
  kept.save(0, 2, {"x": np.arange(2)})
  kept.save(2, 3, {"x": np.arange(1)})
  done, found = kept.load()
  assert done == 3 and [part["x"].tolist() for part in found] == [[0, 1], [0]]
  assert '"a": 1' in (kept.folder / "made_of.json").read_text()
  other = parts.Parts(tmp_path, {"a": 2})
  other.save(0, 1, {"x": np.arange(1)})
  kept.discard()
  assert list(tmp_path.iterdir()) == [other.folder] and kept.load() == (0, [])
  other.discard()
  assert not tmp_path.exists()


def test_a_gap_between_parts_ends_what_is_done(tmp_path):
  kept = parts.Parts(tmp_path, {})
  for start, stop in ((0, 2), (0, 4), (2, 3), (5, 6)):
    kept.save(start, stop, {"x": np.arange(start, stop)})
  done, found = kept.load()
  assert done == 4 and [part["x"].tolist() for part in found] == [[0, 1, 2, 3]]


def test_a_fingerprint_sees_every_bit_and_no_sharding():
  tree = {"a": jnp.arange(64.0).reshape(8, 8), "b": jnp.zeros(3, jnp.bfloat16), "c": jnp.array([True, False])}
  mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
  split = tree | {"a": jax.device_put(tree["a"], NamedSharding(mesh, PartitionSpec("data")))}
  plain = features.fingerprint(tree)
  assert features.fingerprint(split) == plain
  swapped = tree["a"].at[0, 1].set(2).at[0, 2].set(1)
  others = [
    tree | {"a": tree["a"].at[3, 3].add(1e-5)},
    tree | {"a": swapped},
    tree | {"a": tree["a"].T},
    tree | {"b": tree["b"].at[0].set(-0.0)},
    tree | {"c": ~tree["c"]},
    {"d": tree["a"], "b": tree["b"], "c": tree["c"]},
  ]
  assert len({features.fingerprint(other) for other in others} | {plain}) == 7


HOST = """
  import sys
  from pathlib import Path
  import jax, numpy as np
  from vgjax import devices, sharding
  devices.initialize()
  from tests.metrics import test_features as t
  from vgjax.metrics import features
  features.SAVE_SECONDS = 0
  folder, stop = Path(sys.argv[1]) / str(jax.process_index()), int(sys.argv[2])
  data, mesh = t.videos(), sharding.make_mesh()
  def open_from(number):
    for n in range(number, 4):
      if n == stop:
        sys.exit(7)
      rows = range(n * 4 + 2 * jax.process_index(), n * 4 + 2 * jax.process_index() + 2)
      weight = np.float32([r < 13 for r in rows])
      batch = dict(video=np.stack([data[min(r, 12)] for r in rows]), weight=weight)
      batch = sharding.put_batch(batch, mesh)
      yield batch["video"], batch["weight"]
  told = []
  found = features.collect(
    {"fake": t.FAKE}, features.Stream(13, 4, open_from), folder=folder, progress=told.append)["fake"]
  np.savez(folder.parent / f"found{jax.process_index()}.npz", rows=found.rows, values=found.values, told=told)
"""


def test_two_processes_give_what_one_gives_and_go_on_together(tmp_path):
  """Each has a disk of its own, and only the first one's holds parts."""
  script = tmp_path / "host.py"
  script.write_text(textwrap.dedent(HOST))

  def run_hosts(stop):
    started = [
      subprocess.Popen(
        [sys.executable, str(script), str(tmp_path), str(stop)],
        env=os.environ | {"JAX_NUM_CPU_DEVICES": "2", "PYTHONPATH": str(Path(__file__).parents[2])} | host,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
      )
      for host in processes.cluster(2)
    ]  # fmt: skip
    outputs = [process.communicate(timeout=120)[0] for process in started]
    return [process.returncode for process in started], "\n".join(outputs)

  codes, output = run_hosts(3)
  assert codes == [7, 7], output
  codes, output = run_hosts(99)
  assert codes == [0, 0], output
  for host in range(2):
    with np.load(tmp_path / f"found{host}.npz") as found:
      assert found["told"].tolist() == [8, 12, 13]
      assert found["rows"].tolist() == list(range(13))
      np.testing.assert_allclose(found["values"], fake_features(videos()), rtol=1e-5, atol=1e-5)
  assert not list((tmp_path / "1").rglob("*.npz"))
