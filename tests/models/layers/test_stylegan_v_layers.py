"""StyleGAN-V's layers against the authors' formulas, by numpy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.drawn import QUICK, convolved, normal
from vgjax.models.layers import modulated_conv, motion_codes


def motion_of_the_authors(u, t, kernels, distance, longest, waves):
  """AlignedTimeEncoder of one video; u [anchors, features], t [time], in frames."""
  freqs = 2 * np.pi / 2 ** np.linspace(math.log2(distance), math.log2(longest), waves)
  freqs = freqs[::-1]
  scales = longest / (2 * np.pi / freqs)
  kernels = {k: v / math.sqrt(len(v)) for k, v in kernels.items()}
  left = np.floor(t / distance).astype(int)
  t_left = t - t % distance
  weight = ((t % distance) / distance)[:, None]
  periods, phases = np.tanh(u[left] @ kernels["period"]) + 1, u[left] @ kernels["phase"]

  def embed(t):
    raw = freqs * periods * t[:, None] + phases * scales
    return np.concatenate([np.sin(raw), np.cos(raw)], 1)

  remove = embed(t_left) * (1 - weight) + embed(t_left + distance) * weight
  aligners = u @ kernels["aligner"]
  return embed(t) - remove + aligners[left] * (1 - weight) + aligners[left + 1] * weight


def test_motion_codes_are_the_authors():
  module = motion_codes.MotionCodes(features=3, waves=4, window=2, distance=4, longest=32)
  times = np.array([[0.0, 1.5, 4.0, 7.9], [13.0, 14.5, 16.0, 19.25]], np.float32)
  noise = normal(jax.ShapeDtypeStruct((2, motion_codes.num_anchors(7.9, 4) + 2, 5), jnp.float32))
  drawn = normal(jax.eval_shape(module.init, jax.random.key(0), noise, times)["params"])
  drawn |= {name: jax.tree.map(lambda x: 100 * x, drawn[name]) for name in ("path_0", "path_1")}
  codes = jax.jit(module.apply, compiler_options=QUICK)({"params": drawn}, noise, times)
  for video in range(2):
    u = noise[video].astype(np.float64)
    for layer in range(2):
      kernel, bias = (drawn[f"path_{layer}"][k] * 0.01 for k in ("kernel", "bias"))
      kernel = kernel / math.sqrt(2 * kernel.shape[1])
      u = np.stack([np.einsum("wi,wio->o", u[i : i + 2], kernel) + bias for i in range(len(u) - 1)])
      u = np.where(u > 0, u, 0.2 * u)
    before = int(times[video, 0] // 4)
    u = np.concatenate([np.zeros((before, 3)), u])  # the authors keep noise for all anchors from 0 on
    kernels = {k: drawn[k]["kernel"] for k in ("period", "phase", "aligner")}
    theirs = motion_of_the_authors(u, times[video].astype(np.float64), kernels, 4, 32, 4)
    np.testing.assert_allclose(codes[video], theirs, atol=2e-4)


@pytest.mark.parametrize("demodulate", [True, False])
def test_modulated_convolutions_are_those_of_a_kernel_for_each_example(demodulate):
  module = modulated_conv.ModulatedConv(5, 3, demodulate)
  x, w = normal([jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((2, 4, 6, 3), (2, 7))])
  drawn = normal(jax.eval_shape(module.init, jax.random.key(2), x, w)["params"])
  ours = jax.jit(module.apply, compiler_options=QUICK)({"params": drawn}, x, w)
  style = w @ drawn["style"]["kernel"] / math.sqrt(7) + drawn["style"]["bias"]
  for i in range(2):
    kernel = drawn["kernel"] * style[i][:, None]
    kernel = kernel / (np.sqrt((kernel**2).sum((0, 1, 2)) + 1e-8) if demodulate else math.sqrt(27))
    np.testing.assert_allclose(ours[i], convolved(x[i : i + 1], kernel)[0] + drawn["bias"], atol=1e-4)
