"""Predictors equal their PyTorch counterparts, given the same weights."""

import importlib.util
import pathlib
import sys

import pytest

pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def check_torch():
  sys.path.insert(0, str(BENCHMARKS))
  spec = importlib.util.spec_from_file_location("check_torch", BENCHMARKS / "check_torch.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  yield module
  sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize("name", ["simvp", "simvp_v2", "convlstm"])
def test_outputs_equal(check_torch, name):
  found = check_torch.differences(name, "small")
  assert set(found) >= {"eval output", "train output"}
  assert max(found.values()) <= check_torch.TOLERANCE, found


def test_counterparts_have_the_published_sizes(check_torch):
  import torch_models

  def count(module):
    return sum(parameter.numel() for parameter in module.parameters())

  assert count(torch_models.simvp()) == 57_946_113
  assert count(torch_models.simvp_v2()) == 46_769_665
  assert count(torch_models.ConvLSTM()) == 15_083_520
