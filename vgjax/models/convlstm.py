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
from flax import linen as nn

from vgjax.models.layers import cells
from vgjax.models.layers.initializers import torch_kernel
from vgjax.models.layers.joined_kernel import JoinedKernel
from vgjax.models.layers.next_frame import patch_channels, predict_frames

Array = Any


def make_stack(layers: int):
  """The cells of one time step, as `next_frame.make_step` wants them; their kernels are "gates_<layer>"."""

  def stack(convolve, states, x):
    new_states = []
    for layer, state in enumerate(states or [None] * layers):

      def read(name, x, h, layer=layer):
        return convolve(f"{name}_{layer}", cells.join(x, h))

      x, state = cells.lstm(read, x, state)
      new_states.append(state)
    return new_states, x, None

  return stack


class ConvLSTM(nn.Module):
  """A predictor of the next frame, for videos of any length.

  Attributes:
    hidden: channels of each layer's states.
    kernel_size: window of the recurrent convolutions, odd.
    patch_size: pixels along a side of a patch; must divide height and width.
    remat: None, or steps between the states that the backward pass starts from: memory for time, see
      `layers/recurrent.py`.
    dtype: compute type.
  """

  hidden: tuple[int, ...] = (128, 128, 128, 128)
  kernel_size: int = 5
  patch_size: int = 4
  remat: int | None = None
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
    kernels = {}
    inputs = patch = patch_channels(hint, self.patch_size)
    for layer, features in enumerate(self.hidden):
      gates = JoinedKernel(4 * features, self.kernel_size, name=f"layer_{layer}")
      kernels[f"gates_{layer}"] = gates(input=inputs, hidden=features)
      inputs = features
    kernels["head"] = self.param("head", torch_kernel(), (1, 1, inputs, patch), jnp.float32)
    video, _ = predict_frames(
      make_stack(len(self.hidden)),
      kernels,
      hint,
      mask,
      patch_size=self.patch_size,
      dtype=self.dtype,
      remat=self.remat,
    )
    return video


Module = ConvLSTM
