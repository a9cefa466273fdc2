"""Schedules against PyTorch's formulas, decay masks, errors."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import optim
from vgjax.errors import ConfigError


def _torch_onecycle(step, peak, total, rise=0.3, initial=25.0, final=1e4):
  """torch.optim.lr_scheduler.OneCycleLR with cosine annealing, written out."""
  low, end = peak / initial, peak / initial / final
  top = rise * total - 1
  anneal = lambda a, b, share: b + (a - b) / 2 * (1 + math.cos(math.pi * share))
  if step <= top:
    return anneal(low, peak, step / top)
  return anneal(peak, end, (step - top) / (total - 1 - top))


@pytest.mark.parametrize("total", [10, 100, 997])
def test_onecycle_is_torchs(total):
  schedule = optim.onecycle(1e-3, total)
  ours = [float(schedule(step)) for step in range(total)]
  np.testing.assert_allclose(
    ours, [_torch_onecycle(s, 1e-3, total) for s in range(total)], rtol=2e-4, atol=2e-9
  )


def test_warmup_then_cosine_ends_at_final():
  schedule = optim.cosine(2.0, 100, warmup=10, final=0.1)
  assert float(schedule(0)) == 0.0
  assert float(schedule(5)) == pytest.approx(1.0)
  assert float(schedule(10)) == pytest.approx(2.0)
  assert float(schedule(100)) == pytest.approx(0.2)


def test_schedule_of_a_branch_that_updates_rarely_is_as_much_shorter():
  optimizer = optim.make(name="adam", learning_rate=1.0, steps=100, schedule=dict(name="cosine"), every=5)
  assert float(optimizer.schedule(10)) == pytest.approx(0.5)
  assert float(optimizer.schedule(20)) == pytest.approx(0.0)


def test_weight_decay_spares_biases_and_norms():
  optimizer = optim.make(name="adamw", learning_rate=1.0, steps=10, weight_decay=0.5)
  params = {"conv": {"kernel": jnp.ones(3), "bias": jnp.ones(3)}, "norm": {"scale": jnp.ones(3)}}
  zero = jax.tree.map(jnp.zeros_like, params)
  change, _ = optimizer.transform.update(zero, optimizer.transform.init(params), params)
  np.testing.assert_allclose(change["conv"]["kernel"], -0.5)
  np.testing.assert_allclose(change["conv"]["bias"], 0.0)
  np.testing.assert_allclose(change["norm"]["scale"], 0.0)


def test_l2_is_part_of_the_gradient_and_not_of_what_is_clipped():
  params, gradient = {"kernel": jnp.array([3.0, -4.0])}, {"kernel": jnp.array([30.0, 40.0])}
  optimizer = optim.make(name="sgd", learning_rate=1.0, steps=10, clip=5.0, l2=0.1)
  updates, _ = optimizer.transform.update(gradient, optimizer.transform.init(params), params)
  np.testing.assert_allclose(updates["kernel"], [-3.0 - 0.3, -4.0 + 0.4], rtol=1e-6)


def test_clipping_bounds_the_gradient():
  optimizer = optim.make(name="sgd", learning_rate=1.0, steps=10, clip=1.0)
  params = {"a": jnp.zeros(4)}
  change, _ = optimizer.transform.update({"a": jnp.full(4, 100.0)}, optimizer.transform.init(params))
  assert float(jnp.linalg.norm(change["a"])) == pytest.approx(1.0)


@pytest.mark.parametrize(
  "keys, message",
  [
    (dict(name="adamm"), 'did you mean "adam"'),
    (dict(name="adam", schedule=dict(name="onecycl")), 'did you mean "onecycle"'),
    (dict(name="adam", schedule=dict(name="cosine", warm=3)), 'did you mean "warmup"'),
    (dict(name="adam", b3=0.9), 'unknown key "b3"'),
    (dict(name="adam", every=0), "at least 1"),
    (dict(name="adam", every=2.5), "a whole number"),
    (dict(name="adam", clip=0), "clip is 0; it must be above 0, or None"),
    (dict(name="adam", clip=-1.0), "above 0"),
    (dict(name="adam", ema=1.0), "ema is 1.0; it must be at least 0 and less than 1"),
    (dict(name="adam", ema=-3), "or None for no average"),
  ],
)
def test_errors_name_the_nearest_key(keys, message):
  with pytest.raises(ConfigError, match=message):
    optim.make(learning_rate=1e-3, steps=10, **keys)


def test_linear_holds_then_falls_to_final():
  schedule = optim.linear(2.0, 300, hold=200, final=0.1)
  assert [float(schedule(step)) for step in (0, 200, 250, 300, 400)] == pytest.approx(
    [2.0, 2.0, 1.1, 0.2, 0.2]
  )
  warmed = optim.linear(2.0, 100, warmup=10)
  assert [float(warmed(step)) for step in (0, 5, 10, 55, 100)] == pytest.approx([0.0, 1.0, 2.0, 1.0, 0.0])
