"""What recurrent models of the next frame share: patches, what is read at each step, and the loop.

A frame in [0, 1] is cut into patches, which become channels. At time t a stack of cells reads

  x[t] = mask[t] hint[t] + (1 - mask[t]) prediction[t]

and a 1x1 convolution of what it returns, the kernel "head", predicts frame t + 1. So a mask of the first
frames makes a forecast, and scheduled sampling is a matter of the hint and mask that a model gets.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from einops import rearrange

from vgjax.models.layers.recurrent import unroll

Array = Any
Tree = Any


def patch_channels(hint: Array, patch_size: int) -> int:
  """Channels of x, and of the head's result, for a hint [..., channels]."""
  return patch_size * patch_size * hint.shape[-1]


def make_step(stack: Callable) -> Callable:
  """One time step of a model, as `unroll` wants it.

  Args:
    stack: `(convolve, states, x) -> (states, top, extra)`, the cells of one step: `states` is None in the
      first step, `top` goes through the kernel "head", and `extra` is returned for every step.

  Returns:
    A cell. It reads the known part of a frame and the share of it that is unknown, both [batch, height,
    width, patch], and gives (next frame, extra).
  """

  def step(convolve, carry, inputs):
    x, unknown = inputs
    states = None
    if carry is not None:
      states, prediction = carry
      x = x + unknown * prediction
    states, top, extra = stack(convolve, states, x)
    prediction = convolve("head", top)
    return (states, prediction), (prediction, extra)

  return step


def predict_frames(
  stack: Callable,
  kernels: Mapping[str, Array],
  hint: Array,
  mask: Array,
  *,
  patch_size: int,
  dtype: Any,
  remat: int | None = None,
) -> tuple[Array, Tree]:
  """Predicts each frame from those before it.

  Args:
    stack: as in `make_step`.
    kernels: what the stack convolves with, and "head" [1, 1, features, patch channels].
    hint: [batch, time, height, width, channels], in [-1, 1]; at least two frames, of which the first must
      be given: there is nothing to predict it from.
    mask: [batch, time, height, width, 1], 1 where the hint is exact.
    patch_size: pixels along a side of a patch.
    dtype: compute type.
    remat: as in `unroll`.

  Returns:
    A float32 video of the hint's shape, the hint's first frame and then the predictions; and `extra`,
    stacked to [time - 1, ...].

  Raises:
    ValueError: a video of one frame, or one that the patches do not divide.
  """
  patch = patch_size
  time, height, width = hint.shape[1:4]
  if time < 2 or height % patch or width % patch:
    raise ValueError(
      "a model of the next frame needs at least 2 frames, and height and width in multiples of"
      f" patch_size={patch}; the hint has {time} frames of {height}x{width}"
    )

  def to_patches(video):  # time first, to be looped over
    video = video[:, :-1].astype(dtype)
    return rearrange(video, "b t (h i) (w j) c -> t b h w (i j c)", i=patch, j=patch)

  known = to_patches(mask * (hint + 1) / 2)
  unknown = to_patches(jnp.broadcast_to(1 - mask, hint.shape))
  kernels = {name: kernel.astype(dtype) for name, kernel in kernels.items()}
  _, (patches, extra) = unroll(make_step(stack), kernels, (known, unknown), remat=remat)
  video = rearrange(patches, "t b h w (i j c) -> b t (h i) (w j) c", i=patch, j=patch)
  video = 2 * video.astype(jnp.float32) - 1
  return jnp.concatenate([hint[:, :1].astype(jnp.float32), video], axis=1), extra
