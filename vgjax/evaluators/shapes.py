"""Whether samples show shapes that can be told, that stay what they are and move as shapes do.

For `moving_shapes`, whose videos can be read back (`vgjax.data.shapes_read`). Four frames of every sample,
from the first to the last, are read one by one, and so are those of the real video of its number:

  seen         share of frames in which there is something at all
  likeness     mean correlation of what is seen with the nearest shape, of all sizes and blurs; 0 where
               nothing is seen
  recognised   share of frames with a likeness of at least 0.9 to a shape of the data; a blob is a blurred
               circle, so this says more of data that have none
  kept         share of videos in all four frames of which the same shape and the same color is read
  on_path      share of videos whose centre stays within 1/32 of the frame of a path that shapes have, root
               mean square over time
  moving       the same of a path on which a shape goes anywhere: what stands still keeps to one, too
  real_...     the same of real videos

Thresholds are ours. Half a ring has a likeness below 0.93.
"""

import numpy as np
from jax.experimental import multihost_utils

from vgjax.data import shapes_read
from vgjax.evaluate import draws

FRAMES = 4
LIKE = 0.9
NEAR = 1 / 32  # of the frame's side
CONVENTIONS = dict(
  read=f"vgjax.data.shapes_read, of {FRAMES} single frames, and of whole videos for on_path",
  recognised=f"a likeness of at least {LIKE} to the nearest shape, which is one of the data's",
  on_path="centre within 1/32 of the frame of the nearest path, root mean square over time",
  moving="on a path that is not `still`",
)

check_data = shapes_read.check_data  # called when a run is built


def make(*, split="valid", num_videos=256, seed=0):
  """Figures of what is read in samples.

  Args:
    split: whose examples give what else the model reads, and the real videos.
    num_videos: how many, from the split's first.
    seed: of the samples.

  Returns:
    `evaluate(run, state)`, which yields the figures above, each 0 to 1.
  """

  def evaluate(run, state):
    both = lambda batch, made: ((batch["video"], made), batch["weight"])
    source, found = run.source(split), {"": [], "real_": []}
    size, known = min(num_videos, len(source)), {shape for shape, _, _ in source.combinations}
    for pair, weight in draws.samples(run, state, split, size, both, number=1, seed=seed).open(0):
      (real, made), weight = multihost_utils.process_allgather((pair, weight), tiled=True)
      found[""].extend(made[weight > 0])
      found["real_"].extend(real[weight > 0])
    for kind, videos in found.items():
      for name, value in figures(videos, known):
        yield kind + name, value

  return evaluate


def figures(videos, known):
  """(name, number) of videos [time, size, size, 3] in [-1, 1]; the data have shapes of the names `known`."""
  frames = np.linspace(0, len(videos[0]) - 1, FRAMES).astype(int)
  single = [[shapes_read.read(video[[frame]]) for frame in frames] for video in videos]
  each = [reading for row in single for reading in row]
  names = [{reading.content and reading.content[:2] for reading in row} for row in single]
  whole = [shapes_read.read(video) for video in videos]
  on_path = np.array([reading.error <= NEAR * videos[0].shape[1] for reading in whole])  # not where it is NaN
  goes = np.array([reading.motion is not None and reading.motion.path != "still" for reading in whole])
  yield "seen", float(np.mean([reading.content is not None for reading in each]))
  yield "likeness", float(np.mean([reading.likeness for reading in each]))
  yield "recognised", float(np.mean([_is_one_of(known, reading) for reading in each]))
  yield "kept", float(np.mean([len(read) == 1 and None not in read for read in names]))
  yield "on_path", float(on_path.mean())
  yield "moving", float((on_path & goes).mean())


def _is_one_of(known, reading):
  return reading.content is not None and reading.content.shape in known and reading.likeness >= LIKE
