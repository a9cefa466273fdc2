"""The command line, as a user types it."""

import json
import pathlib

import pytest

from tests import all_configs, processes
from vgjax import launch


def test_train_evaluate_and_sample_from_the_workdir_alone(tmp_path):
  workdir = tmp_path / "run"
  code, output = processes.launch(f"--config={processes.TINY}:evaluated", f"--workdir={workdir}")
  assert code == 0, output
  assert "learning_rate: 0.001" in output  # the resolved config
  assert "step 6/6" in output and "videos/s" in output and "left" in output
  assert "copy last frame" in output and "PSNR" in output
  for kind in ("evaluations/*.json", "samples/*.mp4", "samples/*.png"):
    for path in workdir.glob(kind):
      assert str(path) in output and path.stat().st_size
    assert list(workdir.glob(kind))
  assert json.loads((workdir / "config.json").read_text())["steps"] == 6
  card = json.loads(next(workdir.glob("evaluations/*.json")).read_text())["card"]
  assert card["split"] == "test" and card["num_videos"] == 5

  code, again = processes.launch("--mode=evaluate", f"--workdir={workdir}")
  assert code == 0, again
  table = lambda text: [line for line in text.splitlines() if line.startswith(("model", "copy"))]
  assert table(again) == table(output)

  code, output = processes.launch("--mode", "sample", "--workdir", str(workdir), "--num_videos=3", "--time=9")
  assert code == 0, output
  single = "samples/sample-test-time9-0000006"
  assert sorted(path.name for path in workdir.glob(f"{single}/*")) == ["000.mp4", "001.mp4", "002.mp4"]
  assert (workdir / f"{single}.mp4").exists()  # all in one

  (workdir / "config.json").write_text("{")  # a full disk, say
  code, output = processes.launch("--mode=evaluate", f"--workdir={workdir}")
  assert code == 1 and "config.json is damaged" in output and "delete it" in output, output
  (workdir / "config.json").unlink()
  code, output = processes.launch("--mode=sample", f"--workdir={workdir}", "--num_videos=19", "--seed=1")
  assert code == 0, output
  assert "the test split has 16 videos to go on from: as many samples were made, not 19" in output
  assert len(list(workdir.glob("samples/sample-test-seed1-0000006/*.mp4"))) == 16


def test_help_shows_what_to_type():
  code, output = processes.launch("--help")
  assert code == 0
  assert "python -m vgjax.launch --config configs/quickstart.py --workdir runs/quickstart" in output
  for flag in ("--config", "--workdir", "--mode", "--split", "--checkpoint"):
    assert flag in output


@pytest.mark.parametrize(
  "config, workdir",
  [
    ("configs/quickstart.py", "runs/quickstart"),
    ("configs/own_video/gan.py:mocogan-cpu", "runs/own_video/gan-mocogan-cpu"),
    ("/home/me/configs/public/kth.py:smoke", "runs/public/kth-smoke"),
    ("mine/first.py", "runs/first"),
  ],
)
def test_the_default_run_folder_is_named_by_config_and_variant(config, workdir):
  assert launch.default_workdir(config) == pathlib.Path(workdir)


def test_missing_config_says_what_to_do(tmp_path):
  code, output = processes.launch("--mode=evaluate", f"--workdir={tmp_path}")
  assert code != 0 and f"there is no run in {tmp_path}; --config starts one" in output
  assert "Traceback" not in output and len(output.splitlines()) < 5


@pytest.mark.parametrize(
  "words, text",
  [
    ((":cup",), 'no variant "cup"; there are: cpu, smoke'),
    (("", "--config.method.loss=hinge"), "--config.method.loss is a part with keys of its own; set one"),
    (("", "--config.steps=many"), "--config.steps=many"),
    (("", "--config.optim.critic.ema=0"), 'config.optim has no "critic"; did you mean "video_critic"?'),
    (("", "--config.optim.critic.ema=0"), 'set it whole: --config.optim.critic="{...}"'),
    (("", "--config.optim.generator.learning_rat=1"), 'did you mean "learning_rate"? Known: b1,'),
    (("", "--config.evaluators.grid.evry=1"), 'did you mean "every"?'),
    (("", "twice"), "what is 'twice'? Flags start with --"),
    (("", "--sample.content=0:7"), "--sample.content and --sample.motion go with --mode=sample"),
    (("", "--workdr=x"), "workdr"),
  ],
)
def test_words_that_cannot_be_read(tmp_path, words, text):
  variant, *others = words
  path = all_configs.ROOT / "moving_shapes/mocogan.py"
  code, output = processes.launch(f"--config={path}{variant}", f"--workdir={tmp_path}/run", *others)
  assert code != 0 and text in output and "Traceback" not in output, output
  assert not (tmp_path / "run").exists()


def test_evaluate_before_training_says_so(tmp_path):
  code, output = processes.launch("--mode=evaluate", f"--config={processes.TINY}", f"--workdir={tmp_path}")
  assert code == 1 and "no checkpoint" in output and "Traceback" not in output


def test_config_file_that_is_not_there(tmp_path):
  near = all_configs.ROOT / "quikstart.py"
  code, output = processes.launch(f"--config={near}", f"--workdir={tmp_path}")
  assert code == 1 and f"no config file {near}; did you mean {all_configs.ROOT}/quickstart.py?" in output
  assert "Traceback" not in output
