"""The loop. It knows steps, checkpoints and logs, and nothing of any family of models."""

import collections
from typing import Any

import jax
import numpy as np

from vgjax import configs, logs, memory, workdir
from vgjax.clock import Clock
from vgjax.errors import NonFiniteLoss
from vgjax.evaluate import evaluate
from vgjax.restore import open_checkpoints, restore_or_init
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
  watcher = run.method.watch() if run.method.watch else None

  def settle(ahead: int) -> None:
    while len(pending) > ahead:
      _report(*pending.popleft(), run, logger, clock, watcher)

  workdir.check_data(run, resumes=start > 0)
  if start:
    logger.say(f"resuming at step {start} of {run.steps}")
  batches = run.train_batches(start)
  clock = Clock(run.batch_size, batches)
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


def _report(step: int, metrics: Any, run: Run, logger: logs.Logger, clock: Clock, watcher: Any) -> None:
  """Reads one step's numbers from the device, checks them and hands them on."""
  numbers = {name: float(value) for name, value in jax.device_get(metrics).items()}
  losses = {}
  for branch, optimizer in run.optimizers.items():
    if (step - 1) % optimizer.every:  # this branch had no update: its numbers are blanks
      numbers = {k: v for k, v in numbers.items() if not k.startswith(f"{branch}/")}
      continue
    losses[branch] = numbers[f"{branch}/loss"]
    if not np.isfinite([losses[branch], numbers[f"{branch}/grad_norm"]]).all():
      raise NonFiniteLoss(
        f"step {step}: the loss of the branch {branch} is {losses[branch]} (gradient norm"
        f" {numbers[f'{branch}/grad_norm']}). The last good checkpoint is kept. What usually helps:"
        f" config.optim.{branch}.clip = 1.0, a smaller learning_rate, a warm-up, dtype float32."
      )
  clock.tick()
  speed = {"videos_per_second": clock.videos_per_second, "input_wait": clock.input_wait}
  if step % logger.every == 0 or step == run.steps:
    logger.numbers(step, numbers | speed)
    if watcher and (text := watcher(step, numbers)):
      logger.say(text)
  if advice := clock.advice():
    logger.say(advice)
  shown = "  ".join(f"{branch} {loss:.4g}" for branch, loss in losses.items())
  logger.step(step, f"loss {shown}  {clock.videos_per_second:.3g} videos/s", clock.steps_per_second)
