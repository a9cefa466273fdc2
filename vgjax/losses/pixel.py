"""Pixel losses that look only at what a task leaves unknown.

Each takes `(prediction, target, weight)` and gives one number. `weight` `[batch, time, height, width, 1]`
says how much a pixel counts, usually `1 - mask`. An example's errors are divided by the weight of *that
example*, and the examples averaged: so in a mixture of tasks an example of one unknown frame counts as
much as an example of ten, and the mean over microbatches, or over devices, is the mean over the batch.
(A plain mean over all pixels would silently train the task that leaves the most unknown.)
"""

import jax
import jax.numpy as jnp


def masked_mean(error, weight):
  """The weighted mean error of each example, averaged over the batch.

  Args:
    error: [batch, time, height, width, channels].
    weight: [batch, time, height, width, 1], not negative. An example of weight zero adds nothing.

  Returns:
    A scalar.
  """
  total = _sum(weight) * error.shape[-1]
  return jnp.mean(_sum(error * weight) / jnp.where(total > 0, total, 1))


def mse(prediction, target, weight):
  """Mean squared error. Videos are in [-1, 1], so it is four times the metric of the same name."""
  return masked_mean(jnp.square(_difference(prediction, target)), weight)


def l1(prediction, target, weight):
  """Mean absolute error; its optimum is the median, so it blurs less than `mse`."""
  return masked_mean(jnp.abs(_difference(prediction, target)), weight)


def charbonnier(prediction, target, weight, *, epsilon=1e-3):
  """sqrt(d^2 + epsilon^2): `l1` that is smooth at zero (Charbonnier et al. 1994; Lai et al. 2017)."""
  return masked_mean(jnp.sqrt(jnp.square(_difference(prediction, target)) + epsilon**2), weight)


def pyramid(prediction, target, weight, *, levels=3, power=1.0):
  """The mean error over a pyramid of averaged videos; coarse levels see where things are.

  Level k compares means over squares of 2^k pixels. A square's mean is taken over its unknown pixels and
  counts as many as they are, so what the prediction holds at given pixels never matters.

  Args:
    prediction: [batch, time, height, width, channels].
    target: the same shape.
    weight: [batch, time, height, width, 1].
    levels: how many, the full resolution included; level k is left out if a side is below 2^k pixels.
    power: 1 for absolute, 2 for squared errors.

  Returns:
    The mean over the levels, a scalar.
  """
  difference = _difference(prediction, target) * weight  # summed over a square, weighted
  weight = weight.astype(jnp.float32)
  terms = []
  for _ in range(levels):
    mean = difference / jnp.where(weight > 0, weight, 1)
    terms.append(masked_mean(jnp.abs(mean) ** power, weight))
    if min(weight.shape[2:4]) < 2:
      break
    difference, weight = _sum_squares(difference), _sum_squares(weight)
  return sum(terms) / len(terms)


def centroid(prediction, target, weight, *, floor=1e-4):
  """Squared distance between the centres of mass of the two frames' light.

  Its gradient says where to go however far apart prediction and target are, which that of `mse` does not
  beyond an object's own width: add it to `mse` for models that move things. A frame's light is its
  brightness over black, (x + 1) / 2, at the unknown pixels; a black frame has its centre in the middle.

  Args:
    prediction: [batch, time, height, width, channels], in [-1, 1].
    target: the same shape.
    weight: [batch, time, height, width, 1].
    floor: mean light of a frame below which it counts as black.

  Returns:
    The mean over frames with unknown pixels, in half sides of the frame squared; a scalar.
  """
  # A task's mask is often a constant, whose sums the compiler would work out for seconds, and complain.
  weight = jax.lax.optimization_barrier(weight)
  distance = jnp.square(_centre(prediction, weight, floor) - _centre(target, weight, floor)).sum(-1)
  counts = jnp.any(weight > 0, axis=(2, 3, 4)).astype(jnp.float32)
  return jnp.mean((distance * counts).sum(1) / jnp.maximum(counts.sum(1), 1))


def _centre(video, weight, floor):
  """[batch, time, 2], each coordinate in [-1, 1]."""
  light = ((video.astype(jnp.float32) + 1) / 2).mean(-1) * weight[..., 0]
  height, width = light.shape[2:]
  y = (jnp.arange(height) + 0.5) / height * 2 - 1
  x = (jnp.arange(width) + 0.5) / width * 2 - 1
  rows, columns = light @ jnp.ones(width), jnp.einsum("bthw,h->btw", light, jnp.ones(height))
  mass = rows @ jnp.ones(height) + floor * height * width
  return jnp.stack([rows @ y / mass, columns @ x / mass], axis=-1)


def _difference(prediction, target):
  return prediction.astype(jnp.float32) - target.astype(jnp.float32)


def _sum(x):
  """The sum of each example: as a matrix product, which a CPU does ten times faster than a reduction."""
  flat = x.astype(jnp.float32).reshape(len(x), -1)
  ones = jnp.ones((flat.shape[1], 1), jnp.float32)
  return jnp.matmul(flat, ones, precision=jax.lax.Precision.HIGHEST)[:, 0]


def _sum_squares(x):
  """Sums over squares of 2x2 pixels; an odd side is padded with zeros, which weigh nothing."""
  b, t, h, w, c = x.shape
  x = jnp.pad(x, ((0, 0), (0, 0), (0, h % 2), (0, w % 2), (0, 0)))
  return x.reshape(b, t, (h + 1) // 2, 2, (w + 1) // 2, 2, c).sum((3, 5))
