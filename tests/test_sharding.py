"""Mesh and rules: which array lives where."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import PartitionSpec

from vgjax import sharding
from vgjax.errors import ConfigError


def _specs(tree, mesh, rules):
  return jax.tree.map(lambda s: s.spec, sharding.tree_shardings(tree, mesh, rules))


def test_free_axis_takes_what_is_left():
  mesh = sharding.make_mesh(fsdp=2)
  assert dict(mesh.shape) == {"data": 4, "fsdp": 2, "tensor": 1}


def test_fewer_devices_than_there_are():
  assert sharding.make_mesh(data=2).devices.size == 2


@pytest.mark.parametrize("sizes", [dict(data=-1, fsdp=-1), dict(data=-1, fsdp=3), dict(data=16)])
def test_impossible_mesh_is_refused(sizes):
  with pytest.raises(ConfigError, match=r"config\.mesh"):
    sharding.make_mesh(**sizes)


def test_fsdp_splits_the_largest_even_dimension_and_leaves_small_arrays_whole():
  mesh = sharding.make_mesh(data=2, fsdp=4)
  tree = {
    "kernel": jnp.zeros((3, 3, 64, 128)),
    "odd": jnp.zeros((3, 3, 512, 7)),
    "bias": jnp.zeros(128),
    "never": jnp.zeros((81, 63)),
  }
  specs = _specs(tree, mesh, [(".*", "fsdp")])
  assert specs["kernel"] == PartitionSpec(None, None, None, "fsdp")
  assert specs["odd"] == PartitionSpec(None, None, "fsdp")
  assert specs["bias"] == specs["never"] == PartitionSpec()


def test_first_matching_rule_decides():
  mesh = sharding.make_mesh(data=2, fsdp=2, tensor=2)
  tree = {"a": {"kernel": jnp.zeros((64, 64))}, "b": {"kernel": jnp.zeros((64, 64))}}
  specs = _specs(tree, mesh, [("a/kernel", (None, "tensor")), (".*", "fsdp")])
  assert specs["a"]["kernel"] == PartitionSpec(None, "tensor")
  assert specs["b"]["kernel"] == PartitionSpec(None, "fsdp")


def test_rule_that_cannot_split_names_the_array():
  mesh = sharding.make_mesh(tensor=8, data=1)
  with pytest.raises(ConfigError, match="a/kernel"):
    sharding.tree_shardings({"a": {"kernel": jnp.zeros((9, 12))}}, mesh, [(".*", ("tensor", None))])


def test_word_that_is_no_partition_is_refused():
  with pytest.raises(ConfigError, match="fdsp"):
    sharding.tree_shardings({"a": jnp.zeros((8, 8))}, sharding.make_mesh(), [(".*", "fdsp")])
