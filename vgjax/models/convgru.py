"""ConvGRU: a stack of gated recurrent units whose states are feature maps.

A frame is cut into patches, which become channels. Layer by layer, with * a convolution and [x, h] the
channels of both,

  z, r = sigmoid(split(W * [x, h]))
  h = (1 - z) h + z tanh(V * [x, r h])         h is the next layer's x

and a 1x1 convolution of the last h predicts the next frame. No bias, states start at 0.

The cell is that of Ballas et al., Delving Deeper into Convolutional Networks for Learning Video
Representations, ICLR 2016, https://arxiv.org/abs/1511.06432. (Shi et al. 2017, https://arxiv.org/abs/1706.03458,
reset what the state adds after it is convolved, r (V_h * h), and have a leaky ReLU for the tanh.)

Patches, layers, widths and windows are those of `convlstm.py`, so that the two cells can be compared:
8,757,248 parameters, three quarters of the ConvLSTM's. No publication has this network, so there are no
published figures.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import cells
from vgjax.models.layers.initializers import torch_kernel
from vgjax.models.layers.next_frame import patch_channels, predict_frames

Array = Any


class ConvGRU(nn.Module):
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
    kernels = {}

    def kernel(name, window, inputs, features):
      kernels[name] = self.param(name, torch_kernel(), (window, window, inputs, features), jnp.float32)

    inputs = patch = patch_channels(hint, self.patch_size)
    for layer, features in enumerate(self.hidden):
      kernel(f"gates_{layer}", self.kernel_size, inputs + features, 2 * features)
      kernel(f"candidate_{layer}", self.kernel_size, inputs + features, features)
      inputs = features
    kernel("head", 1, inputs, patch)

    def stack(convolve, states, x):
      new_states = []
      for layer, h in enumerate(states or [None] * len(self.hidden)):

        def read(name, x, h, layer=layer):
          return convolve(f"{name}_{layer}", cells.join(x, h))

        x, h = cells.gru(read, x, h)
        new_states.append(h)
      return new_states, x, None

    video, _ = predict_frames(
      stack, kernels, hint, mask, patch_size=self.patch_size, dtype=self.dtype, remat=self.remat
    )
    return video


Module = ConvGRU
