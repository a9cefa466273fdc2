"""One step of SAVP's generator: a U-Net of ConvLSTMs that moves pixels rather than paint them.

  h       = U-Net(x_t, x_0, z_t)                  z_t is laid beside every map, everywhere the same
  images  = x_t moved by each of the kernels, x_t, x_0, a painted one
  x_t+1   = sum over images of mask_i image_i     masks = softmax(convolution(h, images))

The kernels (`cdna.py`) come from the smallest map, the painted image and the masks from the largest. Each
convolution is followed by instance normalisation and a ReLU. A ConvLSTM normalises its gates and its state:

  i, g, f, o = split(norm(W * (x, z, h)))
  c = norm(sigmoid(f + 1) c + sigmoid(i) tanh(g))
  h = sigmoid(o) tanh(c)

Lee et al. 2018, arXiv:1804.01523, with the layers and the initial values of the authors' program
(https://github.com/alexlee-gk/video_prediction).
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import cdna
from vgjax.models.layers.conv import Conv
from vgjax.models.layers.norm import InstanceNorm
from vgjax.models.layers.resampling_conv import ConvDouble, ConvHalve

Array = Any
State = tuple[Array, Array]  # (c, h) of a ConvLSTM, [batch, height, width, features] each
KERNEL = nn.initializers.truncated_normal(0.02)

# {how often a frame is halved: levels on the way down, and up again}. A level is the multiple of the first
# one's channels, and whether a ConvLSTM follows.
LEVELS = {
  1: (((1, True),), ((1, False),)),
  2: (((1, True), (2, True)), ((1, True), (1, False))),
  3: (((1, True), (2, True), (4, True)), ((2, True), (1, True), (1, False))),
  4: (
    ((1, False), (2, True), (4, True), (8, True)),
    ((8, True), (4, True), (2, False), (1, False)),
  ),
  5: (
    ((1, False), (2, False), (4, True), (8, True), (8, True)),
    ((8, True), (4, True), (2, False), (1, False), (1, False)),
  ),
}


def count_levels(height: int, width: int) -> int:
  """How often a frame is halved: to 8 pixels or more along the shorter side, at most 5 times.

  Raises:
    ValueError: frames that are too small, or that cannot be halved so often.
  """
  levels = min(min(height, width).bit_length() - 4, max(LEVELS))  # 16 ... 31 pixels: 1
  if levels < 1 or height % 2**levels or width % 2**levels:
    raise ValueError(
      f"SAVP: a frame of {height}x{width}; each side must be at least 16, and both multiples of"
      f" {2 ** max(levels, 1)}, as 64x64 is"
    )
  return levels


def zero_states(batch: int, height: int, width: int, channels: int, dtype: Any) -> list[State]:
  """The states of all ConvLSTMs before the first step, in the order in which the cell has them."""
  down, up = LEVELS[count_levels(height, width)]
  halvings = [*range(1, len(down) + 1), *range(len(down) - 1, -1, -1)]
  states = []
  for (multiple, recurrent), times in zip((*down, *up), halvings, strict=True):
    if recurrent:
      zeros = jnp.zeros((batch, height >> times, width >> times, multiple * channels), dtype)
      states.append((zeros, zeros))
  return states


class NormedConvLSTM(nn.Module):
  """A ConvLSTM that normalises its gates and its state.

  Attributes:
    features: of the state.
    window: pixels along a side of the kernel.
    dtype: compute type.
  """

  features: int
  window: int = 5
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, state: State) -> tuple[State, Array]:
    """One step over x [batch, height, width, channels]; returns the new state and h."""
    c, h = state
    conv = Conv(
      4 * self.features, self.window, use_bias=False, kernel_init=KERNEL, dtype=self.dtype, name="gates"
    )
    gates = InstanceNorm(dtype=self.dtype, name="gates_norm")(conv(jnp.concatenate([x, h], axis=-1)))
    i, g, f, o = jnp.split(gates, 4, axis=-1)
    c = nn.sigmoid(f + 1) * c + nn.sigmoid(i) * jnp.tanh(g)
    c = InstanceNorm(dtype=self.dtype, name="state_norm")(c)
    h = nn.sigmoid(o) * jnp.tanh(c)
    return (c, h), h


class Cell(nn.Module):
  """The next frame from this one, all in [0, 1].

  Attributes:
    channels: of the first level.
    moved: how many kernels move a frame.
    window: pixels along a side of these.
    dtype: compute type.
  """

  channels: int = 32
  moved: int = 4
  window: int = 5
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self, carry: tuple[list[State], Array], first: Array, inputs: tuple[Array, Array, Array]
  ) -> tuple[tuple[list[State], Array], Array]:
    """One step.

    Args:
      carry: the states of the ConvLSTMs, and the frame that was predicted last.
      first: [batch, height, width, channels], the video's first frame.
      inputs: the hint and the mask of this frame, and z [batch, latent].

    Returns:
      The new carry, and the next frame.
    """
    states, own = carry
    hint, mask, z = inputs
    frame = mask * hint + (1 - mask) * own
    states, small, large = self._maps(list(states), jnp.concatenate([frame, first], axis=-1), z)

    taps = nn.Dense(self.window**2 * self.moved, kernel_init=KERNEL, dtype=self.dtype, name="kernels")
    kernels = cdna.kernels(taps(small.reshape(len(small), -1)), self.window, self.moved)
    painted = self._conv(frame.shape[-1], "painted")(self._normed(self._conv(self.channels, "paint"), large))
    still = [frame, first, nn.sigmoid(painted)]
    images = jnp.concatenate([cdna.move(frame, kernels), *(x[:, :, :, None] for x in still)], axis=3)

    seen = self._normed(self._conv(self.channels, "mask"), large)
    seen = jnp.concatenate([seen, images.reshape(*images.shape[:3], -1)], axis=-1)
    masks = nn.softmax(self._conv(images.shape[3], "masks")(seen))
    frame = jnp.sum(masks[..., None] * images, axis=3)
    return (states, frame), frame

  def _maps(self, old, x, z):
    """The new states, the smallest map and the largest."""
    down, up = LEVELS[count_levels(*x.shape[1:3])]
    states, maps = [], []

    def beside(x):  # z is everywhere the same
      return jnp.concatenate([x, jnp.broadcast_to(z[:, None, None], (*x.shape[:3], z.shape[-1]))], axis=-1)

    def level(conv, x, recurrent):
      x = self._normed(conv, beside(x))
      if recurrent:
        lstm = NormedConvLSTM(conv.features, dtype=self.dtype, name=f"{conv.name}_lstm")
        state, x = lstm(beside(x), old[len(states)])
        states.append(state)
      return x

    for index, (multiple, recurrent) in enumerate(down):
      window = 3 if index else 5
      conv = ConvHalve(multiple * self.channels, window, KERNEL, self.dtype, name=f"down_{index}")
      x = level(conv, x, recurrent)
      maps.append(x)
    for index, (multiple, recurrent) in enumerate(up):
      conv = ConvDouble(multiple * self.channels, 3, KERNEL, self.dtype, name=f"up_{index}")
      x = level(conv, jnp.concatenate([x, maps[-1 - index]], axis=-1) if index else x, recurrent)
    return states, maps[-1], x

  def _conv(self, features, name):
    return Conv(features, 3, kernel_init=KERNEL, dtype=self.dtype, name=name)

  def _normed(self, conv, x):
    """Convolution, normalisation, ReLU."""
    return nn.relu(InstanceNorm(dtype=self.dtype, name=f"{conv.name}_norm")(conv(x)))
