"""Layered motion: moves the pixels of the last given frame along paths that it predicts.

A video is a static background S and K layers that move rigidly over it (Wang and Adelson, Representing
Moving Images with Layers, 1994). With x the given frames and g the last of them,

  S        = sum_i w_i sort(x)_i                   a learned mean of each pixel's ordered values
  p_k,t    = centre of the weighted energy  exp(a_k,t) |x_t - S|^2         for each given frame
  p_k,t'   = p_k,g + v_k (t' - g) + MLP(p_k,1 ... p_k,g)                   for each frame to come
  y_t'     = S + sum_k shift(m_k (x_g - S), p_k,t' - p_k,g)

The energy weights a and the layers' masks m (a softmax over layers) are read from the given frames by a small
convolutional network; one layer needs neither, so it has none. The centres are the keypoints of Finn et
al., Deep Spatial Autoencoders (2016), whose paths one MLP extrapolates, each axis by itself; v is the slope
of a line through the last centres. `shift` is bilinear and separable: two products with banded
matrices, so there is no gather or scatter, and its gradient is as cheap. As every pixel is taken from a
given frame, what is predicted stays sharp; what a layer cannot say (turning, growing, new content) it
does not show.

No published model: the parts are, their combination is ours, made for speed on a CPU. Train it with the
loss `centroid` beside `mse`: the gradient of `mse` alone is blind beyond an object's own width.
"""

from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import window
from vgjax.models.layers.conv import Conv

Array = Any
_EDGE = 0.8  # centres stay within this share of the half frame, so that no layer hides outside it


class LayeredMotion(nn.Module):
  """A predictor of `predicted` frames from `given` ones.

  Attributes:
    given: frames it reads, at least 2.
    predicted: frames it makes.
    layers: things that move by themselves.
    hidden: width of the MLP that extrapolates the paths.
    line: how many of the last centres the straight line goes through.
    channels: width of the network that tells layers apart.
    patch: side of the squares it reads, in pixels.
    dtype: compute type of the networks; centres and shifts are always float32.
  """

  given: int = 10
  predicted: int = 10
  layers: int = 1
  hidden: int = 256
  line: int = 4
  channels: int = 64
  patch: int = 8
  dtype: Any = jnp.float32

  @property
  def window(self) -> tuple[int, int]:
    """(length, overlap): the frames it works on, and how many of them must be known."""
    return window.window(self.given, self.predicted)

  @nn.compact
  def __call__(self, hint: Array, mask: Array, *, train: bool) -> Array:
    """Predicts a video.

    Args:
      hint: [batch, given + predicted, height, width, channels], in [-1, 1].
      mask: not read; the first `given` frames are taken as given.
      train: without effect.

    Returns:
      A float32 video of the hint's shape, whose first `given` frames are the hint's.
    """
    if self.given < 2:
      raise ValueError(f"layered_motion needs at least 2 given frames to see a motion, not {self.given}")
    height, width = hint.shape[2:4]
    down, right = -height % self.patch, -width % self.patch
    x = jnp.pad(hint[:, : self.given], [(0, 0), (0, 0), (0, down), (0, right), (0, 0)], mode="edge")
    x = x.astype(jnp.float32)

    background = self._background(x)
    energy = ((x - background[:, None]) ** 2).mean(-1)  # [batch, given, height, width]
    moving = x[:, -1] - background
    if self.layers == 1:
      weights, masks = None, None
    else:
      weights, masks = self._tell_apart(x, moving)
    centres = _centres(energy, weights, self.patch)  # [batch, layers, given, 2]
    paths = self._extrapolate(centres)  # [batch, layers, predicted, 2]
    layers = moving[:, None] if masks is None else masks[..., None] * moving[:, None]
    shifts = (paths - centres[:, :, -1:]) * jnp.array([x.shape[2] / 2, x.shape[3] / 2])
    video = background[:, None] + shift(layers, shifts).sum(1)
    return jnp.concatenate([hint[:, : self.given].astype(jnp.float32), video[:, :, :height, :width]], axis=1)

  def _background(self, x: Array) -> Array:
    """A mean over each pixel's values in order of size; it starts out close to the median."""
    time = x.shape[1]

    def near_the_median(_):
      return -2.0 * jnp.abs(jnp.arange(time) - (time - 1) / 2)

    rank = jax.nn.softmax(self.param("rank", near_the_median))
    return jnp.einsum("bthwc,t->bhwc", sort_over_time(jax.lax.stop_gradient(x)), rank)

  def _tell_apart(self, x: Array, moving: Array) -> tuple[Array, Array]:
    """Energy weights [batch, layers, given, rows, columns] of patches, and masks [batch, layers, h, w]."""
    s, count = self.patch, self.layers
    rows, columns = x.shape[2] // s, x.shape[3] // s

    def dense(features, scale=1.0):
      start = nn.initializers.variance_scaling(scale, "fan_in", "truncated_normal")
      return nn.Dense(features, kernel_init=start, dtype=self.dtype)

    place = jnp.stack(jnp.meshgrid(_grid(rows), _grid(columns), indexing="ij"), -1)
    place = jnp.broadcast_to(place, (len(x), *place.shape))
    patches = rearrange(x, "b t (h i) (w j) c -> b h w (t i j c)", i=s, j=s)
    h = dense(self.channels)(jnp.concatenate([nn.gelu(dense(self.channels)(patches)), place], -1))
    y = nn.gelu(Conv(self.channels, 3, dtype=self.dtype)(nn.LayerNorm(dtype=self.dtype)(h)))
    h = nn.LayerNorm(dtype=self.dtype)(h + Conv(self.channels, 3, dtype=self.dtype)(y))

    logits = rearrange(dense(count * x.shape[1], 0.01)(h), "b h w (k t) -> b k t h w", k=count)
    last = rearrange(moving, "b (h i) (w j) c -> b h w (i j c)", i=s, j=s)
    z = dense(s * s * count, 0.01)(nn.gelu(dense(self.channels)(jnp.concatenate([h, last], -1))))
    z = rearrange(z, "b h w (i j k) -> b k (h i) (w j)", i=s, j=s)
    z = z + jnp.repeat(jnp.repeat(logits[:, :, -1], s, -1), s, -2)
    weights = jnp.exp(jnp.clip(logits.astype(jnp.float32), -6.0, 6.0))
    return weights, jax.nn.softmax(z.astype(jnp.float32), axis=1)

  def _extrapolate(self, centres: Array) -> Array:
    """The centres to come: a straight line, bent by an MLP that sees one axis of one layer."""
    past = jnp.swapaxes(centres, 2, 3)  # [batch, layers, 2, given]
    h = jnp.concatenate([past, 8.0 * jnp.diff(past, axis=-1)], axis=-1)
    for _ in range(3):
      h = nn.gelu(nn.Dense(self.hidden, dtype=self.dtype)(h))
    bend = nn.Dense(self.predicted, kernel_init=nn.initializers.normal(1e-2), dtype=self.dtype)(h)

    count = min(self.line, self.given)
    times = jnp.arange(count) - (count - 1) / 2
    speed = past[..., -count:] @ times / (times**2).sum()  # least squares
    ahead = jnp.arange(1, self.predicted + 1)
    future = past[..., -1:] + speed[..., None] * ahead + bend.astype(jnp.float32)
    # Held inside the frame, but with the gradient of a centre that is not: it can come back.
    future = future + jax.lax.stop_gradient(jnp.clip(future, -_EDGE, _EDGE) - future)
    return jnp.swapaxes(future, 2, 3)


def sort_over_time(x: Array) -> Array:
  """x [batch, time, ...] with each pixel's values in order of size.

  An odd-even transposition network: minima and maxima of whole frames, which fuse into one pass; XLA's sort
  is far slower for ten values.
  """
  frames = list(jnp.moveaxis(x, 1, 0))
  for step in range(len(frames)):
    for i in range(step % 2, len(frames) - 1, 2):
      low, high = jnp.minimum(frames[i], frames[i + 1]), jnp.maximum(frames[i], frames[i + 1])
      frames[i], frames[i + 1] = low, high
  return jnp.stack(frames, axis=1)


def shift(layers: Array, offsets: Array) -> Array:
  """Moves pictures by fractions of pixels, bilinearly; what leaves the frame is gone, 0 comes in.

  Args:
    layers: [batch, layers, height, width, channels].
    offsets: [batch, layers, time, 2], in pixels down and right.

  Returns:
    [batch, layers, time, height, width, channels].
  """
  height, width = layers.shape[2:4]
  rows = _shift_matrix(offsets[..., 0], height)
  columns = _shift_matrix(offsets[..., 1], width)
  moved = jnp.einsum("bktxw,bkhwc->bkthxc", columns, layers)
  return jnp.einsum("bktyh,bkthxc->bktyxc", rows, moved)


def _shift_matrix(offset, size):
  """[..., size, size]; its product with a signal is the signal moved by `offset`."""
  place = jnp.arange(size)
  return jax.nn.relu(1.0 - jnp.abs(place[:, None] - offset[..., None, None] - place))


def _centres(energy, weights, patch):
  """Centres of energy [batch, time, h, w], weighted by patch: [batch, layers, time, 2] in [-1, 1]."""
  y, x = _grid(energy.shape[2]), _grid(energy.shape[3])
  to_row = jnp.repeat(jnp.eye(energy.shape[2] // patch), patch, axis=0)  # [height, rows]
  to_column = jnp.repeat(jnp.eye(energy.shape[3] // patch), patch, axis=0)

  def pool(by_row, by_column):
    return jnp.einsum("bthw,hi,wj->btij", energy, by_row, by_column, optimize="optimal")

  total = pool(to_row, to_column)
  down = pool(to_row * y[:, None], to_column)
  right = pool(to_row, to_column * x[:, None])
  if weights is None:
    mass, moments = total.sum((2, 3))[:, None], [m.sum((2, 3))[:, None] for m in (down, right)]
  else:
    mass, *moments = (jnp.einsum("bktij,btij->bkt", weights, m) for m in (total, down, right))
  return jnp.stack([moment / (mass + 1e-3) for moment in moments], axis=-1)


def _grid(size):
  """The middles of `size` equal parts of [-1, 1]."""
  return (jnp.arange(size) + 0.5) / size * 2 - 1


Module = LayeredMotion
