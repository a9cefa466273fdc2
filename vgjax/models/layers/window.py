"""How a network of a fixed number of frames becomes a predictor model.

Shared by the models which read all their frames at once: SimVP, SimVP v2 and the CNN.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

Array = Any


def window(given: int, predicted: int) -> tuple[int, int]:
  """(length, overlap) of the window that a sampler slides over a longer video.

  Args:
    given: frames the network reads; 0 if it reads all `predicted` frames and their mask.
    predicted: frames it fills in.
  """
  return (given + predicted, given) if given else (predicted, predicted // 2)


def predict_window(network: Callable, hint: Array, mask: Array, *, given: int, predicted: int) -> Array:
  """Applies a network over frames in [0, 1] to one window of a video.

  With `given` > 0 the network continues the first `given` frames; the mask is not read. It makes
  as many frames as it reads, so it is applied again to its own frames while more are wanted,
  and frames too many are dropped, as OpenSTL does. With `given` = 0 it reads every frame and,
  as one more channel, what the mask says of it: interpolation, inpainting, generation.

  Args:
    network: maps [batch, time, height, width, any] to as many frames of `hint`'s channels.
    hint: [batch, time, height, width, channels], in [-1, 1].
    mask: [batch, time, height, width, 1], 1 where the hint is exact.
    given: frames to read.
    predicted: frames to make.

  Returns:
    A video of the hint's shape, float32, in [-1, 1] but not clipped; the first `given` frames
    are the hint's.

  Raises:
    ValueError: the hint has another length than `given + predicted`.
  """
  if hint.shape[1] != given + predicted:
    raise ValueError(
      f"this model works on {given + predicted} frames (given={given}, predicted={predicted}),"
      f" but the hint has {hint.shape[1]}"
    )
  if given == 0:
    frames = jnp.concatenate([(hint + 1) / 2, mask.astype(hint.dtype)], axis=-1)
    return 2 * network(frames).astype(jnp.float32) - 1

  frames = (hint[:, :given] + 1) / 2
  predictions = []
  for _ in range(-(-predicted // given)):  # divided and rounded up
    frames = network(frames)
    predictions.append(frames)
  prediction = jnp.concatenate(predictions, axis=1)[:, :predicted]
  prediction = 2 * prediction.astype(jnp.float32) - 1
  return jnp.concatenate([hint[:, :given].astype(jnp.float32), prediction], axis=1)
