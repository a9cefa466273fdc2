"""Depthwise convolutions on the CPU: sums of shifted products, three spatial dimensions.

Each channel has its own window, so there is no matrix product; the work is to read each pixel from the
cache and not from memory. Channels stay last and are what the machine's vectors run along.

A kernel with several outputs an input channel (out = in * multiplier) repeats the inputs.
"""

import itertools

import jax
import jax.numpy as jnp
from jax import lax

COLUMNS = 8  # pixels of a row in one pass of the kernel gradient: their sum stays in registers


def convolve(x, kernel, *, g):
  """[batch, *size, in], [*window, 1, out] -> [batch, *output, out]."""
  multiplier = kernel.shape[-1] // x.shape[-1]
  return _taps(jnp.repeat(x, multiplier, axis=-1), kernel, g, reverse=False)


def input_gradient(y, kernel, *, g):
  """[batch, *output, out], [*window, 1, out] -> [batch, *size, in]: a stride-1 convolution of y,
  spread out by the strides, with the reversed window."""
  reach = [(w - 1) * d for w, d in zip(g.window, g.dilation)]
  spread = [(0, 0, 0), *((0, 0, s - 1) for s in g.strides), (0, 0, 0)]
  y = lax.pad(y, jnp.zeros((), y.dtype), spread) if max(g.strides) > 1 else y
  back = g._replace(
    size=y.shape[1:-1],
    strides=(1, 1, 1),
    padding=tuple((r - low, r - high) for r, (low, high) in zip(reach, g.padding)),
  )
  x = _taps(y, kernel, back, reverse=True)
  return x.reshape(*x.shape[:-1], g.groups, -1).sum(axis=-1)


def kernel_gradient(x, y, *, g):
  """[batch, *size, in], [batch, *output, out] -> [*window, 1, out].

  A loop over the rows of y. Each step adds, for a few pixels, y times the window of x that it sees:
  elementwise in [*window, out], so the partial sum is as small as the kernel and stays in the cache.
  """
  time, height, width = g.output
  columns = min(COLUMNS, width)
  blocks = -(-width // columns)
  fill = blocks * columns - width  # zeros in y make the last block whole
  y = _pad(y, ((0, 0), (0, 0), (0, fill)))
  x = jnp.repeat(x, y.shape[-1] // x.shape[-1], axis=-1)
  x = lax.optimization_barrier(_pad(x, (*g.padding[:2], _grow(g.padding[2], fill * g.strides[2]))))
  reach = [(w - 1) * d + 1 for w, d in zip(g.window, g.dilation)]
  step = g.strides[2]
  slab = (1, reach[0], reach[1], (columns - 1) * step + reach[2], x.shape[-1])

  def add_row(index, kernel):
    index, block = jnp.divmod(index, blocks)
    index, row = jnp.divmod(index, height)
    batch, frame = jnp.divmod(index, time)
    column = block * columns
    start = (batch, frame * g.strides[0], row * g.strides[1], column * step, 0)
    seen = lax.dynamic_slice(x, start, slab)[0]
    given = lax.dynamic_slice(y, (batch, frame, row, column, 0), (1, 1, 1, columns, y.shape[-1]))
    for i in range(columns):
      window = seen[:: g.dilation[0], :: g.dilation[1], i * step : i * step + reach[2]]
      kernel += window[:, :, :: g.dilation[2]] * given[0, 0, 0, i]
    return kernel

  rows = x.shape[0] * time * height * blocks
  kernel = jnp.zeros((*g.window, y.shape[-1]), y.dtype)
  return jax.lax.fori_loop(0, rows, add_row, kernel)[..., None, :]


def _taps(x, kernel, g, *, reverse):
  """Sum over the taps of the shifted x times the tap; the compiler makes one loop of it."""
  x = lax.optimization_barrier(_pad(x, g.padding))  # else the loop would pad again for every tap
  y = jnp.zeros((), x.dtype)
  for tap in itertools.product(*map(range, g.window)):
    start = [t * d for t, d in zip(tap, g.dilation)]
    stop = [a + (n - 1) * s + 1 for a, n, s in zip(start, g.output, g.strides)]
    shifted = lax.slice(x, (0, *start, 0), (x.shape[0], *stop, x.shape[-1]), (1, *g.strides, 1))
    tap = tuple(w - 1 - t for t, w in zip(tap, g.window)) if reverse else tap
    y += shifted * kernel[tap][0]
  return y


def _pad(x, padding):
  """Zeros around the spatial dimensions; a negative padding crops."""
  if not any(map(any, padding)):
    return x
  return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*p, 0) for p in padding), (0, 0, 0)])


def _grow(pair, extra):
  return pair[0], pair[1] + extra
