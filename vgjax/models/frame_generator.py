"""A frame generator: convolutional features of the last frames, and from these the next frame.

  features = encoder(x[t])                                    at several sizes
  x[t + 1] = x[t] + decoder(features of x[t - context + 1], ..., x[t])

Each frame is encoded once. At every size the features of the last `context` frames are joined as channels;
the decoder starts from the smallest, goes through residual blocks there, and comes back to the full size with
transposed convolutions or pixel shuffle, reading the features of each size on its way. Its last layer
starts at zero, so an untrained network repeats the last frame. A video of any length is made by feeding the
network its own frames.

The encoder is a stack of convolutions, or the convolutions of VGG-16 or AlexNet, which may start from the
weights that were trained on ImageNet (and is trained on with the rest):

  config.models.predictor = dict(name="frame_generator", backbone="vgg16")
  config.init_from = {"predictor/encoder": "weights:lpips_vgg"}

After no paper in particular: a U-Net (Ronneberger et al. 2015, arXiv:1505.04597) with a VGG encoder as in
TernausNet (Iglovikov and Shvets 2018, arXiv:1801.05746), from several frames to the next one.
"""

from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import imagenet
from vgjax.models.layers.conv import Conv
from vgjax.models.layers.norm import GroupNorm
from vgjax.models.layers.upsample import Upsample

Array = Any

ALEX_TAPS = {2: 0, 3: 1, 4: 4}  # {how often halved: which of AlexNet's activations}


class ConvEncoder(nn.Module):
  """Two convolutions a size; the first of every size but the full one has stride 2.

  Attributes:
    widths: channels at the full size, at half of it, ...
    groups: groups of the normalisation.
    dtype: compute type.
  """

  widths: tuple[int, ...]
  groups: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> list[Array]:
    """Maps x [batch, height, width, channels] to its features at each size."""
    taps = []
    for level, width in enumerate(self.widths):
      for part, strides in (("first", 2 if level else 1), ("second", 1)):
        x = Conv(width, 3, strides=strides, padding=1, dtype=self.dtype, name=f"{part}_{level}")(x)
        x = nn.silu(GroupNorm(self.groups, dtype=self.dtype, name=f"{part}_norm_{level}")(x))
      taps.append(x)
    return taps


class Decoder(nn.Module):
  """From features at several sizes to a picture.

  Attributes:
    widths: channels at the full size, at half of it, ...
    blocks: residual blocks at the smallest size.
    upsample: see `layers/upsample.py`.
    groups: groups of the normalisation.
    dtype: compute type.
  """

  widths: tuple[int, ...]
  blocks: int
  upsample: Literal["deconv", "pixel_shuffle"]
  groups: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, features: Mapping[int, Array], channels: int) -> Array:
    """Makes a picture.

    Args:
      features: {how often height and width are halved: [batch, h, w, any]}; the smallest size is among
        them, others may be missing.
      channels: of the picture.

    Returns:
      [batch, height, width, channels] at the full size.
    """

    def conv(width, size, name):
      return Conv(width, size, padding=size // 2, dtype=self.dtype, name=name)

    def norm(name):
      return GroupNorm(self.groups, dtype=self.dtype, name=name)

    smallest = len(self.widths) - 1
    x = nn.silu(norm("merge_norm")(conv(self.widths[-1], 1, f"merge_{smallest}")(features[smallest])))
    for block in range(self.blocks):
      # Or the compiler computes the sums of all blocks again for each that reads them: see simvp_v2.py.
      x = y = jax.lax.optimization_barrier(x)
      for part in ("first", "second"):
        y = nn.silu(norm(f"block_{block}_{part}_norm")(y))
        y = conv(self.widths[-1], 3, f"block_{block}_{part}")(y)
      x = x + y
    for level in reversed(range(smallest)):
      x = Upsample(self.widths[level], self.upsample, dtype=self.dtype, name=f"up_{level}")(x)
      if level in features:
        skip = conv(self.widths[level], 1, f"merge_{level}")(features[level])
        x = jnp.concatenate([x, skip], axis=-1)
      x = nn.silu(norm(f"up_norm_{level}")(conv(self.widths[level], 3, f"conv_{level}")(x)))
    readout = Conv(
      channels, 3, padding=1, kernel_init=nn.initializers.zeros, dtype=self.dtype, name="readout"
    )
    return readout(x)


class FrameGenerator(nn.Module):
  """A predictor of the next frame, for videos of any length.

  Attributes:
    context: frames that the next one is made from; before the first frame there are zeros.
    backbone: the encoder: "conv", "vgg16" or "alexnet"; the last two read grey as three equal channels.
    channels: of the decoder at the full size, and of the encoder "conv"; each halving doubles them, up to
      eight times as many.
    levels: how often the encoder halves height and width; 1 to 4 for "vgg16", 4 for "alexnet".
    blocks: residual blocks at the smallest size.
    upsample: "deconv" or "pixel_shuffle".
    groups: groups of the normalisation; must divide `channels`.
    remat: compute the activations of each time step again for its gradient: a third more work, and the
      memory of one step, not of all.
    dtype: compute type.
  """

  context: int = 4
  backbone: Literal["conv", "vgg16", "alexnet"] = "conv"
  channels: int = 32
  levels: int = 4
  blocks: int = 4
  upsample: Literal["deconv", "pixel_shuffle"] = "deconv"
  groups: int = 8
  remat: bool = False
  dtype: Any = jnp.float32

  @property
  def window(self) -> None:
    """None: it works at any length."""
    return None

  def setup(self):
    widths = tuple(self.channels * min(2**level, 8) for level in range(self.levels + 1))
    match self.backbone:
      case "conv":
        self.encoder = ConvEncoder(widths, self.groups, self.dtype)
      case "vgg16" if self.levels < len(imagenet.VGG_BLOCKS):
        self.encoder = imagenet.VGG16(self.levels + 1, self.dtype)
      case "alexnet" if self.levels == max(ALEX_TAPS):
        self.encoder = imagenet.AlexNet(self.dtype)
      case _:
        raise ValueError(
          'backbone must be "conv", "vgg16" with levels of at most 4, or "alexnet" with levels=4, not'
          f' "{self.backbone}" with levels={self.levels}'
        )
    self.decoder = Decoder(widths, self.blocks, self.upsample, self.groups, self.dtype)

  def _features(self, frame: Array) -> dict[int, Array]:
    """{how often halved: features} of a frame [batch, height, width, channels]."""
    if self.backbone == "conv":
      return dict(enumerate(self.encoder(frame.astype(self.dtype))))
    taps = self.encoder(imagenet.normalise(frame).astype(self.dtype))
    if self.backbone == "vgg16":
      return dict(enumerate(taps))
    features = {0: frame.astype(self.dtype)}
    for level, tap in ALEX_TAPS.items():
      # AlexNet pads less than its windows reach: a row and a column or two are missing at each size.
      size = (frame.shape[1] >> level, frame.shape[2] >> level)
      features[level] = jax.image.resize(
        taps[tap], (frame.shape[0], *size, taps[tap].shape[-1]), "linear"
      ).astype(self.dtype)
    return features

  def _widths(self, channels: int) -> dict[int, int]:
    """The channels of `_features`, for frames of so many channels."""
    if self.backbone == "conv":
      return dict(enumerate(self.decoder.widths))
    if self.backbone == "vgg16":
      return {level: block[-1] for level, block in enumerate(imagenet.VGG_BLOCKS[: self.levels + 1])}
    return {0: channels} | {level: imagenet.ALEX_LAYERS[tap][0] for level, tap in ALEX_TAPS.items()}

  def __call__(self, hint: Array, mask: Array, *, train: bool) -> Array:
    """Predicts each frame from those before it.

    The frame at time t is `mask * hint + (1 - mask) * prediction of frame t`: where nothing is given the
    network reads its own frames.

    Args:
      hint: [batch, time, height, width, channels], in [-1, 1]; at least two frames, of which the first must
        be given: there is nothing to predict it from.
      mask: [batch, time, height, width, 1], 1 where the hint is exact.
      train: without effect; this model behaves alike in training.

    Returns:
      A float32 video of the hint's shape: the hint's first frame, then the predictions.

    Raises:
      ValueError: a video of one frame, or of a size that the halvings do not divide.
    """
    batch, time, height, width, channels = hint.shape
    if time < 2 or height % 2**self.levels or width % 2**self.levels:
      raise ValueError(
        f"the frame generator needs at least 2 frames, and with levels={self.levels} height and width in"
        f" multiples of {2**self.levels}; the hint has {time} frames of {height}x{width}"
      )

    def step(model, carry, inputs):
      past, frame = carry
      hint, mask = inputs
      features = {
        level: jnp.concatenate([past[level], new], axis=-1) for level, new in model._features(frame).items()
      }
      prediction = frame + model.decoder(features, channels).astype(jnp.float32)
      past = {level: x[..., widths[level] :] for level, x in features.items()}
      return (past, mask * hint + (1 - mask) * prediction), prediction

    widths = self._widths(channels)
    past = {
      level: jnp.zeros((batch, height >> level, width >> level, (self.context - 1) * features), self.dtype)
      for level, features in widths.items()
    }
    hint, mask = hint.astype(jnp.float32), mask.astype(jnp.float32)
    by_time = tuple(jnp.moveaxis(x[:, 1:], 1, 0) for x in (hint, mask))
    if self.is_initializing():  # one step makes all parameters, and no loop need be compiled for them
      step(self, (past, hint[:, 0]), jax.tree.map(lambda x: x[0], by_time))
      return hint
    over_time = nn.scan(
      nn.remat(step, prevent_cse=False) if self.remat else step,
      variable_broadcast="params",
      split_rngs={"params": False},
    )
    _, video = over_time(self, (past, hint[:, 0]), by_time)
    return jnp.concatenate([hint[:, :1], jnp.moveaxis(video, 0, 1)], axis=1)


Module = FrameGenerator
