"""Every epoch is a permutation, each another one, and no pattern is left in it."""

import numpy as np
import pytest

from vgjax.data import order


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1000, 4096, 5001])
def test_every_epoch_has_every_example_once(size):
  found = order.shuffled(np.arange(4 * size), size, seed=3).reshape(4, size)
  assert found.dtype == np.int64
  for epoch in found:
    np.testing.assert_array_equal(np.sort(epoch), np.arange(size))
  if size > 15:
    assert len({tuple(epoch) for epoch in found}) == 4
    assert tuple(order.shuffled(np.arange(size), size, seed=4)) != tuple(found[0])


def test_a_position_is_found_alone():
  whole = order.shuffled(np.arange(300), 70, seed=1)
  alone = [order.shuffled(np.array([position]), 70, seed=1)[0] for position in range(300)]
  np.testing.assert_array_equal(whole, alone)
  assert order.indices(range(300), 70, seed=1) == alone
  beyond = [order.BLOCK - 1, order.BLOCK, 2**40]
  assert order.indices(beyond, 70, seed=1) == order.shuffled(np.array(beyond), 70, seed=1).tolist()
  far = order.shuffled(np.array([2**62 - 1]), 70, seed=1)
  assert 0 <= far[0] < 70


def test_places_are_uniform_and_neighbours_are_strangers():
  """Over many epochs each example comes at each place equally often, also one after another."""
  size, epochs = 6, 12_000
  found = order.shuffled(np.arange(size * epochs), size, seed=0).reshape(epochs, size)
  pairs = np.zeros((size, size))
  np.add.at(pairs, (found[:, 0], found[:, 1]), 1)
  counts = np.stack([np.bincount(found[:, place], minlength=size) for place in range(size)])
  expected = epochs / size
  assert ((counts - expected) ** 2 / expected).sum(axis=1).max() < 30  # chi squared, 5 degrees of freedom
  off = pairs[~np.eye(size, dtype=bool)]
  assert ((off - epochs / 30) ** 2 / (epochs / 30)).sum() < 80  # 29 degrees of freedom
  large = order.shuffled(np.arange(100_000), 100_000, seed=0)
  assert abs(np.corrcoef(np.arange(100_000), large)[0, 1]) < 0.02
  assert abs(np.corrcoef(large[1:], large[:-1])[0, 1]) < 0.02
