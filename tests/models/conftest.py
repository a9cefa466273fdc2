"""Tests of models compile much and compute little."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly(quick_compile):
  yield
