"""A recurrent encoder and decoder over vectors, and a CNN that makes vectors of frames and frames of vectors.

The encoder, a stack of LSTM or GRU layers, reads the codes of the given frames. Its last states are the
decoder's first; the decoder writes the code of one frame a step and reads the code that it wrote before,
starting with that of the last given frame. All frames are encoded at once, and all codes decoded at once:
only vectors go through the loops.

  given frame -> CNN -> code -> [rnn, rnn]   states -> [rnn, rnn] -> code -> CNN -> predicted frame
                                                            ^----------'

Two stacks with weights of their own, states that are copied and a decoder that reads its own output are the
conditional future predictor of Srivastava et al., Unsupervised Learning of Video Representations using
LSTMs, ICML 2015, https://arxiv.org/abs/1502.04681; there, vectors are frames as they are, or features of a
recognition network. What differs: the CNN, in the manner of DCGAN, which is trained along; no peepholes; GRU
cells beside LSTM; what the decoder reads again is the code, not the frame. No publication has this network,
so there are no published figures: its state has no place for every part of a frame, as ConvLSTM's has.
"""

from typing import Any

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import cells
from vgjax.models.layers.conv import Conv, ConvTranspose
from vgjax.models.layers.initializers import torch_bias
from vgjax.models.layers.norm import GroupNorm
from vgjax.models.layers.recurrent import unroll

Array = Any
Tree = Any


def make_step(cell: str, layers: int):
  """One time step of a stack of so many layers of vectors, as `unroll` wants it.

  A vector is a map of one pixel: `unroll` then sums a weight's gradient over time in one product. Its
  kernels are "<layer>_gates" (and "<layer>_candidate"), and "code"; its inputs are x, or None to read the
  last code, and the biases by the same names; its output is the code.
  """
  one_layer, _ = cells.pick(cell)

  def step(convolve, carry, inputs):
    x, biases = inputs
    states, code = ([None] * layers, None) if carry is None else carry
    x = code if x is None else x
    new_states = []
    for layer, state in enumerate(states):

      def read(name, x, h, layer=layer):
        name = f"{layer}_{name}"
        return convolve(name, cells.join(x, h)) + biases[name]

      x, state = one_layer(read, x, state)
      new_states.append(state)
    code = jnp.tanh(convolve("code", x) + biases["code"]) if "code" in biases else None
    return (new_states, code), code

  return step


class Recurrent(nn.Module):
  """A stack of vector LSTM or GRU layers, and from the last h to a code.

  Attributes:
    cell: "lstm" or "gru".
    hidden: width of each layer's state.
    layers: number of layers.
    code: width of the code; 0 writes none.
    dtype: compute type.
  """

  cell: str
  hidden: int
  layers: int
  code: int = 0
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array | None, width: int, start: Tree, time: int) -> tuple[Array | None, Tree]:
    """Unrolls the stack.

    Args:
      x: [time, batch, width], or None to read its own codes.
      width: of what it reads.
      start: each layer's state and the code to read first; None for zeros, if it is given x.
      time: number of steps.

    Returns:
      The codes [time, batch, code], and each layer's last state.
    """
    kernels, biases = {}, {}

    def linear(name, inputs, features):
      uniform = torch_bias(self.hidden)  # PyTorch's range for recurrent layers
      kernel = self.param(f"{name}_kernel", uniform, (1, 1, inputs, features), jnp.float32)
      bias = self.param(f"{name}_bias", uniform, (features,), jnp.float32)
      kernels[name], biases[name] = kernel.astype(self.dtype), bias.astype(self.dtype)

    for layer in range(self.layers):
      for name, gates in cells.pick(self.cell)[1].items():
        linear(f"{layer}_{name}", width + self.hidden, gates * self.hidden)
      width = self.hidden
    if self.code:
      linear("code", self.hidden, self.code)

    x = None if x is None else x[:, :, None, None]  # maps of one pixel
    step = make_step(self.cell, self.layers)
    (states, _), codes = unroll(step, kernels, (x, cells.every_step(biases, time)), carry=start)
    return None if codes is None else codes[:, :, 0, 0], states


class FrameEncoder(nn.Module):
  """Frames to codes: convolutions that halve height and width, then one over all that is left.

  Attributes:
    channels: of the first level; each has twice as many as the one before.
    levels: how often height and width are halved.
    code: width of the code.
    groups: of the normalisation; must divide `channels`.
    dtype: compute type.
  """

  channels: int
  levels: int
  code: int
  groups: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps frames [n, height, width, channels] to codes [n, code] in (-1, 1)."""
    for level in range(self.levels):
      x = Conv(self.channels * 2**level, 4, strides=2, padding=1, dtype=self.dtype, name=f"conv_{level}")(x)
      x = nn.leaky_relu(GroupNorm(self.groups, dtype=self.dtype, name=f"norm_{level}")(x), 0.2)
    x = Conv(self.code, x.shape[1:3], padding="VALID", dtype=self.dtype, name="code")(x)
    return jnp.tanh(x[:, 0, 0])


class FrameDecoder(nn.Module):
  """Codes to frames: the encoder backwards.

  Attributes:
    channels: as in the encoder.
    levels: as in the encoder.
    size: height and width of a frame.
    frame_channels: channels of a frame.
    groups: as in the encoder.
    dtype: compute type.
  """

  channels: int
  levels: int
  size: tuple[int, int]
  frame_channels: int
  groups: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps codes [n, code] to frames [n, height, width, frame_channels] in (-1, 1)."""
    x = x[:, None, None]
    smallest = [size // 2**self.levels for size in self.size]
    for level in reversed(range(self.levels)):
      window, stride, padding = ([4, 4], 2, 1) if level < self.levels - 1 else (smallest, 1, 0)
      features = self.channels * 2**level
      x = ConvTranspose(
        features, window, strides=stride, padding=padding, dtype=self.dtype, name=f"conv_{level}"
      )(x)
      x = nn.leaky_relu(GroupNorm(self.groups, dtype=self.dtype, name=f"norm_{level}")(x), 0.2)
    x = ConvTranspose(self.frame_channels, 4, strides=2, padding=1, dtype=self.dtype, name="readout")(x)
    return jnp.tanh(x)


class CNNLSTM(nn.Module):
  """A predictor of any number of frames from the first `given` ones.

  Attributes:
    given: frames it reads; how many it predicts is a matter of the hint's length.
    cell: "lstm" or "gru".
    hidden: width of each recurrent layer.
    layers: recurrent layers of the encoder, and of the decoder.
    code: width of a frame's code.
    channels: channels of the CNN's first level; each level has twice as many as the one above.
    levels: how often the CNN halves height and width.
    groups: groups of the CNN's normalisation; must divide `channels`.
    dtype: compute type.
  """

  given: int = 10
  cell: str = "lstm"
  hidden: int = 1024
  layers: int = 2
  code: int = 256
  channels: int = 64
  levels: int = 4
  groups: int = 8
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
      ValueError: a hint without frames to predict, or of a size that the levels do not divide.
    """
    batch, time, height, width, channels = hint.shape
    factor = 2**self.levels
    if self.given < 1 or time <= self.given:
      raise ValueError(
        f"this model reads given={self.given} frames, at least 1, and predicts those after them; the hint"
        f" has {time}"
      )
    if height % factor or width % factor:
      raise ValueError(
        f"with levels={self.levels} height and width must be multiples of {factor}, not {height}x{width}"
      )

    encoder = FrameEncoder(
      self.channels, self.levels, self.code, self.groups, self.dtype, name="frame_encoder"
    )
    decoder = FrameDecoder(
      self.channels, self.levels, (height, width), channels, self.groups, self.dtype, name="frame_decoder"
    )

    def recurrent(name, code=0):
      return Recurrent(self.cell, self.hidden, self.layers, code, self.dtype, name=name)

    frames = rearrange(hint[:, : self.given].astype(self.dtype), "b t h w c -> (t b) h w c")
    codes = rearrange(encoder(frames), "(t b) c -> t b c", b=batch)
    _, states = recurrent("encoder")(codes, self.code, None, self.given)
    start = (states, codes[-1][:, None, None])
    codes, _ = recurrent("decoder", self.code)(None, self.code, start, time - self.given)
    frames = decoder(rearrange(codes, "t b c -> (t b) c"))
    video = rearrange(frames, "(t b) h w c -> b t h w c", b=batch).astype(jnp.float32)
    return jnp.concatenate([hint[:, : self.given].astype(jnp.float32), video], axis=1)


Module = CNNLSTM
