"""RIFE: the frame between two, by flows that are estimated from that frame straight to both.

Three blocks, coarse to fine, refine one estimate: a flow F = (F0, F1) from the frame between to each of the
two, and the logit m of a mask. With sigma the logistic function and warp backward warping (`layers/warp.py`),

  F, m   += block_k(x_0, x_1, [t], warp(x_0, F0), warp(x_1, F1), m, F)      at 1/4, 1/2, 1 of the size
  merged  = sigma(m) warp(x_0, F0) + (1 - sigma(m)) warp(x_1, F1)
  y       = clip(merged + refine(...), 0, 1)

`refine` is a U-Net that also reads features of both frames, warped by the flow. In training a fourth block,
the teacher, sees the true frame as well. Two losses of the model's own come of it:

  teacher        the Laplacian loss of the teacher's merged frame (`losses/laplacian.py`)
  distillation   each block's flow's distance to the teacher's, where the teacher's frame is better by 0.01

Huang et al., Real-Time Intermediate Flow Estimation for Video Frame Interpolation, ECCV 2022,
https://arxiv.org/abs/2011.06294, as in the authors' code github.com/hzwer/ECCV2022-RIFE: 10,708,215
parameters, of which 636,665 are the teacher's. That code's loss is Laplacian + teacher + 0.01 distillation on
frames in [0, 1]; videos here are in [-1, 1], so it is losses=dict(laplacian=0.5, teacher=0.5,
distillation=0.01).

`timestep=True` is its IFNet_m (RIFEm, 10,710,780 parameters; distillation=0.005), whose blocks also read the
time t: it makes frames at any time between any given ones. Without, t is 1/2, and `factor` above 2 is
reached by recursion. Any number of colours will do. What differs: the distillation has no gradient where the
two flows are equal (there, NaN); a frame that the mask gives adds nothing to the model's losses.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import between, laplacian, midpoints
from vgjax.models.layers.flow_block import ConvPReLU, conv, deconv, enlarge, pad_to, shrink, warp_pair

Array = Any

MARGIN = 0.01  # by which the teacher's frame must be better before its flow is learned


class FlowBlock(nn.Module):
  """An estimate of what is missing from flow and mask, at a part of the size.

  Attributes:
    features: channels of its convolutions, at 1/4 of the size at which it works.
    dtype: compute type.
  """

  features: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, flow: Array | None, scale: int) -> tuple[Array, Array]:
    """Reads pictures and, if there is one, the flow so far.

    Args:
      x: [batch, height, width, channels]; both sides multiples of 4 * scale.
      flow: [batch, height, width, 4] in pixels, or None.
      scale: how much smaller it looks at them.

    Returns:
      What to add to the flow [..., 4], and to the mask's logit [..., 1], float32.
    """
    x = shrink(x, scale)
    if flow is not None:
      x = jnp.concatenate([x, shrink(flow, scale) / scale], axis=-1)
    x = ConvPReLU(self.features // 2, "down", self.dtype, name="down_0")(x)
    x = ConvPReLU(self.features, "down", self.dtype, name="down_1")(x)
    y = x
    for index in range(8):
      y = ConvPReLU(self.features, dtype=self.dtype, name=f"conv_{index}")(y)
    y = deconv(5, dtype=self.dtype, name="readout")(y + x).astype(jnp.float32)
    y = enlarge(y, 2 * scale)
    return y[..., :4] * (2 * scale), y[..., 4:]


class ConvPair(nn.Module):
  """A convolution to half the size and one more, each with PReLU."""

  features: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to [batch, height / 2, width / 2, features]."""
    x = ConvPReLU(self.features, "down", self.dtype, name="down")(x)
    return ConvPReLU(self.features, dtype=self.dtype, name="conv")(x)


class Refinement(nn.Module):
  """A U-Net that corrects the merged frame, with features of both frames of its own.

  Attributes:
    features: channels of a frame's features at half the size; they double with each halving.
    dtype: compute type.
  """

  features: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self, first: Array, last: Array, warped: tuple[Array, Array], mask: Array, flow: Array
  ) -> Array:
    """What to add to the merged frame.

    Args:
      first, last: [batch, height, width, channels], in [0, 1]; both sides multiples of 16.
      warped: the same, seen from between.
      mask: [batch, height, width, 1], the logit.
      flow: [batch, height, width, 4].

    Returns:
      [batch, height, width, channels], float32, in (-1, 1).
    """
    x, small_flow, contexts = jnp.concatenate([first, last]), flow, []
    for level in range(4):
      x = ConvPair(self.features << level, self.dtype, name=f"context_{level}")(x)
      small_flow = shrink(small_flow, 2) / 2
      contexts.append(warp_pair(x[: len(first)], x[len(first) :], small_flow))
    x, skips = jnp.concatenate([first, last, *warped, mask, flow], axis=-1), []
    for level, context in enumerate(contexts):
      x = ConvPair(2 * self.features << level, self.dtype, name=f"down_{level}")(x)
      skips.append(x)
      x = jnp.concatenate([x, *context], axis=-1)
    for level in reversed(range(4)):
      x = ConvPReLU(self.features << level, "up", self.dtype, name=f"up_{level}")(x)
      if level:
        x = jnp.concatenate([x, skips[level - 1]], axis=-1)
    x = conv(first.shape[-1], self.features, dtype=self.dtype, name="readout")(x)
    return 2 * nn.sigmoid(x.astype(jnp.float32)) - 1


class Estimate(NamedTuple):
  """Flow, the mask's logit, both frames warped, and the frame merged of them."""

  flow: Array
  mask: Array
  warped: tuple[Array, Array]
  merged: Array


class IFNet(nn.Module):
  """Fills in frames between given ones.

  Attributes:
    timestep: whether the blocks read the time, so that any number of frames between any given ones can be
      made. If not, it works on windows whose first and last frame are given.
    factor: without `timestep`, the window has `factor + 1` frames; a power of two.
    channels: of the blocks, coarse to fine; the teacher has those of the last.
    scales: how much smaller each looks at the frames: 1 or even. Doubled, larger motion is found.
    context: channels of a frame's features in the refinement.
    dtype: compute type of the convolutions; flows and warping are float32.
  """

  timestep: bool = False
  factor: int = 2
  channels: tuple[int, ...] = (240, 150, 90)
  scales: tuple[int, ...] = (4, 2, 1)
  context: int = 16
  dtype: Any = jnp.float32

  @property
  def any_time(self) -> bool:
    """Whether it makes frames at any time between two."""
    return self.timestep

  @property
  def reads_ends(self) -> bool:
    """Whether the first and the last frame of its window are given."""
    return not self.timestep

  @property
  def window(self) -> tuple[int, int] | None:
    """(length, overlap): the frames it works on, and how many of them must be known; None: any."""
    return None if self.timestep else midpoints.window(self.factor)

  def setup(self):
    if len(self.channels) != len(self.scales):
      raise ValueError(
        f"each block has channels and a scale, not channels={self.channels}, scales={self.scales}"
      )
    # Named otherwise than the loss `teacher`: what a module sows must not have a submodule's name.
    self.block = [FlowBlock(features, self.dtype) for features in self.channels]
    self.privileged = FlowBlock(self.channels[-1], self.dtype)
    self.refinement = Refinement(self.context, self.dtype)

  def __call__(self, hint: Array, mask: Array, *, train: bool, truth: Array | None = None) -> Array:
    """Fills in the frames between given ones.

    Args:
      hint: [batch, time, height, width, channels], in [-1, 1]; of any size: zeros are added below and to the
        right. Only given frames are read: those of the mask with `timestep`, else the first and the last.
      mask: [batch, time, height, width, 1], 1 where the hint is exact.
      train: sow the losses `teacher` and `distillation`; needs `truth`.
      truth: the true video, for the teacher.

    Returns:
      A float32 video of the hint's shape; the first and the last frame are the hint's.
    """
    if self.timestep:
      places = between.nearest(mask)
      true = None if truth is None else truth[:, 1:-1]
      share = places.unknown / jnp.maximum(places.unknown.sum(1, keepdims=True), 1)
      frames = self._middle(*between.gather(hint, places), true, share, train)
      return midpoints.video(hint, rearrange(frames, "(b t) h w c -> b t h w c", b=len(hint)))

    def middle(first, last):
      pairs = len(first) // len(hint)
      half = self.factor // (2 * pairs)
      true = None if truth is None else truth[:, half :: 2 * half]
      share = jnp.full((len(hint), pairs), 1 / (self.factor - 1))
      return self._middle(first, last, None, true, share, train)

    return midpoints.fill(middle, hint, self.factor)

  def _middle(self, first, last, t, truth, share, train):
    """The frames between pairs [n, height, width, channels] in [0, 1], clipped; sows their losses.

    `t` is [n] or None; `truth` is [batch, n / batch, ...] in [-1, 1] or None. `share`, [batch, n / batch], is
    what a frame counts for of its example.
    """
    size = first.shape[1:3]
    multiple = max(16, 8 * max(self.scales))  # with the reference's scales 32, as there
    first, last = (pad_to(x.astype(jnp.float32), multiple) for x in (first, last))
    inputs = [first, last]
    if t is not None:
      inputs.append(jnp.broadcast_to(t[:, None, None, None], (*first.shape[:3], 1)))
    estimates = []
    for block, scale in zip(self.block, self.scales, strict=True):
      estimates.append(self._refined(block, scale, inputs, [], estimates[-1] if estimates else None))
    last_one = estimates[-1]
    if truth is not None:
      true = (rearrange(truth.astype(jnp.float32), "b t h w c -> (b t) h w c") + 1) / 2
      true = pad_to(true, multiple)
      taught = self._refined(self.privileged, 1, inputs, [true], last_one)
      if train:
        self._sow(estimates, taught, true, size, share)
    change = self.refinement(first, last, last_one.warped, last_one.mask, last_one.flow)
    return jnp.clip(last_one.merged + change, 0, 1)[:, : size[0], : size[1]]

  def _refined(self, block, scale, inputs, privileged, so_far):
    """The estimate after one more block."""
    if so_far is None:
      flow, mask = block(jnp.concatenate(inputs, axis=-1), None, scale)
    else:
      # The barrier keeps the compiler from folding what comes before into every kernel that reads it.
      so_far = jax.lax.optimization_barrier(so_far)
      x = jnp.concatenate([*inputs, *so_far.warped, so_far.mask, *privileged], axis=-1)
      flow, mask = block(x, so_far.flow, scale)
      flow, mask = so_far.flow + flow, so_far.mask + mask
    warped = warp_pair(inputs[0], inputs[1], flow)
    share = nn.sigmoid(mask)
    return Estimate(flow, mask, warped, warped[0] * share + warped[1] * (1 - share))

  def _sow(self, estimates, taught, true, size, share):
    """The losses `teacher` and `distillation`, over the part of the frames that is no padding."""

    def crop(x):
      return x[:, : size[0], : size[1]]

    def error(frame):
      return jnp.mean(jnp.abs(crop(frame - true)), axis=-1)

    teacher = 2 * laplacian.mean_distance(crop(taught.merged - true))  # of videos in [-1, 1]
    flow, reach = jax.lax.stop_gradient((crop(taught.flow), error(taught.merged) + MARGIN))
    distillation = jnp.zeros(())
    for estimate in estimates:
      worse = error(estimate.merged) > reach
      squared = jnp.mean(jnp.square(flow - crop(estimate.flow)), axis=-1)
      learned = worse & (squared > 0)
      distance = jnp.where(learned, jnp.sqrt(jnp.where(learned, squared, 1)), 0)
      distillation += jnp.mean(distance, axis=(1, 2))
    for name, value in (("teacher", teacher), ("distillation", distillation)):
      self.sow("losses", name, jnp.mean(jnp.sum(value.reshape(share.shape) * share, axis=1)))


Module = IFNet
