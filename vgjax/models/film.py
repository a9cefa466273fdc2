"""FILM: the frame between two, by flows that are found coarse to fine with weights shared over the scales.

* Features: each level of an image pyramid goes through one and the same small pyramid of convolutions. What
  these give at one size is concatenated: so from level `sub_levels` on features mean the same at every level.
* Flows, in both directions, from the coarsest level on. A predictor sees one frame's features and the other's
  warped by the flow so far, and adds what is missing: v = up(2 v) + predictor(a, warp(b, up(2 v))). The
  predictor is one and the same at all coarse levels; the finest ones have their own.
* Fusion: images and features of both frames, warped by half the flows, and the flows themselves, go up
  through the decoder of a U-Net.

Large motion is small at a coarse level, where the shared predictor has learned it from many examples.

Reda et al., FILM: Frame Interpolation for Large Motion, ECCV 2022, https://arxiv.org/abs/2202.04901, as in
the authors' code github.com/google-research/frame-interpolation with its published settings: 34,436,667
parameters for frames of three channels. Its loss is L1, then also a VGG and a Gram matrix ("style") loss:
`vgjax/losses/gram.py`. Frames are made multiples of 2^(levels - 1) pixels by zeros all round, as there.
`factor` above 2 is reached by recursion, as there. The fused frame has the channels of the input.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import midpoints, resize
from vgjax.models.layers.conv import Conv
from vgjax.models.layers.warp import backward_warp

Array = Any


def conv(features: int, size: int, dtype: Any, name: str) -> Conv:
  """A convolution with the initial values of the reference, which are Keras's."""
  return Conv(features, size, kernel_init=nn.initializers.glorot_uniform(), dtype=dtype, name=name)


def activate(x: Array) -> Array:
  return nn.leaky_relu(x, 0.2)


class SubPyramid(nn.Module):
  """Two convolutions a level, average pooling between levels.

  Attributes:
    channels: of the first level; each has twice as many as the one above.
    levels: how many there are.
    dtype: compute type.
  """

  channels: int
  levels: int
  dtype: Any = jnp.float32

  def setup(self):
    self.convs = [
      [conv(self.channels << level, 3, self.dtype, f"conv_{2 * level + i}") for i in range(2)]
      for level in range(self.levels)
    ]

  def __call__(self, image: Array, levels: int) -> list[Array]:
    """The features of the first `levels` levels, finest first."""
    x, pyramid = image, []
    for level in range(levels):
      if level:
        x = resize.halve(x)
      for layer in self.convs[level]:
        x = activate(layer(x))
      pyramid.append(x)
    return pyramid


class FlowPredictor(nn.Module):
  """A flow from one frame's features to another's.

  Attributes:
    channels: of the 3x3 convolutions.
    convs: how many of them there are, before two 1x1 convolutions.
    dtype: compute type.
  """

  channels: int
  convs: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, a: Array, b: Array) -> Array:
    """Two of [batch, height, width, channels] -> [batch, height, width, 2], (x, y) in pixels, float32."""
    x = jnp.concatenate([a, b], axis=-1)
    for index in range(self.convs):
      x = activate(conv(self.channels, 3, self.dtype, f"conv_{index}")(x))
    x = activate(conv(self.channels // 2, 1, self.dtype, f"conv_{self.convs}")(x))
    return conv(2, 1, self.dtype, f"conv_{self.convs + 1}")(x).astype(jnp.float32)


class Fusion(nn.Module):
  """The decoder: level by level twice the size (nearest pixel), and that level's input concatenated.

  Attributes:
    channels: of each level but the coarsest, finest first.
    outputs: channels of the frame.
    dtype: compute type.
  """

  channels: tuple[int, ...]
  outputs: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, pyramid: list[Array]) -> Array:
    """A pyramid of [batch, height, width, any], finest first -> [batch, height, width, outputs]."""
    x = pyramid[-1]
    for level in reversed(range(len(self.channels))):
      features = self.channels[level]
      x = x.repeat(2, axis=1).repeat(2, axis=2)
      x = conv(features, 2, self.dtype, f"up_{level}")(x)
      x = jnp.concatenate([pyramid[level].astype(x.dtype), x], axis=-1)
      for index in range(2):
        x = activate(conv(features, 3, self.dtype, f"merge_{level}_{index}")(x))
    return conv(self.outputs, 1, self.dtype, "readout")(x)


class FILM(nn.Module):
  """Fills a window between its ends.

  Attributes:
    factor: the window has `factor + 1` frames, of which the first and the last are given; a power of two.
    levels: of the pyramids of images, features and flows.
    fusion_levels: of those, how many the fusion reads.
    sub_levels: depth of the feature pyramid that starts at each level.
    channels: features of its first level; each has twice as many as the one above.
    flow_channels: of the flow predictors, those of the finest levels and at last the shared one's.
    flow_convs: 3x3 convolutions of a flow predictor.
    dtype: compute type of the convolutions; flows and warping are float32.
  """

  factor: int = 2
  levels: int = 7
  fusion_levels: int = 5
  sub_levels: int = 4
  channels: int = 64
  flow_channels: tuple[int, ...] = (32, 64, 128, 256)
  flow_convs: int = 3
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
      hint: [batch, factor + 1, height, width, channels], in [-1, 1]; only its ends are read.
      mask: without effect.
      train: without effect; this model behaves alike in training.

    Returns:
      A float32 video of the hint's shape.
    """
    own = len(self.flow_channels) - 1  # levels that have a predictor of their own
    if not 1 <= self.fusion_levels <= self.levels or not own <= self.levels - 1 or self.sub_levels < own + 1:
      raise ValueError(
        f"levels={self.levels}, fusion_levels={self.fusion_levels}, sub_levels={self.sub_levels} and"
        f" {own + 1} flow_channels do not fit together: fusion_levels <= levels, fewer flow_channels than"
        " levels or as many, and no more of them than sub_levels, or the shared predictor would see features"
        " of several widths"
      )
    extract = SubPyramid(self.channels, self.sub_levels, self.dtype, name="features")
    predictors = [
      FlowPredictor(
        channels, self.flow_convs, self.dtype, name=f"flow_{level}" if level < own else "flow_shared"
      )
      for level, channels in enumerate(self.flow_channels)
    ]
    widths = tuple(self.channels << min(level, own) for level in range(self.fusion_levels - 1))
    fuse = Fusion(widths, hint.shape[-1], self.dtype, name="fusion")

    def middle(first, last):
      height, width = first.shape[1:3]
      below, right = resize.missing(height, width, 2 ** (self.levels - 1))
      top, left = below // 2, right // 2
      both = jnp.concatenate([first, last])  # both frames, and later both directions, in one batch
      both = jnp.pad(both, ((0, 0), (top, below - top), (left, right - left), (0, 0)))
      images = [both]
      for _ in range(self.levels - 1):
        images.append(resize.halve(images[-1]))
      features = _cascade([extract(x, min(self.levels - n, self.sub_levels)) for n, x in enumerate(images)])
      flows = _flows(predictors, features)
      aligned = []
      for image, feature, flow in zip(images, features, flows[: self.fusion_levels], strict=False):
        half = 0.5 * _swapped(flow)  # the flow from the other frame reads from this one
        seen = jnp.concatenate([image, feature.astype(jnp.float32)], axis=-1)
        warped = backward_warp(seen, half)
        aligned.append(jnp.concatenate([*jnp.split(warped, 2), *jnp.split(half, 2)], axis=-1))
      return fuse(aligned)[:, top : top + height, left : left + width]

    return midpoints.fill(middle, hint, self.factor)


def _cascade(pyramids: list[list[Array]]) -> list[Array]:
  """Features of one size side by side: those of level n's own pyramid, of the one above it, and so on."""
  return [
    jnp.concatenate([pyramids[n - i][i] for i in range(min(n + 1, len(pyramids[0])))], axis=-1)
    for n in range(len(pyramids))
  ]


def _flows(predictors: list[FlowPredictor], features: list[Array]) -> list[Array]:
  """The flow from each frame to the other at each level, finest first; float32."""
  flow, flows = None, []
  for level in reversed(range(len(features))):
    other = _swapped(features[level]).astype(jnp.float32)
    if flow is not None:
      flow = resize.double(2 * flow)  # twice the size, so twice as many pixels
      other = backward_warp(other, flow)
    # Or the compiler would compute a level again in each level that follows.
    other = jax.lax.optimization_barrier(other)
    residual = predictors[min(level, len(predictors) - 1)](
      features[level], other.astype(features[level].dtype)
    )
    flow = residual if flow is None else flow + residual
    flows.append(flow)
  return flows[::-1]


def _swapped(x: Array) -> Array:
  """Both halves of the batch exchanged."""
  return jnp.concatenate(jnp.split(x, 2)[::-1])


Module = FILM
