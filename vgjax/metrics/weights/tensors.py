"""Reads and writes safetensors: named arrays in a file that holds nothing to be executed.

  8 bytes        the length n of the header, little-endian
  n bytes        JSON: {name: {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]}, ...}
  the rest       the arrays, little-endian, in C order; offsets count from here

https://github.com/huggingface/safetensors. Written here by hand because the bytes must be the same for ever,
on every machine: their sha256 stands in protocol cards. Names are in order, and there are no other entries.
"""

import json
import math
from collections.abc import Mapping

import numpy as np

_DTYPES = {"F32": "<f4", "F16": "<f2", "F64": "<f8"}


def dumps(arrays: Mapping[str, np.ndarray]) -> bytes:
  """The file for float32 arrays."""
  header, parts, offset = {}, [], 0
  for name in sorted(arrays):
    data = np.ascontiguousarray(arrays[name], dtype="<f4").tobytes()
    shape = [int(size) for size in arrays[name].shape]
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(data)]}
    parts.append(data)
    offset += len(data)
  text = json.dumps(header, separators=(",", ":")).encode()
  text += b" " * (-len(text) % 8)  # so that the arrays are aligned
  return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def loads(data: bytes) -> dict[str, np.ndarray]:
  """The arrays of a file, as float32, read-only.

  Raises:
    ValueError: no safetensors file, or one with other than floating-point numbers.
  """
  size = int.from_bytes(data[:8], "little")
  if len(data) < 8 or size > len(data) - 8:
    raise ValueError("no safetensors file: its header does not fit into it")
  try:
    header = json.loads(data[8 : 8 + size])
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    return {name: _array(data, 8 + size, name, **entry) for name, entry in entries.items()}
  except (UnicodeDecodeError, json.JSONDecodeError, AttributeError, TypeError) as error:
    raise ValueError(f"no safetensors file: {error}") from error


def _array(data, start, name, *, dtype, shape, data_offsets):
  if dtype not in _DTYPES:
    raise ValueError(f"{name} is of type {dtype}; known: {', '.join(_DTYPES)}")
  begin, end = data_offsets
  kind = np.dtype(_DTYPES[dtype])
  count = math.prod(shape)
  if begin < 0 or end - begin != count * kind.itemsize or start + end > len(data):
    raise ValueError(f"{name}: {end - begin} bytes at {begin} do not hold {shape} of {dtype}")
  array = np.frombuffer(data, kind, count, start + begin).reshape(shape)
  return array.astype(np.float32, copy=False)
