"""From keys in a config to arguments of functions, with errors that help.

A default lives in one place, the signature it belongs to. An unknown key is an error that names the
nearest known one; so is an unknown name of a model, method, task or data source.
"""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

from vgjax.errors import ConfigError, VgjaxError


def nearest(word: str, known: Iterable[str]) -> str:
  """'; did you mean "x"?', followed by all the known words."""
  known = sorted(known)
  plain = {name.lower(): name for name in reversed(known)}
  close = difflib.get_close_matches(word.lower(), plain, 1, 0.5)
  hint = f'; did you mean "{plain[close[0]]}"? Known' if close else "; known"
  return f"{hint}: {', '.join(known) or 'none'}"


def is_refusal(error: ValueError) -> bool:
  """Whether vgjax's own code raised this, so that its text is meant for a reader; no library's did."""
  trace = error.__traceback__
  while trace and trace.tb_next:
    trace = trace.tb_next
  return trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith("vgjax.")


def pick(table: Mapping[str, Any], name: Any, where: str) -> Any:
  """`table[name]`, or an error that names the nearest key."""
  if name not in table:
    raise ConfigError(f'{where}: unknown name "{name}"{nearest(str(name), table)}')
  return table[name]


def parameters(function: Callable) -> dict[str, inspect.Parameter]:
  """The keyword parameters of a function, or the fields of a Linen module."""
  hidden = {"parent", "name"} if inspect.isclass(function) else set()
  kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
  found = inspect.signature(function).parameters
  return {k: p for k, p in found.items() if p.kind in kinds and k not in hidden}


def call(
  function: Callable,
  config: Mapping[str, Any],
  *args: Any,
  where: str,
  also: Iterable[str] = (),
  **fixed: Any,
) -> Any:
  """`function(*args, **config, **fixed)`, after every key was checked against the signature.

  Args:
    function: what to call. Its positional arguments are `args`; the config cannot set them, nor `fixed`.
    config: the keys of one part of a config.
    *args: positional arguments.
    where: the part's path in the config, for messages.
    also: keys of that part that the caller has read itself, to be named among the known ones.
    **fixed: arguments which the program sets.

  Raises:
    ConfigError: an unknown or a missing key.
  """
  check(function, config, len(args), where=where, also=also, fixed=fixed)
  try:
    return function(*args, **config, **fixed)
  except VgjaxError:
    raise
  except ValueError as error:  # a value that the function refuses
    raise ConfigError(f"{where}: {error}") from error


def check(
  function: Callable,
  config: Mapping[str, Any],
  num_args: int,
  *,
  where: str,
  also: Iterable[str] = (),
  fixed: Iterable[str] = (),
) -> None:
  """What `call` checks first; `num_args` positional arguments and the keys `fixed` are the program's."""
  known = parameters(function)
  takes_any = any(p.kind == p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())
  positional = [k for k, p in known.items() if p.kind == p.POSITIONAL_OR_KEYWORD][:num_args]
  ours = {*positional, *fixed}
  settable = {k: p for k, p in known.items() if k not in ours}
  for key in config:
    if key not in settable and not takes_any:
      raise ConfigError(f'{where}: unknown key "{key}"{nearest(key, {*settable, *also})}')
  for key, parameter in settable.items():
    if parameter.default is parameter.empty and key not in config:
      raise ConfigError(f'{where}: the key "{key}" is missing{nearest(key, settable)}')


def find(package: str, name: Any, where: str) -> ModuleType:
  """The module `vgjax.<package>.<name>`, or outside code by its dotted path.

  Raises:
    ConfigError: there is no such module.
  """
  path = str(name) if "." in str(name) else f"vgjax.{package}.{name}"
  try:
    return importlib.import_module(path)
  except ModuleNotFoundError as error:
    if error.name is None or not (path == error.name or path.startswith(error.name + ".")):
      raise  # the module is there, something that it imports is not
    known = [m.name for m in pkgutil.iter_modules(_folder(package)) if not m.ispkg]
    raise ConfigError(
      f'{where}: there is no "{name}" in vgjax/{package}{nearest(str(name), known)}'
    ) from error


def functions(module: ModuleType) -> dict[str, Callable]:
  """The functions that a module offers to configs: those in its `__all__`."""
  return {name: getattr(module, name) for name in module.__all__}


def _folder(package: str) -> list[str]:
  return list(importlib.import_module(f"vgjax.{package}").__path__)


def split_name(config: Mapping[str, Any], where: str) -> tuple[str, dict[str, Any]]:
  """The `name` of a part, and its other keys."""
  if not isinstance(config, Mapping) or "name" not in config:
    raise ConfigError(f'{where}: must be a dict with a "name", got {config!r}')
  return config["name"], {k: v for k, v in config.items() if k != "name"}


def to_plain(config: Any) -> Any:
  """A config as dicts, tuples and scalars; lists, as JSON makes them, become tuples."""
  if hasattr(config, "to_dict"):
    config = config.to_dict()
  if isinstance(config, Mapping):
    return {key: to_plain(value) for key, value in config.items()}
  if isinstance(config, (list, tuple)):
    return tuple(to_plain(value) for value in config)
  return config


def differences(before: Any, now: Any, path: str = "config") -> list[str]:
  """Lines that say how two configs differ, one line a key."""
  if isinstance(before, Mapping) and isinstance(now, Mapping):
    lines = []
    for key in sorted(set(before) | set(now), key=str):
      if key not in before:
        lines.append(f"{path}.{key}: not there before, {now[key]!r} now")
      elif key not in now:
        lines.append(f"{path}.{key}: {before[key]!r} before, not there now")
      else:
        lines += differences(before[key], now[key], f"{path}.{key}")
    return lines
  return [] if before == now else [f"{path}: {before!r} before, {now!r} now"]
