"""Where the digits of Moving MNIST are in a sampled video, and whether they move as they must.

The looks of the digits are known, so they are found as templates, frame by frame. With the frame g, the
digits d_k of brightness a_k, and the pixels w that no other digit covers (1 or 0), digit k is put at

  p_k = argmax_p  2 a_k sum_x w(x + p) g(x + p) d_k(x)  -  a_k^2 sum_x w(x + p) d_k(x)^2,

where it explains most of the frame: matching pursuit (Mallat and Zhang 1993) with occlusion, the digits in
turn, a few times over. Of the orders in which they may begin, the one that leaves the least of the frame
unexplained wins. This is an integer place: moving digits are drawn at the floor of their position, and so is
the truth read here.

The law of `moving_mnist`'s motion "bounce", along each axis, with last = size - digit_size:

  p_{t+1} = clip(p_t + v, 0, last), and v turns round at a wall;

it is applied to the last steps of the found path itself, so a path elsewhere than the truth may keep it.
Whole pixels leave v uncertain by one; what a step differs by beyond that breaks the law.
"""

import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Array = Any

COVERED = 0.1  # brightness from which a digit hides what is behind it
VISIBLE = 0.3  # share of its squared brightness that must show, or nothing is said of the digit
PRESENT = 0.5  # correlation with its template from which a digit is there
SWEEPS = 3
ORDERS = 6  # in which the digits may begin; all of them for up to three digits


class Found(NamedTuple):
  """What is found of each digit in each frame; all are [batch, digits, time, ...].

  Attributes:
    position: float32 [..., 2], the top left corner (y, x), whole pixels.
    likeness: the correlation with the digit's true looks, over what no other digit covers; 1 at best.
    visible: the share of the digit that no other covers.
    patch: [..., digit_size, digit_size], the frame there, in [0, 1], black where another digit covers it.
  """

  position: Array
  likeness: Array
  visible: Array
  patch: Array

  @property
  def present(self):
    """Whether the digit is there at all, [batch, digits, time]."""
    return (self.likeness >= PRESENT) & (self.visible >= VISIBLE)


def locate(video: Array, digit: Array) -> Found:
  """Finds each digit in each frame.

  Args:
    video: [batch, time, height, width, channels], in [-1, 1]; of colours the brightest channel counts.
    digit: [batch, digits, digit_size, digit_size], how they look, uint8 or float in [0, 255].
  """
  frames = _frames(video)
  digit = digit.astype(jnp.float32) / 255
  best, least = None, None
  for order in itertools.islice(itertools.permutations(range(digit.shape[1])), ORDERS):
    position, unexplained = _pursue(frames, digit, order)
    if best is None:
      best, least = position, unexplained
    else:
      better = unexplained < least
      best = jnp.where(better[:, None, :, None], position, best)
      least = jnp.minimum(unexplained, least)
  return look(video, digit * 255, best)


def look(video: Array, digit: Array, position: Array) -> Found:
  """What is to be seen of digits at given places; arguments as in `locate`, `position` as in `Found`."""
  frames, digit = _frames(video), digit.astype(jnp.float32) / 255
  rows, columns = _places(position, digit.shape[-1], frames.shape[-2:])
  drawn = dict(enumerate(jnp.moveaxis(_draw(digit, rows, columns), 1, 0)))
  uncovered = jnp.stack([_uncovered(drawn, k, frames) for k in drawn], axis=1)
  weight = _cut(uncovered, rows, columns)
  patch = _cut(jnp.broadcast_to(frames[:, None], uncovered.shape), rows, columns)
  template = jnp.broadcast_to(digit[:, :, None], patch.shape)
  energy = jnp.sum(template**2, axis=(-2, -1))
  visible = jnp.sum(weight * template**2, axis=(-2, -1)) / jnp.maximum(energy, 1e-6)
  return Found(position, _correlation(patch, template, weight), visible, patch * weight)


def end_point_error(found: Found, position: Array) -> Array:
  """The distance in pixels between the digits and the truth, [batch, digits, time].

  Args:
    found: of `locate`.
    position: [batch, digits, time, 2], the true top left corner (y, x).
  """
  return jnp.linalg.norm(found.position - jnp.floor(position), axis=-1)


def bounce_error(position: Array, last: int) -> Array:
  """By how many pixels each step breaks the law, beyond what whole pixels leave uncertain.

  Args:
    position: [..., time, 2], whole pixels, at least four times.
    last: the greatest coordinate, size - digit_size.

  Returns:
    [..., time - 3]; entry t is of the step to time t + 3, which is judged by the three frames before.
  """
  first, before, now, following = (position[..., i : position.shape[-2] - 3 + i, :] for i in range(4))
  onward = jnp.clip(now + (now - before), 0, last)
  # A wall cuts the step that reaches it short, so the speed is that of one step earlier. A digit that is
  # drawn at the wall may also not have reached it yet.
  back = jnp.clip(now - (before - first), 0, last)
  at_wall, was_at_wall = ((x <= 0) | (x >= last) for x in (now, before))
  onward, back = jnp.abs(following - onward), jnp.abs(following - back)
  error = jnp.where(at_wall, jnp.where(was_at_wall, back, jnp.minimum(onward, back)), onward)
  return jnp.linalg.norm(jnp.maximum(error - 1, 0), axis=-1)


def _frames(video):
  """[batch, time, height, width, channels] in [-1, 1] -> [batch, time, height, width] in [0, 1]."""
  return jnp.clip((video.astype(jnp.float32).max(-1) + 1) / 2, 0, 1)


def _pursue(frames, digit, order):
  """The places of all digits, [batch, digits, time, 2], and the squares left unexplained, [batch, time]."""
  side, size = digit.shape[-1], frames.shape[-2:]
  spectrum, squares = _spectrum(digit, size), _spectrum(digit**2, size)
  energy = jnp.sum(digit**2, axis=(-2, -1))[:, :, None]  # [batch, digits, 1]
  everywhere = _correlate(frames[:, None], spectrum, side)  # [batch, digits, time, rows, columns]
  brightness = jnp.clip(everywhere.max((-2, -1)) / jnp.maximum(energy, 1e-6), 0, 1)
  position, drawn = {}, {}  # of the digits that are placed
  for k in order * SWEEPS:
    weight = _uncovered(drawn, k, frames)
    a = brightness[:, k, :, None, None]
    gain = 2 * a * _correlate((weight * frames)[:, None], spectrum[:, k : k + 1], side)[:, 0]
    gain -= a**2 * _correlate(weight[:, None], squares[:, k : k + 1], side)[:, 0]
    columns = gain.shape[-1]
    index = jnp.argmax(gain.reshape(*gain.shape[:2], -1), axis=-1)
    position[k] = jnp.stack([index // columns, index % columns], axis=-1).astype(jnp.float32)
    drawn[k] = _draw(digit[:, k : k + 1], *_places(position[k][:, None], side, size))[:, 0]
  whole = functools.reduce(jnp.maximum, (brightness[:, k, :, None, None] * drawn[k] for k in drawn))
  return jnp.stack([position[k] for k in sorted(position)], 1), jnp.sum((frames - whole) ** 2, axis=(-2, -1))


def _uncovered(drawn, k, frames):
  """1 where no digit but k is seen: {digit: [batch, time, height, width]} -> the shape of the frames."""
  uncovered = jnp.ones_like(frames)
  for other in drawn:
    uncovered = jnp.where((drawn[other] >= COVERED) & (other != k), 0, uncovered)
  return uncovered


def _spectrum(digit, size):
  """Conjugated, so that a product with it is a correlation."""
  return jnp.conj(jnp.fft.rfft2(digit, s=size))


def _correlate(frames, spectrum, side):
  """The sum over x of frame(x + p) template(x) for every place p at which the template fits.

  Args:
    frames: [batch, 1 or digits, time, height, width].
    spectrum: of templates [batch, digits, side, side].

  Returns:
    [batch, digits, time, height - side + 1, width - side + 1].
  """
  height, width = frames.shape[-2:]
  found = jnp.fft.irfft2(jnp.fft.rfft2(frames) * spectrum[:, :, None], s=(height, width))
  return found[..., : height - side + 1, : width - side + 1]  # beyond, the frame is wrapped round


def _places(position, side, size):
  """Positions [..., 2] as matrices that put a patch at its rows and columns, [..., height or width, side]."""
  taps = position[..., None] + jnp.arange(side)  # [..., 2, side]
  return tuple(
    jnp.float32(jnp.arange(length)[:, None] == taps[..., axis, None, :]) for axis, length in enumerate(size)
  )


def _draw(digit, rows, columns):
  """[batch, digits, side, side] -> [batch, digits, time, height, width]."""
  return _product("bkthi,bkij,bktwj->bkthw", rows, digit, columns)


def _cut(frames, rows, columns):
  """[batch, digits, time, height, width] -> [batch, digits, time, side, side]."""
  return _product("bkthi,bkthw,bktwj->bktij", rows, frames, columns)


def _product(equation, *arrays):
  return jnp.einsum(equation, *arrays, precision=jax.lax.Precision.HIGHEST)


def _correlation(x, y, weight):
  """The weighted correlation coefficient over the last two axes; 0 where one of them is flat."""
  total = jnp.maximum(weight.sum((-2, -1), keepdims=True), 1e-6)
  x = (x - (weight * x).sum((-2, -1), keepdims=True) / total) * weight
  y = (y - (weight * y).sum((-2, -1), keepdims=True) / total) * weight
  scale = jnp.sqrt((x**2).sum((-2, -1)) * (y**2).sum((-2, -1)))
  return (x * y).sum((-2, -1)) / jnp.maximum(scale, 1e-6)
