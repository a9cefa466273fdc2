"""Encoder-forecaster: recurrent layers with convolutions between them that change the resolution.

The encoder reads the given frames. Each level is a convolution, which from the second level on halves
height and width, and a recurrent layer. The forecaster goes back up: its recurrent layers start from the
last states of the encoder's, and the coarsest one, which reads nothing, unrolls what the encoder knows into
as many steps as there are frames to predict. No predicted frame is read again.

  given frames -> conv -> rnn -> conv/2 -> rnn -> conv/2 -> rnn
                           |                |                |       last states
  predictions  <- conv <- rnn <- deconv*2 <- rnn <- deconv*2 <- rnn <- nothing

The layout is figure 3 of Shi et al., Convolutional LSTM Network, NIPS 2015, https://arxiv.org/abs/1506.04214,
with the resolutions of figure 1 of Shi et al., Deep Learning for Precipitation Nowcasting, NIPS 2017,
https://arxiv.org/abs/1706.03458. Layers and widths are those of github.com/jhhuang96/ConvLSTM-PyTorch, which
brings it to Moving MNIST with both cells: windows of 5, group normalisation of every gate (32 channels a
group), LeakyReLU 0.2 after every convolution, the last one included. No peepholes; the ConvGRU resets the
state before it is convolved, as that of Ballas et al. 2016.

The reference has 9,032,225 parameters with ConvLSTM cells, 6,880,289 with ConvGRU cells. Its coarsest
forecasting layer convolves an input of zeros; those 921,600 (691,200) weights never matter and are not
built here, which leaves 8,110,625 (6,189,089).
"""

from typing import Any

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import cells
from vgjax.models.layers.conv import Conv, ConvTranspose
from vgjax.models.layers.initializers import torch_bias, torch_kernel
from vgjax.models.layers.norm import GroupNorm
from vgjax.models.layers.recurrent import unroll

Array = Any
Tree = Any

CELLS = {"convlstm": "lstm", "convgru": "gru"}


class RecurrentLayer(nn.Module):
  """A ConvLSTM or ConvGRU layer over all steps, with normalised gates.

  Attributes:
    cell: "convlstm" or "convgru".
    features: channels of the state.
    kernel_size: window of the convolutions, odd.
    group_size: channels in a group of the normalisation.
    remat: as in `recurrent.unroll`.
    dtype: compute type.
  """

  cell: str
  features: int
  kernel_size: int
  group_size: int
  remat: int | None = None
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array | None, start: Tree, time: int) -> tuple[Array, Tree]:
    """Unrolls the layer.

    Args:
      x: [time, batch, height, width, channels], or None to read nothing.
      start: the state to start from, or None for zeros; one of x and `start` is not None.
      time: number of steps.

    Returns:
      The outputs [time, batch, height, width, features], and the last state.
    """
    cell, widths = cells.pick(CELLS[self.cell])
    inputs = 0 if x is None else x.shape[-1]
    # The reference's initial range; its layer that reads nothing has an input as wide as its state.
    uniform = torch_bias(self.kernel_size**2 * (self.features + (inputs or self.features)))
    window = (self.kernel_size, self.kernel_size)
    kernels, affine, norms = {}, {}, {}
    for name, width in widths.items():
      features = width * self.features
      shape = (*window, inputs + self.features, features)
      kernels[name] = self.param(f"{name}_kernel", uniform, shape, jnp.float32).astype(self.dtype)
      affine[name] = {
        "conv_bias": self.param(f"{name}_bias", uniform, (features,), jnp.float32),
        "scale": self.param(f"{name}_norm_scale", nn.initializers.ones, (features,), jnp.float32),
        "bias": self.param(f"{name}_norm_bias", nn.initializers.zeros, (features,), jnp.float32),
      }
      # No parent: it is used as a pure function, within the loop.
      norms[name] = GroupNorm(features // self.group_size, dtype=self.dtype, parent=None)

    def step(convolve, state, inputs):
      x, affine = inputs

      def read(name, x, h):
        params = dict(affine[name])
        y = convolve(name, cells.join(x, h)) + params.pop("conv_bias").astype(self.dtype)
        return norms[name].apply({"params": params}, y)

      h, state = cell(read, x, state)
      return state, h

    state, outputs = unroll(step, kernels, (x, cells.every_step(affine, time)), carry=start, remat=self.remat)
    return outputs, state


class EncoderForecaster(nn.Module):
  """A predictor of any number of frames from the first `given` ones.

  Attributes:
    given: frames it reads; how many it predicts is a matter of the hint's length.
    cell: "convlstm" or "convgru".
    hidden: channels of each level's state, from fine to coarse.
    features: channels after the first convolution and before the last.
    kernel_size: window of the recurrent convolutions, odd.
    group_size: channels in a group of the normalisation; must divide each of `hidden`.
    patch_size: pixels along a side of a patch, which becomes channels; 1 leaves the frames as they are.
    remat: None, or steps between the states that the backward pass starts from: memory for time, see
      `layers/recurrent.py`.
    dtype: compute type.
  """

  given: int = 10
  cell: str = "convlstm"
  hidden: tuple[int, ...] = (64, 96, 96)
  features: int = 16
  kernel_size: int = 5
  group_size: int = 32
  patch_size: int = 1
  remat: int | None = None
  dtype: Any = jnp.float32

  @property
  def window(self) -> None:
    """None: it works at any length."""
    return None

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool) -> Array:
    """Predicts the frames after the first `given` ones.

    Args:
      hint: [batch, time, height, width, channels], in [-1, 1]; the first `given` frames are read.
      mask: not read.
      train: without effect; this model behaves alike in training.

    Returns:
      A float32 video of the hint's shape: the given frames, then the predictions.

    Raises:
      ValueError: a hint without frames to predict, of a size that the resolutions do not divide, or
        fields that do not fit together.
    """
    self._check(hint)
    time, channels, patch = hint.shape[1], hint.shape[-1], self.patch_size
    wanted = time - self.given
    frames = (hint[:, : self.given].astype(self.dtype) + 1) / 2
    x = rearrange(frames, "b t (h i) (w j) c -> t b h w (i j c)", i=patch, j=patch)

    states = []
    for level, features in enumerate(self.hidden):
      width, stride = (self.features, 1) if level == 0 else (self.hidden[level - 1], 2)
      x = self._each_frame(self._conv(f"down_{level}", width, x.shape[-1], stride), x)
      x, state = self._recurrent(f"encoder_{level}", features)(x, None, self.given)
      states.append(state)

    x = None
    for level in reversed(range(len(self.hidden))):
      x, _ = self._recurrent(f"forecaster_{level}", self.hidden[level])(x, states[level], wanted)
      if level:
        x = self._each_frame(self._deconv(f"up_{level}", self.hidden[level]), x)
    x = self._each_frame(self._conv("merge", self.features, self.hidden[0]), x)
    x = self._each_frame(self._conv("readout", patch * patch * channels, self.features, window=1), x)

    video = rearrange(x, "t b h w (i j c) -> b t (h i) (w j) c", i=patch, j=patch)
    video = 2 * video.astype(jnp.float32) - 1
    return jnp.concatenate([hint[:, : self.given].astype(jnp.float32), video], axis=1)

  def _check(self, hint):
    time, height, width = hint.shape[1:4]
    if self.cell not in CELLS:
      raise ValueError(f'there is no cell "{self.cell}"; known: {sorted(CELLS)}')
    if any(features % self.group_size for features in self.hidden):
      raise ValueError(f"group_size={self.group_size} does not divide each of hidden={self.hidden}")
    if self.given < 1 or time <= self.given:
      raise ValueError(
        f"this model reads given={self.given} frames, at least 1, and predicts those after them; the hint"
        f" has {time}"
      )
    factor = self.patch_size * 2 ** (len(self.hidden) - 1)
    if height % factor or width % factor:
      raise ValueError(
        f"with patch_size={self.patch_size} and {len(self.hidden)} levels height and width must be multiples"
        f" of {factor}, not {height}x{width}"
      )

  def _recurrent(self, name, features):
    return RecurrentLayer(
      self.cell, features, self.kernel_size, self.group_size, self.remat, self.dtype, name=name
    )

  def _conv(self, name, features, inputs, stride=1, window=3):
    return Conv(
      features,
      window,
      strides=stride,
      padding=window // 2,
      kernel_init=torch_kernel(),
      bias_init=torch_bias(window * window * inputs),
      dtype=self.dtype,
      name=name,
    )

  def _deconv(self, name, features):
    return ConvTranspose(
      features,
      4,
      strides=2,
      padding=1,
      # PyTorch takes the output channels of a transposed convolution for its inputs; here they are equal.
      kernel_init=torch_kernel(),
      bias_init=torch_bias(16 * features),
      dtype=self.dtype,
      name=name,
    )

  def _each_frame(self, layer, x):
    """A layer and LeakyReLU on every frame of x [time, batch, height, width, channels]."""
    time = x.shape[0]
    x = nn.leaky_relu(layer(rearrange(x, "t b h w c -> (t b) h w c")), 0.2)
    return rearrange(x, "(t b) h w c -> t b h w c", t=time)


Module = EncoderForecaster
