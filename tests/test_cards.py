"""Protocol cards: what is in them, that files stay whole, and which cards may be compared."""

import copy
import json
import math
import shutil
import subprocess
import types

import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import cards


@pytest.fixture(scope="module")
def run():
  class Source:
    def __len__(self):
      return 100

    def card(self):
      return dict(dataset="mine", frames=np.int64(20), resolution=(64, 64, 1))

  return types.SimpleNamespace(
    source=lambda split: Source(),
    config=dict(
      task=dict(name="predict", given=10),
      models=dict(predictor=dict(name="simvp", features=(1, 2))),
      method=dict(name="predictor"),
      evaluators=dict(
        quick=dict(name="frames", num_videos=64, every=500, split="valid"), all=dict(name="frames")
      ),
    ),
    optimizers=dict(predictor=types.SimpleNamespace(ema=0.999), critic=types.SimpleNamespace(ema=None)),
    seed=3,
  )


@pytest.fixture
def card(run):
  return cards.protocol_card(run, "test", "quick", 1000)


def test_card_says_what_was_measured_and_on_what(card):
  assert card["data"] == dict(dataset="mine", frames=20, resolution=[64, 64, 1])
  assert card["split"] == "test" and card["num_videos"] == 64 and card["step"] == 1000 and card["seed"] == 3
  assert card["evaluator"] == dict(name="frames", seed=0, samples=1)  # defaults are written out
  assert card["ema"] == dict(predictor=0.999)
  assert "OpenSTL" in card["conventions"]["ssim_openstl"]
  assert set(cards.PROTOCOL) <= set(card)
  assert json.loads(json.dumps(card)) == card


def test_cost_is_in_the_card_and_no_part_of_the_protocol(run, card):
  other = cards.protocol_card(run, "test", "quick", 1000, efficiency={"parameters": {"p": np.int64(7)}})
  assert other["efficiency"] == {"parameters": {"p": 7}} and card["efficiency"] == {}
  assert cards.compare(card, other) == []


def test_card_counts_the_videos_there_are(run):
  assert cards.protocol_card(run, "test", "all", 0)["num_videos"] == 100


def test_write_and_read(tmp_path, card):
  numbers = {"mse": jnp.float32(0.5), "psnr": math.inf, "bad/curve": [1.0, math.nan], "count": np.int64(3)}
  path = tmp_path / "evaluations" / "frames.json"
  cards.write(path, card, numbers)
  json.loads(path.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
  back_card, back = cards.read(path)
  assert back_card == card and back["mse"] == 0.5 and back["psnr"] == math.inf and back["count"] == 3
  assert back["bad/curve"][0] == 1 and math.isnan(back["bad/curve"][1])
  assert path.stat().st_mode & 0o444 == 0o444


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path, card, monkeypatch):
  path = tmp_path / "frames.json"
  cards.write(path, card, {"mse": 1.0})

  def full(*_):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(cards.os, "fsync", full)
  with pytest.raises(OSError, match="No space"):
    cards.write(path, card, {"mse": 2.0})
  assert cards.read(path)[1] == {"mse": 1.0} and list(tmp_path.iterdir()) == [path]


def test_cards_that_differ_in_the_model_are_comparable(card):
  other = copy.deepcopy(card) | dict(step=7, seed=4, ema={}, code={}, models=dict(predictor=dict(name="cnn")))
  assert cards.compare(card, other) == []


@pytest.mark.parametrize(
  "path,value,line",
  [
    ("data.dataset", "other", "data.dataset: mine here, other there"),
    ("data.frames", 30, "data.frames: 20 here, 30 there"),
    ("data.resize", "bilinear", "data.resize: not said here, bilinear there"),
    ("data.resolution", [32, 32, 1], "data.resolution: [64, 64, 1] here, [32, 32, 1] there"),
    ("split", "valid", "split: test here, valid there"),
    ("num_videos", 10, "num_videos: 64 here, 10 there"),
    ("task.given", 5, "task.given: 10 here, 5 there"),
    ("conventions.psnr", "8 bit", None),
    ("value_range", [0, 1], "value_range: [-1, 1] here, [0, 1] there"),
  ],
)
def test_cards_that_differ_in_the_protocol_are_not(card, path, value, line):
  other = copy.deepcopy(card)
  *parents, key = path.split(".")
  part = other
  for parent in parents:
    part = part[parent]
  part[key] = value
  found = cards.compare(card, other)
  assert len(found) == 1 and found[0].startswith(path)
  assert line is None or found == [line]


def test_tuples_and_lists_are_alike(card):
  other = copy.deepcopy(card)
  other["data"]["resolution"] = (64, 64, 1)
  assert cards.compare(card, other) == []


def test_code_version_has_the_commit_of_its_own_checkout_only(tmp_path, monkeypatch):
  """Installed into another project's folder, that project's commit is not taken for ours."""
  git = lambda *words: subprocess.run(
    ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words],
    cwd=tmp_path,
    check=True,
    capture_output=True,
  )
  ours, inside = tmp_path / "vgjax" / "cards.py", tmp_path / "env" / "vgjax" / "cards.py"
  for path in (ours, inside):
    path.parent.mkdir(parents=True)
    shutil.copy(cards.__file__, path)
  git("init")
  git("add", "vgjax")
  git("commit", "-m", "first")
  monkeypatch.setattr(cards, "__file__", str(ours))
  found = cards.code_version()
  assert len(found["commit"]) == 40 and found["changed"] is False
  ours.write_text("# changed")
  assert cards.code_version()["changed"] is True
  monkeypatch.setattr(cards, "__file__", str(inside))
  assert set(cards.code_version()) == {"vgjax"}
