"""What every generator and every critic of the method `gan` keeps to, and the published sizes."""

import functools
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import configs, linen, models, rollout
from vgjax.errors import ConfigError

SHAPE = (3, 8, 16, 16, 3)
BATCH = {
  "video": jnp.zeros(SHAPE),
  "hint": jnp.zeros(SHAPE),
  "mask": jnp.zeros((*SHAPE[:-1], 1)),
  "label": jnp.array([0, 2, 1]),
  "text": jax.random.randint(jax.random.key(0), (3, 12), 0, 128).astype(jnp.uint8),
  "audio": jax.random.normal(jax.random.key(1), (3, 8, 5)),
  "action": jnp.arange(24).reshape(3, 8) % 15,
}
GENERATORS = {
  "dcgan3d": dict(frames=8, latent=4, channels=2),
  "vgan": dict(frames=8, latent=4, channels=2),
  "mocogan": dict(content=4, motion=2, channels=2),
  "tgan": dict(frames=8, latent=3, channels=1),
  "dvdgan": dict(latent=3, channels=2),
  "stylegan_v": dict(content=3, motion=3, channels=2, widest=4, mapping=1, waves=2, distance=2),
  "dcgan2d": dict(content=3, motion=2, channels=2),
  "dense_generator": dict(frames=8, latent=3, hidden=(5,)),
}
CRITICS = {"critic2d": dict(channels=2, frames=2), "critic3d": dict(channels=2)}


@functools.cache
def make(name, **fields):
  """The model, its parameters and its jitted output."""
  module = configs.find("models", name, "name").Module(**(GENERATORS | CRITICS)[name], **fields)
  model = linen.wrap(module, "generator")
  params = jax.jit(functools.partial(rollout.init, model))(jax.random.key(0), BATCH)
  return model, params, jax.jit(functools.partial(rollout.sample, model))


def test_every_generator_is_tested():
  found = {m.name for m in pkgutil.iter_modules(models.__path__) if not m.ispkg}
  draw = {n for n in found if hasattr(configs.find("models", n, "name").Module, "latents")}
  assert draw == set(GENERATORS)


@pytest.mark.parametrize("name", GENERATORS)
def test_a_video_is_in_range_and_another_key_makes_another(name):
  _, params, draw = make(name)
  one, same, other = (np.asarray(draw(params, BATCH, jax.random.key(key))) for key in (1, 1, 2))
  assert one.shape == SHAPE and one.dtype == np.float32 and np.abs(one).max() <= 1
  np.testing.assert_array_equal(one, same)
  little = 1e-3 * np.abs(one).max()  # untrained networks are faint
  assert np.abs(one - other).max() > little > 0
  assert np.abs(one[0] - one[1]).max() > little  # so do the examples of a batch


@pytest.mark.parametrize("name", GENERATORS)
def test_lengths(name):
  """Any, or an error that says which."""
  model, params, draw = make(name)
  short = BATCH | {k: BATCH[k][:, :5] for k in ("video", "hint", "mask")}
  assert draw(params, short, jax.random.key(1)).shape[1] == 5
  long = BATCH | {k: jnp.concatenate([BATCH[k]] * 2, axis=1) for k in ("video", "hint", "mask")}
  if model.window is None:
    assert draw(params, long, jax.random.key(1)).shape[1] == 16
  else:
    with pytest.raises(ConfigError, match=r"makes 8 frames and cannot go on.* not 16"):
      draw(params, long, jax.random.key(1))


def test_a_short_video_of_a_sound_is_the_beginning_of_the_whole_one():
  """A generator of one length makes all and cuts; it hears all as well, not silence after the cut."""
  _, params, draw = make("dcgan3d", conditions=("audio",))
  short = BATCH | {k: BATCH[k][:, :3] for k in ("video", "hint", "mask")}
  beginning = draw(params, BATCH, jax.random.key(0))[:, :3]
  np.testing.assert_allclose(draw(params, short, jax.random.key(0)), beginning, atol=1e-6)


@pytest.mark.parametrize(
  "name", [n for n in GENERATORS if hasattr(configs.find("models", n, "").Module, "classes")]
)
def test_conditions_change_what_is_made(name):
  conditions = ("text", "audio", "action")
  model, params, draw = make(name, classes=3, conditions=conditions)
  assert set(model.reads) == {"label", *conditions}
  before = draw(params, BATCH, jax.random.key(1))
  changes = {
    "label": (BATCH["label"] + 1) % 3,
    "text": BATCH["text"][:, ::-1],
    "audio": -BATCH["audio"],
    "action": (BATCH["action"] + 3) % 15,
  }
  for key, array in changes.items():
    change = np.abs(draw(params, BATCH | {key: array}, jax.random.key(1)) - before).max()
    assert change > 1e-3 * np.abs(before).max() > 0, key
  embedded = BATCH | {"text": jax.random.normal(jax.random.key(3), (3, 7))}
  assert np.isfinite(rollout.sample(model, rollout.init(model, jax.random.key(0), embedded), embedded,
                                    jax.random.key(0))).all()  # fmt: skip


def test_mocogans_content_stays_and_its_motion_runs():
  """With one motion noise for all frames after a still start, frames differ by the GRU's state alone."""
  model, params, draw = make("mocogan")
  latents = {
    name: jax.random.normal(jax.random.key(5), (3, *shape)) for name, shape in model.latents(8).items()
  }
  batch = BATCH | {rollout.LATENT + name: array for name, array in latents.items()}
  video = np.asarray(draw(params, batch, jax.random.key(1)))
  np.testing.assert_array_equal(video, draw(params, batch, jax.random.key(2)))  # nothing else is drawn
  later = latents["motion"].at[:, 5:].set(0.0)
  changed = np.asarray(draw(params, batch | {rollout.LATENT + "motion": later}, jax.random.key(1)))
  np.testing.assert_allclose(changed[:, :4], video[:, :4], atol=1e-6)  # the past does not know the future
  assert np.abs(changed[:, 4:] - video[:, 4:]).max() > 1e-4


def test_vgans_background_stands_still():
  """Where the mask is 0 the video is its background, at every frame."""
  model, params, draw = make("vgan")
  generator = params["generator"]
  matte = generator["matte"]["conv"]
  hidden = matte | {"kernel": 0 * matte["kernel"], "bias": matte["bias"] - 50.0}
  still = params | {"generator": generator | {"matte": {"conv": hidden}}}
  video = np.asarray(draw(still, BATCH, jax.random.key(1)))
  np.testing.assert_allclose(video, np.repeat(video[:, :1], 8, axis=1), atol=1e-6)
  shown = matte | {"kernel": 0 * matte["kernel"], "bias": matte["bias"] + 50.0}
  moving = params | {"generator": generator | {"matte": {"conv": shown}}}
  assert np.abs(np.diff(draw(moving, BATCH, jax.random.key(1)), axis=1)).max() > 1e-4
  output = rollout.make_video(model, still, BATCH["hint"], BATCH["mask"], train=True, rng=jax.random.key(1))
  assert float(output.losses["mask"]) < 1e-6


@pytest.mark.parametrize("bias, start", [(0.0, 0.5), (2.0, 0.881)])
def test_vgans_mask_starts_at_a_half_or_open(bias, start):
  model, params, _ = make("vgan", open_mask=bias)
  key = jax.random.key(1)
  output = rollout.make_video(model, params, BATCH["hint"], BATCH["mask"], train=True, rng=key)
  assert float(output.losses["mask"]) == pytest.approx(start, abs=0.01)


@pytest.mark.parametrize("name", CRITICS)
@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_a_critic_scores_every_video(name, norm):
  model = linen.wrap(
    configs.find("models", name, "").Module(**CRITICS[name], norm=norm, sees_hint=True), "critic"
  )
  seen = (BATCH["video"], BATCH["hint"], BATCH["mask"])
  params = model.init(jax.random.key(0), *seen)
  verdict = model.apply(params, *seen, train=False, rng=jax.random.key(1)).value
  assert len(verdict.scores) == 3 and verdict.scores.dtype == jnp.float32
  assert all(len(layer) == 3 for layer in verdict.features) and len(verdict.features) == 2
  changed = model.apply(params, seen[0], seen[1] + 1, seen[2], train=False, rng=jax.random.key(1)).value
  assert np.abs(changed.scores - verdict.scores).max() > 0  # the hint is seen


def test_spectral_norm_holds_the_largest_singular_value_at_one():
  model = linen.wrap(
    configs.find("models", "critic3d", "").Module(channels=2, norm="spectral", levels=1), "critic"
  )
  seen = (jax.random.normal(jax.random.key(2), SHAPE), BATCH["hint"], BATCH["mask"])
  params = model.init(jax.random.key(0), *seen)
  for _ in range(50):
    params |= model.apply(params, *seen, train=True).writes
  found = params["critic_stats"]["batch_stats"]["body"]["down_0_norm"]["down_0/kernel/sigma"]
  kernel = np.asarray(params["critic"]["body"]["down_0"]["kernel"])
  largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
  assert float(found) == pytest.approx(largest, rel=1e-4)


def test_a_critic_tells_grey_from_black_or_says_that_it_cannot():
  """Without biases and normalisation scores grow with the contrast, so both would have one sign."""
  module = configs.find("models", "critic2d", "").Module
  grey, mask = jnp.full((2, 1, 8, 8, 1), -0.25), jnp.zeros((2, 1, 8, 8, 1))
  with pytest.raises(ValueError, match="use_bias=True"):
    linen.wrap(module(channels=2, norm="none", use_bias=False), "critic").init(
      jax.random.key(0), grey, grey, mask
    )
  model = linen.wrap(module(channels=2, norm="none", levels=1), "critic")
  params = model.init(jax.random.key(0), grey, grey, mask)
  params["critic"]["body"]["scores"]["bias"] += 1.0
  score = lambda video: float(model.apply(params, video, grey, mask).value.scores[0, 0, 0, 0])
  assert score(4 * grey) - 1 == pytest.approx(4 * (score(grey) - 1), rel=1e-5)
  assert score(4 * grey) != pytest.approx(4 * score(grey), rel=1e-2)


def count(name, shape, **fields):
  """The number of parameters, nothing is computed."""
  model = linen.wrap(configs.find("models", name, "").Module(**fields), "model")
  batch = {
    "video": jnp.zeros(shape),
    "hint": jnp.zeros(shape),
    "mask": jnp.zeros((*shape[:-1], 1)),
    "label": jnp.zeros(1, jnp.int32),
  }
  init = functools.partial(rollout.init, model)
  if name.startswith("critic"):
    init = lambda key, batch: model.init(key, *(batch[k] for k in ("video", "hint", "mask")))
  params = jax.eval_shape(init, jax.random.key(0), batch)["model"]
  return sum(leaf.size for leaf in jax.tree.leaves(params))


def test_published_sizes():
  """Of VGAN the layers of the authors' program; of MoCoGAN what its PyTorch modules hold.

  MoCoGAN's GRU has two biases for each gate in PyTorch; of those of the first two gates one is enough: 20
  fewer.
  """
  vgan, mocogan = (1, 32, 64, 64, 3), (1, 16, 64, 64, 3)
  norms = 2 * (512 + 256 + 128 + 64)
  one_stream = (
    512 * (100 * 32 + 1) + 256 * (512 * 64 + 1) + 128 * (256 * 64 + 1) + 64 * (128 * 64 + 1) + norms
  )
  still = 512 * (100 * 16 + 1) + 256 * (512 * 16 + 1) + 128 * (256 * 16 + 1) + 64 * (128 * 16 + 1) + norms
  frame, mask = 3 * (64 * 64 + 1), 64 * 64 + 1
  assert count("dcgan3d", vgan) == one_stream + frame == 12_663_619
  assert count("vgan", vgan) == one_stream + frame + mask + still + 3 * (64 * 16 + 1)
  layers = 64 * (3 * 64 + 1) + 128 * (64 * 64 + 1) + 256 * (128 * 64 + 1) + 512 * (256 * 64 + 1)
  assert count("critic3d", vgan) == layers + 2 * (128 + 256 + 512) + 512 * 32 + 1 == 11_041_473

  generator = 512 * 60 * 16 + 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + norms + 660 - 20
  assert count("mocogan", mocogan) == generator
  image = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256) + 2 * (128 + 256)
  assert count("critic2d", mocogan, levels=3, patches=True, use_bias=False) == image
  video = 64 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 512 * 64 + 2 * (128 + 256 + 512)
  assert count("critic3d", mocogan, time="slide", use_bias=False) == video
  patches = 64 * (3 * 64 + 64 * 128 + 128 * 256 + 256) + 2 * (128 + 256)
  assert count("critic3d", mocogan, levels=3, time="slide", patches=True, use_bias=False) == patches
  patch = 16 * (7 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512) + 64 + 128 + 256 + 512 + 1
  seen = dict(levels=3, fine=1, patches=True, sees_hint=True)
  assert count("critic2d", vgan, **seen) == patch + 2 * (128 + 256 + 512)


def test_patchgan_sees_70_pixels_8_apart():
  """30x30 scores of 256x256 pixels, as published: those of a changed pixel, and no others, change."""
  options = dict(channels=2, levels=3, fine=1, patches=True, norm="none", frames=1)
  model = linen.wrap(configs.find("models", "critic2d", "").Module(**options), "critic")
  video, mask = jnp.zeros((1, 1, 256, 256, 1)), jnp.zeros((1, 1, 256, 256, 1))
  params = model.init(jax.random.key(0), video, video, mask)

  @jax.jit
  def slope(row):
    score = lambda video: model.apply(params, video, video, mask).value.scores
    assert score(video).shape == (1, 1, 30, 30)
    pixels = jax.random.normal(jax.random.key(1), video.shape)
    return jax.grad(lambda video: score(video)[0, 0, row, 15])(pixels)

  for row in (14, 15):
    seen = np.flatnonzero(np.abs(slope(row)).sum((0, 1, 3, 4)))
    assert (seen[0], len(seen)) == (8 * row - 23, 70)
