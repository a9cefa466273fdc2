"""The method `vae_gan` with networks of one number, whose losses are known: who sees and learns what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import adversarial
from vgjax.errors import ConfigError
from vgjax.methods import vae_gan
from vgjax.models.layers.verdict import Verdict
from vgjax.types import Model, Output

SHAPE, GIVEN = (4, 5, 2, 2, 1), 2
KEY, ZERO = jax.random.key(0), jnp.zeros((), jnp.int32)
BIAS, SLOPE, KL = 0.25, 2.0, 0.75
CRITICS = ("critic", "posterior_critic")


def make_generator(reads=("truth", "follow_mask")):
  """Its videos are the truth where it follows that, else its one number; 8 is added at frames it is fed."""

  def apply(params, hint, mask, *, truth=None, follow_mask=None, train=False, rng=None):
    if truth is None:
      truth, follow_mask = hint, mask
    video = jnp.where(follow_mask > 0, truth, params["generator"]["bias"])
    fed = (mask > 0) & (jnp.arange(SHAPE[1]).reshape(1, -1, 1, 1, 1) >= GIVEN)
    return Output(video + 8.0 * fed, losses={"kl": jnp.array(KL)} if train else {})

  init = lambda rng, hint, mask, truth: {"generator": {"bias": jnp.array(BIAS)}}
  return Model("generator", init, apply, reads=reads)


def make_critic(name):
  """Its score is its one number times the mean of the video; it says what it was shown by its features."""

  def apply(params, video, hint, mask, *, train=False, rng=None):
    score = params[name]["slope"] * video.mean((1, 2, 3, 4))
    return Output(Verdict(score, (video, jnp.concatenate([video, jnp.ones_like(video)], -1))))

  return Model(name, lambda rng, *seen: {name: {"slope": jnp.array(SLOPE)}}, apply)


def make_models(*critics):
  return {"generator": make_generator()} | {name: make_critic(name) for name in critics}


def make_batch():
  video = jax.random.normal(jax.random.key(1), SHAPE)
  mask = jnp.zeros(SHAPE).at[:, :GIVEN].set(1.0)
  return {"video": video, "hint": video * mask, "mask": mask}


def losses_of(critics=CRITICS, step=0, **options):
  options = dict(loss=dict(name="wasserstein"), losses=dict(l1=0.0, kl=0.0)) | options
  method, batch = vae_gan.make(make_models(*critics), **options), make_batch()
  params = method.init(KEY, batch)
  return {name: loss(params, batch, KEY, jnp.array(step)) for name, loss in method.losses.items()}


def test_each_critic_sees_its_own_kind_of_video():
  found, video = losses_of(), np.asarray(make_batch()["video"])
  assert set(found) == {"generator", *CRITICS}
  prior = np.where(make_batch()["mask"] > 0, video, BIAS)
  assert float(found["critic"][0]) == pytest.approx(SLOPE * (prior.mean() - video.mean()), rel=1e-4)
  assert float(found["posterior_critic"][0]) == pytest.approx(0, abs=1e-5)  # it follows the truth
  metrics = found["generator"][1].metrics
  assert float(metrics["adversarial_critic"]) == pytest.approx(-SLOPE * prior.mean(), rel=1e-4)
  assert float(metrics["adversarial_posterior_critic"]) == pytest.approx(-SLOPE * video.mean(), rel=1e-4)


def test_critics_are_weighed_and_either_kind_may_be_missing():
  at = lambda name, found: float(found["generator"][1].metrics[name])
  found = losses_of(weights={"critic": 0.5})
  wanted = 0.5 * at("adversarial_critic", found) + at("adversarial_posterior_critic", found)
  assert float(found["generator"][0]) == pytest.approx(wanted, rel=1e-5)
  for name in CRITICS:
    alone = losses_of([name])
    assert set(alone) == {"generator", name}
    assert at("adversarial", alone) == pytest.approx(at(f"adversarial_{name}", found), rel=1e-5)
  assert set(losses_of(["image_critic", "posterior_image_critic"])) == {
    "generator", "image_critic", "posterior_image_critic",
  }  # fmt: skip


def test_pixels_are_compared_with_what_followed_the_truth():
  found = losses_of(losses=dict(l1=1.0, kl=0.0))
  assert float(found["generator"][1].metrics["l1"]) == pytest.approx(0, abs=1e-6)


def test_the_weight_of_the_divergence_grows():
  plain = float(losses_of()["generator"][0])
  for step, share in ((0, 0.0), (10, 0.0), (15, 0.25), (30, 1.0), (99, 1.0)):
    found = losses_of(losses=dict(kl=2.0), anneal=dict(kl=(10, 30)), step=step)["generator"]
    assert float(found[0]) - plain == pytest.approx(2 * share * KL, abs=1e-5), step
    assert float(found[1].metrics["kl"]) == pytest.approx(KL)
  for wrong, what in ((dict(k=(1, 2)), "kl"), (dict(kl=(3, 3)), "50_000"), (dict(kl=(1,)), "50_000")):
    with pytest.raises(ConfigError, match=what):
      losses_of(losses=dict(kl=2.0), anneal=wrong)


def test_over_all_frames_critics_see_what_was_made_at_given_ones():
  """The frames after the first, and nothing pasted into them."""
  options = dict(feed=dict(name="scheduled", start=1.0), loss_over="all")  # 8 too much after the given frames
  found, video = losses_of(**options), np.asarray(make_batch()["video"])
  unknown = (SHAPE[1] - GIVEN) / (SHAPE[1] - 1)
  metrics = found["generator"][1].metrics
  wanted = -SLOPE * (video[:, 1:].mean() + 8 * unknown)
  assert float(metrics["adversarial_posterior_critic"]) == pytest.approx(wanted, rel=1e-5)
  prior = np.where(np.asarray(make_batch()["mask"]) > 0, video, BIAS)[:, 1:].mean() + 8 * unknown
  assert float(metrics["adversarial_critic"]) == pytest.approx(-SLOPE * prior, rel=1e-5)
  assert float(metrics["l1"]) == pytest.approx(8 * (SHAPE[1] - GIVEN) / SHAPE[1], rel=1e-5)


def test_scheduled_sampling_feeds_both_videos_and_lets_neither_follow_more():
  plain, fed = losses_of(), losses_of(feed=dict(name="scheduled", start=1.0))
  more = SLOPE * 8 * (1 - GIVEN / SHAPE[1])
  for name in CRITICS:
    assert float(fed[name][0] - plain[name][0]) == pytest.approx(more, rel=1e-4)


def test_the_priors_videos_do_not_depend_on_the_future():
  method, batch = vae_gan.make(make_models(*CRITICS), losses=dict(kl=0.0)), make_batch()
  params = method.init(KEY, batch)
  other = batch | {"video": batch["video"].at[:, GIVEN:].add(1.0)}
  at = lambda batch, name: float(method.losses["generator"](params, batch, KEY, ZERO)[1].metrics[name])
  assert at(batch, "adversarial_critic") == at(other, "adversarial_critic")
  assert at(batch, "adversarial_posterior_critic") != at(other, "adversarial_posterior_critic")


def test_features_are_those_of_the_posteriors_critic_or_else_the_priors():
  losses = dict(kl=0.0, feature_cosine=1.0, feature_matching=1.0)
  metrics = losses_of(losses=losses)["generator"][1].metrics
  assert float(metrics["feature_cosine"]) == pytest.approx(0, abs=1e-6)
  assert float(metrics["feature_matching"]) == pytest.approx(0, abs=1e-6)
  metrics = losses_of(["critic"], losses=losses)["generator"][1].metrics
  video = np.asarray(make_batch()["video"], np.float64)
  made = np.where(np.asarray(make_batch()["mask"]) > 0, video, BIAS)
  layers = [[x, np.concatenate([x, np.ones_like(x)], -1)] for x in (video, made)]
  unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)
  cosines = [1 - (unit(a) * unit(b)).sum(-1).mean() for a, b in zip(*layers, strict=True)]
  assert float(metrics["feature_cosine"]) == pytest.approx(sum(cosines), rel=1e-4)
  wanted = np.mean([np.abs(a - b).mean() for a, b in zip(*layers, strict=True)])
  assert float(metrics["feature_matching"]) == pytest.approx(wanted, rel=1e-5)


def test_the_loss_is_least_squares_by_default():
  found = losses_of(loss={"name": "least_squares"})["posterior_critic"][0]
  scores = SLOPE * make_batch()["video"].mean((1, 2, 3, 4))
  assert float(found) == pytest.approx(float(adversarial.least_squares().critic(scores, scores)), rel=1e-5)
  assert vae_gan.make.__kwdefaults__["loss"] == {"name": "least_squares"}


def test_refuses_a_generator_without_a_posterior_and_models_of_other_names():
  with pytest.raises(ConfigError, match="follow_mask"):
    vae_gan.make({"generator": make_generator(("truth",)), "critic": make_critic("critic")})
  for names in ((), ("judge",)):
    with pytest.raises(ConfigError, match="vae_gan"):
      vae_gan.make(make_models(*names))
  with pytest.raises(ConfigError, match="posterior_critic"):
    losses_of(weights={"posterior_critc": 1.0})
