"""PredRNN: recurrent layers that share a memory, which goes up through the layers and on in time.

Each layer is a spatiotemporal LSTM (`layers/st_lstm.py`) with hidden state h and cell state c of its own. The
memory m of the top layer at time t is that which the lowest one gets at t + 1: a zigzag, by which details
of the frame reach the next step without passing through the layers' own states. A 1x1 convolution of the
top h predicts the next frame. States start at 0.

Wang et al., PredRNN: Recurrent Neural Networks for Predictive Learning using Spatiotemporal LSTMs, NIPS
2017, in the form and with the defaults of OpenSTL for Moving MNIST: no bias, no layer normalisation. It has
the 23,838,720 parameters that OpenSTL publishes.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.initializers import torch_kernel
from vgjax.models.layers.next_frame import patch_channels, predict_frames
from vgjax.models.layers.st_lstm import StLstm, st_lstm_stack

Array = Any


class PredRNN(nn.Module):
  """A predictor of the next frame, for videos of any length.

  Attributes:
    hidden: channels of the states of each layer.
    layers: number of recurrent layers.
    kernel_size: window of the recurrent convolutions, odd.
    patch_size: pixels along a side of a patch; must divide height and width.
    remat: None, or steps between the states that the backward pass starts from: memory for time, see
      `layers/recurrent.py`.
    dtype: compute type.
  """

  hidden: int = 128
  layers: int = 4
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

    Args:
      hint: [batch, time, height, width, channels], in [-1, 1]; at least two frames, the first given.
      mask: [batch, time, height, width, 1], 1 where the hint is exact; elsewhere the model reads its own
        prediction.
      train: without effect; this model behaves alike in training.

    Returns:
      A float32 video of the hint's shape: the hint's first frame, then the predictions.

    Raises:
      ValueError: a video of one frame, or one that the patches do not divide.
    """
    patch = patch_channels(hint, self.patch_size)
    kernels = {"head": self.param("head", torch_kernel(), (1, 1, self.hidden, patch), jnp.float32)}
    for layer in range(self.layers):
      parts = StLstm(self.hidden, self.kernel_size, name=f"layer_{layer}")(self.hidden if layer else patch)
      kernels |= {f"layer_{layer}_{name}": kernel for name, kernel in parts.items()}

    def stack(convolve, states, x):
      states, top, _ = st_lstm_stack(convolve, self.layers, states, x)
      return states, top, None

    video, _ = predict_frames(
      stack, kernels, hint, mask, patch_size=self.patch_size, dtype=self.dtype, remat=self.remat
    )
    return video


Module = PredRNN
