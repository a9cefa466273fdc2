"""The order of training: a new permutation each epoch, without a list of it.

A balanced Feistel network on the numbers below a power of four permutes them whatever its round function is
(Luby & Rackoff 1988); where it leads out of the range it is walked on until it is back in (Black & Rogaway
2002, "Ciphers with arbitrary finite domains"). The round function is the finalizer of SplitMix64. So example
`offset` of any epoch is found at once, in memory that does not grow with the data, for a batch in one go.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

ROUNDS = 6
BLOCK = 4096  # positions worked out at once: NumPy takes as long for a few


def indices(positions: Sequence[int], size: int, seed: int) -> list[int]:
  """What `shuffled` gives for a few positions, from blocks that are remembered."""
  return [int(_block(position // BLOCK, size, seed)[position % BLOCK]) for position in positions]


@functools.lru_cache(8)
def _block(number: int, size: int, seed: int) -> np.ndarray:
  return shuffled(np.arange(number * BLOCK, (number + 1) * BLOCK), size, seed)


def shuffled(positions: np.ndarray, size: int, seed: int) -> np.ndarray:
  """The indices of the examples at some positions of endless shuffled epochs.

  Args:
    positions: [number], from 0 on, below 2**62.
    size: examples an epoch.
    seed: fixes the order.

  Returns:
    [number], int64: permutation(seed, position // size)[position % size].
  """
  epochs, places = np.divmod(np.asarray(positions, np.uint64), np.uint64(size))
  half = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))  # bits; both halves cover the range
  key = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
  keys = [_mix(_mix(epochs + key) + np.uint64(number)) for number in range(ROUNDS)]
  found = _encrypt(places, keys, half)
  outside = np.flatnonzero(found >= size)
  while len(outside):  # at most three quarters are, each time
    found[outside] = _encrypt(found[outside], [one[outside] for one in keys], half)
    outside = outside[found[outside] >= size]
  return found.astype(np.int64)


def _encrypt(values: np.ndarray, keys: list[np.ndarray], half: np.uint64) -> np.ndarray:
  mask = (np.uint64(1) << half) - np.uint64(1)
  left, right = values >> half, values & mask
  for key in keys:
    left, right = right, left ^ (_mix(right + key) & mask)
  return left << half | right


def _mix(values: np.ndarray) -> np.ndarray:
  """SplitMix64's finalizer; uint64 arithmetic wraps round."""
  values = values + np.uint64(0x9E3779B97F4A7C15)
  values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
  values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
  return values ^ (values >> np.uint64(31))
