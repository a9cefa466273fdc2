"""CycleGAN's losses in closed form, on generators and critics of one number each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import tasks
from vgjax.errors import ConfigError
from vgjax.methods import cyclegan
from vgjax.models.layers.verdict import Verdict
from vgjax.types import Model, Output

SHAPE = (3, 2, 4, 4, 1)
PARAMS = {"generator": 0.5, "inverse": 3.0, "video_critic": 0.7, "source_critic": -0.4}
STEP, KEY = jnp.zeros((), jnp.int32), jax.random.key(0)


def scale(branch, **fields):
  """A generator `factor * hint`, which writes what it read."""

  def apply(params, hint, mask, *, train=False, rng=None, **options):
    assert mask.shape == (*hint.shape[:4], 1)
    writes = {f"{branch}_stats": jnp.mean(hint)} if train else {}
    return Output(params[branch] * hint, writes)

  return Model(
    branch, lambda rng, *inputs, **options: {branch: jnp.ones(()), f"{branch}_stats": 0.0}, apply, **fields
  )


def level(branch):
  """A critic whose score is `factor * mean of the video`, a loss of its own besides."""

  def apply(params, video, hint, mask, *, train=False, rng=None):
    np.testing.assert_equal(video.shape, hint.shape)
    # What it gets as a hint would change the score if it were not 0.
    scores = params[branch] * jnp.mean(video + 10 * hint + 10 * mask, axis=(1, 2, 3, 4))
    return Output(Verdict(scores), {}, {})

  return Model(branch, lambda rng, *inputs, **options: {branch: jnp.ones(())}, apply)


def models(**changes):
  made = {"generator": scale("generator"), "inverse": scale("inverse")}
  return made | {name: level(name) for name in ("video_critic", "source_critic")} | changes


def batch(seed=0):
  rng = np.random.default_rng(seed)
  video, source = (jnp.asarray(rng.uniform(-1, 1, SHAPE), jnp.float32) + shift for shift in (0.1, -0.3))
  return tasks.translate()({"video": video, "source": source}, KEY)


def params(**changes):
  return {name: jnp.asarray(value, jnp.float32) for name, value in (PARAMS | changes).items()}


def expected(values, given, *, cycle=10.0, identity=5.0):
  """The published sum: (what G makes, what F makes, both cycles)."""
  g, f, cy, cx = (values[name] for name in ("generator", "inverse", "video_critic", "source_critic"))
  y, x = given["video"], given["source"]
  means = lambda z: jnp.mean(z, axis=(1, 2, 3, 4))
  size = lambda z: jnp.mean(jnp.abs(z))
  return (
    jnp.mean((cy * means(g * x) - 1) ** 2) + identity * abs(g - 1) * size(y),
    jnp.mean((cx * means(f * y) - 1) ** 2) + identity * abs(f - 1) * size(x),
    cycle * abs(g * f - 1) * (size(x) + size(y)),
  )


def test_both_generators_learn_by_the_published_sum():
  given, values = batch(), params()
  method = cyclegan.make(models())
  slope = jax.grad(lambda values: sum(expected(values, given)))(values)
  made = dict(zip(("generator", "inverse"), expected(values, given)[:2]))
  for name in made:
    loss = lambda values, name=name: method.losses[name](values, given, KEY, STEP)[0]
    found, gradient = jax.value_and_grad(loss)(values)
    np.testing.assert_allclose(found, made[name] + expected(values, given)[2], rtol=1e-5)
    np.testing.assert_allclose(gradient[name], slope[name], rtol=1e-5)


@pytest.mark.parametrize("options", [dict(cycle=3.0), dict(identity=0.0), dict(cycle=0.0, identity=2.0)])
def test_weights(options):
  given, values = batch(), params()
  loss = cyclegan.make(models(), **options).losses["generator"]
  made, _, cycles = expected(values, given, **options)
  np.testing.assert_allclose(loss(values, given, KEY, STEP)[0], made + cycles, rtol=1e-5)


def test_what_is_logged():
  given, values = batch(), params()
  method = cyclegan.make(models())
  g, f = PARAMS["generator"], PARAMS["inverse"]
  size = {"generator": np.abs(given["source"]).mean(), "inverse": np.abs(given["video"]).mean()}
  for name, other in (("generator", "inverse"), ("inverse", "generator")):
    metrics = method.losses[name](values, given, KEY, STEP)[1].metrics
    np.testing.assert_allclose(metrics["cycle"], abs(g * f - 1) * size[name], rtol=1e-5)
    np.testing.assert_allclose(metrics["identity"], abs(PARAMS[name] - 1) * size[other], rtol=1e-5)
    assert {"adversarial", "motion", "spread"} <= set(metrics)
  assert (
    "identity"
    not in cyclegan.make(models(), identity=0.0).losses["generator"](values, given, KEY, STEP)[1].metrics
  )


def test_critics_learn_of_their_own_side_and_leave_generators_alone():
  given, values = batch(), params()
  method = cyclegan.make(models())
  means = lambda z: jnp.mean(z, axis=(1, 2, 3, 4))
  sides = {"video_critic": ("video", "generator", "source"), "source_critic": ("source", "inverse", "video")}
  for critic, (real, maker, hint) in sides.items():
    score = lambda video, c=critic: values[c] * means(video)
    wanted = jnp.mean((score(given[real]) - 1) ** 2 + score(values[maker] * given[hint]) ** 2) / 2
    loss = lambda values, c=critic: method.losses[c](values, given, KEY, STEP)[0]
    found, gradient = jax.value_and_grad(loss)(values)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert gradient[critic] != 0
    assert [float(gradient[name]) for name in values if name != critic] == [0, 0, 0]


def test_several_critics_of_a_side_are_weighed():
  given, values = batch(), params(frame_video_critic=1.3)
  two = models(frame_video_critic=level("frame_video_critic"))
  method = cyclegan.make(two, weights=dict(frame_video_critic=0.25), adversarial_weight=1.0)
  found = method.losses["generator"](values, given, KEY, STEP)[0]
  means = jnp.mean(values["generator"] * given["source"], axis=(1, 2, 3, 4))
  made, _, cycles = expected(values, given)
  rest = (
    made + cycles - jnp.mean((0.7 * means - 1) ** 2) / 2
  )  # half is what an adversarial weight of 1 leaves
  np.testing.assert_allclose(found, rest + 0.25 * jnp.mean((1.3 * means - 1) ** 2) / 2, rtol=1e-5)
  assert list(method.losses) == [
    "generator",
    "inverse",
    "frame_video_critic",
    "video_critic",
    "source_critic",
  ]
  assert "adversarial_frame_video_critic" in method.losses["generator"](values, given, KEY, STEP)[1].metrics


def test_statistics_are_those_of_translations():
  given, values = batch(), params()
  losses = cyclegan.make(models()).losses
  for name, read in (("generator", "source"), ("inverse", "video")):
    writes = losses[name](values, given, KEY, STEP)[1].writes
    assert set(writes) == {f"{name}_stats"}
    np.testing.assert_allclose(writes[f"{name}_stats"], jnp.mean(given[read]), rtol=1e-5)


def test_sample_translates_the_source_and_keeps_what_is_given():
  given, values = batch(), params()
  method = cyclegan.make(models())
  np.testing.assert_allclose(method.sample(values, given, KEY), 0.5 * given["source"], rtol=1e-6)
  mask = given["mask"].at[:, 0].set(1.0)
  half = method.sample(values, given | {"mask": mask}, KEY)
  np.testing.assert_array_equal(half[:, 0], given["source"][:, 0])
  np.testing.assert_allclose(half[:, 1], 0.5 * given["source"][:, 1], rtol=1e-6)


def test_init_makes_all_branches_and_each_generator_reads_its_own_side():
  seen = {}

  def noting(name):
    def init(rng, hint, mask, **options):
      seen[name] = hint
      return {name: jnp.ones(())}

    return scale(name)._replace(init=init)

  given = batch()
  made = models(generator=noting("generator"), inverse=noting("inverse"))
  assert set(cyclegan.make(made).init(KEY, given)) == set(made)
  np.testing.assert_array_equal(seen["generator"], given["source"])
  np.testing.assert_array_equal(seen["inverse"], given["video"])


def test_errors():
  for wrong in (
    {name: model for name, model in models().items() if name != "inverse"},
    {name: model for name, model in models().items() if name != "source_critic"},
    models(critic=level("critic")),
  ):
    with pytest.raises(ConfigError, match="`generator` and `inverse`, and critics of both sides"):
      cyclegan.make(wrong)
  with pytest.raises(ConfigError, match='unknown name "critic"'):
    cyclegan.make(models(), weights=dict(critic=1.0))
  with pytest.raises(ConfigError, match=r"config\.models\.inverse reads the true video"):
    cyclegan.make(models(inverse=scale("inverse", reads=("truth",))))
  unknown = cyclegan.make(models(), losses=dict(l1=1.0)).losses["generator"]
  given = batch()
  with pytest.raises(ConfigError, match=r'config\.method\.losses: unknown name "l1"'):
    unknown(cyclegan.make(models()).init(KEY, given), given, KEY, STEP)
  alone = {name: array for name, array in batch().items() if name != "source"}
  with pytest.raises(ConfigError, match="the batch has no `source`"):
    cyclegan.make(models()).init(KEY, alone)
