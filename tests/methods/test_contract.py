"""What every method promises, tested on a tiny run of each; new methods are found by their configs."""

import dataclasses
import functools
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vgjax
from tests import all_configs
from vgjax import methods, step

pytestmark = pytest.mark.usefixtures("quick_compile")

METHODS = sorted(m.name for m in pkgutil.iter_modules(methods.__path__))
CONFIGS = all_configs.one_of_each_method()
STEPS = 4  # of all runs, so that the compilation cache has one program for all tests of a method


def _run(name, tmp_path_factory, workdir=None, **changes):
  config = all_configs.smoke(CONFIGS[name], tmp_path_factory.getbasetemp() / "videos")
  config.mesh = dict(data=1)
  config.steps = STEPS
  config.update(changes)
  return vgjax.build(config, workdir)


def _batch(run):
  batches = run.train_batches(0)
  batch = next(batches)
  batches.close()
  return batch


def _train(run, steps):
  """The state and the losses of `steps` updates."""
  state, losses = run.init_state(), []
  batches = run.train_batches(0)
  for _ in range(steps):
    state, metrics = run.update(state, next(batches))
    losses.append({k: float(v) for k, v in metrics.items() if k.endswith("/loss")})
  batches.close()
  return state, losses


@pytest.fixture(scope="module")
def small(tmp_path_factory):
  """`name -> run` on one device, traced and compiled once for all tests."""
  return functools.cache(lambda name: _run(name, tmp_path_factory))


@pytest.fixture(scope="module")
def alone(small):
  """`name -> losses` of three updates on one device."""
  return functools.cache(lambda name: _train(small(name), 3)[1])


def test_every_method_has_a_config():
  assert set(METHODS) <= set(CONFIGS), "a method without a config is a method nobody can run"


@pytest.mark.parametrize("name", METHODS)
def test_sample_has_the_right_shape_is_finite_and_keeps_what_was_given(name, small):
  run = small(name)
  batch = next(run.batches("valid", 4))
  video = run.sample(run.init_state(), batch, jax.random.key(0))
  assert video.shape == batch["video"].shape and video.dtype == jnp.float32
  assert np.isfinite(video).all()
  given = np.broadcast_to(np.asarray(batch["mask"]) == 1, video.shape)
  np.testing.assert_array_equal(np.asarray(video)[given], np.asarray(batch["video"])[given])


def _branches():
  """(method, trained branch) of all methods."""
  for name in METHODS:
    config = vgjax.load_config(f"{all_configs.ROOT / CONFIGS[name]}:smoke")
    yield from ((name, branch) for branch in config.optim)


@pytest.fixture(scope="module")
def eager(tmp_path_factory):
  """`name -> run` of 60 steps with a large learning rate, made and compiled once for all branches."""

  @functools.cache
  def make(name):
    branches = vgjax.load_config(f"{all_configs.ROOT / CONFIGS[name]}:smoke").optim
    rates = {branch: {"learning_rate": 1e-2} for branch in branches}
    return _run(name, tmp_path_factory, steps=60, optim=rates)

  return make


@pytest.mark.parametrize("name, branch", list(_branches()))
def test_every_branch_overfits_one_batch(name, branch, eager):
  """While the others, its opponents perhaps, are put back after every step."""
  run = eager(name)
  state, batch, losses = run.init_state(), _batch(run), []
  others = jax.device_get({other: state.params[other] for other in run.optimizers if other != branch})
  places = {other: run.shardings.params[other] for other in others}
  for _ in range(60):
    state, metrics = run.update(state, batch)
    losses.append(float(metrics[f"{branch}/loss"]))
    # Copies, as the update takes what it is given for its own; where they were, or it is compiled once more.
    state = dataclasses.replace(state, params=state.params | jax.device_put(others, places, may_alias=False))
  assert np.isfinite(losses[-1]) and losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("name", METHODS)
def test_only_trained_and_written_branches_change(name, small):
  run = small(name)
  before = jax.tree.map(np.array, run.init_state().params)
  after, _ = _train(run, 2)
  batch = run.task(step.prepare(_batch(run)), jax.random.key(0))
  written = set()
  for loss in run.method.losses.values():
    _, aux = jax.eval_shape(loss, after.params, batch, jax.random.key(0), after.step)
    written |= set(aux.writes)
  for branch in before:
    same = jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), before[branch], after.params[branch]))
    assert same == (branch not in run.method.losses and branch not in written), branch


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("mesh", [dict(data=8), dict(data=2, fsdp=4), dict(data=2, fsdp=2, tensor=2)])
def test_eight_devices_equal_one(name, mesh, alone, tmp_path_factory):
  rules = ((r"kernel", "fsdp"),) if mesh.get("fsdp", 1) > 1 else ()
  if mesh.get("tensor"):
    last = lambda ndim: (*[None] * (ndim - 1), "tensor")
    rules = (
      (r"(merge|conv)_\d+/kernel", last(4)),
      (r"(^|/)(video_)?critic/.*down_\d+/kernel", last(5)),
      *rules,
    )
  run = _run(name, tmp_path_factory, mesh=mesh, rules=rules)
  used = {axis for s in jax.tree.leaves(run.shardings) for axis in s.spec if axis}
  assert used == {axis for axis in ("fsdp", "tensor") if mesh.get(axis, 1) > 1}  # the rules do split
  _, eight = _train(run, 3)
  for ours, theirs in zip(eight, alone(name), strict=True):
    for key in theirs:
      assert ours[key] == pytest.approx(theirs[key], rel=1e-5), (key, mesh)


@pytest.mark.parametrize("name", METHODS)
def test_saved_restored_and_continued_equals_never_stopped(name, tmp_path, tmp_path_factory):
  options = dict(checkpoint=dict(every=2, keep=5), log=dict(every=1, tensorboard=False))
  whole = vgjax.train(_run(name, tmp_path_factory, tmp_path / "whole", **options))
  vgjax.train(_run(name, tmp_path_factory, tmp_path / "parts", **options))
  (tmp_path / "parts" / "checkpoints" / "4").rename(tmp_path / "gone")  # as if killed before it
  parts = vgjax.train(_run(name, tmp_path_factory, tmp_path / "parts", **options))
  for ours, theirs in zip(jax.tree.leaves(parts), jax.tree.leaves(whole), strict=True):
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
