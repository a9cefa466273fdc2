"""ConvLSTM: a stack of recurrent layers whose states are feature maps.

A frame is cut into patches, which become channels. Layer by layer, with * a convolution,

  i, f, g, o = split(W_x * x + W_h * h)
  c = sigmoid(f) c + sigmoid(i) tanh(g)
  h = sigmoid(o) tanh(c)                       h is the next layer's x

and a 1x1 convolution of the last h predicts the next frame. No bias, no peepholes, states start at 0.

Shi et al., Convolutional LSTM Network, NIPS 2015, https://arxiv.org/abs/1506.04214, in the form and
with the defaults of OpenSTL's ConvLSTM-S. OpenSTL publishes 15,083,520 parameters. 3,407,872 of them
are never used: each cell also builds a 5x5 convolution `conv_o` (2C -> C) and a 1x1 convolution
`conv_last` (2C -> C), which belong to PredRNN's cell, and its forward pass calls neither. They are not
built here, so this model has the 11,675,648 others. The reference's `forget_bias` is likewise unused.
"""

from typing import Any

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers.initializers import torch_kernel
from vgjax.models.layers.recurrent import unroll

Array = Any


def lstm(gates: Array, cell: Array | None) -> tuple[Array, Array]:
  """What the gates do: (h, c) from gates [..., 4 * channels] and the last c, None meaning zeros."""
  i, f, g, o = jnp.split(gates, 4, axis=-1)
  new = nn.sigmoid(i) * jnp.tanh(g)
  cell = new if cell is None else nn.sigmoid(f) * cell + new
  return nn.sigmoid(o) * jnp.tanh(cell), cell


def make_step(layers: int):
  """One time step of a stack of so many layers, as `unroll` wants it.

  Its kernels are "gates_<layer>", which reads x and h as one array, and "head". Its input is the
  known part of a frame and the share of it that is unknown, both [batch, height, width, patch]; its
  output is the next frame.
  """

  def step(convolve, carry, inputs):
    x, unknown = inputs
    states = [(None, None)] * layers
    if carry is not None:
      states, prediction = carry
      x = x + unknown * prediction
    new_states = []
    for layer, (h, c) in enumerate(states):
      x_and_h = x if h is None else jnp.concatenate([x, h], axis=-1)
      x, c = lstm(convolve(f"gates_{layer}", x_and_h), c)
      new_states.append((x, c))
    prediction = convolve("head", x)
    return (new_states, prediction), prediction

  return step


class GateKernel(nn.Module):
  """The kernels W_x and W_h of one layer, joined along their input channels.

  Attributes:
    features: channels of the layer's states.
    kernel_size: window, odd.
  """

  features: int
  kernel_size: int

  @nn.compact
  def __call__(self, inputs: int) -> Array:
    """Returns [window, window, inputs + features, 4 * features]."""

    def kernel(name, channels):
      shape = (self.kernel_size, self.kernel_size, channels, 4 * self.features)
      return self.param(name, torch_kernel(), shape, jnp.float32)

    return jnp.concatenate([kernel("input_kernel", inputs), kernel("hidden_kernel", self.features)], axis=-2)


class ConvLSTM(nn.Module):
  """A predictor of the next frame, for videos of any length.

  Attributes:
    hidden: channels of each layer's states.
    kernel_size: window of the recurrent convolutions, odd.
    patch_size: pixels along a side of a patch; must divide height and width.
    dtype: compute type.
  """

  hidden: tuple[int, ...] = (128, 128, 128, 128)
  kernel_size: int = 5
  patch_size: int = 4
  dtype: Any = jnp.float32

  @property
  def window(self) -> None:
    """None: it works at any length."""
    return None

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool) -> Array:
    """Predicts each frame from those before it.

    The input at time t is `mask * hint + (1 - mask) * prediction of frame t`, so a mask of the first
    frames makes a forecast, and scheduled sampling is a matter of the hint and mask it gets.

    Args:
      hint: [batch, time, height, width, channels], in [-1, 1]; at least two frames, of which the
        first must be given: there is nothing to predict it from.
      mask: [batch, time, height, width, 1], 1 where the hint is exact.
      train: without effect; this model behaves alike in training.

    Returns:
      A float32 video of the hint's shape: the hint's first frame, then the predictions.

    Raises:
      ValueError: a video of one frame, or one that the patches do not divide.
    """
    patch, channels = self.patch_size, hint.shape[-1]
    time, height, width = hint.shape[1:4]
    if time < 2 or height % patch or width % patch:
      raise ValueError(
        "ConvLSTM needs at least 2 frames, and height and width in multiples of"
        f" patch_size={patch}; the hint has {time} frames of {height}x{width}"
      )

    def to_patches(video):  # time first, to be looped over
      video = video[:, :-1].astype(self.dtype)
      return rearrange(video, "b t (h i) (w j) c -> t b h w (i j c)", i=patch, j=patch)

    known = to_patches(mask * (hint + 1) / 2)
    unknown = to_patches(jnp.broadcast_to(1 - mask, hint.shape))
    kernels = {}
    inputs = patch * patch * channels
    for layer, features in enumerate(self.hidden):
      gates = GateKernel(features, self.kernel_size, name=f"layer_{layer}")(inputs)
      kernels[f"gates_{layer}"] = gates.astype(self.dtype)
      inputs = features
    head_shape = (1, 1, inputs, patch * patch * channels)
    head = self.param("head", torch_kernel(), head_shape, jnp.float32)
    kernels["head"] = head.astype(self.dtype)

    _, patches = unroll(make_step(len(self.hidden)), kernels, (known, unknown))
    video = rearrange(patches, "t b h w (i j c) -> b t (h i) (w j) c", i=patch, j=patch)
    video = 2 * video.astype(jnp.float32) - 1
    return jnp.concatenate([hint[:, :1].astype(jnp.float32), video], axis=1)


Module = ConvLSTM
