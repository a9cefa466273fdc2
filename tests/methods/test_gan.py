"""The method `gan` with networks of one number, whose losses and gradients are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import adversarial, configs, optim, step
from vgjax.errors import ConfigError
from vgjax.methods import gan
from vgjax.models.layers.verdict import Verdict
from vgjax.types import Model, Output

SHAPE = (4, 3, 2, 2, 1)
KEY, ZERO = jax.random.key(0), jnp.zeros((), jnp.int32)
BIAS, SLOPE = 0.25, 2.0


def make_generator(losses={}):
  """Its videos are its one number everywhere."""

  def apply(params, hint, mask, *, train=False, rng=None):
    return Output(jnp.zeros_like(hint) + params["generator"]["bias"], losses=dict(losses) if train else {})

  init = lambda rng, hint, mask: {"generator": {"bias": jnp.array(BIAS)}}
  return Model("generator", init, apply)


def make_critic(name="critic", losses=lambda video: {}):
  """Its score is its one number times the mean of the video."""

  def apply(params, video, hint, mask, *, train=False, rng=None):
    score = params[name]["slope"] * video.mean((1, 2, 3, 4))
    return Output(Verdict(score, (video, 3 * video)), losses=losses(video))

  return Model(name, lambda rng, *seen: {name: {"slope": jnp.array(SLOPE)}}, apply)


def make_batch(given=0):
  video = jax.random.normal(jax.random.key(1), SHAPE)
  mask = jnp.zeros(SHAPE).at[:, :given].set(1.0)
  return {"video": video, "hint": video * mask, "mask": mask}


def losses_of(method, batch=None):
  batch = make_batch() if batch is None else batch
  params = method.init(KEY, batch)
  return {name: loss(params, batch, KEY, ZERO) for name, loss in method.losses.items()}


MODELS = {"generator": make_generator(), "critic": make_critic()}


@pytest.mark.parametrize("name", adversarial.__all__)
def test_losses_are_those_of_the_game(name):
  found, game = losses_of(gan.make(MODELS, loss=dict(name=name))), getattr(adversarial, name)()
  real, fake = SLOPE * make_batch()["video"].mean((1, 2, 3, 4)), jnp.full(4, SLOPE * BIAS)
  assert float(found["critic"][0]) == pytest.approx(float(game.critic(real, fake)), rel=1e-6)
  assert float(found["generator"][0]) == pytest.approx(float(game.generator(real, fake)), rel=1e-6)
  accuracies = {metric for metric in found["critic"][1].metrics if metric.startswith("accuracy")}
  of_pairs, with_a_zero = {"accuracy"} if game.paired else set(), game.boundary is not None
  assert accuracies == ({"accuracy_real", "accuracy_fake"} if with_a_zero else of_pairs)


def test_critics_see_given_frames_in_their_place():
  batch = make_batch(given=1)
  found = losses_of(gan.make(MODELS, loss=dict(name="wasserstein")), batch)
  shown = np.where(batch["mask"] > 0, batch["video"], BIAS)
  assert float(found["generator"][0]) == pytest.approx(-SLOPE * shown.mean(), rel=1e-5)
  video = gan.make(MODELS).sample({"generator": {"bias": BIAS}}, batch, KEY)
  np.testing.assert_allclose(video, shown, rtol=1e-6)


def test_each_network_learns_its_own_loss_only():
  """One update by sgd moves each number by its own derivative, both taken at the old numbers."""
  method = gan.make(MODELS, loss=dict(name="wasserstein"))
  sgd = {name: optim.make(name="sgd", learning_rate=0.1, steps=9) for name in MODELS}
  task = lambda batch, rng: batch
  state = step.make_init(method, task, sgd)(0, make_batch())
  state, _ = step.make_update(method, task, sgd)(state, make_batch())
  assert float(state.params["generator"]["bias"]) == pytest.approx(BIAS + 0.1 * SLOPE, rel=1e-5)
  wanted = SLOPE - 0.1 * (BIAS - float(make_batch()["video"].mean()))
  assert float(state.params["critic"]["slope"]) == pytest.approx(wanted, rel=1e-5)


def test_n_critic_steps():
  method = gan.make(MODELS, loss=dict(name="wasserstein"))
  plans = {"critic": 1, "generator": 3}
  sgd = {k: optim.make(name="sgd", learning_rate=0.1, steps=9, every=n) for k, n in plans.items()}
  task = lambda batch, rng: batch
  update = jax.jit(step.make_update(method, task, sgd))
  state, moved = step.make_init(method, task, sgd)(0, make_batch()), []
  for _ in range(4):
    before = jax.tree.map(np.asarray, state.params)
    state, _ = update(state, make_batch())
    moved.append(
      {name for name in plans if jax.tree.leaves(before[name]) != jax.tree.leaves(state.params[name])}
    )
  assert moved == [{"critic", "generator"}, {"critic"}, {"critic"}, {"critic", "generator"}]


def test_several_critics_are_weighed():
  models = {"generator": make_generator()} | {n: make_critic(n) for n in ("image_critic", "video_critic")}
  found = losses_of(gan.make(models, loss=dict(name="wasserstein"), weights={"image_critic": 0.5}))
  assert set(found) == set(models)
  assert float(found["generator"][0]) == pytest.approx(-1.5 * SLOPE * BIAS, rel=1e-6)
  metrics = found["generator"][1].metrics
  assert float(metrics["adversarial_image_critic"]) == pytest.approx(-SLOPE * BIAS, rel=1e-6)


def test_other_losses_of_the_generator():
  batch = make_batch()
  losses = {"l1": 2.0, "feature_matching": 3.0, "flat": 5.0}
  models = {"generator": make_generator({"flat": jnp.array(0.125)}), "critic": make_critic()}
  found = losses_of(gan.make(models, loss=dict(name="wasserstein"), losses=losses), batch)
  distance = float(jnp.abs(batch["video"] - BIAS).mean())
  assert float(found["generator"][1].metrics["feature_matching"]) == pytest.approx(2 * distance, rel=1e-5)
  wanted = -SLOPE * BIAS + 2 * distance + 3 * (distance + 3 * distance) / 2 + 5 * 0.125
  assert float(found["generator"][0]) == pytest.approx(wanted, rel=1e-5)


def test_means_of_features_are_of_the_batch_and_not_of_pairs():
  """Videos in another order are as near; those of another mean are not."""
  batch, losses = make_batch(), {"feature_means": 3.0}
  init = lambda rng, hint, mask: {"generator": {"bias": jnp.array(BIAS)}}
  shuffled = lambda params, hint, *_, **__: Output(batch["video"][::-1] + params["generator"]["bias"])
  models = {"generator": Model("generator", init, shuffled), "critic": make_critic()}
  found = losses_of(gan.make(models, loss=dict(name="wasserstein"), losses=losses), batch)["generator"]
  squares = (BIAS**2 + (3 * BIAS) ** 2) / 2  # the critic's layers are the video and three times the video
  assert float(found[1].metrics["feature_means"]) == pytest.approx(squares, rel=1e-5)
  score = SLOPE * (float(batch["video"].mean()) + BIAS)
  assert float(found[0]) == pytest.approx(3 * squares - score, rel=1e-4)


def test_a_critics_own_loss_is_learned_at_real_videos_and_by_the_generator():
  """As the category of MoCoGAN: the critic tells it of real videos, the generator makes it visible."""
  models = {
    "generator": make_generator(),
    "critic": make_critic(losses=lambda x: {"category": x.mean() ** 2}),
  }
  plain = losses_of(gan.make({**models, "critic": make_critic()}))
  found = losses_of(gan.make(models, losses={"category": 2.0}))
  more = {name: float(found[name][0] - plain[name][0]) for name in found}
  assert more["critic"] == pytest.approx(2 * float(make_batch()["video"].mean()) ** 2, abs=1e-6)
  assert more["generator"] == pytest.approx(2 * BIAS**2, rel=1e-5)


def test_a_penalty_is_added_to_the_critics_loss():
  plain = losses_of(gan.make(MODELS))
  found = losses_of(gan.make(MODELS, penalty=dict(name="r1", weight=4.0, every=1)))
  slope = SLOPE**2 / np.prod(SHAPE[1:])  # of the mean, squared and summed
  assert float(found["critic"][0] - plain["critic"][0]) == pytest.approx(2 * slope, rel=1e-4)
  assert float(found["generator"][0]) == float(plain["generator"][0])


def test_a_lazy_penalty_counts_n_times_and_is_logged_as_it_is():
  method = gan.make(MODELS, penalty=dict(name="r1", weight=4.0, every=8))
  params, batch = method.init(KEY, make_batch()), make_batch()
  at = [method.losses["critic"](params, batch, KEY, jnp.array(step)) for step in (7, 8)]
  penalty = 2 * SLOPE**2 / np.prod(SHAPE[1:])
  assert float(at[1][0] - at[0][0]) == pytest.approx(8 * penalty, rel=1e-4)
  assert float(at[1][1].metrics["penalty"]) == pytest.approx(penalty, rel=1e-4)
  assert np.isnan(at[0][1].metrics["penalty"])


def test_noise_fades_and_both_losses_see_the_same():
  method = gan.make(MODELS, loss=dict(name="wasserstein"), noise=dict(std=0.5, until=10))
  batch, params = make_batch(), gan.make(MODELS).init(KEY, make_batch())
  at = lambda name, number: float(method.losses[name](params, batch, KEY, jnp.array(number))[0])
  quiet = -SLOPE * BIAS
  noises = [abs(at("generator", number) - quiet) for number in (0, 5, 10, 20)]
  assert noises[0] > noises[1] > noises[2] == noises[3] == pytest.approx(0, abs=1e-6)
  metrics = method.losses["critic"](params, batch, KEY, ZERO)[1].metrics
  assert -float(metrics["fake"]) == pytest.approx(at("generator", 0), rel=1e-6)


@pytest.mark.parametrize(
  "options, message",
  [
    (dict(loss=dict(name="hing")), 'unknown name "hing"; did you mean "hinge"'),
    (dict(weights={"critics": 1.0}), 'config.method.weights: unknown name "critics"'),
    (dict(penalty=dict(name="r1", wait=1)), 'config.method.penalty: unknown key "wait"'),
    (dict(augment=("blur",)), 'config.method.augment: unknown name "blur"'),
    (dict(noise=dict(sd=0.1)), 'config.method.noise: unknown key "sd"'),
    (dict(noise=dict(until=0)), "config.method.noise: std is 0.1 and until is 0"),
    (dict(loss=dict(name="nonsaturating", smooth=1.5)), "config.method.loss: smooth is 1.5"),
    (dict(penalty=dict(name="r1", every=2.5)), "config.method.penalty: every is 2.5"),
  ],
)
def test_typos_and_impossible_values_are_named(options, message):
  with pytest.raises(ConfigError, match=message):
    gan.make(MODELS, **options)


@pytest.mark.parametrize("names", [("generator",), ("critic",), ("generator", "judge")])
def test_models_that_are_missing(names):
  with pytest.raises(ConfigError, match="the model `generator` and critics"):
    gan.make({name: make_critic(name) for name in names})


def test_what_both_losses_need_is_computed_once():
  """The compiled step makes the videos once, and runs the critic over them once."""
  names = {"generator": "dcgan3d", "critic": "critic3d"}
  fields = {"generator": dict(frames=8, latent=4, channels=4), "critic": dict(channels=4)}
  from vgjax import linen

  models = {
    branch: linen.wrap(configs.find("models", name, "").Module(**fields[branch]), branch)
    for branch, name in names.items()
  }
  method = gan.make(models)
  shape = (2, 8, 16, 16, 3)
  batch = {"video": jnp.zeros(shape), "hint": jnp.zeros(shape), "mask": jnp.zeros((*shape[:-1], 1))}
  params = jax.jit(method.init)(KEY, batch)

  def gradients(params, branches):
    def one(branch):
      of = lambda value: method.losses[branch](params | {branch: value}, batch, KEY, ZERO)[0]
      return jax.grad(of)(params[branch])

    return {branch: one(branch) for branch in branches}

  def forward(params):
    video = method.sample(params, batch, KEY)
    return models["critic"].apply(params, video, video, batch["mask"]).value.scores

  def flops(function):
    return jax.jit(function).lower(params).compile().cost_analysis()["flops"]

  apart = sum(flops(lambda params, b=branch: gradients(params, [b])) for branch in names)
  saved = apart - flops(lambda params: gradients(params, list(names)))
  assert saved == pytest.approx(flops(forward), rel=0.1)
