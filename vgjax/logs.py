"""Where numbers and pictures go: the console, `metrics.jsonl`, TensorBoard and Weights & Biases.

Only the first process of a run writes. Of a step that is run again after a resume the old line goes: the file
reads as if the run had never stopped.
"""

import io
import json
import math
import secrets
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np
from PIL import Image
from tqdm.auto import tqdm

_SILENCE = 60  # seconds after which a step is printed that is not logged


class Writer(Protocol):
  """One place for numbers and pictures: uint8 `[height, width, channels]`, videos `[time, ...]`."""

  def numbers(self, step: int, numbers: Mapping[str, float]) -> None: ...
  def picture(self, step: int, name: str, picture: np.ndarray) -> None: ...
  def video(self, step: int, name: str, video: np.ndarray, fps: float) -> None: ...
  def close(self) -> None: ...


class JsonLines:
  """`metrics.jsonl`: one object a line, `{"step": 100, "predictor/loss": 0.012, ...}`.

  Attributes:
    latest: each number as it was last written up to the step that the run goes on from.
  """

  def __init__(self, path: Path, start_step: int):
    self.latest: dict[str, float] = {}
    if path.exists():
      kept = [line for line in path.read_text().splitlines() if _step_of(line) <= start_step]
      for line in kept:
        self.latest |= {name: number for name, number in json.loads(line).items() if number is not None}
      temporary = path.with_suffix(".tmp")
      temporary.write_text("".join(line + "\n" for line in kept))
      temporary.replace(path)
    self._file = path.open("a")

  def numbers(self, step, numbers):
    # JSON has no infinity: a perfect prediction's decibels are written as null.
    clean = {k: v if math.isfinite(v) else None for k, v in numbers.items()}
    self._file.write(json.dumps({"step": step, **clean}) + "\n")
    self._file.flush()

  def picture(self, step, name, picture):
    pass  # samples/ holds the pictures

  def video(self, step, name, video, fps):
    pass

  def close(self):
    self._file.close()


def _step_of(line: str) -> float:
  """The step of a line; infinite for a line that a kill cut short."""
  try:
    return json.loads(line)["step"]
  except (json.JSONDecodeError, KeyError):
    return math.inf


class TensorBoard:
  """Event files; a video appears as an animated image."""

  def __init__(self, folder: Path, start_step: int):
    import tensorboardX  # optional: an import at the top would make it a requirement

    purge = start_step + 1 if start_step else None
    self._writer = tensorboardX.SummaryWriter(str(folder), purge_step=purge)

  def numbers(self, step, numbers):
    for name, number in numbers.items():
      self._writer.add_scalar(name, number, step)

  def picture(self, step, name, picture):
    self._writer.add_image(name, picture, step, dataformats="HWC")

  def video(self, step, name, video, fps):
    # tensorboardX.add_video needs moviepy; a GIF in an image summary is what it would write.
    from tensorboardX.proto.summary_pb2 import Summary

    picture = Summary.Image(
      height=video.shape[1],
      width=video.shape[2],
      colorspace=3,
      encoded_image_string=gif_bytes(video, fps),
    )
    summary = Summary(value=[Summary.Value(tag=name, image=picture)])
    self._writer.file_writer.add_summary(summary, step)

  def close(self):
    self._writer.close()


class WeightsAndBiases:
  """A run at Weights & Biases; `options` go to `wandb.init`, for example `dict(project="video")`."""

  def __init__(self, folder: Path, options: Mapping[str, Any], config: Mapping[str, Any]):
    import wandb

    self._wandb = wandb
    # The id is kept in the run folder: a resumed run goes on with its own curves.
    id_file = folder / "wandb_id"
    if not id_file.exists():
      id_file.write_text(secrets.token_hex(4))
    identity = {"id": id_file.read_text(), "resume": "allow", "dir": str(folder)}
    self._run = wandb.init(config=dict(config), **{**identity, **options})

  def numbers(self, step, numbers):
    self._run.log(dict(numbers), step=step)

  def picture(self, step, name, picture):
    self._run.log({name: self._wandb.Image(picture)}, step=step)

  def video(self, step, name, video, fps):
    data = io.BytesIO(gif_bytes(video, fps))
    self._run.log({name: self._wandb.Video(data, format="gif")}, step=step)

  def close(self):
    self._run.finish()


class Progress:
  """The bar: step, loss, videos a second, time left.

  Where there is no terminal, a line for each logged step, and for one a minute where these are further apart.
  """

  def __init__(self, *, start: int, total: int, every: int):
    self._live = sys.stderr.isatty() or "ipykernel" in sys.modules
    self._every, self._total, self._printed = every, total, time.monotonic()
    size = shutil.get_terminal_size((100, 24))
    self._bar = tqdm(
      initial=start,
      total=total,
      unit="step",
      # tqdm asks for the size itself, but shows nothing in a terminal that says it has none.
      ncols=size.columns,
      nrows=size.lines,
      disable=not self._live,
      smoothing=0.05,
    )

  def update(self, step: int, text: str, steps_per_second: float) -> None:
    """Says that `step` steps are done, and how fast they go just now."""
    if self._live:
      self._bar.set_postfix_str(text, refresh=False)
      self._bar.update(step - self._bar.n)
    elif step % self._every == 0 or step == self._total or time.monotonic() - self._printed > _SILENCE:
      self._printed = time.monotonic()
      left = (self._total - step) / steps_per_second
      print(f"step {step}/{self._total}  {text}  {tqdm.format_interval(left)} left", flush=True)

  def say(self, text: str) -> None:
    """Prints a line without breaking the bar."""
    if self._live:
      self._bar.write(text)
    else:
      print(text, flush=True)

  def close(self) -> None:
    self._bar.close()


class Logger:
  """All places at once.

  Args:
    workdir: the run folder, or None for the console alone.
    config: the run's config, shown at Weights & Biases.
    start: the step the run starts or resumes at.
    total: the run's number of steps.
    every: steps between two lines of numbers.
    tensorboard: write event files; None: only if tensorboardX is installed.
    wandb: arguments of `wandb.init`, or None for none.
  """

  def __init__(
    self,
    workdir: Path | None,
    config: Mapping[str, Any],
    *,
    start: int,
    total: int,
    every: int = 50,
    tensorboard: bool | None = None,
    wandb: Mapping[str, Any] | None = None,
  ):
    self.every = every
    self._writers: list[Writer] = []
    self.latest: Mapping[str, float] = {}  # of a run that goes on, what was last logged
    self._first = jax.process_index() == 0
    self.progress = Progress(start=start, total=total, every=every) if self._first else None
    if not self._first or workdir is None:
      return
    lines = JsonLines(workdir / "metrics.jsonl", start)
    self._writers.append(lines)
    self.latest = lines.latest
    if tensorboard is None:
      tensorboard = _installed("tensorboardX")
    if tensorboard:
      self._writers.append(TensorBoard(workdir / "tensorboard", start))
    if wandb is not None:
      self._writers.append(WeightsAndBiases(workdir, wandb, config))

  def numbers(self, step: int, numbers: Mapping[str, float]) -> None:
    for writer in self._writers:
      writer.numbers(step, numbers)

  def picture(self, step: int, name: str, picture: np.ndarray) -> None:
    for writer in self._writers:
      writer.picture(step, name, picture)

  def video(self, step: int, name: str, video: np.ndarray, fps: float) -> None:
    for writer in self._writers:
      writer.video(step, name, video, fps)

  def step(self, step: int, text: str, steps_per_second: float) -> None:
    if self.progress:
      self.progress.update(step, text, steps_per_second)

  def say(self, text: str) -> None:
    if self.progress:
      self.progress.say(text)

  def close(self) -> None:
    if self.progress:
      self.progress.close()
    for writer in self._writers:
      writer.close()


def gif_bytes(video: np.ndarray, fps: float) -> bytes:
  """A looping GIF of a uint8 video `[time, height, width, 1 or 3]`."""
  frames = [Image.fromarray(f[..., 0] if f.shape[-1] == 1 else f).convert("RGB") for f in video]
  data = io.BytesIO()
  duration = max(20, round(1000 / fps))  # browsers slow down what is under 20 ms
  frames[0].save(data, format="GIF", save_all=True, append_images=frames[1:], duration=duration, loop=0)
  return data.getvalue()


def _installed(name: str) -> bool:
  import importlib.util

  return importlib.util.find_spec(name) is not None
