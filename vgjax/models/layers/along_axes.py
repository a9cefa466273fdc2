"""Linear maps along height and width, such as resizing and blurring, as products with small dense matrices.

Written as shifted slices the same maps are a little less arithmetic, but interleaved pixels make XLA's CPU
backend write out all combinations of slices of both axes, and of the maps before and after: programs that
take minutes to compile.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

Array = Any


def along_axes(x: Array, rows: np.ndarray, columns: np.ndarray) -> Array:
  """rows @ picture @ columns.T, for each channel.

  Args:
    x: [batch, height, width, channels].
    rows: [new height, height].
    columns: [new width, width].

  Returns:
    [batch, new height, new width, channels].
  """
  exact = lax.Precision.HIGHEST
  x = jnp.einsum("ph,bhwc->bpwc", jnp.asarray(rows, x.dtype), x, precision=exact)
  return jnp.einsum("qw,bhwc->bhqc", jnp.asarray(columns, x.dtype), x, precision=exact)
