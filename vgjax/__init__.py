"""vgjax trains, evaluates and samples video generators in JAX.

In a notebook:

  import vgjax
  config = vgjax.load_config("configs/quickstart.py")
  run = vgjax.build(config, workdir="runs/quickstart")
  state = vgjax.train(run)
  video = vgjax.sample(run, state, num_videos=4)
  vgjax.show(video)
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
  from vgjax.build import build
  from vgjax.evaluate import evaluate
  from vgjax.load_config import load_config
  from vgjax.restore import open_state
  from vgjax.sample import sample
  from vgjax.show import show
  from vgjax.train import train

__version__ = "0.1.0"
__all__ = ["build", "evaluate", "load_config", "open_state", "sample", "show", "train"]

_HOME = {name: f"vgjax.{name}" for name in __all__} | {"open_state": "vgjax.restore"}


class _Package(ModuleType):
  """Imports each name when it is first used: `python -m vgjax.data` and its workers need no JAX."""

  def __getattr__(self, name):
    if name not in _HOME:
      raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    setattr(self, name, value)
    return value

  def __setattr__(self, name, value):
    # Python binds a module to its name in the package once it is imported; here that name is the function's.
    if name in _HOME and isinstance(value, ModuleType):
      value = getattr(value, name)
    super().__setattr__(name, value)

  def __dir__(self):
    return [*super().__dir__(), *_HOME]


sys.modules[__name__].__class__ = _Package
