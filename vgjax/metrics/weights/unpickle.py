"""Reads arrays out of pickles without trusting them.

A pickle is a program: it may name any function of any module and call it. The unpicklers here know a handful
of names, those that rebuild arrays, and refuse every other; so nothing of a package is imported or run, not
even for a package that was replaced by another. What a TorchScript archive calls its own classes becomes
empty shells with attributes, and PyTorch is not needed.
"""

import collections
import io
import math
import pickle
import zipfile
from typing import Any

import numpy as np

_RECONSTRUCT = np.empty(0).__reduce__()[0]  # its module has moved between versions of numpy
_NUMPY = {
  ("numpy", "ndarray"): np.ndarray,
  ("numpy", "dtype"): np.dtype,
  ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
  ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
}


class _Refusing(pickle.Unpickler):
  """Knows the names in `known`; what `shells` begins with becomes a `Shell`."""

  known: dict[tuple[str, str], Any] = {}
  shells = ()

  def find_class(self, module, name):
    if (module, name) in self.known:
      return self.known[module, name]
    if module.startswith(self.shells or ("\0",)):
      return Shell
    raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs; it was not run")


class Shell:
  """An object of a class that is not imported: its attributes and nothing else."""

  def __setstate__(self, state):
    if not isinstance(state, dict):
      raise pickle.UnpicklingError(f"an object has the state {type(state).__name__}, not a dict")
    self.__dict__.update(state)


class _NumpyUnpickler(_Refusing):
  known = _NUMPY


def numpy_tree(data: bytes) -> dict[str, Any]:
  """A pickled dict of dicts of numpy arrays.

  Raises:
    ValueError: it holds or asks for anything else.
  """
  try:
    tree = _NumpyUnpickler(io.BytesIO(data)).load()
  except Exception as error:  # a damaged pickle can fail in any way
    raise ValueError(f"not a pickle of arrays: {error}") from error
  _check(tree, "")
  return tree


def _check(tree, where):
  if isinstance(tree, dict) and all(isinstance(key, str) for key in tree):
    for key, value in tree.items():
      _check(value, f"{where}/{key}")
  elif not (isinstance(tree, np.ndarray) and tree.dtype.kind == "f"):
    raise ValueError(f"not a pickle of arrays: {where or 'it'} is {type(tree).__name__}")


def torchscript_tree(data: bytes) -> dict[str, Any]:
  """The modules and tensors of a TorchScript archive, as a dict of dicts of float32 arrays.

  Attributes that are no tensor (strides, paddings, flags) are left out.

  Raises:
    ValueError: no such archive, or it asks for a name that tensors do not need.
  """
  try:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
      (program,) = (
        name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")
      )
      folder = program.removesuffix(".pkl")
      return _tensors(_torch_unpickler(archive, folder)(io.BytesIO(archive.read(program))).load())
  except Exception as error:  # a damaged archive can fail in any way
    raise ValueError(f"not a TorchScript archive of tensors: {error}") from error


def _rebuild_tensor(storage, offset, size, stride, *_):
  # PyTorch counts strides in elements. A view outside its storage would read other memory.
  last = offset + sum((n - 1) * step for n, step in zip(size, stride))
  if min((offset, *size, *stride)) < 0 or last >= storage.size:
    raise pickle.UnpicklingError(f"a tensor of {size} does not fit its storage of {storage.size}")
  bytes_each = storage.itemsize
  view = np.lib.stride_tricks.as_strided(storage[offset:], size, [step * bytes_each for step in stride])
  return np.array(view, np.float32)


def _torch_unpickler(archive, folder):
  """An unpickler whose tensors lie in files of the archive."""

  class Unpickler(_Refusing):
    known = {
      ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
      ("torch", "FloatStorage"): "F32",
      ("torch.jit._pickle", "build_intlist"): list,
      ("collections", "OrderedDict"): collections.OrderedDict,
    }
    shells = ("__torch__.",)

    def persistent_load(self, pid):
      kind, dtype, key, _, count = pid
      if (kind, dtype) != ("storage", "F32"):
        raise pickle.UnpicklingError(f"a storage of {dtype}; only 32-bit floats are known")
      return np.frombuffer(archive.read(f"{folder}/{key}"), "<f4", count)

  return Unpickler


def torch_state(data: bytes) -> dict[str, np.ndarray]:
  """The tensors of a state dict that PyTorch before version 1.6 saved, by name, float32.

  Such a file is five pickles (a magic number, a version, sizes of types, the dict, the storages' keys) and
  then each storage: its length, 64 bits, and its numbers.

  Raises:
    ValueError: no such file, or it asks for a name that tensors do not need.
  """
  try:
    stream, storages, tensors = io.BytesIO(data), {}, {}
    if (_Refusing(stream).load(), _Refusing(stream).load()) != (_MAGIC, _VERSION):
      raise pickle.UnpicklingError("another magic number or version")
    _Refusing(stream).load()  # sizes of C's types; the storages' type says what is needed
    views = _StateUnpickler(stream).load()
    for key in _Refusing(stream).load():
      count = int.from_bytes(stream.read(8), "little")
      storages[key] = np.frombuffer(stream.read(4 * count), "<f4", count)
    for name, (key, *view) in views.items():
      tensors[name] = _rebuild_tensor(storages[key], *view)
    return tensors
  except Exception as error:  # a damaged file can fail in any way
    raise ValueError(f"not a state dict of tensors: {error}") from error


_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001


class _StateUnpickler(_Refusing):
  """Tensors stay (key of the storage, offset, size, stride): the storages come later in the file."""

  known = {
    ("torch._utils", "_rebuild_tensor_v2"): lambda key, offset, size, stride, *_: (key, offset, size, stride),
    ("torch", "FloatStorage"): "F32",
    ("collections", "OrderedDict"): collections.OrderedDict,
  }

  def persistent_load(self, pid):
    kind, dtype, key, _, _, view = pid
    if (kind, dtype, view) != ("storage", "F32", None):
      raise pickle.UnpicklingError(f"a storage of {dtype}; only 32-bit floats are known")
    return key


def _tensors(value):
  """The arrays below an object, by attribute."""
  found = {}
  for name, child in vars(value).items():
    if isinstance(child, np.ndarray) and math.prod(child.shape) > 0:
      found[name] = child
    elif isinstance(child, Shell) and (inside := _tensors(child)):
      found[name] = inside
  return found
