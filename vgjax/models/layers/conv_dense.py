"""Convolutions without groups on the CPU, as canonical ones and matrix products; three dimensions.

* The taps in time are folded into the channels of a two-dimensional convolution.
* The gradient by the input of a strided convolution (so, a transposed convolution) falls into phases:
  pixels of one residue modulo the stride see the same taps, and are a convolution of stride one.
  Nothing is multiplied by an inserted zero, no pixel is computed to be cropped. Windows of whole strides
  (DCGAN's) are boxes of pixels that move one by one (`conv_cells`); of two strides, between many channels, in
  pairs that take three products in place of four along each axis (`cell_products`).
* The gradient by the kernel is summed over parts of the batch which fit the cache. It is a convolution with
  channels as the batch and the output as the window, where nothing faster is found.
* Odd windows of stride one between many channels, or on small maps, take a quarter to a tenth of the
  multiplications (`few_products`).
* 1x1 windows, windows over the whole input, and many channels of few pixels are matrix products. For
  the gradient by the input, the product comes first and the sum over the shifted taps after it.
"""

import itertools
import math

import jax.numpy as jnp
from jax import lax

from vgjax.models.layers import cell_products, conv_cells, few_products, parts

PATCHES = 2**22  # elements up to which writing out all patches pays
PAINTED = 2**25  # the same for the windows which an input gradient paints
FEATURES = 256  # output channels from which either does
# Numbers of x and y which one part of a kernel gradient reads, so that what it makes of them fits the cache
# (a part is not smaller than the kernels of the points to which it is added); and channels of x from which
# parts pay.
PART, DEPTH = 2**20, 8
PIXELS = 4096  # summed in one part of a convolution that is a kernel gradient
DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def convolve(x, kernel, *, g):
  """[batch, *size, in], [*window, in, out] -> [batch, *output, out]."""
  if _covers(g):
    y = _patches(x, g).reshape(x.shape[0], -1) @ kernel.reshape(-1, kernel.shape[-1])
  elif cell_products.pays("convolve", g, len(x), *kernel.shape[-2:]):
    y = cell_products.convolve(x, kernel, g=g)
  else:
    kernel = kernel.transpose(1, 2, 0, 3, 4).reshape(*g.window[1:], -1, kernel.shape[-1])
    y = _convolve_2d(_fold_time(x, g), kernel, g)
  return y.reshape(x.shape[0], *g.output, kernel.shape[-1])


def input_gradient(y, kernel, *, g):
  """[batch, *output, out], [*window, in, out] -> [batch, *size, in]."""
  batch, depth = y.shape[0], kernel.shape[-2]
  if _covers(g) and g.dilation == (1, 1, 1):
    x = (y.reshape(batch, -1) @ kernel.reshape(-1, y.shape[-1]).T).reshape(batch, *g.window, depth)
    return _pad(x, [(-low, -high) for low, high in g.padding])
  pixels = y.size // y.shape[-1]
  small = y.shape[-1] >= FEATURES and pixels * math.prod(kernel.shape[:4]) <= PAINTED
  maps = (batch * g.output[0], *g.output[1:])
  few = _unchanged(g) and few_products.form(g.window[1:], maps, *kernel.shape[-1:-3:-1])
  if small and g.strides == (1, 1, 1) and not few:
    return _paint(y, kernel, g)
  if cell_products.pays("input_gradient", g, batch, depth, y.shape[-1]):
    return cell_products.input_gradient(y, kernel, g=g)
  if conv_cells.convolves(g, depth, y.shape[-1]):
    return conv_cells.input_gradient_convolved(y, kernel, g=g)
  if conv_cells.paints(g, pixels, depth):
    return conv_cells.input_gradient_painted(y, kernel, g=g)
  phases = itertools.product(*(_phases(*sizes) for sizes in zip(*g[:5], g.output)))
  kernel = kernel.swapaxes(-2, -1)
  shared = {}  # phases which differ in their kernel only are one convolution
  for index, phase in enumerate(phases):
    taps, padding, dilation = zip(*phase)
    part = kernel[taps]
    back = g._replace(
      size=g.output,
      window=part.shape[:3],
      strides=(1, 1, 1),
      padding=padding,
      dilation=dilation,
    )
    shared.setdefault(back, []).append((index, part))
  x = [None] * math.prod(g.strides)
  for back, members in shared.items():
    if 0 in back.window:
      counts = (-(-size // stride) for size, stride in zip(g.size, g.strides))
      found = jnp.zeros((batch, *counts, depth * len(members)), y.dtype)
    else:
      found = convolve(y, jnp.concatenate([part for _, part in members], axis=-1), g=back)
    for (index, _), piece in zip(members, jnp.split(found, len(members), axis=-1)):
      x[index] = piece
  return _interleave(x, g)


def kernel_gradient(x, y, *, g):
  """[batch, *size, in], [batch, *output, out] -> [*window, in, out]."""
  if cell_products.pays("kernel_gradient", g, len(x), x.shape[-1], y.shape[-1]):
    return cell_products.kernel_gradient(x, y, g=g)
  return parts.summed(lambda x, y: _kernel_gradient(x, y, g), (x, y), _parts(x, y, g))


def _parts(x, y, g):
  """In how many parts of the batch a kernel gradient is summed."""
  window, depth = math.prod(g.window), x.shape[-1]
  few = depth < DEPTH and not conv_cells.moves(g, depth)
  if window == 1 or few or _covers(g):
    return 1
  return parts.count(len(x), x.size + y.size, max(PART, 4 * window * depth * y.shape[-1]))


def _kernel_gradient(x, y, g):
  depth, features = x.shape[-1], y.shape[-1]
  if _covers(g):
    kernel = _patches(x, g).reshape(x.shape[0], -1).T @ y.reshape(-1, features)
    return kernel.reshape(*g.window, depth, features)
  if conv_cells.moves(g, depth):
    return conv_cells.kernel_gradient(x, y, g=g)
  kernel = _kernel_gradient_2d(_fold_time(x, g), y.reshape(-1, *g.output[1:], features), g)
  kernel = kernel.reshape(*g.window[1:], g.window[0], depth, features)
  return kernel.transpose(2, 0, 1, 3, 4)


def _paint(y, kernel, g):
  """input_gradient of stride one: one product, then each pixel of y paints its window into x."""
  # Of two matrices this product is as fast as one without the transposition; of more dimensions it is not.
  rows = [array.reshape(-1, y.shape[-1]) for array in (y, kernel)]
  windows = lax.dot_general(*rows, (((1,), (1,)), ((), ())))
  windows = windows.reshape(*y.shape[:-1], *kernel.shape[:-1])  # [batch, *output, *window, in]
  x = jnp.zeros((), y.dtype)
  for tap in itertools.product(*map(range, g.window)):
    padding = [
      (t * d - low, (w - 1 - t) * d - high)
      for t, w, d, (low, high) in zip(tap, g.window, g.dilation, g.padding)
    ]
    x += _pad(windows[:, :, :, :, *tap], padding)
  return x


def _covers(g):
  """Whether the window is put in one place only."""
  return g.output == (1, 1, 1)


def _patches(x, g):
  """The taps of the only window: [batch, *size, in] -> [batch, *window, in]."""
  return _pad(x, g.padding)[:, :: g.dilation[0], :: g.dilation[1], :: g.dilation[2]]


def _fold_time(x, g):
  """[batch, time, height, width, in] -> [batch * output time, height, width, taps in time * in]."""
  x = _pad(x, (g.padding[0], (0, 0), (0, 0)))
  x = jnp.concatenate([_tap(x, 1, 0, i, g) for i in range(g.window[0])], axis=-1)
  return x.reshape(-1, *x.shape[2:])


def _unfold_space(x, g):
  """[batch, height, width, in] -> [batch, output height, output width, window, in]."""
  x = _pad(x, g.padding[1:])
  # One side after the other: height + width copies, where one for each tap would be height * width.
  x = jnp.stack([_tap(x, 2, 2, j, g) for j in range(g.window[2])], axis=-2)
  x = jnp.stack([_tap(x, 1, 1, i, g) for i in range(g.window[1])], axis=-3)
  return x.reshape(*x.shape[:3], -1, x.shape[-1])


def _tap(x, axis, dimension, index, g):
  """What tap `index` of the window sees along one dimension, which is `axis` of x."""
  start, stride = index * g.dilation[dimension], g.strides[dimension]
  stop = start + (g.output[dimension] - 1) * stride + 1
  return lax.slice_in_dim(x, start, stop, stride, axis)


def _convolve_2d(x, kernel, g):
  """[batch, height, width, in], [window height, window width, in, out] -> [batch, output h, w, out]."""
  form = few_products.form(g.window[1:], x.shape[:-1], *kernel.shape[-2:])
  if form and _unchanged(g):
    return form.convolve(x, form.transform_kernel(kernel, x.shape[1:3]), g.window[1])
  elements = x.shape[0] * math.prod(g.output[1:]) * math.prod(kernel.shape[:3])
  if g.window[1:] == (1, 1) or (elements <= PATCHES and kernel.shape[-1] >= FEATURES):
    patches = _unfold_space(x, g)
    kernel = kernel.reshape(-1, kernel.shape[-1])
    return patches.reshape(*patches.shape[:3], -1) @ kernel
  x, padding = _crop(x, g.padding[1:])
  return lax.conv_general_dilated(
    x,
    kernel,
    g.strides[1:],
    padding,
    rhs_dilation=g.dilation[1:],
    dimension_numbers=DIMENSIONS,
  )


def _unchanged(g):
  """Whether this is a plain convolution of unchanged size, for which there may be a form of few products."""
  pads = tuple((window // 2, window // 2) for window in g.window[1:])
  return g.strides[1:] == g.dilation[1:] == (1, 1) and g.padding[1:] == pads and g.size[1:] == g.output[1:]


def _kernel_gradient_2d(x, y, g):
  """[batch, height, width, in], [batch, output height, output width, out] -> [window h, w, in, out]."""
  batch, features = y.shape[0], y.shape[-1]
  pixels = y.size // features
  window = math.prod(g.window[1:])
  form = few_products.gradient_form(g.window[1:], x.shape[:-1], x.shape[-1], features)
  if form and _unchanged(g):
    return form.kernel_gradient(x, y, g.window[1])
  if window == 1 or pixels * window * x.shape[-1] <= PATCHES:
    patches = _unfold_space(x, g).reshape(pixels, -1)
    kernel = lax.dot_general(patches, y.reshape(pixels, features), (((0,), (0,)), ((), ())))
    return kernel.reshape(*g.window[1:], -1, features)

  x, padding = _crop(x, g.padding[1:])
  fits = max(1, PIXELS * batch // pixels)
  together = max(n for n in range(1, min(batch, fits) + 1) if batch % n == 0)

  def kernel_of(x, y):
    return lax.conv_general_dilated(
      x.transpose(3, 1, 2, 0),  # in as the batch, the batch as the channels to sum over
      y.transpose(1, 2, 0, 3),
      g.dilation[1:],
      padding,
      rhs_dilation=g.strides[1:],
      dimension_numbers=DIMENSIONS,
    )

  return parts.summed(kernel_of, (x, y), batch // together).transpose(1, 2, 0, 3)


def _phases(size, window, stride, padding, dilation, output):
  """How x [size] is computed from y [output], along one dimension.

  Pixel i of x is tap a of output j where i + low = j * stride + a * dilation. The pixels i = first,
  first + stride, ... of one phase share their taps; with these reversed it is a convolution.

  Returns:
    for each first pixel 0 ... stride - 1: the taps (a reversed slice), the padding of y for ceil(size
    / stride) results, and the dilation.
  """
  low = padding[0]
  count = -(-size // stride)
  common = math.gcd(stride, dilation)
  spacing = dilation // common  # of y's pixels which successive taps see
  phases = []
  for first in range(stride):
    residue = (first + low) % stride
    taps = [a for a in range(window) if (a * dilation - residue) % stride == 0]
    if not taps:
      phases.append((slice(0, 0), (0, 0), 1))  # x does not reach y
      continue
    newest = (first + low - taps[0] * dilation) // stride  # the output which tap taps[0] belongs to
    reach = (len(taps) - 1) * spacing
    before = taps[0] - stride // common
    phases.append(
      (
        slice(taps[-1], before if before >= 0 else None, -(stride // common)),
        (reach - newest, count - 1 + newest - (output - 1)),
        spacing,
      )
    )
  return phases


def _interleave(phases, g):
  """One array a phase, in the order of their first pixels -> [batch, *size, in]."""
  if len(phases) == 1:
    return phases[0]
  batch, *counts, depth = phases[0].shape
  x = jnp.stack(phases).reshape(*g.strides, batch, *counts, depth)
  x = x.transpose(3, 4, 0, 5, 1, 6, 2, 7)  # batch, then (count, stride) of each dimension
  x = x.reshape(batch, *(n * s for n, s in zip(counts, g.strides)), depth)
  return x[:, : g.size[0], : g.size[1], : g.size[2]]


def _pad(x, padding):
  """Zeros around the dimensions between first and last; a negative padding crops."""
  if not any(map(any, padding)):
    return x
  return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*p, 0) for p in padding), (0, 0, 0)])


def _crop(x, padding):
  """Carries out the negative padding: x and the padding which is left."""
  x = _pad(x, [(min(low, 0), min(high, 0)) for low, high in padding])
  return x, [(max(low, 0), max(high, 0)) for low, high in padding]
