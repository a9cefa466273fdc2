"""What convolutions are compared with: lax, in value and in both gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from vgjax.models.layers.conv import conv

# size, window, in, out, and the arguments of conv
CASES = {
  "1d strided": ((9,), (4,), 3, 2, dict(strides=2)),
  "1d depthwise dilated": ((7,), (3,), 4, 4, dict(dilation=2, groups=4)),
  "2d": ((5, 7), (3, 3), 2, 3, dict()),
  "2d pointwise strided": ((5, 6), (1, 1), 3, 2, dict(strides=(2, 3))),
  "2d strided odd": ((9, 7), (3, 4), 2, 3, dict(strides=2, padding=1)),
  "2d asymmetric": ((6, 5), (2, 3), 2, 2, dict(strides=(1, 2), padding=((0, 2), (3, 0)))),
  "2d cropping": ((8, 9), (3, 2), 2, 2, dict(strides=(3, 1), padding=((-1, 0), (1, -2)))),
  "2d dilated strided": ((11, 9), (3, 2), 2, 2, dict(strides=(2, 4), dilation=(3, 2), padding=2)),
  "2d covering": ((4, 4), (4, 4), 2, 3, dict(padding="VALID")),
  "2d grouped": ((5, 4), (3, 3), 6, 3, dict(groups=3, strides=(2, 1))),
  "2d depthwise": ((5, 19), (3, 5), 3, 3, dict(groups=3)),
  "2d depthwise strided, two each": ((7, 6), (3, 3), 2, 4, dict(groups=2, strides=2, dilation=2)),
  "2d wide window": ((2, 2), (5, 5), 1, 2, dict(padding=2)),
  "3d strided": ((4, 6, 5), (4, 4, 4), 2, 3, dict(strides=2, padding=1)),
  "3d in time only": ((5, 3, 3), (3, 1, 1), 2, 2, dict()),
  "3d depthwise": ((3, 4, 5), (3, 3, 3), 2, 2, dict(groups=2)),
}


def arrays(*shapes, seed=0):
  rng = np.random.default_rng(seed)
  return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


def reference(x, kernel, *, strides=1, padding="SAME", dilation=1, groups=1):
  ndim = x.ndim - 2
  many = lambda value: (value,) * ndim if isinstance(value, int) else value
  if not isinstance(padding, str):
    padding = [(p, p) if isinstance(p, int) else p for p in many(padding)]
  letters = "DHW"[3 - ndim :]
  return lax.conv_general_dilated(
    x,
    kernel,
    many(strides),
    padding,
    rhs_dilation=many(dilation),
    feature_group_count=groups,
    dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
  )


def value_and_gradients(function, x, kernel):
  """The value and both gradients under one fixed, not constant, cotangent."""

  def run(x, kernel):
    y, pull = jax.vjp(function, x, kernel)
    return y, *pull(jnp.cos(jnp.arange(y.size)).reshape(y.shape).astype(y.dtype))

  return jax.jit(run)(x, kernel)


def assert_close(found, expected, tolerance=1e-5):
  for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
    assert a.shape == b.shape and a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * float(jnp.abs(b).max() + 1))


def check_equals_lax(size, window, depth, features, options):
  groups = options.get("groups", 1)
  x, kernel = arrays((2, *size, depth), (*window, depth // groups, features))
  found = value_and_gradients(functools.partial(conv, **options), x, kernel)
  assert_close(found, value_and_gradients(functools.partial(reference, **options), x, kernel))
