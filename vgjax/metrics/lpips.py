"""Learned perceptual image patch similarity, LPIPS v0.1 (Zhang et al. 2018, arXiv:1801.03924, Eq. 1).

  d(x, y) = sum_l  mean_hw  sum_c  w_lc (a_lc(x) / |a_l(x)| - a_lc(y) / |a_l(y)|)^2

with the activations a_l of a network trained on ImageNet (five layers of AlexNet or VGG-16), of unit length
along the channels at each pixel, and weights w fitted to what people call similar. Frames are compared one by
one, at the size they have; the figure depends on it. Grey frames are read as colour ones of three equal
channels.

Weights and figures are those of the authors' package `lpips` 0.1.4: `benchmarks/check_lpips.py` compares.
"""

from typing import Any

import jax
import jax.numpy as jnp

from vgjax.metrics import weights
from vgjax.models.layers import imagenet

Array = Any
Tree = Any

NETWORKS = {"alex": imagenet.AlexNet, "vgg": imagenet.VGG16}
LAYERS = 5  # that are compared
EPSILON = 1e-10  # added to lengths
PIXELS = 3 * 2**18  # of frames that are looked at together: VGG's activations are 500 bytes a pixel


def load(network: str = "alex") -> Tree:
  """The trained weights: {"network": {layer: {"kernel", "bias"}}, "heads": the w_l, five arrays [channels]}.

  Args:
    network: "alex" or "vgg".

  Raises:
    MissingWeights: they are not on this machine and cannot be fetched.
  """
  _network(network)
  layers: dict[str, dict[str, Array]] = {}
  for key, array in weights.load(f"lpips_{network}").items():
    layer, name = key.split("/")
    layers.setdefault(layer, {})[name] = array
  heads = [layers.pop(f"head_{index}")["kernel"] for index in range(LAYERS)]
  return dict(network=layers, heads=heads)


def side(network: str = "alex") -> int:
  """The least height and width of frames, in pixels."""
  return _network(network).SIDE


def lpips(params: Tree, video: Array, target: Array, *, network: str = "alex") -> Array:
  """The perceptual distance of each frame; differentiable.

  Args:
    params: of `load(network)`.
    video: [batch, time, height, width, 1 or 3], in [-1, 1]; not clipped.
    target: the same shape and range.
    network: "alex" (the customary one for figures) or "vgg" (for losses).

  Returns:
    [batch, time]; 0 for equal frames, seldom above 1; lower is better.

  Raises:
    ValueError: an unknown network, or frames that are too small for it.
  """
  module = _network(network)()
  batch, time, height, width, channels = video.shape
  if channels not in (1, 3):
    raise ValueError(f"LPIPS needs videos of 1 or 3 channels, got {channels}")

  def frame_distance(pair) -> Array:
    """Frames of one time, two of [batch, height, width, channels] -> [batch]."""
    first, second = (module.apply({"params": params["network"]}, imagenet.normalise(x)) for x in pair)
    return sum(_distance(a, b, head) for a, b, head in zip(first, second, params["heads"], strict=True))

  pair = tuple(jnp.moveaxis(x.astype(jnp.float32), 1, 0) for x in (video, target))
  # A part of the frames at a time, or the activations of long videos would fill the memory. Time is what is
  # split, since the batch may lie on several devices.
  together = max(1, PIXELS // (batch * height * width))
  if together >= time:
    return jax.vmap(frame_distance)(pair).T
  return jax.lax.map(frame_distance, pair, batch_size=together).T


def _network(name):
  if name not in NETWORKS:
    raise ValueError(f'LPIPS has no network "{name}"; known: {", ".join(NETWORKS)}')
  return NETWORKS[name]


def _distance(a, b, head):
  """One layer's term: [batch, h, w, channels] twice, [channels] -> [batch]."""
  apart = (_unit(a) - _unit(b)) ** 2
  # Sums as matrix products, which XLA's CPU backend does many times faster than reductions.
  return _matmul(apart, head).mean(axis=(1, 2))


def _unit(a):
  """Unit length along the channels."""
  squared = _matmul(a * a, jnp.ones(a.shape[-1]))
  seen = squared > 0  # the square root has no gradient at 0, where all channels are off
  length = jnp.where(seen, jnp.sqrt(jnp.where(seen, squared, 1)), 0)
  return a / (length + EPSILON)[..., None]


def _matmul(x, vector):
  return jnp.matmul(x, vector, precision=jax.lax.Precision.HIGHEST)
