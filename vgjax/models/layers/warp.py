"""Backward warping: each pixel of the result looks up where the flow sends it.

  result(x, y) = image(x + u(x, y), y + v(x, y))      flow = (u, v), in pixels

with bilinear interpolation, and the border repeated outside. It equals PyTorch's `grid_sample` with
`align_corners=True, padding_mode="border"`, in value and in gradient, as flow-based interpolation (RIFE)
uses it. A pixel is one row of all its channels, so the four neighbours are four look-ups of rows, and the
gradient by the image adds rows up where the look-ups took them from; examples are looked up each in itself,
so a batch that is sharded stays where it is.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Array = Any


def backward_warp(image: Array, flow: Array) -> Array:
  """The image as seen along a flow.

  Args:
    image: [batch, height, width, channels].
    flow: [batch, height, width, 2], for each pixel of the result the (x, y) way to where it comes from, in
      pixels, x to the right and y downwards. Height and width are the result's; they may differ from the
      image's, whose upper left pixels then lie on the result's. Positions are computed in float32.

  Returns:
    [batch, height, width, channels] in the image's type. The gradient by the flow is zero where it leads to
    the border or beyond; on a whole pixel, where there are two, it is the one to the right or below.

  Raises:
    ValueError: shapes that do not fit together.
  """
  if image.ndim != 4 or flow.ndim != 4 or flow.shape[-1] != 2 or len(image) != len(flow):
    raise ValueError(
      f"backward_warp: an image [batch, height, width, channels] and a flow [batch, height, width, 2] are"
      f" wanted, not {list(image.shape)} and {list(flow.shape)}"
    )
  size = image.shape[1:3]
  flow = flow.astype(jnp.float32)
  left, right_share = _look_up(flow[..., 0], jnp.arange(flow.shape[2]), size[1])
  top, below_share = _look_up(flow[..., 1], jnp.arange(flow.shape[1])[:, None], size[0])
  one_right, one_below = min(1, size[1] - 1), min(1, size[0] - 1) * size[1]  # an image may be one pixel wide
  place = top * size[1] + left
  rows = image.reshape(len(image), -1, image.shape[-1])  # not one for all examples: see above
  look_up = jax.vmap(lambda rows, places: rows.at[places].get(mode="promise_in_bounds"))

  def row(offset):
    here = look_up(rows, place + offset)
    return here + (look_up(rows, place + offset + one_right) - here) * right_share[..., None]

  above = row(0)
  return (above + (row(one_below) - above) * below_share[..., None]).astype(image.dtype)


def _look_up(flow, index, size):
  """The first of two neighbours and the share of the second, along one axis of the image.

  The flow of pixel `index` leads between them; the clamp's gradient is zero at and beyond its ends.
  """
  position = lax.clamp(0.0, index + flow, size - 1.0)
  first = lax.stop_gradient(jnp.clip(jnp.floor(position), 0, max(size - 2, 0)))
  return first.astype(jnp.int32), position - first
