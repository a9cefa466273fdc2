"""A compact StyleGAN-V: frames at any real-valued time, each made by itself (Skorokhodov et al. 2022).

  w = mapping(content);   frame(t) = synthesis(w, v(t)),   v(t) = motion codes         arXiv:2112.14683

The content sets the styles of all layers through w; the motion code stands beside the constant that the first
layer starts from. Nothing is recurrent and nothing sees two frames, so a video may be of any length and any
frame rate: `--config.models.generator.rate=2` makes two frames for each of the training data's, with the same
parameters, and every other one is the frame that `rate=1` makes. In training a video begins at a time drawn
from the first `longest` frames, so a sample may be as long.

Layers, initial values and, at 256x256 with channels=64, parameters are those of the authors' program. What
differs: tanh at the end; picture borders are repeated where zeros were blurred in; the same convolution after
doubling in place of a transposed one and a blur; no truncation; a first map of up to 7
pixels a side for sizes that are no power of two; conditions as in the other generators. The published critic,
of three frames at drawn distances, is not here: play against `critic3d(norm="none")` with the penalty `r1`.
"""

from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import conditions
from vgjax.models.layers.grow import plan
from vgjax.models.layers.modulated_conv import EqualConv, ModulatedConv, activate, unit_moment
from vgjax.models.layers.motion_codes import MotionCodes, num_anchors
from vgjax.models.layers.resize import double

Array = Any


class StyleGANV(nn.Module):
  """A generator of videos of any length and frame rate, whose content and motion are drawn apart.

  Attributes:
    content: numbers that say what is seen; w has as many.
    motion: numbers an anchor that say how it moves.
    channels: of the last block; each size before it has twice as many.
    widest: the largest number of channels.
    mapping: layers from content to w.
    waves: frequencies of the motion codes.
    distance: frames between anchors: fast motion wants less.
    longest: the longest period of a motion code, in frames, and where videos begin in training.
    rate: frames that are made for each frame of the training data; has no parameters.
    classes: number of labels that are read; 0 for none.
    conditions: what else is read: "text", "audio", "action".
    dtype: compute type.
  """

  content: int = 512
  motion: int = 512
  channels: int = 64
  widest: int = 512
  mapping: int = 2
  waves: int = 256
  distance: int = 16
  longest: int = 1024
  rate: float = 1.0
  classes: int = 0
  conditions: tuple[str, ...] = ()
  dtype: Any = jnp.float32

  def __post_init__(self):
    if self.rate <= 0:
      raise ValueError(f"rate={self.rate}: frames for each frame of the training data; it must be above 0")
    super().__post_init__()

  @property
  def reads(self) -> tuple[str, ...]:
    return conditions.names(self.classes, self.conditions)

  def latents(self, time: int) -> dict[str, tuple[int, ...]]:
    """What is seen, and the noise at the anchors that a video of `time` frames lies between."""
    seen = num_anchors((time - 1) / self.rate, self.distance) + 2 * (MotionCodes.window - 1)
    return {"content": (self.content,), "motion": (seen, self.motion)}

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool, latents: dict, **read: Array) -> Array:
    """Makes videos.

    Args:
      hint: [batch, time, height, width, channels]; only its shape matters.
      mask: not read.
      train: begin each video at a time that is drawn.
      latents: `content` [batch, content] and `motion` [batch, noise, motion], of that length or longer.
      **read: what `reads` names.

    Returns:
      A float32 video of the hint's shape, in [-1, 1].
    """
    del mask
    time, colors = hint.shape[1], hint.shape[-1]
    times = jnp.broadcast_to(jnp.arange(time) / self.rate, hint.shape[:2])
    if train:
      latest = max(0.0, self.longest - 1 - (time - 1) / self.rate)
      times += jax.random.uniform(self.make_rng("sample"), (len(hint), 1), maxval=latest)

    style, noise = unit_moment(latents["content"]), latents["motion"]
    condition = conditions.Conditions(self.content, self.classes, name="conditions")(read)
    if condition is not None:
      style = jnp.concatenate([style, unit_moment(condition)], axis=-1)
      over_time = jnp.repeat(condition[:, None], noise.shape[1], axis=1)
      noise = jnp.concatenate([noise, over_time], axis=-1)
    for layer in range(self.mapping):
      style = activate(EqualConv(self.content, rate=0.01, name=f"mapping_{layer}")(style))
    codes = MotionCodes(self.motion, self.waves, distance=self.distance, longest=self.longest, name="motion")
    motion = rearrange(codes(noise, times), "b t z -> (b t) z")
    style = jnp.repeat(style, time, axis=0)

    first, strides = plan(hint.shape[2:4])
    levels = len(strides)
    widths = [min(self.widest, self.channels * 2 ** (levels - level)) for level in range(levels + 1)]
    x = self.param("constant", nn.initializers.normal(1.0), (*first, widths[0]), jnp.float32)
    everywhere = (len(style), *first)
    start = (x, motion[:, None, None])
    x = jnp.concatenate([jnp.broadcast_to(part, (*everywhere, part.shape[-1])) for part in start], axis=-1)
    frames = 0.0
    for level, features in enumerate(widths):

      def convolve(x, name, features=features):
        return activate(ModulatedConv(features, dtype=self.dtype, name=name)(x, style))

      if level:
        x, frames = convolve(double(x), f"up_{level}"), double(frames)
      x = convolve(x, f"keep_{level}")
      color = ModulatedConv(colors, 1, demodulate=False, dtype=self.dtype, name=f"color_{level}")
      frames += color(x, style).astype(jnp.float32)
    return jnp.tanh(frames).reshape(hint.shape)


Module = StyleGANV
