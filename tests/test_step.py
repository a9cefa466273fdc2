"""The update, on methods of one line each: branches trained, frozen and written."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import optim, step
from vgjax.types import Aux, Method


def _task(batch, rng):
  return batch


def _method():
  """A toy GAN: `a` follows the data, `b` follows `a`; `average` is written, `fixed` is frozen."""

  def init(rng, batch):
    return {"a": jnp.ones(3), "b": jnp.zeros(3), "average": jnp.zeros(()), "fixed": jnp.full(2, 7.0)}

  def loss_a(params, batch, rng, step):
    error = jnp.mean((params["a"] - batch["video"].mean()) ** 2 + 0 * params["b"].sum())
    return error, Aux({"mean": batch["video"].mean()}, {"average": batch["video"].mean()})

  def loss_b(params, batch, rng, step):
    return jnp.mean((params["b"] - params["a"]) ** 2), Aux()

  return Method(init, {"a": loss_a, "b": loss_b}, lambda params, batch, rng: batch["video"])


def _optimizer(**keys):
  return optim.make(name="sgd", learning_rate=0.5, steps=100, **keys)


def _run(optimizers, steps=1, accumulate=1, method=None, video=None):
  method = method or _method()
  video = jnp.full((4, 1, 2, 2, 1), 3.0) if video is None else video
  batch = {"video": video}
  state = step.make_init(method, _task, optimizers)(0, batch)
  update = jax.jit(step.make_update(method, _task, optimizers, accumulate=accumulate))
  history = []
  for _ in range(steps):
    state, metrics = update(state, batch)
    history.append(jax.device_get(metrics))
  return state, history


def test_each_loss_moves_its_own_branch_from_the_old_parameters():
  state, _ = _run({"a": _optimizer(), "b": _optimizer()})
  np.testing.assert_allclose(state.params["a"], 1 + 0.5 * 2 * (3 - 1) / 3, rtol=1e-6)
  # b moved towards the old a = 1, not the new one
  np.testing.assert_allclose(state.params["b"], 0.5 * 2 * 1 / 3, rtol=1e-6)
  assert int(state.step) == 1


def test_the_update_of_parameters_made_of_pythons_numbers_is_compiled_once():
  method = _method()
  weak = method._replace(init=lambda *args: method.init(*args) | {"a": jnp.full(3, 1.0)})
  assert weak.init(None, {})["a"].weak_type
  optimizers = {"a": _optimizer(ema=0.5), "b": _optimizer()}
  update = jax.jit(step.make_update(weak, _task, optimizers))
  batch = {"video": jnp.full((4, 1, 2, 2, 1), 3.0)}
  state = jax.jit(lambda batch: step.make_init(weak, _task, optimizers)(0, batch))(batch)
  for _ in range(2):
    state, _ = update(state, batch)
  assert update._cache_size() == 1


def test_written_branch_is_replaced_and_frozen_branch_untouched():
  state, _ = _run({"a": _optimizer(), "b": _optimizer()}, steps=3)
  assert float(state.params["average"]) == 3.0
  np.testing.assert_array_equal(state.params["fixed"], 7.0)


def test_every_skips_and_reports_blanks():
  state, history = _run({"a": _optimizer(every=3), "b": _optimizer()}, steps=5)
  once, _ = _run({"a": _optimizer(), "b": _optimizer()}, steps=2)
  np.testing.assert_allclose(state.params["a"], once.params["a"], rtol=1e-6)  # steps 0 and 3
  assert [bool(np.isnan(m["a/loss"])) for m in history] == [False, True, True, False, True]


def test_skipped_branch_costs_nothing():
  """The skipped work sits in a branch of a conditional, not in the main program."""
  method, optimizers = _method(), {"a": _optimizer(every=2), "b": _optimizer()}
  batch = {"video": jnp.ones((4, 1, 2, 2, 1))}
  state = step.make_init(method, _task, optimizers)(0, batch)
  program = jax.make_jaxpr(step.make_update(method, _task, optimizers))(state, batch)
  assert "cond" in [e.primitive.name for e in program.jaxpr.eqns]


def test_ema_follows_and_is_sampled():
  """The first parameters are soon forgotten: of the n-th update at most (1 + n) / (10 + n) is kept."""
  expected = 1.0
  for steps, kept in ((1, 1 / 10), (2, 2 / 11), (3, 0.2)):
    state, _ = _run({"a": _optimizer(ema=0.2), "b": _optimizer()}, steps=steps)
    expected = kept * expected + (1 - kept) * np.asarray(state.params["a"])
    np.testing.assert_allclose(state.ema["a"], expected, rtol=1e-6)
  assert "b" not in state.ema
  np.testing.assert_array_equal(step.averaged(state)["a"], state.ema["a"])
  np.testing.assert_array_equal(step.averaged(state)["b"], state.params["b"])


def test_statistics_are_averaged_with_their_parameters():
  """What is written for `a` each step, 3 here; of a branch without an average the latest statistics count."""
  base = _method()

  def init(rng, batch):
    return base.init(rng, batch) | {"a_stats": jnp.ones(2), "b_stats": jnp.ones(2)}

  def writing(branch):
    def loss(params, batch, rng, step):
      value, aux = base.losses[branch](params, batch, rng, step)
      return value, Aux({}, dict(aux.writes) | {f"{branch}_stats": jnp.full(2, 3.0)})

    return loss

  method = Method(init, {name: writing(name) for name in ("a", "b")}, base.sample)
  for every, steps in ((1, 2), (3, 4)):  # two updates of `a` in both
    state, _ = _run({"a": _optimizer(ema=0.9, every=every), "b": _optimizer()}, method=method, steps=steps)
    first = 1 / 10 * 2 / 11  # what is left of it
    np.testing.assert_allclose(state.ema["a_stats"], first * 1 + (1 - first) * 3, rtol=1e-6)
    assert set(state.ema) == {"a", "a_stats"}
    np.testing.assert_array_equal(step.averaged(state)["b_stats"], 3.0)


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulation_equals_one_batch(parts):
  video = jax.random.normal(jax.random.key(1), (4, 1, 2, 2, 1))
  whole, history = _run({"a": _optimizer(), "b": _optimizer()}, video=video)

  def mean_loss(params, batch, rng, step):  # linear in the rows, so the parts' mean is the whole's
    return jnp.mean(batch["video"] * params["a"].sum()), Aux({}, {"average": batch["video"].mean()})

  method = _method()._replace(losses={"a": mean_loss})
  whole, history = _run({"a": _optimizer()}, method=method, video=video)
  split, history_split = _run({"a": _optimizer()}, method=method, video=video, accumulate=parts)
  np.testing.assert_allclose(split.params["a"], whole.params["a"], rtol=1e-5)
  np.testing.assert_allclose(split.params["average"], whole.params["average"], rtol=1e-5)
  np.testing.assert_allclose(history_split[0]["a/loss"], history[0]["a/loss"], rtol=1e-5)


def test_prepare_scales_bytes_and_passes_the_rest():
  batch = step.prepare({"video": jnp.array([0, 255], jnp.uint8), "label": jnp.array([3])})
  np.testing.assert_allclose(batch["video"], [-1.0, 1.0])
  assert int(batch["label"][0]) == 3
