"""`python -m vgjax.evaluate` on folders, and `compare`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vgjax
from tests import all_configs
from tests.metrics.fakes import FAKE, fake_features
from vgjax.errors import DataError, MissingWeights
from vgjax.evaluate import folders
from vgjax.evaluate.__main__ import main
from vgjax.metrics import extractors, features, frechet, pixel, resample


@pytest.fixture(autouse=True)
def opened(monkeypatch, tmp_path):
  """I3D is the fake extractor, Inception has no weights; the cache is the test's own."""

  def fake_open(name, **options):
    if name == "i3d":
      return FAKE
    raise MissingWeights("run: python -m vgjax.metrics.weights fetch inception_2015")

  monkeypatch.setattr(extractors, "open", fake_open)
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def videos(number, seed=0, time=8):
  return np.random.default_rng(seed).integers(0, 256, (number, time, 16, 20, 3), np.uint8)


@pytest.fixture
def two(tmp_path):
  """(real, fake): 11 videos as a folder of files, and 9 of the same names but one."""
  for name, data in (("real", videos(11)), ("fake", videos(9, seed=1))):
    (tmp_path / name).mkdir()
    for i, video in enumerate(data):
      np.save(tmp_path / name / f"{'other' if (name, i) == ('fake', 8) else i}.npy", video)
  return tmp_path / "real", tmp_path / "fake"


def run(two, *arguments):
  return main(["--real", str(two[0]), "--fake", str(two[1]), *arguments])


def test_sets_and_pairs(two, tmp_path, capsys):
  out = tmp_path / "out.json"
  assert run(two, "--metrics", "fvd,psnr,mse", "--num_frames", "5", "--out", str(out)) == 0
  printed = capsys.readouterr().out
  content = json.loads(out.read_text())
  real, fake = videos(11)[:, :5], videos(9, seed=1)[:, :5]
  wanted = frechet.frechet_distance(fake_features(real), fake_features(fake))
  assert content["numbers"]["fvd"] == pytest.approx(wanted, rel=1e-4)
  unit = lambda x: np.float32(x / 127.5 - 1)
  decibels = pixel.psnr(unit(fake[:8]), unit(real[:8]))
  assert content["numbers"]["psnr"] == pytest.approx(float(decibels.mean()), rel=1e-5)
  np.testing.assert_allclose(content["numbers"]["psnr/curve"], decibels.mean(0), rtol=1e-5)
  assert content["card"]["num_videos"] == {"real": 11, "fake": 9, "pairs": 8}
  assert content["card"]["data"]["frames"] == 5
  assert content["card"]["evaluator"]["extractors"]["fvd"] == FAKE.card
  assert f"fvd ↓   {wanted:.2f}"[:9] in printed and "95% interval" in printed
  assert "pairs by name: 8; 3 real without a partner: 8.npy, 9.npy, 10.npy; 1 fake" in printed
  assert "other.npy" in printed and "2048" in printed and "every video has" not in printed


def test_several_folders_are_samples_of_the_same_videos(two, tmp_path, capsys):
  """Of pairs the mean and, for each video, the best; sets take all; a video must be in every folder."""
  more = tmp_path / "more"
  more.mkdir()
  data = videos(11, seed=2)
  for i in range(1, 11):
    np.save(more / f"{i}.npy", data[i])
  out, drawn = tmp_path / "out.json", tmp_path / "plots" / "curves.png"
  words = ["--fake", str(two[1]), str(more), "--metrics", "fvd,PSNR, mse,activity", "--plot", str(drawn)]
  assert main(["--real", str(two[0]), *words, "--out", str(out)]) == 0
  printed, content = capsys.readouterr().out, json.loads(out.read_text())
  numbers, card = content["numbers"], content["card"]
  unit = lambda x: np.float32(x / 127.5 - 1)
  real, first = videos(11), videos(9, seed=1)
  samples = [first[1:8], data[1:8]]
  for name, pick in (("psnr", np.max), ("mse", np.min)):
    values = np.array([getattr(pixel, name)(unit(fake), unit(real[1:8])) for fake in samples])
    assert numbers[name] == pytest.approx(values.mean(), rel=1e-5)
    assert numbers[f"{name}/best_of_2"] == pytest.approx(pick(values.mean(2), axis=0).mean(), rel=1e-5)
    assert len(numbers[f"{name}/best_of_2/curve"]) == 8
  everything = fake_features(np.concatenate([first, data[1:]]))
  assert numbers["fvd"] == pytest.approx(frechet.frechet_distance(fake_features(real), everything), rel=1e-3)
  steps = np.abs(np.diff(np.concatenate([first, data[1:]]).astype(float), axis=1)).mean() / 255
  assert numbers["activity"] == pytest.approx(steps, rel=1e-5) and len(numbers["activity/real/curve"]) == 7
  assert card["num_videos"] == {"real": 11, "fake": 19, "pairs": 7} and card["evaluator"]["samples"] == 2
  assert [part["folder"] for part in card["fake"]] == [str(two[1]), str(more)]
  assert "best of 2: " in printed and "pairs by name: 7" in printed and "2 samples of each" in printed
  assert drawn.read_bytes()[:4] == b"\x89PNG"
  assert run(two, "--metrics", "psnr", "--out", str(tmp_path / "one.json")) == 0
  assert main(["compare", str(out), str(tmp_path / "one.json")]) == 3
  assert "evaluator.samples: 2 here, not said there" in capsys.readouterr().out


def test_of_a_video_that_one_folder_lacks_no_sample_counts(two, tmp_path, monkeypatch):
  """It is found to be damaged when it is read."""
  original, out = folders.Clips._read, tmp_path / "out.json"
  more = tmp_path / "more"
  shutil.copytree(two[1], more)

  def read(self, video):
    if (self.folder.root.name, video.name) == ("more", "3.npy"):
      raise DataError("3.npy: it is damaged")
    return original(self, video)

  monkeypatch.setattr(folders.Clips, "_read", read)
  words = [
    "--real",
    str(two[0]),
    "--fake",
    str(two[1]),
    str(more),
    "--metrics",
    "psnr,fvd",
    "--out",
    str(out),
  ]
  assert main(words) == 0
  content = json.loads(out.read_text())
  assert content["card"]["num_videos"] == {"real": 11, "fake": 17, "pairs": 7}
  assert content["card"]["left_out"] == {"real": 0, "fake": 1}
  # Both folders hold the same.
  assert content["numbers"]["psnr"] == content["numbers"]["psnr/best_of_2"]


def test_another_network_for_a_metric(two, tmp_path, monkeypatch, capsys):
  opened = []

  def fake_open(name, **options):
    opened.append((name, options))
    return FAKE._replace(card={"name": name} | options)

  monkeypatch.setattr(extractors, "open", fake_open)
  words = [
    "--metrics",
    "fvd,kvd,is",
    "--extractor",
    "fvd=i3d,resize=half_pixel",
    "--extractor",
    "is=my.c3d,size=112",
  ]
  assert run(two, *words, "--out", str(tmp_path / "a.json")) == 0
  assert opened == [("i3d", {"resize": "half_pixel"}), ("i3d", {}), ("my.c3d", {"size": 112})]
  assert run(two, "--metrics", "fvd,kvd", "--out", str(tmp_path / "b.json")) == 0
  capsys.readouterr()
  assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 3
  assert "evaluator.extractors.fvd.resize: half_pixel here, not said there" in capsys.readouterr().out
  assert run(two, "--metrics", "fvd", "--extractor", "psnr=i3d") == 1
  assert '--extractor: unknown name "psnr"' in capsys.readouterr().err
  with pytest.raises(SystemExit) as stopped:
    run(two, "--extractor", "fvd")
  assert stopped.value.code == 2


def test_figures_that_move_with_the_number_of_videos_say_so(two, monkeypatch, capsys):
  names = "fvd,kvd,precision,coverage"
  assert run(two, "--metrics", names) == 0
  printed = " ".join(capsys.readouterr().out.split())
  assert (
    "note, precision, coverage: of 11 real and 9 made videos: customary are equal numbers, 2048" in printed
  )
  assert "fvd of fewer videos: " in printed and "of 9" in printed
  monkeypatch.setattr(resample, "CUSTOMARY", 8)
  assert run((two[0], two[0]), "--metrics", names) == 0
  assert "note, precision" not in capsys.readouterr().out


def test_commands_in_messages_can_be_copied(two, monkeypatch, capsys):
  command = "  with a network:     python -m vgjax.metrics.weights fetch i3d_kinetics400 " + "--again " * 8
  text = f"the weights {'are not here ' * 12}:\n{command}\nand so on"

  def missing(name, **options):
    raise MissingWeights(text)

  monkeypatch.setattr(extractors, "open", missing)
  assert run(two, "--metrics", "fvd") == 1
  lines = capsys.readouterr().out.splitlines()
  assert command in lines and "and so on" in lines
  assert max(len(line) for line in lines if "python -m" not in line) <= 110 + len(str(two[0]))


def test_a_missing_metric_is_reported_and_the_rest_computed(two, capsys):
  assert run(two, "--metrics", "fid,psnr,ms_ssim") == 0
  printed = capsys.readouterr().out
  assert "missing, fid: run: python -m vgjax.metrics.weights fetch inception_2015" in printed
  assert "missing, ms_ssim: needs frames of 161x161" in printed and "psnr" in printed
  assert run(two, "--metrics", "fid,psnr", "--strict") == 3
  assert run(two, "--metrics", "fid") == 1


def test_sets_of_other_names_have_no_pairs(two, capsys):
  np.save(two[1].with_name("all.npy"), videos(5))
  assert (
    main(["--real", str(two[0]), "--fake", str(two[1].with_name("all.npy")), "--metrics", "fvd,psnr"]) == 0
  )
  # One array's videos are named by their numbers, and so are these files.
  assert "pairs by name: 5" in capsys.readouterr().out
  for path in two[0].iterdir():
    path.rename(path.with_name("x" + path.name))
  assert run(two, "--metrics", "psnr") == 1
  assert "no two names are alike" in " ".join(capsys.readouterr().out.split())


def test_errors_say_what_to_do(two, tmp_path, capsys):
  (tmp_path / "empty").mkdir()
  assert main(["--real", str(tmp_path / "empty"), "--fake", str(two[1])]) == 1
  assert "it is empty" in capsys.readouterr().err
  assert run(two, "--num_frames", "9") == 1
  assert "no video has 9 frames; the longest, 0.npy, has 8 frames" in capsys.readouterr().err
  assert run(two, "--metrics", "fvdd") == 1
  assert 'did you mean "fvd"' in capsys.readouterr().err
  (tmp_path / "large").mkdir()
  np.save(tmp_path / "large" / "a.npy", np.zeros((2, 8, 32, 32, 3), np.uint8))
  assert main(["--real", str(two[0]), "--fake", str(tmp_path / "large"), "--metrics", "fvd"]) == 1
  assert "has 20x16" in (said := capsys.readouterr().err) and "--size 16" in said
  assert (
    main(["--real", str(two[0]), "--fake", str(tmp_path / "large"), "--metrics", "fvd", "--size", "16"]) == 0
  )
  with pytest.raises(SystemExit) as stopped:
    run(two, "--stride", "0")
  assert stopped.value.code == 2


def test_unreadable_videos_are_counted_named_and_left_out(two, capsys):
  path = two[1] / "3.npy"
  path.write_bytes(path.read_bytes()[:500])
  assert run(two, "--metrics", "fvd,psnr") == 0
  printed = capsys.readouterr().out
  assert (
    "1 fake video is left out" in printed and "3.npy" in printed and "11 real, 8 fake, 7 pairs" in printed
  )


def test_goes_on_where_it_was_killed(two, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(features, "SAVE_SECONDS", 0)
  out = [tmp_path / name for name in ("whole.json", "again.json")]
  arguments = ["--metrics", "fvd,psnr", "--batch_size", "8"]
  assert run(two, *arguments, "--out", str(out[0])) == 0
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
  original, calls = features.Parts.save, []

  def save(self, start, stop, arrays):
    original(self, start, stop, arrays)
    calls.append((start, stop))
    if len(calls) == 3:
      raise KeyboardInterrupt

  monkeypatch.setattr(features.Parts, "save", save)
  assert run(two, *arguments) == 130
  assert "goes on from here" in capsys.readouterr().err
  assert run(two, *arguments, "--out", str(out[1])) == 0
  # The real set was done, and of the fake one the first batch.
  assert calls == [(0, 8), (8, 11), (0, 8), (8, 9), (0, 8)]
  first, again = (json.loads(path.read_text())["numbers"] for path in out)
  assert first == again


def test_num_videos_draws_the_same_ones_again(two, tmp_path):
  found = []
  for name, seed in (("a", 0), ("b", 0), ("c", 1)):
    arguments = ["--metrics", "fvd", "--num_videos", "8", "--seed", str(seed), "--out", str(tmp_path / name)]
    assert run(two, *arguments) == 0
    found.append(json.loads((tmp_path / name).read_text())["numbers"]["fvd"])
  assert found[0] == found[1] != found[2]


def test_compare(two, tmp_path, capsys):
  files = [str(tmp_path / f"{i}.json") for i in range(4)]
  other = tmp_path / "theirs"
  other.mkdir()
  for i, video in enumerate(videos(9, seed=2)):
    np.save(other / f"{i}.npy", video)
  assert run(two, "--metrics", "fvd,psnr", "--out", files[0]) == 0
  assert run((two[0], other), "--metrics", "fvd", "--out", files[1]) == 0
  assert run(two, "--metrics", "fvd", "--num_frames", "4", "--out", files[2]) == 0
  assert run(two, "--metrics", "mse", "--out", files[3]) == 0
  capsys.readouterr()
  assert main(["compare", *files[:2]]) == 0
  printed = capsys.readouterr().out
  numbers = [json.loads(Path(path).read_text())["numbers"]["fvd"] for path in files[:2]]
  line = next(line for line in printed.splitlines() if line.startswith("fvd ↓"))
  assert line.split()[2:] == [f"{n:.2f}" if n >= 10 else f"{n:.4g}" for n in numbers]
  assert f"only in {files[0]}: psnr" in printed
  assert main(["compare", files[0], files[2]]) == 3
  printed = capsys.readouterr().out
  assert "not comparable" in printed and "data.frames: 8 here, 4 there" in printed
  assert main(["compare", files[0], files[3]]) == 1
  assert "no figure in common" in capsys.readouterr().err
  (tmp_path / "x.json").write_text("{}")
  assert main(["compare", files[0], str(tmp_path / "x.json")]) == 1
  assert "is no evaluation" in capsys.readouterr().err
  assert main(["compare", files[0], str(tmp_path / "nowhere.json")]) == 1


def test_one_device_gives_what_eight_give(two, tmp_path):
  """As a user runs it, in a process of its own."""
  numbers = []
  for devices in (1, 8):
    out = tmp_path / f"{devices}.json"
    done = subprocess.run(
      [sys.executable, "-m", "vgjax.evaluate", "--real", two[0], "--fake", two[1], "--metrics", "psnr,ssim"]
      + ["--batch_size", "8", "--out", out],
      env=os.environ | {"JAX_NUM_CPU_DEVICES": str(devices), "VGJAX_FEATURE_CACHE": "off"},
      cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    numbers.append(json.loads(out.read_text())["numbers"])
  for name, value in numbers[0].items():
    np.testing.assert_allclose(numbers[1][name], value, rtol=1e-5)


def test_a_runs_figures_are_those_of_its_saved_samples(tmp_path):
  """The evaluator of a run, and the command on its test videos and samples as files without loss."""
  config = vgjax.load_config(f"{all_configs.ROOT}/moving_shapes/dcgan3d.py:smoke")
  with config.unlocked():
    part = dict(name="distribution", split="test", metrics=("fvd", "kvd"), num_videos=8)
    config.evaluators = dict(distribution=part)
  trained = vgjax.build(config, tmp_path / "run")
  state = trained.init_state()
  vgjax.evaluate(trained, state, split="test")
  (written,) = (tmp_path / "run" / "evaluations").glob("*.json")
  ours = json.loads(written.read_text())["numbers"]

  source = trained.source("test")
  real = [source.example(i, np.random.default_rng((0, i)))["video"] for i in range(8)]
  fake = vgjax.sample(trained, state, split="test", num_videos=8)
  for name, data in (("real", real), ("fake", fake)):
    (tmp_path / name).mkdir()
    for i, video in enumerate(data):
      np.save(tmp_path / name / f"{i}.npy", video)
  out = tmp_path / "out.json"
  words = ("--metrics", "fvd,kvd", "--out", str(out))
  assert run((tmp_path / "real", tmp_path / "fake"), *words) == 0
  theirs = json.loads(out.read_text())["numbers"]
  for name in ("fvd", "fvd/low", "fvd/high", "kvd"):
    assert ours[f"distribution/{name}"] == pytest.approx(theirs[name], rel=1e-4) != 0, name
