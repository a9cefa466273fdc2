"""The loop. It knows steps, checkpoints and logs, and nothing of any family of models."""

import collections
from typing import Any

import jax
import numpy as np

from vgjax import configs, logs, memory, workdir
from vgjax.clock import Clock
from vgjax.errors import NonFiniteLoss
from vgjax.evaluate import evaluate
from vgjax.restore import check_init_from, open_checkpoints, restore_or_init
from vgjax.run import Run
from vgjax.stop import StopSignal
from vgjax.types import TrainState

# How many steps the loop runs ahead of the numbers it reads: enough to keep the device busy, few enough
# that a loss that is not finite is seen at once.
_AHEAD = 2


class Stopped(SystemExit):
  """The run was told to stop (SIGTERM or Ctrl-C); its state is saved and it can go on later. Exit code 0."""


def train(run: Run) -> TrainState:
  """Trains `run` to its last step, from the newest checkpoint in its folder if there is one.

  Returns:
    The final state.

  Raises:
    DataError: a split that training or an evaluator reads cannot be.
    NonFiniteLoss: training went wrong; the last good checkpoint is kept.
    Stopped: SIGTERM or Ctrl-C; saved.
  """
  check_init_from(run)
  workdir.claim(run)
  for split in {planned.split for planned in run.evaluators.values() if planned.every}:
    run.source(split)  # data that is missing is missed now, not at the first evaluation
  checkpoints = open_checkpoints(run)
  state = restore_or_init(run, checkpoints)
  start = int(state.step)
  logger = configs.call(
    logs.Logger, run.config.get("log", {}), run.workdir, run.config,
    where="config.log", start=start, total=run.steps,
  )  # fmt: skip
  stop = StopSignal()
  pending = collections.deque()  # metrics still on the device, oldest first
  evaluated: dict[str, float] = {}

  def settle(ahead: int) -> None:
    while len(pending) > ahead:
      reporter.step(*pending.popleft())

  workdir.check_data(run, resumes=start > 0)
  if start:
    logger.say(f"resuming at step {start} of {run.steps}")
  batches = run.train_batches(start)
  clock = Clock(run.batch_size, batches)
  reporter = _Reporter(run, logger, clock)
  if start < run.steps:
    logger.say("compiling the first step; a second start takes it from the cache")
  try:
    for step in range(start + 1, run.steps + 1):
      state, metrics = run.update(state, next(batches))
      pending.append((step, metrics))
      settle(_AHEAD)
      memory.trim()
      stopping = stop.reached(step)
      evaluated = {}
      if not stopping:
        due = [n for n, e in run.evaluators.items() if e.every and step % e.every == 0]
        if due:
          settle(0)
          with clock.paused():
            evaluated = evaluate(run, state, names=due, logger=logger).logged
          reporter.figures |= evaluated
      if checkpoints and (step % checkpoints.every == 0 or stopping or step == run.steps):
        settle(0)  # never keep a state whose loss was not looked at
        checkpoints.save(state, run.config, evaluated)
      if stopping:
        if checkpoints:
          checkpoints.wait()
        logger.say(f"stopped at step {step} of {run.steps}; the same command goes on from here")
        raise Stopped(0)
    settle(0)
  finally:
    stop.close()
    batches.close()
    logger.close()
    if checkpoints:
      checkpoints.close()
  return state


class _Reporter:
  """Reads the numbers of steps from the device, checks them and hands them on.

  What is not computed at every step, as the penalty of a critic, is logged as it was when it last was; in a
  run that goes on, as it was last logged.

  Attributes:
    figures: those of the latest evaluations while training.
  """

  def __init__(self, run: Run, logger: logs.Logger, clock: Clock):
    self._run, self._logger, self._clock = run, logger, clock
    self._watcher = run.method.watch() if run.method.watch else None
    learning = lambda name: name.split("/")[0] in run.optimizers
    self._latest = {name: number for name, number in logger.latest.items() if learning(name)}
    self.figures = {name: number for name, number in logger.latest.items() if not learning(name)}

  def step(self, step: int, metrics: Any) -> None:
    """Numbers of a step, of which those are blank that are not computed at every step."""
    now = {name: float(value) for name, value in jax.device_get(metrics).items()}
    for branch, optimizer in self._run.optimizers.items():
      if (step - 1) % optimizer.every == 0:
        self._check(step, branch, now)
    self._latest |= {name: value for name, value in now.items() if not np.isnan(value)}
    clock, latest = self._clock, self._latest
    clock.tick()
    if step % self._logger.every == 0 or step == self._run.steps:
      speed = {"videos_per_second": clock.videos_per_second, "input_wait": clock.input_wait}
      self._logger.numbers(step, latest | speed)
      if self._watcher and (text := self._watcher(step, latest | self.figures)):
        self._logger.say(text)
    if advice := clock.advice():
      self._logger.say(advice)
    losses = {branch: latest.get(f"{branch}/loss") for branch in self._run.optimizers}
    shown = "  ".join(f"{branch} {loss:.4g}" for branch, loss in losses.items() if loss is not None)
    self._logger.step(step, f"loss {shown}  {clock.videos_per_second:.3g} videos/s", clock.steps_per_second)

  def _check(self, step, branch, numbers):
    loss, norm = (numbers[f"{branch}/{name}"] for name in ("loss", "grad_norm"))
    if not np.isfinite([loss, norm]).all():
      raise NonFiniteLoss(
        f"step {step}: the loss of the branch {branch} is {loss} (gradient norm {norm}). The last good"
        f" checkpoint is kept. What usually helps: config.optim.{branch}.clip = 1.0, a smaller learning_rate,"
        " a warm-up, dtype float32."
      )
