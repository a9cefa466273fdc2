"""Perceptual losses: LPIPS to the truth, through a network trained on ImageNet (Zhang et al. 2018).

  config.method.losses = dict(mse=1.0, lpips_vgg=0.05)

A pixel loss is smallest for the mean of all that could come, which is a blur; this one compares textures and
edges. Alone it leaves colours to drift, so a pixel loss stands beside it. VGG-16 is the customary network for
training, AlexNet the one for figures (and ten times cheaper).

The weights are those of the metric, fetched at the first use (`vgjax/metrics/weights`); they are constants
of the program and never trained. Frames of a few dozen pixels are looked at as they are, and need 16 pixels a
side for VGG-16, 31 for AlexNet.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from vgjax.errors import ConfigError
from vgjax.metrics import lpips

Array = Any


def lpips_alex(prediction, target, weight):
  """LPIPS through AlexNet, of the frames with unknown pixels; see `mean_distance`."""
  return mean_distance(_lpips_alex, "alex", "lpips_alex", prediction, target, weight)


def lpips_vgg(prediction, target, weight):
  """LPIPS through VGG-16, of the frames with unknown pixels; see `mean_distance`."""
  return mean_distance(_lpips_vgg, "vgg", "lpips_vgg", prediction, target, weight)


def mean_distance(compare, network, name, prediction, target, weight):
  """The mean distance of each example's frames that have unknown pixels, averaged over the batch.

  Where nothing is unknown the prediction is replaced by the target, so what it holds there never matters.

  Args:
    compare: `(weights of lpips.load, frames, frames) -> distances [batch]`, a function of a module (the
      program is kept by it); frames are [batch, height, width, 1 or 3].
    network: "alex" or "vgg".
    name: of the loss, for messages.
    prediction: [batch, time, height, width, 1 or 3], in [-1, 1]; grey is read as three equal channels.
    target: the same shape and range; a constant, it gets no gradient.
    weight: [batch, time, height, width, 1]; what counts of a pixel is whether its weight is above 0.

  Returns:
    A scalar.

  Raises:
    MissingWeights: the trained weights are not on this machine and cannot be fetched.
    ConfigError: frames that the network cannot look at.
  """
  height, width, channels = target.shape[2:]
  side = lpips.side(network)
  if min(height, width) < side or channels not in (1, 3):
    raise ConfigError(
      f"config.method.losses.{name} needs frames of {side}x{side} pixels or more with 1 or 3 channels;"
      f" these are {height}x{width} with {channels}. Leave it out, or ask the data for others"
    )
  # As arrays of jax, or each use would put a copy of its own into the program.
  params = jax.tree.map(jnp.asarray, _weights(network))
  target = target.astype(jnp.float32)
  prediction = jnp.where(weight > 0, prediction.astype(jnp.float32), target)
  counts = jnp.any(weight > 0, axis=(2, 3, 4)).astype(jnp.float32)  # [batch, time]
  distance: Array = _distance(compare, params, prediction, target, counts)
  return jnp.mean((distance * counts).sum(1) / jnp.maximum(counts.sum(1), 1))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _distance(compare, params, prediction, target, counts):
  """What `compare` says of each frame, [batch, time]; times that count in no example are left out and have 0.

  Its gradient is computed along with it, one time after the other: so the activations of one time are in the
  memory, not those of the whole video, and nothing is computed twice.
  """
  return _over_time(functools.partial(compare, params), prediction, target, counts)


def _distance_forward(compare, params, prediction, target, counts):
  def with_gradient(x, y):
    distance, backward = jax.vjp(lambda x: compare(params, x, y), x)
    return distance, backward(jnp.ones_like(distance))[0]  # frames do not see each other

  return _over_time(with_gradient, prediction, target, counts)


def _distance_backward(compare, gradient, cotangent):
  del compare
  return None, gradient * cotangent[..., None, None, None], None, None


_distance.defvjp(_distance_forward, _distance_backward)


def _over_time(function, prediction, target, counts):
  """`function` of the frames of one time, all times; results [batch, ...] become [batch, time, ...]."""

  def at_time(inputs):
    x, y, counts = inputs
    shapes = jax.eval_shape(function, x, y)

    def skip(x, y):
      return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

    return jax.lax.cond(jnp.any(counts > 0), function, skip, x, y)

  by_time = tuple(jnp.moveaxis(x, 1, 0) for x in (prediction, target, counts))
  return jax.tree.map(lambda x: jnp.moveaxis(x, 0, 1), jax.lax.map(at_time, by_time))


def _lpips_alex(params, x, y):
  return lpips.lpips(params, x[:, None], y[:, None], network="alex")[:, 0]


def _lpips_vgg(params, x, y):
  return lpips.lpips(params, x[:, None], y[:, None], network="vgg")[:, 0]


@functools.cache
def _weights(network):
  """Read from the disk once; on the host, so that any mesh of devices can have them."""
  return lpips.load(network)
