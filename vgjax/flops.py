"""The arithmetic of a function, counted from what JAX traces of it.

Counted are convolutions and matrix products, two operations for each multiplication with its addition: the
rest of a network is small beside them. (The field often prints multiply-adds and calls those FLOPs: half of
this.) It is the arithmetic as it is written, the same on every platform, whatever algorithm the compiler
then chooses. A compiler's own count is not used: it counts the body of a loop over frames or denoising steps
once, however often it runs, and Winograd's convolutions as what is left of them.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax

# Both sides of a convolution's gradients do as much arithmetic as the convolution.
_OURS = ("convolve", "input_gradient", "kernel_gradient")


def count(function: Callable, *arguments: Any) -> tuple[float, str | None]:
  """Floating point operations of one call.

  Args:
    function: traced, not run.
    arguments: arrays or `jax.ShapeDtypeStruct`s, in trees.

  Returns:
    The operations, and what to know of the number: where the number of turns of a loop depends on the
    data, its body is counted once. None if there is nothing to know.
  """
  unbounded: list[str] = []
  total = _of_jaxpr(jax.make_jaxpr(function)(*arguments).jaxpr, unbounded)
  if not unbounded:
    return total, None
  return total, f"the body of each of {len(unbounded)} loops whose turns depend on the data is counted once"


def _of_jaxpr(jaxpr: Any, unbounded: list[str]) -> float:
  return math.fsum(_of_equation(equation, unbounded) for equation in jaxpr.eqns)


def _of_equation(equation: Any, unbounded: list[str]) -> float:
  name, parameters = equation.primitive.name, equation.params
  if name == "dot_general":
    (contracted, _), _ = parameters["dimension_numbers"]
    return 2.0 * _size(equation.outvars[0]) * math.prod(equation.invars[0].aval.shape[i] for i in contracted)
  if name == "conv_general_dilated":
    kernel = equation.invars[1].aval.shape
    features = kernel[parameters["dimension_numbers"].rhs_spec[0]]
    # A transposed convolution reads a picture with zeros in between, not counted.
    zeros = math.prod(parameters["lhs_dilation"])
    return 2.0 * _size(equation.outvars[0]) * math.prod(kernel) / features / zeros
  if name in _OURS and "geometry" in parameters:
    geometry = parameters["geometry"]
    # Of convolve(x, kernel) = y and its gradients: batch, y's places, window, in // groups, out.
    x_or_y, other = (variable.aval.shape for variable in equation.invars)
    kernel = equation.outvars[0].aval.shape if name == "kernel_gradient" else other
    return 2.0 * x_or_y[0] * math.prod(geometry.output) * math.prod(kernel)
  if name == "cond":  # `platform_dependent` too: one function in several forms, the general one last
    branches = [_of_jaxpr(branch.jaxpr, unbounded) for branch in parameters["branches"]]
    return branches[-1] if parameters.get("branches_platforms") else max(branches)
  if name == "while":
    unbounded.append(name)
  turns = parameters["length"] if name == "scan" else 1
  return turns * math.fsum(_of_jaxpr(inner, unbounded) for inner in _inside(parameters))


def _inside(parameters: dict[str, Any]) -> Iterator[Any]:
  """The functions that an equation calls."""
  for value in parameters.values():
    inner = getattr(value, "jaxpr", value)
    if hasattr(inner, "eqns"):
      yield inner


def _size(variable: Any) -> int:
  return math.prod(variable.aval.shape)
