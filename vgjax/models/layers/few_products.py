"""Which convolutions are done with fewer multiplications, and how: `winograd`, `fourier`, or neither.

Both are modules of the same functions: `transform_kernel`, `convolve`, `input_gradient`, `kernel_gradient`.
The choice is by a count of multiplications, those of the transforms included, and by what was measured: the
transforms of few pixels, or between few channels, cost more than they save.
"""

import math
from types import ModuleType

from vgjax.models.layers import fourier, winograd

# From how many channels (of each side, and in pairs) and pixels `winograd` pays for its transforms.
CHANNELS, PAIRS, PIXELS = 64, 80 * 80, 512
# A 3x3 kernel's gradient is slow otherwise, and gains with few channels too, but not where the transformed
# arrays, which are larger, leave the caches: from how many pixels, up to how many numbers on both sides.
GRADIENT_PIXELS, GRADIENT_NUMBERS = 1024, 2**23
# From how many tiles of all maps on a kernel's transform, which is large, is worth reading; or writing.
TILES, GRADIENT_TILES = 16, 128
# Moving the pixels of `winograd`'s many small tiles costs about twice what multiplying them does, and a plain
# convolution wastes nothing: `fourier` must have this share of its multiplications.
MOVING, SHARE = 3, 2 / 3


def form(window: tuple[int, ...], shape: tuple[int, ...], inputs: int, outputs: int) -> ModuleType | None:
  """How to compute a stride-1 convolution of unchanged size, or its gradient by the input.

  Args:
    window: (height, width) of the kernel.
    shape: (batch, height, width) of the input.
    inputs: channels that are read.
    outputs: channels that are made.

  Returns:
    `fourier`, `winograd`, or None: a plain convolution is as fast.
  """
  other = winograd if winograd.pays(window, shape[1:]) and _many(shape, inputs, outputs) else None
  return _fewest(other, window, shape, inputs, outputs, TILES)


def gradient_form(window, shape, inputs, outputs) -> ModuleType | None:
  """The same of the gradient by the kernel."""
  pixels = math.prod(shape)
  few = window == (3, 3) and pixels >= GRADIENT_PIXELS and pixels * (inputs + outputs) <= GRADIENT_NUMBERS
  pays = winograd.pays(window, shape[1:]) and (few or _many(shape, inputs, outputs))
  return _fewest(winograd if pays else None, window, shape, inputs, outputs, GRADIENT_TILES)


def form_in_loop(window, shape, inputs, outputs) -> ModuleType | None:
  """`form` in a loop over time, where a kernel is transformed once for all steps."""
  other = winograd if winograd.pays(window, shape[1:]) else None
  return _fewest(other, window, shape, inputs, outputs, TILES)


def gradient_form_in_loop(window, shape, inputs, outputs) -> ModuleType | None:
  """`gradient_form` of all steps of a loop at once; `shape` is (time * batch, height, width)."""
  other = winograd if winograd.pays(window, shape[1:]) else None
  return _fewest(other, window, shape, inputs, outputs, GRADIENT_TILES)


def _many(shape, inputs, outputs):
  """Whether there are channels and pixels enough for `winograd`."""
  return min(inputs, outputs) >= CHANNELS and inputs * outputs >= PAIRS and math.prod(shape) >= PIXELS


def _fewest(other, window, shape, inputs, outputs, tiles):
  """`fourier` if it has fewer multiplications than the other form; None stands for a plain convolution."""
  if window[0] != window[1] or window[0] not in fourier.WINDOWS:
    return other
  rows, columns = (fourier.axis(size, window[0]) for size in shape[1:])
  if shape[0] * rows.tiles * columns.tiles < tiles:
    return other
  moved = rows.read * columns.read * inputs + rows.pixels * columns.pixels * outputs
  ours = fourier.products(window[0], shape[1:]) * (inputs * outputs + moved)
  if other is None:
    theirs = SHARE * math.prod(window) * math.prod(shape[1:]) * inputs * outputs
  else:
    pixels = winograd.TILE + 1 - window[0]
    moved = winograd.TILE**2 * inputs + pixels**2 * outputs
    theirs = winograd.products(window[0], shape[1:]) * (inputs * outputs + MOVING * moved)
  return fourier if ours < theirs else other
