"""Where arrays live: one mesh, rules by path, and a computed `fsdp`.

The mesh has the axes `data`, `fsdp` and `tensor`. A batch is split over `data` and `fsdp`; a parameter
is whole on every device unless a rule says otherwise. Rules are an ordered list of
`(regular expression on the path, partition)`; the first that matches decides. A partition is a tuple
with one axis name (or None) for each dimension of the array, or one of the words

  "fsdp"        split the largest dimension that divides evenly over the axis `fsdp`
  "replicated"  whole on every device

Paths look like `params/predictor/encoder/conv_0/kernel`, `opt/predictor/0/mu/...`, `ema/...`, so a rule
without a prefix covers a parameter, its optimizer moments and its average alike.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from vgjax.errors import ConfigError

AXES = ("data", "fsdp", "tensor")
BATCH = PartitionSpec(("data", "fsdp"))
_SMALLEST_SHARDED = 2**12  # elements; splitting less costs more in messages than it saves in memory


def make_mesh(
  *, data: int = -1, fsdp: int = 1, tensor: int = 1, devices: Sequence[Any] | None = None
) -> Mesh:
  """The mesh over all devices; -1 for at most one axis means "what is left".

  One process may use fewer devices than there are, if all three sizes say so: it takes the first ones.

  Raises:
    ConfigError: the sizes do not multiply to the number of devices.
  """
  devices = jax.devices() if devices is None else list(devices)
  sizes = {"data": data, "fsdp": fsdp, "tensor": tensor}
  free = [axis for axis, size in sizes.items() if size == -1]
  fixed = math.prod(size for size in sizes.values() if size != -1)
  if len(free) > 1:
    raise ConfigError(f"config.mesh: only one axis may be -1, but {', '.join(free)} are")
  if free and len(devices) % fixed == 0:
    sizes[free[0]] = len(devices) // fixed
  if -1 not in sizes.values() and jax.process_count() == 1:
    devices = devices[: math.prod(sizes.values())]
  if math.prod(sizes.values()) != len(devices):
    wanted = " x ".join(f"{axis}={size}" for axis, size in sizes.items())
    raise ConfigError(f"config.mesh: {wanted} does not make the {len(devices)} devices that there are")
  # The mesh keeps jax's order of devices: a process's rows of a batch are then one contiguous block.
  # Auto axes: with Explicit ones, jax refuses convolutions whose kernels are split.
  grid = np.asarray(devices).reshape(tuple(sizes.values()))
  return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * 3)


def batch_sharding(mesh: Mesh) -> NamedSharding:
  return NamedSharding(mesh, BATCH)


def replicated(mesh: Mesh) -> NamedSharding:
  return NamedSharding(mesh, PartitionSpec())


def path_name(path: Sequence[Any]) -> str:
  """`params/predictor/Conv_0/kernel` of a jax key path."""
  return "/".join(str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path)


def tree_shardings(tree: Any, mesh: Mesh, rules: Sequence[tuple[str, Any]] = ()) -> Any:
  """A `NamedSharding` for every leaf of a tree of arrays or shapes.

  Raises:
    ConfigError: a rule matches an array that it cannot split.
  """

  def leaf_sharding(path, leaf):
    name = path_name(path)
    for pattern, partition in rules:
      if leaf.ndim and re.search(pattern, name):
        return NamedSharding(mesh, _spec(name, leaf.shape, partition, mesh))
    return replicated(mesh)

  return jax.tree_util.tree_map_with_path(leaf_sharding, tree)


def _spec(name, shape, partition, mesh) -> PartitionSpec:
  if partition == "replicated":
    return PartitionSpec()
  if partition == "fsdp":
    return _fsdp_spec(shape, mesh.shape["fsdp"])
  if isinstance(partition, str):
    raise ConfigError(
      f'config.rules: "{partition}" is no partition; use "fsdp", "replicated" or a tuple of axes'
    )
  if len(partition) > len(shape):
    return PartitionSpec()  # a scalar counter beside a moment: nothing to split
  for size, axes in zip(shape, partition, strict=False):
    axes = (axes,) if isinstance(axes, str) else tuple(axes or ())
    ways = math.prod(mesh.shape[axis] for axis in axes)
    if size % ways:
      raise ConfigError(f"config.rules: {name} {tuple(shape)} does not divide by {partition}")
  return PartitionSpec(*(tuple(a) if isinstance(a, list) else a for a in partition))


def _fsdp_spec(shape, ways) -> PartitionSpec:
  """The largest dimension that divides evenly, the last one among equals."""
  if ways == 1 or math.prod(shape) < _SMALLEST_SHARDED:
    return PartitionSpec()
  dividing = [(size, axis) for axis, size in enumerate(shape) if size % ways == 0]
  if not dividing:
    return PartitionSpec()
  axis = max(dividing)[1]
  return PartitionSpec(*("fsdp" if i == axis else None for i in range(axis + 1)))


def put_batch(batch: dict[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
  """This process's rows of a batch, as global arrays split over the mesh."""
  sharding = batch_sharding(mesh)
  return {name: jax.make_array_from_process_local_data(sharding, array) for name, array in batch.items()}


def put_tree(tree: Any, shardings: Any) -> Any:
  """A tree of host arrays that every process holds whole, placed as `shardings` say."""

  def put(leaf, sharding):
    host = np.asarray(leaf)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

  return jax.tree.map(put, tree, shardings)
