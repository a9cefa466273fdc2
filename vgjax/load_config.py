"""Reading a config file, for notebooks and tests; the command line does the same through its flags."""

import difflib
import importlib.util
import inspect
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from vgjax import configs
from vgjax.errors import ConfigError


def load_config(path: str | Path, **overrides: Any) -> ConfigDict:
  """The config that `FILE.py` or `FILE.py:VARIANT` describes.

  Args:
    path: a Python file with `get_config(variant="")`; what follows a colon is the variant.
    **overrides: keys to change, dots written as two underscores: `data__size=32`, `steps=100`.

  Raises:
    ConfigError: no such file, or an unknown key.
  """
  check_file(path)
  file, _, variant = str(path).partition(":")
  spec = importlib.util.spec_from_file_location(Path(file).stem, Path(file).expanduser())
  if spec is None or spec.loader is None:
    raise ConfigError(f"the config file {file} is no Python file")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  takes_variant = bool(inspect.signature(module.get_config).parameters)
  config = module.get_config(variant) if takes_variant else module.get_config()
  for name, value in overrides.items():
    part, keys = config, name.split("__")
    for depth, key in enumerate(keys):
      if key not in part:
        where = ".".join(["config", *keys[:depth]])
        raise ConfigError(f'{where}: unknown key "{key}"{configs.nearest(key, part.keys())}')
      if depth < len(keys) - 1:
        part = part[key]
    part[keys[-1]] = value
  return config


def check_file(path: str | Path) -> None:
  """Raises ConfigError if `FILE.py` or `FILE.py:VARIANT` is not there, with the nearest file that is."""
  file = Path(str(path).partition(":")[0]).expanduser()
  if file.is_file():
    return
  near = difflib.get_close_matches(file.name, [other.name for other in file.parent.glob("*.py")], 1)
  hint = f"; did you mean {file.parent / near[0]}?" if near else f", seen from {Path.cwd()}"
  raise ConfigError(f"there is no config file {file}{hint}")
