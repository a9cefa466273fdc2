"""The difference of two videos' Laplacian pyramids, which sees edges at every size."""

import jax.numpy as jnp

from vgjax.models.layers import laplacian as pyramids


def laplacian(prediction, target, weight, *, levels=5):
  """Mean absolute difference of each level of the frames' Laplacian pyramids, summed over the levels.

  Niklaus and Liu, Context-aware Synthesis, CVPR 2018 (arXiv:1803.10967), in the form of RIFE's code. That
  works on frames in [0, 1]: for its value on videos in [-1, 1] the weight in the config is halved. What is
  given counts as equal, and a level's sum is divided by the share of the frame that is unknown.

  Args:
    prediction: [batch, time, height, width, channels].
    target: the same shape.
    weight: [batch, time, height, width, 1].
    levels: of the pyramid; sides below 4 pixels have none.

  Returns:
    The mean over the examples, a scalar.
  """
  batch, time, height, width, _ = prediction.shape
  difference = (prediction.astype(jnp.float32) - target.astype(jnp.float32)) * weight
  distance = pyramids.mean_distance(difference.reshape(batch * time, height, width, -1), levels)
  share = jnp.sum(weight.astype(jnp.float32), axis=(1, 2, 3, 4)) / (height * width)  # of frames
  return jnp.mean(distance.reshape(batch, time).sum(1) / jnp.where(share > 0, share, 1))
