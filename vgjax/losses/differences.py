"""Losses of the change from frame to frame."""

import jax
import jax.numpy as jnp

from vgjax.losses.pixel import masked_mean


def difference_divergence(prediction, target, weight, *, temperature=0.1, epsilon=1e-12):
  """Differential divergence: whether the changes between frames are where, and as strong as, they should be.

  The changes from one frame to the next become a distribution over the frame's pixels, p of the prediction
  and q of the target, p = softmax((x[t+1] - x[t]) / temperature), and the loss is the divergence of p from q,

    mean over pixels of p log(p / (q + epsilon) + epsilon)

  A change counts as much as the product of the weights of its two pixels, so only pixels that are unknown
  in both frames take part; the mean is that of `masked_mean`. Tan et al., TAU, CVPR 2023,
  https://arxiv.org/abs/2206.12126, as in OpenSTL. (There two frames alone, one change, count nothing.)

  Args:
    prediction: [batch, time, height, width, channels], in [-1, 1].
    target: the same shape.
    weight: [batch, time, height, width, 1].
    temperature: of the softmax, for videos in [0, 1]; a low one looks only at the strongest changes.
    epsilon: keeps the logarithm finite.

  Returns:
    A scalar; zero if no pixel is unknown in two frames that follow each other.
  """
  weight = weight.astype(jnp.float32)
  weight = weight[:, 1:] * weight[:, :-1]
  p, q = (_changes(video, weight, temperature) for video in (prediction, target))
  return masked_mean(p * jnp.log(p / (q + epsilon) + epsilon), weight)


def _changes(video, weight, temperature):
  """[batch, time - 1, height, width, channels], each frame a distribution over what has a weight."""
  video = (video.astype(jnp.float32) + 1) / 2
  change = (video[:, 1:] - video[:, :-1]) / temperature
  # Not minus infinity: in a frame where nothing counts that would give no number at all.
  return jax.nn.softmax(jnp.where(weight > 0, change, -1e30), axis=(2, 3, 4))
