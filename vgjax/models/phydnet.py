"""PhyDNet: partial differential equations in a latent space, and a ConvLSTM for what they leave over.

Every frame x is encoded, e = E(x). Two branches with encoders and decoders of their own run side by side:

  physics (PhyCell)   u~ = u + F(u)                    prediction; F is made of learned derivatives of u
                      k = sigmoid(W * [Ep(e), u])      gain, as that of a Kalman filter
                      u = u~ + k (Ep(e) - u~)          correction
  residual            h = ConvLSTM(Er(e), h)           three layers
  next frame          sigmoid(D(Dp(u) + Dr(h)))

F is a 7x7 convolution to 49 channels, group normalisation, and a 1x1 convolution back. A filter w has the
moments m[i, j] = sum over (y, x) of y^i x^j / (i! j!) w[y, x], with y and x counted from its centre. It is
the derivative of order (i, j) if all moments but that one, which is 1, are 0. The loss `moments`, which the
model sows, pulls filter 7 i + j of every input channel towards that: the 49 channels become all derivatives
up to order (6, 6), and F a combination of them, as the right side of a differential equation.

Le Guen & Thome, Disentangling Physical Dynamics from Unknown Factors for Unsupervised Video Prediction,
CVPR 2020, https://arxiv.org/abs/2003.01460; the network is that of the authors' code and of OpenSTL's copy,
3,091,732 parameters. They minimise the sum over the predicted frames of the mean squared error in [0, 1],
plus `moments`. In training they read all true frames of a batch or none; vgjax's feeding draws each frame.
"""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import cells
from vgjax.models.layers.conv import Conv, ConvTranspose
from vgjax.models.layers.initializers import torch_bias, torch_kernel
from vgjax.models.layers.norm import GroupNorm

Array = Any
Tree = Any


def moments(kernel: Array) -> Array:
  """The moments of filters [size, size, in, out], as [in, out, order in height, order in width]."""
  size = kernel.shape[0]
  places = np.arange(size) - (size - 1) // 2
  powers = np.stack([places.astype(np.float64) ** i / math.factorial(i) for i in range(size)])
  powers = jnp.asarray(powers, jnp.float32)  # [order, place]
  return jnp.einsum("iy,jx,yxab->abij", powers, powers, kernel.astype(jnp.float32), precision="highest")


def moment_loss(kernel: Array) -> Array:
  """How far filters [size, size, in, size**2] are from the derivatives of each order; a scalar.

  A mean of squares over filters and moments, summed over the input channels, as the authors have it.
  """
  size = kernel.shape[0]
  wanted = jnp.eye(size**2).reshape(size**2, size, size)
  return jnp.square(moments(kernel) - wanted).mean((1, 2, 3)).sum()


class Block(nn.Module):
  """A 3x3 convolution, group normalisation, LeakyReLU 0.2.

  Attributes:
    features: output channels.
    groups: of the normalisation.
    stride: 2 halves height and width.
    up: a transposed convolution, whose stride of 2 doubles them.
    dtype: compute type.
  """

  features: int
  groups: int
  stride: int = 1
  up: bool = False
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to [batch, height', width', features]."""
    if self.up:
      x = up_conv(self.features, self.stride, self.dtype, "conv")(x)
    else:
      x = conv(self.features, 3, x, self.dtype, "conv", stride=self.stride)
    return nn.leaky_relu(GroupNorm(self.groups, dtype=self.dtype, name="norm")(x), 0.2)


def conv(features, size, x, dtype, name, stride=1):
  """A convolution of x with PyTorch's initial values; called in a compact `__call__`."""
  return Conv(
    features,
    size,
    strides=stride,
    padding=size // 2,
    kernel_init=torch_kernel(),
    bias_init=torch_bias(size * size * x.shape[-1]),
    dtype=dtype,
    name=name,
  )(x)


def up_conv(features, stride, dtype, name):
  """A transposed 3x3 convolution; PyTorch takes its output channels for its inputs."""
  return ConvTranspose(
    features,
    3,
    strides=stride,
    padding=1,
    output_padding=stride - 1,
    kernel_init=nn.initializers.variance_scaling(1 / 3, "fan_out", "uniform"),
    bias_init=torch_bias(9 * features),
    dtype=dtype,
    name=name,
  )


class PhyCell(nn.Module):
  """One step of the physical branch.

  Attributes:
    orders: orders of derivatives in each direction, and window of their filters; odd.
    dtype: compute type.
  """

  orders: int
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, u: Array) -> Array:
    """The next state from the code x and the state u, [batch, height, width, channels] all of them."""
    change = conv(self.orders**2, self.orders, u, self.dtype, "derivatives")
    change = GroupNorm(self.orders, dtype=self.dtype, name="norm")(change)
    predicted = u + conv(u.shape[-1], 1, change, self.dtype, "combine")
    gain = nn.sigmoid(conv(u.shape[-1], 3, cells.join(x, u), self.dtype, "gain"))
    return predicted + gain * (x - predicted)


class Step(nn.Module):
  """One time step of the whole network.

  Attributes: those of `PhyDNet`.
  """

  features: int
  hidden: tuple[int, ...]
  orders: int
  strides: tuple[int, int]
  groups: int
  dtype: Any

  @nn.compact
  def __call__(self, carry: Tree, inputs: tuple[Array, Array]) -> tuple[Tree, Array]:
    """Reads a frame and predicts the next.

    Args:
      carry: the physical state, each residual layer's (h, c), and the predicted frame.
      inputs: the known part of the frame and the share that is unknown, [batch, height, width, channels].

    Returns:
      The new carry, and the next frame in [0, 1].
    """
    u, states, prediction = carry
    known, unknown = inputs
    first, second = self.strides
    small, large = self.features, 2 * self.features

    def blocks(x, name, *layers):
      for index, (features, stride, up) in enumerate(layers):
        x = Block(features, self.groups, stride, up, self.dtype, name=f"{name}_{index}")(x)
      return x

    code = known + unknown * prediction
    code = blocks(code, "encoder", (small, first, False), (small, 1, False), (large, second, False))
    x = blocks(code, "physics_encoder", (large, 1, False), (large, 1, False))
    u = PhyCell(self.orders, self.dtype, name="physics")(x, u)

    x = blocks(code, "residual_encoder", (large, 1, False), (large, 1, False))
    new_states = []
    for layer, (features, state) in enumerate(zip(self.hidden, states, strict=True)):

      def read(name, x, h, layer=layer, features=features):
        return conv(4 * features, 3, cells.join(x, h), self.dtype, f"{name}_{layer}")

      x, state = cells.lstm(read, x, state)
      new_states.append(state)

    both = blocks(u, "physics_decoder", (large, 1, True), (large, 1, True))
    both += blocks(x, "residual_decoder", (large, 1, True), (large, 1, True))
    frame = blocks(both, "decoder", (small, second, True), (small, 1, True))
    frame = nn.sigmoid(up_conv(known.shape[-1], first, self.dtype, "readout")(frame))
    return (u, new_states, frame), frame


class PhyDNet(nn.Module):
  """A predictor of the next frame, for videos of any length.

  Attributes:
    features: channels of the first layers; codes have twice as many.
    hidden: channels of each layer of the residual branch.
    orders: of derivatives, from 0 on, in each direction; odd.
    strides: of the encoder's first and last convolution; 2 halves height and width.
    groups: of the encoders' and decoders' normalisation; must divide `features`.
    remat: whether the backward pass computes a step anew, rather than keep what it needs: memory for time.
    dtype: compute type.
  """

  features: int = 32
  hidden: tuple[int, ...] = (128, 128, 64)
  orders: int = 7
  strides: tuple[int, int] = (2, 2)
  groups: int = 16
  remat: bool = False
  dtype: Any = jnp.float32

  @property
  def window(self) -> None:
    """None: it works at any length."""
    return None

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool) -> Array:
    """Predicts each frame from those before it.

    The input at time t is `mask * hint + (1 - mask) * prediction of frame t`.

    Args:
      hint: [batch, time, height, width, channels], in [-1, 1]; at least two frames, of which the
        first must be given: there is nothing to predict it from.
      mask: [batch, time, height, width, 1], 1 where the hint is exact.
      train: whether to sow the loss `moments`.

    Returns:
      A float32 video of the hint's shape: the hint's first frame, then the predictions.

    Raises:
      ValueError: a video of one frame, or one that the strides do not divide.
    """
    batch, time, height, width, _ = hint.shape
    factor = math.prod(self.strides)
    if time < 2 or height % factor or width % factor:
      raise ValueError(
        f"PhyDNet needs at least 2 frames, and with strides={self.strides} height and width in multiples of"
        f" {factor}; the hint has {time} frames of {height}x{width}"
      )

    def steps(video):
      return rearrange(video[:, :-1].astype(self.dtype), "b t h w c -> t b h w c")

    known, unknown = steps(mask * (hint + 1) / 2), steps(1 - mask)

    def zeros(channels):
      return jnp.zeros((batch, height // factor, width // factor, channels), self.dtype)

    states = [(zeros(channels), zeros(channels)) for channels in self.hidden]
    carry = (zeros(2 * self.features), states, jnp.zeros_like(known[0]))
    one = nn.remat(Step, prevent_cse=False) if self.remat else Step  # in a loop nothing can be merged
    loop = nn.scan(one, variable_broadcast="params", split_rngs={"params": False})
    step = loop(
      self.features,
      tuple(self.hidden),
      self.orders,
      tuple(self.strides),
      self.groups,
      self.dtype,
      name="step",
    )
    _, frames = step(carry, (known, unknown))
    if train:
      kernel = step.variables["params"]["physics"]["derivatives"]["kernel"]
      self.sow("losses", "moments", moment_loss(kernel))
    video = 2 * rearrange(frames, "t b h w c -> b t h w c").astype(jnp.float32) - 1
    return jnp.concatenate([hint[:, :1].astype(jnp.float32), video], axis=1)


Module = PhyDNet
