"""Times a config's training step in two checkouts of vgjax, in turns: what did a change gain?

  git worktree add ../before HEAD~1
  python benchmarks/checkouts.py --before ../before --after . configs/moving_shapes/dcgan3d.py:cpu

Each side runs in a process of its own, with the config of its own checkout, on one batch of its data. Minima
are steadier; where a penalty is taken at some steps only, the mean has it, and minima do not.
"""

import argparse
import os
import statistics
import sys

import turns
import update


def serve(config):
  """A worker: the update of `config`, as `vgjax.launch` compiles it."""
  import vgjax
  from vgjax import memory

  memory.keep_freed()
  run = vgjax.build(vgjax.load_config(config))
  turns.serve(*update.compiled(run, update.first_batch(run)))


def start(checkout, config):
  command = [sys.executable, os.path.abspath(__file__), "--serve", os.path.join(checkout, config)]
  return turns.Worker(command, {"PYTHONPATH": os.path.abspath(checkout)})


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("configs", nargs="+", help="FILE.py or FILE.py:VARIANT, from the top of a checkout")
  parser.add_argument("--before", default=".", help="a folder with a checkout")
  parser.add_argument("--after", default=".")
  parser.add_argument("--steps", type=int, default=16)
  parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
  options = parser.parse_args()
  if options.serve:
    serve(options.configs[0])
    return
  print("| config | before: min | mean | after: min | mean | ratio of minima | of means | compile, s |")
  print("|---|---|---|---|---|---|---|---|")
  for config in options.configs:
    workers = start(options.before, config), start(options.after, config)
    compiling = ", ".join(f"{worker.about['compile']:.1f}" for worker in workers)
    before, after = turns.take(*workers, options.steps)
    cells = [f"{pick(side) * 1e3:,.0f}" for side in (before, after) for pick in (min, statistics.fmean)]
    cells += [f"{pick(after) / pick(before):.2f}" for pick in (min, statistics.fmean)]
    print("| " + " | ".join([config, *cells, compiling]) + " |", flush=True)


if __name__ == "__main__":
  main()
