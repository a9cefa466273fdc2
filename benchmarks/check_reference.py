"""Checks a model's forward pass against its reference implementation, with the same weights.

  git clone https://github.com/chengtan9907/OpenSTL
  python benchmarks/check_reference.py openstl_recurrent OpenSTL [--size small|published] [--models predrnn]

The first argument names a file in `benchmarks/references/`, which says at its top what to clone, which
packages the reference needs, and which models it checks; the second is the clone's folder, no part of vgjax.
The reference's initial (or trained) weights are copied into vgjax's parameters by name, both sides get the
same random videos, and the largest difference of their outputs is printed. Fails above the tolerance.
"""

import argparse
import importlib
import pathlib
import sys

TOLERANCE = 1e-4


def main():
  folder = pathlib.Path(__file__).parent / "references"
  names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("reference", choices=names)
  parser.add_argument("path", type=pathlib.Path, help="folder of the reference's clone")
  parser.add_argument("--size", choices=("small", "published"), default="small")
  parser.add_argument("--models", default="", help="some of the reference's, with commas; default all")
  arguments = parser.parse_args()
  if not arguments.path.exists():
    parser.error(f"{arguments.path} does not exist; clone the reference first")
  checks = importlib.import_module(f"references.{arguments.reference}").CHECKS
  chosen = arguments.models.split(",") if arguments.models else list(checks)
  if unknown := set(chosen) - set(checks):
    parser.error(f"no check of {sorted(unknown)}; known: {sorted(checks)}")

  worst = 0.0
  for name in chosen:
    for what, difference in checks[name](arguments.path.resolve(), arguments.size).items():
      print(f"{name:<16} {what:<28} {difference:.1e}", flush=True)
      worst = max(worst, difference)
  if not worst <= TOLERANCE:
    sys.exit(f"the largest difference, {worst:.1e}, is above {TOLERANCE:.0e}")


if __name__ == "__main__":
  main()
