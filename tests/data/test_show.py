"""The notebook's view of a batch, from every source there is."""

import importlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vgjax
from tests.data import clips
from vgjax.data import __main__ as tools
from vgjax.data import loader, manifest

SOURCES = sorted(
  path.stem
  for path in (Path(vgjax.__file__).parent / "data").glob("*.py")
  if "\ndef make(\n" in path.read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
  """{source: the fields that it needs}, with all that may go along: sound, text, actions, truth."""
  root = tmp_path_factory.mktemp("mine") / "ein Ördner"  # names with spaces and umlauts are names
  root.mkdir()
  for number in range(4):
    odd = clips.scene(number, 20)[:, :47, :63]
    clips.write(root / f"vidéo {number}.mkv", odd, fps=10, pix_fmt="yuv444p")
    np.savez(root / f"{number}.npz", action=np.arange(20))
  rows = [
    manifest.Row(f"vidéo {n}.mkv", label=f"ü{n % 2}", text="läuft", action=f"{n}.npz") for n in range(4)
  ]
  manifest.write_manifest(root / "manifest.csv", rows)
  prepared = root.with_name("prepared")
  words = ["prepare", str(root), str(prepared), "--size", "24", "--time", "8", "--min-time", "8"]
  assert tools.main([*words, "--workers", "0", "--audio"]) == 0
  array = root.with_name("array.npz")
  video = np.stack([clips.scene(number, 12) for number in range(4)])
  np.savez(array, video=video[..., :1], label=np.arange(4))
  known = dict(labels="manifest", text="bytes", action=True, audio=True)
  folder = dict(path=str(root), time=8, size=(24, 40), fps=5.0, transforms=("jitter", "erase"))
  return {
    "video_folder": folder | known,
    "array_records": dict(path=str(prepared), time=8, labels=True, text="bytes", action=True, audio=True),
    "arrays": dict(path=str(array), time=8, label=True),
    "moving_mnist": dict(time=8, truth=True, color=True, num_digits=3, motion="stochastic"),
    "moving_shapes": dict(time=8, sound=True, flow=True),
    "pairs": dict(first=dict(name="moving_shapes"), second=dict(name="moving_mnist", color=True), time=8),
  }


@pytest.mark.parametrize("split", ["train", "valid"])
@pytest.mark.parametrize("name", SOURCES)
def test_a_batch_is_shown(fields, name, split):
  source = importlib.import_module(f"vgjax.data.{name}").make(split=split, seed=0, **fields[name])
  batches = loader.train_batches(source, batch_size=3, seed=0)
  with batches:
    batch = next(batches)
  shown = vgjax.show(batch, fps=5)
  with Image.open(io.BytesIO(shown.data)) as picture:
    assert picture.format == "GIF" and picture.n_frames == batch["video"].shape[1] == 8
    picture.seek(7)
    assert np.asarray(picture.convert("RGB")).std() > 5
