"""Recurrent loops whose convolutions are fast in both directions.

`unroll` is `jax.lax.scan` for cells that convolve with kernels which do not change in time:

* A kernel's gradient is a sum over time. It is one big convolution over all steps after the backward
  loop, not a small one in every step.
* What can be computed of a kernel alone is computed once, before the loop: on the CPU the transform of a
  form with few multiplications (`few_products.py`), in float32.
* The first step starts from no state, so what it would convolve with zeros is skipped.
* Long videos need not be kept: with `remat` the backward pass computes them anew, segment by segment
  (Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016, https://arxiv.org/abs/1604.06174).
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from vgjax.models.layers import conv_ops, few_products

Array = Any
Tree = Any


def unroll(
  cell: Callable,
  kernels: Mapping[str, Array],
  inputs: Tree,
  *,
  carry: Tree = None,
  remat: int | None = None,
) -> tuple[Tree, Tree]:
  """Runs a cell over time.

  Args:
    cell: `(convolve, carry, x) -> (carry, y)`. `convolve(name, x)` is the stride-1 convolution of
      x [batch, height, width, in] with `kernels[name]`, at unchanged size; a name is used at most
      once a step. If x has fewer channels than the kernel reads, the missing last ones are zero. A cell
      must get all arrays through its arguments.
    kernels: [window, window, in, out] each, with an odd window.
    inputs: arrays [time, ...].
    carry: what the first step gets; None, the default, lets the cell skip what would be zero.
    remat: None keeps what the gradient needs of every step. A number of steps cuts time into segments of
      so many, and keeps the carry where one begins; the backward pass computes a segment's steps again
      when it comes to them. Values and gradients are the same; a training step does about a third more
      work, and its memory is that of `time / remat` carries and of `remat` steps: least at a remat
      near the square root of time.

  Returns:
    The last carry, and every step's y stacked to [time, ...].

  Raises:
    ValueError: a `remat` below 1, or a name that is used twice in a step.
  """
  if remat is not None and remat < 1:
    raise ValueError(f"remat={remat}: a segment has at least one step; None keeps every step")
  kernels = dict(kernels)
  time = len(jax.tree.leaves(inputs)[0])
  nothing = dict.fromkeys(kernels)
  _, met = jax.eval_shape(functools.partial(_run, cell), kernels, nothing, None, carry, inputs)
  # Gradients reach the kernels by `_segment_backward` alone.
  prepared = {
    name: _prepare(lax.stop_gradient(kernel), next((xs[name] for xs in met if name in xs), None))
    for name, kernel in kernels.items()
  }
  if remat is None or remat >= time:
    return _segment(cell, kernels, prepared, carry, inputs)

  head = 1 + (time - 1) % remat  # so that the others are whole; it may start from no carry
  segment = jax.checkpoint(_segment, static_argnums=0)
  carry, ys = segment(cell, kernels, prepared, carry, jax.tree.map(lambda x: x[:head], inputs))
  if head < time:
    # In a loop nothing can be merged with the forward pass, so XLA need not be kept from it.
    segment = jax.checkpoint(_segment, static_argnums=0, prevent_cse=False)
    others = jax.tree.map(lambda x: x[head:].reshape(-1, remat, *x.shape[1:]), inputs)
    carry, more = lax.scan(lambda carry, xs: segment(cell, kernels, prepared, carry, xs), carry, others)
    ys = jax.tree.map(lambda y, more: jnp.concatenate([y, more.reshape(-1, *y.shape[1:])]), ys, more)
  return carry, ys


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _segment(cell, kernels, prepared, carry, inputs):
  """Some steps, of which the gradient keeps everything that it needs."""
  outputs, _ = _run(cell, kernels, prepared, None, carry, inputs)
  return outputs


def _run(cell, kernels, prepared, probes, carry, inputs):
  """The loop. Returns ((carry, ys), what was convolved: in the first step, in the others).

  `probes` are zeros added to the result of each convolution, for the sake of their gradients.
  """

  def step(carry, x, probes):
    convolved = {}

    def convolve(name, x):
      if name in convolved:
        raise ValueError(f"the kernel {name!r} is used twice in one step")
      convolved[name] = x
      y = _convolve(x, kernels[name], prepared[name])
      return y if probes is None else _with_probe(y, probes[name])

    carry, y = cell(convolve, carry, x)
    return carry, (y, convolved)

  first_probes, rest_probes = probes if probes is not None else (None, None)
  first, ys = {}, None
  if carry is None:  # the carry takes shape in a step of its own
    carry, (y, first) = step(None, jax.tree.map(lambda x: x[0], inputs), first_probes)
    ys = jax.tree.map(lambda y: y[None], y)
    inputs = jax.tree.map(lambda x: x[1:], inputs)
  if not len(jax.tree.leaves(inputs)[0]):
    return (carry, ys), (first, {})
  carry, (more, rest) = lax.scan(lambda carry, xs: step(carry, *xs), carry, (inputs, rest_probes))
  ys = more if ys is None else jax.tree.map(lambda y, more: jnp.concatenate([y, more]), ys, more)
  return (carry, ys), (first, rest)


def _segment_forward(cell, kernels, prepared, carry, inputs):
  run = functools.partial(_run, cell, kernels, prepared)
  _, convolved = jax.eval_shape(run, None, carry, inputs)
  probes = tuple(
    {name: jnp.zeros((*x.shape[:-1], kernels[name].shape[-1]), x.dtype) for name, x in xs.items()}
    for xs in convolved
  )
  outputs, backward, convolved = jax.vjp(run, probes, carry, inputs, has_aux=True)
  return outputs, (backward, convolved, kernels)


def _segment_backward(cell, residuals, cotangents):
  del cell
  backward, (first_x, rest_x), kernels = residuals
  (first_y, rest_y), d_carry, d_inputs = backward(cotangents)
  gradients = {}
  for name, kernel in kernels.items():
    parts = []
    if name in first_x:
      parts.append(_kernel_gradient(first_x[name], first_y[name], kernel))
    if name in rest_x:
      x, y = (a.reshape(-1, *a.shape[2:]) for a in (rest_x[name], rest_y[name]))
      parts.append(_kernel_gradient(x, y, kernel))
    gradients[name] = sum(parts) if parts else jnp.zeros_like(kernel)
  return gradients, None, d_carry, d_inputs


_segment.defvjp(_segment_forward, _segment_backward)


@jax.custom_vjp
def _with_probe(y, probe):
  """y; its cotangent is also that of the probe."""
  del probe
  return y


_with_probe.defvjp(lambda y, probe: (y, None), lambda _, y: (y, y))


def _geometry(kernel, spatial):
  window = kernel.shape[:2]
  pads = tuple((size // 2, size // 2) for size in window)
  return conv_ops.make_geometry(spatial, window, (1, 1), pads, (1, 1), 1)


def _form(kernel, x):
  """How `kernel` is convolved with x in the loop, on the CPU; None for a plain convolution."""
  if kernel.dtype != jnp.float32:
    return None
  batch, height, width = x.shape[-4:-1]
  return few_products.form_in_loop(kernel.shape[:2], (batch, height, width), *kernel.shape[2:])


def _prepare(kernel, x):
  """What that form needs of a kernel; `x` is what it meets, with the dimension of time or without."""
  form = None if x is None else _form(kernel, x)
  return None if form is None else form.transform_kernel(kernel, x.shape[-3:-1])


@jax.custom_vjp
def _convolve(x, kernel, prepared):
  """Convolution whose gradient is taken with respect to x only."""
  channels = x.shape[-1]
  geometry = _geometry(kernel, x.shape[1:3])

  def native(x, kernel, prepared):
    return conv_ops.convolve(x, kernel[..., :channels, :], geometry)

  def fast(x, kernel, prepared):
    return _form(kernel, x).convolve(x, prepared[:, :channels], kernel.shape[0])

  if prepared is None:
    return native(x, kernel, prepared)
  return lax.platform_dependent(x, kernel, prepared, cpu=fast, default=native)


def _convolve_forward(x, kernel, prepared):
  return _convolve(x, kernel, prepared), (kernel, prepared, x)


def _convolve_backward(residuals, y):
  kernel, prepared, x = residuals
  channels = x.shape[-1]
  geometry = _geometry(kernel, x.shape[1:3])

  def native(y, kernel, prepared):
    return conv_ops.input_gradient(y, kernel[..., :channels, :], geometry)

  def fast(y, kernel, prepared):
    return _form(kernel, x).input_gradient(y, prepared[:, :channels], kernel.shape[0])

  if prepared is None:
    return native(y, kernel, prepared), None, None
  return lax.platform_dependent(y, kernel, prepared, cpu=fast, default=native), None, None


_convolve.defvjp(_convolve_forward, _convolve_backward)


def _kernel_gradient(x, y, kernel):
  """Gradient of a kernel, zero for the input channels that x [batch, height, width, in] lacks."""
  geometry = _geometry(kernel, x.shape[1:3])
  form = few_products.gradient_form_in_loop(kernel.shape[:2], x.shape[:3], x.shape[-1], y.shape[-1])

  def native(x, y):
    return conv_ops.kernel_gradient(x, y, geometry)

  def fast(x, y):
    return form.kernel_gradient(x, y, kernel.shape[0])

  if kernel.dtype != jnp.float32 or form is None:
    gradient = native(x, y)
  else:
    gradient = lax.platform_dependent(x, y, cpu=fast, default=native)
  missing = kernel.shape[-2] - x.shape[-1]
  return jnp.pad(gradient, ((0, 0), (0, 0), (0, missing), (0, 0)))
