"""Logs: what lands in metrics.jsonl, TensorBoard and Weights & Biases."""

import json

import numpy as np
import pytest

from vgjax import logs


def _logger(workdir, **options):
  return logs.Logger(workdir, {"steps": 3}, start=0, total=3, every=1, **options)


def _write(logger):
  logger.numbers(1, {"predictor/loss": 0.5})
  logger.picture(1, "sheet", np.zeros((8, 9, 3), np.uint8))
  logger.video(1, "videos", np.zeros((4, 8, 9, 3), np.uint8), 10)
  logger.close()


def test_lines_after_the_resumed_step_are_dropped(tmp_path):
  path = tmp_path / "metrics.jsonl"
  path.write_text('{"step": 1, "a": 1.0}\n{"step": 2, "a": 2.0}\n{"step": 3, "a": 3.0}\n{"step": 4, "a"')
  writer = logs.JsonLines(path, 2)
  writer.numbers(3, {"a": 30.0})
  writer.close()
  assert [json.loads(line)["a"] for line in path.read_text().splitlines()] == [1.0, 2.0, 30.0]


def test_without_a_terminal_logged_steps_are_lines_and_a_slow_step_after_a_minute(monkeypatch, capsys):
  now = 0.0
  monkeypatch.setattr(logs.time, "monotonic", lambda: now)
  progress = logs.Progress(start=0, total=9, every=4)
  for step, seconds in enumerate([61, 1, 1, 1, 59, 2, 1, 1, 1], 1):
    now += seconds
    progress.update(step, "loss 1", 2.0)
  lines = capsys.readouterr().out.splitlines()
  assert [line.split()[1] for line in lines] == ["1/9", "4/9", "6/9", "8/9", "9/9"]
  assert lines[0] == "step 1/9  loss 1  00:04 left"


def test_infinite_numbers_stay_valid_json(tmp_path):
  writer = logs.JsonLines(tmp_path / "metrics.jsonl", 0)
  writer.numbers(1, {"psnr": float("inf")})
  writer.close()
  assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {"step": 1, "psnr": None}


def test_tensorboard_has_scalars_pictures_and_animated_videos(tmp_path):
  pytest.importorskip("tensorboardX")
  from tensorboardX.proto.event_pb2 import Event

  _write(_logger(tmp_path, tensorboard=True))
  (path,) = (tmp_path / "tensorboard").iterdir()
  data, events = path.read_bytes(), []
  while data:  # a record: length (8 bytes), its checksum (4), the event, its checksum (4)
    length = int.from_bytes(data[:8], "little")
    events.append(Event.FromString(data[12 : 12 + length]))
    data = data[16 + length :]
  values = {value.tag: value for event in events for value in event.summary.value}
  assert values["predictor/loss"].simple_value == 0.5
  assert values["sheet"].image.encoded_image_string.startswith(b"\x89PNG")
  assert values["videos"].image.encoded_image_string.startswith(b"GIF")


def test_wandb_offline_keeps_its_id_for_a_resume(tmp_path, monkeypatch):
  pytest.importorskip("wandb")
  monkeypatch.setenv("WANDB_SILENT", "true")
  options = dict(tensorboard=False, wandb=dict(project="vgjax-test", mode="offline"))
  _write(_logger(tmp_path, **options))
  name = (tmp_path / "wandb_id").read_text()
  _write(_logger(tmp_path, **options))
  assert (tmp_path / "wandb_id").read_text() == name
  files = list((tmp_path / "wandb").glob(f"offline-run-*-{name}/*.wandb"))
  assert files and all(path.stat().st_size for path in files)


def test_gif_shows_every_frame():
  import io

  from PIL import Image

  video = np.zeros((5, 8, 8, 1), np.uint8)
  video[np.arange(5), np.arange(5), 0] = 255  # frames that differ: a GIF merges equal ones
  assert Image.open(io.BytesIO(logs.gif_bytes(video, 10))).n_frames == 5
