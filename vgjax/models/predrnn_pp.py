"""PredRNN++: causal LSTMs, deeper in each step, and a highway for gradients through time.

As in PredRNN (`predrnn.py`), a memory m goes up through the layers and on to the lowest one of the next step.
In a causal LSTM the new cell state makes the gates of the memory. Between the first and the second layer a
gradient highway unit, z, lets gradients pass many steps back (`layers/st_lstm.py` has both). A 1x1
convolution of the top h predicts the next frame. States start at 0.

Wang et al., PredRNN++: Towards A Resolution of the Deep-in-Time Dilemma in Spatiotemporal Predictive
Learning, ICML 2018, https://arxiv.org/abs/1804.06300, in the form and with the defaults of OpenSTL for Moving
MNIST: no bias, no layer normalisation. OpenSTL publishes 38,584,320 parameters. 3,276,800 of them, a 5x5
convolution `conv_o` in each cell, are never used and not built here, so this model has the 35,307,520 others.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.initializers import torch_kernel
from vgjax.models.layers.joined_kernel import JoinedKernel
from vgjax.models.layers.next_frame import patch_channels, predict_frames
from vgjax.models.layers.st_lstm import CausalLstm, causal_lstm, gradient_highway

Array = Any


def make_stack(layers: int):
  """The cells of one time step, as `next_frame.make_step` wants them; the highway's kernel is "highway"."""

  def stack(convolve, states, x):
    pairs, m, z = ([(None, None)] * layers, None, None) if states is None else states
    new_pairs = []
    for layer, (h, c) in enumerate(pairs):
      h, c, m = causal_lstm(convolve, f"layer_{layer}", x, h, c, m)
      new_pairs.append((h, c))
      x = h
      if layer == 0:
        x = z = gradient_highway(convolve, "highway", h, z)
    return (new_pairs, m, z), x, None

  return stack


def uniform(bound: float):
  """Draws from U(-bound, bound)."""

  def init(key, shape, dtype):
    return jax.random.uniform(key, shape, dtype, -bound, bound)

  return init


class PredRNNpp(nn.Module):
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
    hidden, size = self.hidden, self.kernel_size
    patch = patch_channels(hint, self.patch_size)
    highway = JoinedKernel(2 * hidden, size, uniform(1e-3), name="highway")
    kernels = {
      "head": self.param("head", torch_kernel(), (1, 1, hidden, patch), jnp.float32),
      "highway": highway(input=hidden, highway=hidden),
    }
    for layer in range(self.layers):
      parts = CausalLstm(hidden, size, name=f"layer_{layer}")(hidden if layer else patch)
      kernels |= {f"layer_{layer}_{name}": kernel for name, kernel in parts.items()}
    video, _ = predict_frames(
      make_stack(self.layers),
      kernels,
      hint,
      mask,
      patch_size=self.patch_size,
      dtype=self.dtype,
      remat=self.remat,
    )
    return video


Module = PredRNNpp
