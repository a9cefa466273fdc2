"""TGAN, DVD-GAN, StyleGAN-V and two baselines: sizes, layers, what each latent changes."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.drawn import QUICK, convolved, normal
from vgjax.models import dcgan2d, dense_generator, dvdgan, stylegan_v, tgan
from vgjax.models.layers import residual_gan, spectral

TINY = {
  "tgan": tgan.Module(frames=4, latent=3, channels=1, classes=3),
  "dvdgan": dvdgan.Module(latent=3, channels=2, classes=3),
  "stylegan_v": stylegan_v.Module(
    content=3, motion=3, channels=2, widest=4, mapping=1, waves=2, distance=2, classes=3
  ),
  "dcgan2d": dcgan2d.Module(content=3, motion=2, channels=2, classes=3),
  "dense_generator": dense_generator.Module(frames=4, latent=3, hidden=(5,), classes=3),
}
LABEL = jnp.array([0, 2])
SIDE = 8


def hints(time=4, batch=2):
  return jnp.zeros((batch, time, SIDE, SIDE, 1)), jnp.zeros((batch, time, SIDE, SIDE, 1))


def draw(module, time, batch=2):
  shapes = module.latents(time)
  return normal({name: jax.ShapeDtypeStruct((batch, *s), jnp.float32) for name, s in shapes.items()})


@functools.lru_cache
def variables(module, time=4):
  """Its variables, drawn from N(0, 0.5): with initial values videos are grey and still."""
  hint, mask = hints(time)
  options = {"train": False, "latents": draw(module, time), "label": LABEL}
  drawn = normal(jax.eval_shape(lambda: module.init(jax.random.key(0), hint, mask, **options)), 0.5)
  return drawn | {"batch_stats": jax.tree.map(np.abs, drawn.get("batch_stats", {}))}


@functools.partial(jax.jit, static_argnums=(0, 3), compiler_options=QUICK)
def run(module, variables, latents, time, label=LABEL):
  return module.apply(variables, *hints(time), train=False, latents=latents, label=label)


def count(module, time, side):
  """Parameters for RGB videos; computes nothing."""
  hint = jax.ShapeDtypeStruct((1, time, side, side, 3), jnp.float32)
  latents = {k: jax.ShapeDtypeStruct((1, *v), jnp.float32) for k, v in module.latents(time).items()}

  def init(hint, latents):
    return module.init(jax.random.key(0), hint, hint, train=False, latents=latents)

  return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(init, hint, latents)["params"]))


def shifted(array, *place):
  """A copy in which the entries at this place are larger by 1."""
  array = array.copy()
  array[place] += 1
  return array


def changed(a, b):
  """[batch, time], how much each frame differs."""
  return np.abs(np.asarray(a - b)).max((2, 3, 4))


def test_tgan_has_the_published_layers():
  """Counted from the frame seed generator and the video generator of the authors' program."""
  temporal = 100 * 512 + 512  # dc0
  temporal += sum(a * b * 4 + b for a, b in ((512, 256), (256, 128), (128, 128), (128, 100)))  # dc1 to dc4
  temporal += 512 + 256 + 128 + 128  # gammas
  frame = 2 * 100 * 4096  # l0s, l0f
  frame += sum(2 * c * c * 16 for c in (256, 128, 64, 32)) + 32 * 3 * 9 + 3  # dc1 to dc5
  frame += 2 * (2 * 4096 + 256 + 128 + 64 + 32)  # gammas and betas
  assert count(tgan.Module(), 16, 64) == temporal + frame == 4_448_135


def test_stylegan_v_has_the_published_layers():
  """Counted from the authors' mapping, motion and synthesis networks at 256x256 with fmaps=0.5."""
  w, total, last = 512, 2 * (512 * 512 + 512), 0  # fc0, fc1
  total += 2 * (w * w * 11 + w) + 2 * w * 256 + w * 512  # conv, periods, phases, aligners
  total += 16 * 512  # const
  for features in (512, 512, 512, 512, 256, 128, 64):
    layers = [(last, features, 9), (features, features, 9)] if last else [(512 + 512, features, 9)]
    for inputs, outputs, window in [*layers, (features, 3, 1)]:  # conv0, conv1, torgb
      total += w * inputs + inputs + inputs * outputs * window + outputs  # affine, weight, bias
    last = features
  assert count(stylegan_v.Module(), 16, 256) == total == 32_105_941


def test_sizes_of_the_baselines():
  dcgan = 100 * 512 * 16 + 512 + sum(2 * c * c * 16 + c for c in (256, 128, 64)) + 64 * 3 * 16 + 3
  assert count(dcgan2d.Module(), 16, 64) == dcgan + 2 * (512 + 256 + 128 + 64)
  dense = 101 * 256 + 257 * 512 + 513 * 1024 + 1025 * 8 * 16 * 16 * 3
  assert count(dense_generator.Module(), 8, 16) == dense + 2 * (256 + 512 + 1024)


@pytest.mark.parametrize("name", TINY)
def test_videos_of_the_hints_shape_depend_on_latents_and_label_of_their_own(name):
  module = TINY[name]
  latents = draw(module, 4)
  video = run(module, variables(module), latents, 4)
  assert video.shape == (2, 4, SIDE, SIDE, 1) and video.dtype == jnp.float32
  assert np.abs(video).max() <= 1
  others = [(latents | {latent: shifted(latents[latent], 1)}, LABEL) for latent in latents]
  for other in [*others, (latents, LABEL.at[1].set(1))]:
    difference = changed(video, run(module, variables(module), other[0], 4, other[1]))
    assert difference[1].max() > 1e-3 and difference[0].max() == 0
  assert module.reads == ("label",)


@pytest.mark.parametrize("name", ["dvdgan", "stylegan_v"])
def test_a_longer_video_begins_as_a_shorter_one(name):
  module = TINY[name]
  assert not hasattr(module, "window")
  latents = draw(module, 7)
  shorter = {k: v if k != "motion" else v[:, : module.latents(4)[k][0]] for k, v in latents.items()}
  long, short = (run(module, variables(module), z, time) for z, time in ((latents, 7), (shorter, 4)))
  np.testing.assert_allclose(long[:, :4], short, atol=1e-5)
  assert changed(long[:, 4:], long[:, 3:-1]).max() > 1e-3


@pytest.mark.parametrize("name", ["tgan", "dense_generator"])
def test_models_of_a_fixed_length_say_so(name):
  assert TINY[name].window == (4, 0)


def test_one_frames_motion_is_seen_in_that_frame_alone_in_dcgan2d():
  module = TINY["dcgan2d"]
  assert not hasattr(module, "window")
  latents = draw(module, 4)
  other = latents | {"motion": shifted(latents["motion"], slice(None), 2)}
  difference = changed(*(run(module, variables(module), z, 4) for z in (latents, other)))
  assert difference[:, 2].min() > 1e-3 and np.delete(difference, 2, 1).max() == 0


def test_stylegan_v_at_twice_the_rate_makes_the_same_frames_and_those_between():
  module = TINY["stylegan_v"]
  latents = draw(module, 4)
  twice = module.clone(rate=2.0)
  assert twice.latents(7) == module.latents(4)
  slow, fast = run(module, variables(module), latents, 4), run(twice, variables(module), latents, 7)
  np.testing.assert_allclose(fast[:, ::2], slow, atol=1e-5)
  assert changed(fast[:, 1::2], slow[:, :-1]).min() > 1e-4
  with pytest.raises(ValueError, match="rate=0"):
    module.clone(rate=0)


def test_stylegan_v_begins_anywhere_in_training():
  module = TINY["stylegan_v"]
  latents = draw(module, 4)

  @functools.partial(jax.jit, compiler_options=QUICK)
  def trained(key):
    options = {"train": True, "latents": latents, "label": LABEL, "rngs": {"sample": key}}
    return module.apply(variables(module), *hints(), **options)

  drawn = [trained(jax.random.key(k)) for k in (0, 0, 1)]
  np.testing.assert_array_equal(drawn[0], drawn[1])
  assert changed(drawn[0], drawn[2]).max() > 1e-3


def normalised(state, *path):
  """The kernel of a `SpectralKernel` in use, by numpy: one step of power iteration, then divided."""
  params, stats = state["params"], state["batch_stats"]
  for key in path:
    params, stats = params[key], stats[key]
  matrix = params["kernel"].reshape(-1, params["kernel"].shape[-1])
  v = matrix @ stats["u"] / np.linalg.norm(matrix @ stats["u"])
  u = v @ matrix / np.linalg.norm(v @ matrix)
  return params["kernel"] / (v @ matrix @ u)


def test_spectral_kernels_have_norm_one_after_some_steps_of_training():
  module = spectral.SpectralKernel((3, 3, 2, 6), jax.nn.initializers.normal(1.0))
  state = module.init(jax.random.key(0), train=False)
  before = state["batch_stats"]["u"]
  step = jax.jit(functools.partial(module.apply, train=True, mutable=["batch_stats"]))
  for _ in range(60):
    state = state | step(state)[1]
  assert np.abs(before - state["batch_stats"]["u"]).max() > 1e-2
  kernel = module.apply(state, train=False)
  assert np.linalg.svd(kernel.reshape(-1, 6))[1].max() == pytest.approx(1.0, abs=1e-3)
  np.testing.assert_allclose(kernel, normalised(jax.tree.map(np.asarray, state)), atol=1e-5)
  # The gradient knows of the division: a longer kernel changes nothing.
  use = jax.jit(lambda params: module.apply(state | {"params": params}, train=False))
  np.testing.assert_allclose(jax.jvp(use, (state["params"],), (state["params"],))[1], 0, atol=1e-5)


def test_the_gru_is_clarks():
  x = normal(jax.ShapeDtypeStruct((2, 3, 4, 4, 2), jnp.float32))
  module = residual_gan.ConvGRU(3)
  state = normal(jax.eval_shape(functools.partial(module.init, train=False), jax.random.key(1), x))
  kernels = {name: normalised(state, name) for name in ("reset", "update", "candidate")}
  bias = dict(zip(kernels, np.split(state["params"]["bias"], 3)))

  def read(name, x, h):
    return convolved(np.concatenate([x, h], -1), kernels[name]) + bias[name]

  sigmoid = lambda x: 1 / (1 + np.exp(-x))
  h, states = np.zeros((2, 4, 4, 3)), []
  for t in range(3):
    reset, update = sigmoid(read("reset", x[:, t], h)), sigmoid(read("update", x[:, t], h))
    h = update * h + (1 - update) * np.maximum(read("candidate", x[:, t], reset * h), 0)
    states.append(h)
  apply = jax.jit(functools.partial(module.apply, train=False), compiler_options=QUICK)
  np.testing.assert_allclose(apply(state, x), np.stack(states, 1), atol=1e-4)


def test_no_loop_is_left_in_dvdgan_in_training():
  """XLA computes equal work of the two losses once, but never merges loops."""
  module = TINY["dvdgan"]
  options = {"latents": draw(module, 4), "label": LABEL}

  def program(train):
    mutable = ["batch_stats"] if train else []
    apply = functools.partial(module.apply, train=train, mutable=mutable)
    return jax.jit(apply).lower(variables(module), *hints(), **options).as_text()

  assert "stablehlo.while" in program(False) and "stablehlo.while" not in program(True)


def test_conditions_set_scale_and_bias_of_normalisation():
  x, c = normal([jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((6, 3, 3, 4), (6, 2))])
  module = residual_gan.ConditionalBatchNorm()
  state = normal(jax.eval_shape(functools.partial(module.init, train=False), jax.random.key(0), x, c))
  apply = functools.partial(module.apply, train=True, mutable=["batch_stats"])
  ours, _ = jax.jit(apply, compiler_options=QUICK)(state, x, c)
  gain, bias = (
    (c @ normalised(state, name, "spectral") + state["params"][name]["bias"])[:, None, None]
    for name in ("gain", "bias")
  )
  flat = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
  np.testing.assert_allclose(ours, flat * (1 + gain) + bias, atol=1e-4)


def torch_weights(torch, kernel):
  """A transposed convolution's kernel [*window, in, out] as PyTorch has it, [in, out, *window]."""
  window = tuple(range(kernel.ndim - 2))
  return torch.tensor(np.moveaxis(np.flip(kernel, window), (-2, -1), (0, 1)).copy())


def test_tgan_is_the_authors_forward_pass():
  """The chainer program, transcribed; 4 frames of 8x8, so one doubling in space and two in time."""
  torch = pytest.importorskip("torch", reason="PyTorch is not installed")
  F = torch.nn.functional
  module = TINY["tgan"]
  state, latents = variables(module), draw(module, 4)
  p, s = state["params"], state["batch_stats"]

  def norm(x, part, name):
    stats, scale = s, p
    for key in (*part, name):
      stats, scale = stats[key], scale[key]
    at = {k: torch.tensor(v) for k, v in (scale | stats).items()}
    return F.relu(F.batch_norm(x, at["mean"], at["var"], at["scale"], at.get("bias"), eps=2e-5))

  z = torch.erf(torch.tensor(latents["video"]) / math.sqrt(2))
  z = torch.cat([z, torch.tensor(p["conditions"]["label"]["embedding"][np.asarray(LABEL)])], 1)
  t = p["temporal"]

  def deconv(x, part, *geometry):
    bias = torch.tensor(part["bias"]) if "bias" in part else None
    function = F.conv_transpose1d if x.ndim == 3 else F.conv_transpose2d
    return function(x, torch_weights(torch, part["kernel"]), bias, *geometry)

  h = norm(deconv(z[:, :, None], t["first"], 1, 0), ("temporal",), "norm_0")
  h = norm(deconv(h, t["up_0"], 2, 1), ("temporal",), "norm_1")
  fast = torch.tanh(deconv(h, t["up_1"], 2, 1)).transpose(1, 2).reshape(8, 3)
  halves = []
  for name, x in (("video", z.repeat_interleave(4, 0)), ("frame", fast)):
    half = norm(x @ torch.tensor(p[f"of_{name}"]["kernel"]), (), f"norm_{name}")
    halves.append(half.reshape(8, 4, 4, -1).permute(0, 3, 1, 2))
  h = norm(deconv(torch.cat(halves, 1), p["up_0"]["conv"], 2, 1), (), "norm_0")
  kernel = torch.tensor(np.moveaxis(p["last"]["kernel"], (-1, -2), (0, 1)).copy())
  theirs = torch.tanh(F.conv2d(h, kernel, torch.tensor(p["last"]["bias"]), padding=1))
  theirs = theirs.reshape(2, 4, 1, 8, 8).permute(0, 1, 3, 4, 2).numpy()
  np.testing.assert_allclose(run(module, state, latents, 4), theirs, atol=1e-4)
