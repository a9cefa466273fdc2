"""The evaluator `shapes` on rendered shapes and on what is none."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.evaluators import fakes
from vgjax import tasks
from vgjax.data import moving_shapes
from vgjax.errors import ConfigError
from vgjax.evaluators import shapes, swap

FIELDS = dict(
  split="valid", seed=0, size=32, sizes=("large",), scale=4 / 3, speeds=("fast",), text_length=0,
  shapes=("square", "ring", "bar"), paths=[path for path in moving_shapes.PATHS if path != "still"],
)  # fmt: skip
NAMES = ("seen", "recognised", "kept", "on_path", "moving")


@pytest.fixture(scope="module")
def videos():
  """Five that move, in [-1, 1]."""
  source = moving_shapes.make(**FIELDS)
  return np.stack([source.example(i, None)["video"] for i in range(5)]).astype(np.float32) / 127.5 - 1


def figures(videos, made):
  """Of real videos, and of samples that are what `made` makes of the real ones; in batches of four."""
  run = fakes.FakeRun(videos, tasks.generate(), lambda batch: made(batch["video"]), batch_size=4)
  run.source = lambda split: moving_shapes.make(**FIELDS)
  return dict(shapes.make()(run, fakes.STATE))


def test_true_shapes_are_recognised_and_on_their_way(videos):
  found = figures(videos, lambda video: video)
  for name in NAMES:
    assert found[name] == found[f"real_{name}"] == 1
  assert found["likeness"] == found["real_likeness"] > 0.97


def test_what_fades_from_one_shape_to_another_is_not_kept(videos):
  """Whatever each frame shows."""
  half = jnp.arange(16)[:, None, None, None] < 8
  found = figures(videos, lambda video: jnp.where(half, video, videos[0]))
  assert found["recognised"] == found["seen"] == found["real_kept"] == 1 > 0.5 > found["kept"]


def test_stripes_are_no_shape(videos):
  stripes = jnp.arange(32)[:, None, None] % 4 < 2
  found = figures(videos, lambda video: jnp.where(stripes, video, -1))
  assert found["seen"] == 1 > 0.3 > found["recognised"]
  assert found["likeness"] < 0.9


def test_a_blob_is_no_shape_of_data_without_circles(videos):
  y, x = np.mgrid[:32, :32] - 15.3
  blob = np.exp(-(y**2 + x**2) / 32)[..., None] * [0.9, 0.1, 0.1]
  found = figures(videos, lambda video: jnp.broadcast_to(2 * blob - 1, video.shape).astype(video.dtype))
  assert found["seen"] == 1 and found["recognised"] == 0 and found["likeness"] > 0.9


def test_what_jumps_about_is_on_no_path(videos):
  order = np.random.default_rng(0).permutation(16)
  found = figures(videos, lambda video: video[:, order])
  assert found["recognised"] == found["kept"] == 1 > found["on_path"] == 0


def test_what_stands_still_is_on_a_path_and_goes_nowhere(videos):
  found = figures(videos, lambda video: jnp.broadcast_to(video[:, :1], video.shape))
  assert found["kept"] == found["on_path"] == found["real_moving"] == 1 > found["moving"] == 0


def test_nothing_is_neither(videos):
  found = figures(videos, lambda video: jnp.full_like(video, -1))
  assert [found[name] for name in NAMES] == [0, 0, 0, 0, 0] and found["likeness"] == 0


@pytest.mark.parametrize("module", [shapes, swap])
def test_other_data_are_named(module):
  """Before training: `build` calls it."""
  module.check_data({"name": "moving_shapes", "size": 64}, "x")
  with pytest.raises(ConfigError, match=r'x reads videos back .* here it is "moving_mnist" with 1'):
    module.check_data({"name": "moving_mnist"}, "x")
  with pytest.raises(ConfigError, match=r'here it is "moving_shapes" with 3'):
    module.check_data({"name": "moving_shapes", "num_objects": 3}, "x")
