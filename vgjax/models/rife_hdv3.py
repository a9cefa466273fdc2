"""RIFE HDv3: the lighter network of RIFE's published weights, for films of any kind and size.

As in IFNet (`ifnet.py`) three blocks refine a flow F = (F0, F1) and the logit m of a mask, coarse to fine.
What differs: every block is alike in width, reads the warped frames only, has heads of its own for flow and
mask, and is asked twice, once with the frames exchanged; the mean of both answers is taken, so the frame
between is the same forwards and backwards. There is no refinement and no teacher:

  d, n = block(w_0, w_1, m, F)        d', n' = block(w_1, w_0, -m, swap(F))
  F += (d + swap(d')) / 2             m += (n - n') / 2
  y = sigma(m) w_0 + (1 - sigma(m)) w_1         w_i = warp(x_i, F_i)

Huang et al., ECCV 2022, https://arxiv.org/abs/2011.06294; this variant, version 3 of the authors' practical
RIFE, is in no paper. Its public weights are `rife_hdv3` of `vgjax.metrics.weights`:

  init_from = {"predictor": "weights:rife_hdv3"}

The published file holds 3,038,015 parameters, of which a quarter are a teacher's that nothing calls; this
network has the 2,277,600 others. How it was trained was not published: here it learns from the losses of the
config alone. It knows the middle of two frames only; `factor` above 2 is reached by recursion.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import midpoints
from vgjax.models.layers.flow_block import ConvPReLU, deconv, enlarge, pad_to, shrink, warp_pair

Array = Any


class FlowBlock(nn.Module):
  """What is missing from flow and mask.

  Attributes:
    features: channels of its convolutions, at 1/4 of the size at which it works.
    dtype: compute type.
  """

  features: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, flow: Array, scale: int) -> tuple[Array, Array]:
    """Reads pictures and the flow so far.

    Args:
      x: [batch, height, width, channels]; both sides multiples of 4 * scale.
      flow: [batch, height, width, 4] in pixels.
      scale: how much smaller it looks at them.

    Returns:
      What to add to the flow [..., 4], and to the mask's logit [..., 1], float32.
    """
    x = jnp.concatenate([shrink(x, scale), shrink(flow, scale) / scale], axis=-1)
    x = ConvPReLU(self.features // 2, "down", self.dtype, name="down_0")(x)
    x = ConvPReLU(self.features, "down", self.dtype, name="down_1")(x)
    for index in range(4):
      y = ConvPReLU(self.features, dtype=self.dtype, name=f"conv_{index}_0")(x)
      x = ConvPReLU(self.features, dtype=self.dtype, name=f"conv_{index}_1")(y) + x
    outputs = []
    for name, features in (("flow", 4), ("mask", 1)):
      y = ConvPReLU(self.features // 2, "up", self.dtype, name=f"{name}_up")(x)
      y = deconv(features, dtype=self.dtype, name=name)(y)
      outputs.append(enlarge(y.astype(jnp.float32), scale))
    return outputs[0] * scale, outputs[1]


class RIFEHDv3(nn.Module):
  """Fills a window between its ends.

  Attributes:
    factor: the window has `factor + 1` frames, of which the first and the last are given; a power of two.
    channels: of all blocks.
    scales: how much smaller each block looks at the frames, 1 or even; doubled for films of 4K, as the
      reference's `scale=0.5` does.
    dtype: compute type of the convolutions; flows and warping are float32.
  """

  factor: int = 2
  channels: int = 90
  scales: tuple[int, ...] = (4, 2, 1)
  dtype: Any = jnp.float32

  reads_ends = True

  @property
  def window(self) -> tuple[int, int]:
    """(length, overlap): the frames it works on, and how many of them must be known."""
    return midpoints.window(self.factor)

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool) -> Array:
    """Fills in the frames between the first and the last.

    Args:
      hint: [batch, factor + 1, height, width, channels], in [-1, 1]; only its ends are read. Of any size:
        zeros are added below and to the right, as in the reference.
      mask: without effect.
      train: without effect; this model behaves alike in training.

    Returns:
      A float32 video of the hint's shape, not clipped.
    """
    blocks = [FlowBlock(self.channels, self.dtype, name=f"block_{i}") for i in range(len(self.scales))]
    multiple = 8 * max(self.scales)

    def middle(first, last):
      size = first.shape[1:3]
      first, last = (pad_to(x.astype(jnp.float32), multiple) for x in (first, last))
      flow, mask = jnp.zeros((*first.shape[:3], 4)), jnp.zeros((*first.shape[:3], 1))
      warped = first, last
      for block, scale in zip(blocks, self.scales, strict=True):
        # See the barrier in ifnet.py.
        flow, mask, warped = jax.lax.optimization_barrier((flow, mask, warped))
        forwards = jnp.concatenate([*warped, mask], axis=-1)
        backwards = jnp.concatenate([warped[1], warped[0], -mask], axis=-1)
        both = block(jnp.concatenate([forwards, backwards]), jnp.concatenate([flow, _swap(flow)]), scale)
        (d_flow, back_flow), (d_mask, back_mask) = (jnp.split(x, 2) for x in both)
        flow, mask = flow + (d_flow + _swap(back_flow)) / 2, mask + (d_mask - back_mask) / 2
        warped = warp_pair(first, last, flow)
      share = nn.sigmoid(mask)
      return (warped[0] * share + warped[1] * (1 - share))[:, : size[0], : size[1]]

    return midpoints.fill(middle, hint, self.factor)


def _swap(flow):
  """The flow to the other frame first."""
  return jnp.concatenate([flow[..., 2:], flow[..., :2]], axis=-1)


Module = RIFEHDv3
