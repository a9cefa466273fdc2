"""vgjax trains, evaluates and samples video generators in JAX.

In a notebook:

  import vgjax
  config = vgjax.load_config("configs/quickstart.py")
  run = vgjax.build(config, workdir="runs/quickstart")
  state = vgjax.train(run)
  video = vgjax.sample(run, state, num_videos=4)
  vgjax.show(video)
"""

from vgjax.build import build
from vgjax.evaluate import evaluate
from vgjax.load_config import load_config
from vgjax.restore import open_state
from vgjax.sample import sample
from vgjax.show import show
from vgjax.train import train

__version__ = "0.1.0"
__all__ = ["build", "evaluate", "load_config", "open_state", "sample", "show", "train"]
