"""The flow of moving shapes leads each pixel back to where it was."""

import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.data import moving_shapes
from vgjax.data.shapes_draw import Content
from vgjax.data.shapes_flow import flow
from vgjax.data.shapes_motion import PATHS
from vgjax.metrics import temporal


def example(**options):
  source = moving_shapes.make(split="valid", seed=0, size=48, time=8, flow=True, text_length=0, **options)
  return [source.example(index, np.random.default_rng(0)) for index in range(6)]


def errors(examples, videos):
  """[videos, time - 1], in levels of 255."""
  back, valid = (jnp.stack([e[name] for e in examples]) for name in ("flow", "valid"))
  video = jnp.asarray(np.stack(videos), jnp.float32) / 127.5 - 1
  return 255 * np.asarray(temporal.warping_error(video, back, valid))


@pytest.mark.parametrize("background", ["black", "texture"])
@pytest.mark.parametrize("sound, scale", [(False, 1.0), (True, 1.0), (False, 4 / 3)])
def test_true_videos_follow_it(background, sound, scale):
  examples = example(num_objects=2, background=background, sound=sound, scale=scale)
  assert errors(examples, [e["video"] for e in examples]).max() < 1e-3
  assert examples[0]["flow"].shape == (7, 48, 48, 2) and examples[0]["valid"].shape == (7, 48, 48)


def test_videos_that_move_otherwise_do_not():
  examples = example(paths=[path for path in PATHS if path != "still"], speeds=["fast"])
  late = [np.concatenate([e["video"][:1], e["video"][:-1]]) for e in examples]
  assert errors(examples, late)[:, 1:].mean() > 1


def test_most_pixels_are_valid_and_shapes_are_among_them():
  examples = example(sizes=["large"])
  valid = np.stack([e["valid"] for e in examples])
  assert valid.mean() > 0.85
  inside = np.stack([e["video"][1:].max(-1) > 200 for e in examples])  # of a bright color, unmixed
  assert valid[inside].mean() > 0.5


def test_a_swelling_shape_flows_from_its_centre():
  examples = example(sound=True, paths=["still"], sizes=["large"])
  for e in examples:
    y, x = np.rint(e["position"][0, 0]).astype(int)
    assert np.abs(e["flow"][:, y, x]).max() < 0.5
  assert max(np.abs(e["flow"]).max() for e in examples) > 0.5


def test_what_is_hidden_is_not_valid():
  front = Content("square", "red", "large")
  source = moving_shapes.make(split="train", seed=0, size=48, time=8, paths=["still"])
  motion = moving_shapes.Motion.from_id(source.example(0, np.random.default_rng(0))["motion"][0])
  _, valid = flow([Content("circle", "blue", "small"), front], [motion, motion], size=48, time=4)
  alone, alone_valid = flow([front], [motion], size=48, time=4)
  np.testing.assert_array_equal(valid, alone_valid)
  assert (alone == 0).all()
