"""Finds the file of weights in what a user or pip has: an archive, the file itself, or safetensors."""

import hashlib
import pathlib
import tarfile
import zipfile

from vgjax.errors import MissingWeights
from vgjax.metrics.weights.table import Entry


def read(entry: Entry, file: pathlib.Path) -> tuple[str, bytes]:
  """What `file` holds of an entry's weights; what it is, is told by its sha256 and not by its name.

  Returns:
    ("safetensors", the finished file) or ("member", the file that the package carries).

  Raises:
    MissingWeights: it is neither, nor an archive with that member.
  """
  try:
    data = file.read_bytes()
    kind = _kind(entry, data)
    if kind is None and (member := _member(entry, file)) is not None:
      kind, data = _kind(entry, member), member
      if kind is None:
        raise MissingWeights(
          f"{entry.member} in {file} is not the file that vgjax knows: its sha256 is"
          f" {hashlib.sha256(member).hexdigest()}, not {entry.member_sha256}. It was not opened."
        )
  except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
    raise MissingWeights(f"{file} is damaged: {error}. Fetch it again.") from error
  except OSError as error:
    raise MissingWeights(f"{file} cannot be read: {error.strerror or error}") from error
  if kind is None:
    raise MissingWeights(
      f"{file} holds no weights {entry.name}: wanted is the archive of {entry.package}, the file"
      f" {entry.member} inside it (sha256 {entry.member_sha256}), or {entry.name}.safetensors of vgjax"
    )
  return kind, data


def _kind(entry: Entry, data: bytes) -> str | None:
  known = {entry.member_sha256: "member", entry.sha256: "safetensors"}
  return known.get(hashlib.sha256(data).hexdigest())


def _member(entry: Entry, file: pathlib.Path) -> bytes | None:
  """The entry's file in an archive; nothing is unpacked to disk. A source archive has one more folder."""
  if tarfile.is_tarfile(file):
    with tarfile.open(file) as archive:
      for info in archive:
        if info.isfile() and info.name.endswith(f"/{entry.member}"):
          content = archive.extractfile(info)
          return content.read() if content else None
  elif zipfile.is_zipfile(file):
    with zipfile.ZipFile(file) as archive:
      if entry.member in archive.namelist():
        return archive.read(entry.member)
  return None
