"""The jitted parts of a run: making a state, the update, and drawing a sample.

The update goes over the method's losses. Each is differentiated with respect to its own branch, from the
old parameters and the same random key, so that the branches of a GAN see the same fakes and XLA computes
the shared work once. Then come the optimizers, the writes and the averages. Nothing here knows a family.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from vgjax.optim import BranchOptimizer
from vgjax.types import Array, Batch, Method, Params, Task, TrainState


def prepare(batch: Batch) -> Batch:
  """uint8 video to float32 in [-1, 1]; everything else passes."""
  video = batch["video"]
  if video.dtype == jnp.uint8:
    video = video.astype(jnp.float32) / 127.5 - 1.0
  return batch | {"video": video}


def make_init(method: Method, task: Task, optimizers: Mapping[str, BranchOptimizer]):
  """`(seed, host batch) -> TrainState`, to be jitted with the state's shardings."""

  def init(seed: int, batch: Batch) -> TrainState:
    key = jax.random.key(seed)
    rng_init, rng_task, rng_train = jax.random.split(key, 3)
    params = method.init(rng_init, task(prepare(batch), rng_task))
    # Of Python's numbers come arrays of a weak type. The update gives none back, and would be compiled twice.
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype), params)
    return TrainState(
      step=jnp.zeros((), jnp.int32),
      params=params,
      opt={branch: o.transform.init(params[branch]) for branch, o in optimizers.items()},
      ema={
        # A copy: the donated state must not hold one buffer twice.
        name: jax.tree.map(jnp.copy, params[name])
        for branch, o in optimizers.items()
        if o.ema is not None
        for name in _averages(branch)
        if name in params
      },
      rng=jax.random.key_data(rng_train),
    )

  return init


def make_update(
  method: Method, task: Task, optimizers: Mapping[str, BranchOptimizer], *, accumulate: int = 1
):
  """`(state, host batch) -> (state, metrics)`, to be jitted with the state donated.

  Metrics are float32 scalars: `<branch>/loss`, `<branch>/grad_norm`, `<branch>/lr` and what the loss
  itself reports. A branch that skips this step (`every`) reports NaN for all of them.
  """

  def update(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, Array]]:
    rng = jax.random.fold_in(jax.random.wrap_key_data(state.rng), state.step)
    rng_task, rng_loss = jax.random.split(rng)
    batch = task(prepare(batch), rng_task)

    params, opt, ema, metrics = dict(state.params), dict(state.opt), dict(state.ema), {}
    writes: Params = {}
    for branch in method.losses:
      optimizer = optimizers[branch]
      transform = optax.with_extra_args_support(optimizer.transform)

      def learn(operands, branch=branch, optimizer=optimizer, transform=transform):
        value, opt_state, averages = operands
        loss, aux, gradient = _gradient(
          method, branch, state.params | {branch: value}, batch, rng_loss, state.step, accumulate
        )
        # What bounds a normalisation's scale, a projection may, reads the statistics beside the parameters.
        now = state.params | dict(aux.writes)
        change, opt_state = transform.update(gradient, opt_state, value, stats=now.get(f"{branch}_stats"))
        value = optax.apply_updates(value, change)
        if averages:
          now = {name: (now | {branch: value})[name] for name in averages}
          updates = state.step // optimizer.every
          decay = jnp.minimum(optimizer.ema, (1.0 + updates) / (10.0 + updates))
          averages = optax.incremental_update(now, averages, 1.0 - decay)
        report = {
          "loss": loss,
          "grad_norm": optax.tree.norm(gradient),
          "lr": optimizer.schedule(state.step // optimizer.every),
        } | dict(aux.metrics)
        report = {name: jnp.asarray(number, jnp.float32) for name, number in report.items()}
        return (value, opt_state, averages), report, dict(aux.writes)

      operands = (params[branch], opt[branch], {name: ema[name] for name in _averages(branch) if name in ema})
      if optimizer.every == 1:
        done = learn(operands)
      else:
        done = _every(optimizer.every, state, learn, operands)
      (params[branch], opt[branch], averages), report, wrote = done
      ema |= averages
      metrics |= {f"{branch}/{name}": number for name, number in report.items()}
      writes |= wrote

    state = state.replace(step=state.step + 1, params=params | writes, opt=opt, ema=ema)
    return state, metrics

  return update


def _averages(branch):
  """What has a moving average if a branch has one: its parameters, and the statistics that go with them.

  Averaged parameters do not have the activations of the latest ones, so the latest statistics are not theirs.
  """
  return branch, f"{branch}_stats"


def _every(every, state, learn, operands):
  """`learn` on the steps that `every` divides; on the others nothing is computed."""
  _, report, wrote = jax.eval_shape(learn, operands)

  def skip(operands):
    blank = jax.tree.map(lambda x: jnp.full(x.shape, jnp.nan, x.dtype), report)
    return operands, blank, {branch: state.params[branch] for branch in wrote}

  return jax.lax.cond(state.step % every == 0, learn, skip, operands)


def _gradient(method, branch, params, batch, rng, step, accumulate):
  """Loss, Aux and gradient of one branch, averaged over `accumulate` parts of the batch."""

  def part(value, batch, rng):
    return method.losses[branch](params | {branch: value}, batch, rng, step)

  differentiate = jax.value_and_grad(part, has_aux=True)
  if accumulate == 1:
    (loss, aux), gradient = differentiate(params[branch], batch, rng)
    return loss, aux, gradient

  # Part i takes the rows i, i + n, ...: each device keeps its own rows, nothing moves between devices.
  parts = jax.tree.map(
    lambda x: jnp.moveaxis(x.reshape(x.shape[0] // accumulate, accumulate, *x.shape[1:]), 1, 0),
    batch,
  )
  rngs = jax.random.split(rng, accumulate)
  shapes = jax.eval_shape(differentiate, params[branch], jax.tree.map(lambda x: x[0], parts), rngs[0])
  total = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

  def body(total, inputs):
    return jax.tree.map(jnp.add, total, differentiate(params[branch], *inputs)), None

  total, _ = jax.lax.scan(body, total, (parts, rngs))
  # Writes are averaged as well: a moving average of means is the mean of the moving averages.
  (loss, aux), gradient = jax.tree.map(lambda x: (x / accumulate).astype(x.dtype), total)
  return loss, aux, gradient


def make_sample(method: Method):
  """`(state, batch with hint and mask, rng) -> video`, drawn with the averaged weights where there are."""

  def sample(state: TrainState, batch: Batch, rng: Array) -> Array:
    return method.sample(averaged(state), batch, rng)

  return sample


def averaged(state: TrainState) -> dict[str, Any]:
  """The parameters, with each branch's moving average where it has one."""
  return state.params | state.ema
