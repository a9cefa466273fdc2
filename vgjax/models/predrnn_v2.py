"""PredRNN v2: PredRNN whose two memories are taught to hold different things.

The network is PredRNN (`predrnn.py`). In training it adds a loss of its own, "decoupling": with dc and dm
the increments of a layer's cell state c and of the memory m at one step, A a 1x1 convolution that all
layers share, and cos the cosine between two feature maps of one channel,

  decoupling = mean over time, layers, examples and channels of |cos(A * dc, A * dm)|

The paper's other half is a way to feed frames in training, `reverse_scheduled` in `vgjax/feeding.py`.

Wang et al., PredRNN: A Recurrent Neural Network for Spatiotemporal Predictive Learning, 2021,
https://arxiv.org/abs/2103.09504, section 3.2, in the form and with the defaults of OpenSTL for Moving MNIST:
23,855,104 parameters, published as 23.9M. OpenSTL adds 0.1 decoupling to the mean squared error of frames in
[0, 1]; ours are in [-1, 1], where that error is four times as large.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.initializers import torch_kernel
from vgjax.models.layers.next_frame import patch_channels, predict_frames
from vgjax.models.layers.st_lstm import StLstm, st_lstm_stack

Array = Any


def decoupling(convolve, increments: list[tuple[Array, Array]]) -> Array:
  """The loss of one time step, a scalar, from each layer's (dc, dm) [batch, height, width, features].

  Where an increment is zero everywhere, its cosines, and their gradients, count as 0.
  """
  pairs = jnp.stack([jnp.stack(pair) for pair in increments])  # [layer, 2, batch, height, width, features]
  shape = pairs.shape
  # One convolution for all of them; they pass as examples.
  pairs = convolve("adapter", pairs.reshape(-1, *shape[3:])).reshape(shape).astype(jnp.float32)
  of_c, of_m = pairs[:, 0], pairs[:, 1]
  square_c, square_m, product = (jnp.sum(x, axis=(-3, -2)) for x in (of_c**2, of_m**2, of_c * of_m))
  tiny = 1e-24  # the square of what PyTorch's `normalize` divides by at least
  norms = jnp.sqrt(jnp.maximum(square_c, tiny)) * jnp.sqrt(jnp.maximum(square_m, tiny))
  return jnp.mean(jnp.abs(product / norms))


class PredRNNv2(nn.Module):
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
      train: whether to add the loss "decoupling"; the video is the same.

    Returns:
      A float32 video of the hint's shape: the hint's first frame, then the predictions.

    Raises:
      ValueError: a video of one frame, or one that the patches do not divide.
    """
    patch = patch_channels(hint, self.patch_size)
    kernels = {
      "head": self.param("head", torch_kernel(), (1, 1, self.hidden, patch), jnp.float32),
      "adapter": self.param("adapter", torch_kernel(), (1, 1, self.hidden, self.hidden), jnp.float32),
    }
    for layer in range(self.layers):
      parts = StLstm(self.hidden, self.kernel_size, name=f"layer_{layer}")(self.hidden if layer else patch)
      kernels |= {f"layer_{layer}_{name}": kernel for name, kernel in parts.items()}

    def stack(convolve, states, x):
      states, top, increments = st_lstm_stack(convolve, self.layers, states, x)
      return states, top, decoupling(convolve, increments) if train else None

    video, losses = predict_frames(
      stack, kernels, hint, mask, patch_size=self.patch_size, dtype=self.dtype, remat=self.remat
    )
    if train:
      self.sow("losses", "decoupling", jnp.mean(losses))
    return video


Module = PredRNNv2
