"""What the tasks give, and that they keep to the rules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from vgjax import tasks

SHAPE = (6, 5, 12, 16, 3)
TASKS = {
  "generate": tasks.generate(),
  "predict": tasks.predict(given=2),
  "interpolate": tasks.interpolate(),
  "interpolate every": tasks.interpolate(every=2),
  "inpaint box": tasks.inpaint(),
  "inpaint moving": tasks.inpaint(kind="moving", size=0.3),
  "inpaint blocks": tasks.inpaint(kind="blocks", block=5),
  "one_of": tasks.one_of(
    tasks=dict(a=tasks.predict(given=1), b=tasks.interpolate(), c=tasks.inpaint(kind="moving"))
  ),
}


def batch(shape=SHAPE, seed=0):
  video = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
  return {"video": jnp.asarray(video), "label": jnp.arange(shape[0])}


def masks(task, shape=SHAPE, seed=0):
  return np.asarray(jax.jit(task)(batch(shape), jax.random.key(seed))["mask"])


def given_frames(task, time):
  mask = masks(task, (2, time, 4, 4, 1))
  assert np.all(mask == mask[:1, :, :1, :1])  # whole frames, alike in all examples
  return np.flatnonzero(mask[0, :, 0, 0, 0]).tolist()


@pytest.mark.parametrize("name", TASKS)
def test_contract(name):
  """Shapes; the mask is 0 or 1; the hint is the video under it; other keys stay."""
  before = batch()
  after = jax.jit(TASKS[name])(before, jax.random.key(1))
  assert set(after) == {"video", "label", "hint", "mask"} and set(before) == {"video", "label"}
  assert after["mask"].shape == (*SHAPE[:4], 1) and after["hint"].shape == SHAPE
  assert after["mask"].dtype == after["hint"].dtype == jnp.float32
  assert set(np.unique(after["mask"])) <= {0.0, 1.0}
  np.testing.assert_array_equal(after["hint"], after["video"] * after["mask"])
  np.testing.assert_array_equal(after["video"], before["video"])
  np.testing.assert_array_equal(after["label"], before["label"])


@pytest.mark.parametrize("name", ["inpaint moving", "inpaint blocks", "one_of"])
def test_sharded_batch_gets_the_same_masks(name):
  shape = (8, *SHAPE[1:])
  mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
  sharded = jax.device_put(batch(shape), NamedSharding(mesh, PartitionSpec("data")))
  found = jax.jit(TASKS[name])(sharded, jax.random.key(3))["mask"]
  assert len(found.sharding.device_set) == 8
  np.testing.assert_array_equal(found, masks(TASKS[name], shape, 3))


def test_generate_gives_nothing():
  assert not masks(tasks.generate()).any()


def test_whole_frames():
  assert given_frames(tasks.predict(given=3), 7) == [0, 1, 2]
  assert given_frames(tasks.interpolate(), 7) == [0, 6]
  assert given_frames(tasks.interpolate(every=3), 7) == [0, 3, 6]
  assert given_frames(tasks.interpolate(every=3), 9) == [0, 3, 6, 8]  # nothing is extrapolated


def test_box_stays_and_differs_between_examples():
  hole = 1 - masks(tasks.inpaint(kind="box", size=0.25))[..., 0]
  assert np.all(hole == hole[:, :1])
  assert np.all(hole.sum((2, 3)) == 3 * 4)  # a quarter of 12 x 16, each way
  assert np.all(hole.any(3).sum(2) == 3) and np.all(hole.any(2).sum(2) == 4)  # a rectangle
  assert len(np.unique(hole[:, 0].reshape(len(hole), -1), axis=0)) > 1


def test_box_reaches_every_edge_evenly():
  """3 x 4 in 12 x 16 has 10 x 13 places; each row and column of places must come up alike."""
  hole = 1 - masks(tasks.inpaint(kind="box", size=0.25), (4000, 1, 12, 16, 1))[:, 0, ..., 0]
  top, left = hole.any(2).argmax(1), hole.any(1).argmax(1)
  for places, count in ((top, 10), (left, 13)):
    share = np.bincount(places, minlength=count) / len(places)
    assert len(share) == count
    np.testing.assert_allclose(share, 1 / count, atol=0.025)


def test_moving_hole_moves_in_small_steps_inside_the_frame():
  hole = 1 - masks(tasks.inpaint(kind="moving", size=0.25), (16, 30, 40, 40, 1))[..., 0]
  assert np.all(hole.sum((2, 3)) == 100)  # whole at every time: it never leaves the frame
  top = hole.any(3).argmax(2)
  left = hole.any(2).argmax(2)
  steps = np.abs(np.diff([top, left], axis=-1))
  assert steps.max() <= 4  # a tenth of 30 free pixels, and one for rounding
  assert (steps.sum((0, 2)) > 0).all()


def test_lost_blocks():
  hole = 1 - masks(tasks.inpaint(kind="blocks", block=5, lost=0.3), (50, 8, 12, 16, 1))[..., 0]
  assert np.all(hole[:, :, :5, :5] == hole[:, :, :1, :1]) and np.all(
    hole[:, :, 10:, 15:] == hole[:, :, 10:11, 15:]
  )
  assert abs(hole[:, :, ::5, ::5].mean() - 0.3) < 0.02
  assert np.any(hole[:, 0] != hole[:, 1])


def test_one_of_keeps_to_its_weights():
  parts = dict(one=tasks.predict(given=1), two=tasks.predict(given=2), never=tasks.generate())
  task = tasks.one_of(tasks=parts, weights=dict(one=3.0, two=1.0, never=0.0))
  counts = masks(task, (4000, 4, 2, 2, 1))[:, :, 0, 0, 0].sum(1)
  assert set(counts) == {1, 2}
  assert abs(np.mean(counts == 1) - 0.75) < 0.03


def test_one_of_does_not_depend_on_the_order():
  one, two = tasks.predict(given=1), tasks.inpaint()
  forward, backward = tasks.one_of(tasks=dict(a=one, b=two)), tasks.one_of(tasks=dict(b=two, a=one))
  np.testing.assert_array_equal(masks(forward), masks(backward))


def test_randomness_follows_the_key():
  for name in ("inpaint box", "inpaint moving", "inpaint blocks", "one_of"):
    assert np.any(masks(TASKS[name], seed=1) != masks(TASKS[name], seed=2)), name


@pytest.mark.parametrize(
  "make,message",
  [
    (lambda: tasks.predict(given=0), "given must be at least 1"),
    (lambda: masks(tasks.predict(given=5)), "given = 5, but the videos have 5 frames"),
    (lambda: tasks.interpolate(every=1), "every must be at least 2"),
    (lambda: masks(tasks.interpolate(), (1, 2, 4, 4, 1)), "2 frames have none between"),
    (lambda: tasks.inpaint(kind="hole"), 'unknown kind "hole"'),
    (lambda: tasks.inpaint(size=0), "size must be"),
    (lambda: tasks.inpaint(kind="blocks", lost=1.5), "lost must be"),
    (lambda: tasks.inpaint(kind="blocks", block=0), "block must be"),
    (lambda: tasks.one_of(tasks={}), "at least one"),
    (lambda: tasks.one_of(tasks=dict(a=tasks.generate()), weights=dict(b=1)), "weights are for"),
    (lambda: tasks.one_of(tasks=dict(a=tasks.generate()), weights=dict(a=0)), "not all zero"),
    (lambda: masks(tasks.one_of(tasks=dict(a=lambda b, r: b, b=tasks.generate()))), "different keys"),
  ],
)
def test_errors(make, message):
  with pytest.raises(ValueError, match=message):
    make()


HINTS = {"colorize": tasks.colorize(), "edges": tasks.edges(), "translate": tasks.translate(source="drawn")}


@pytest.mark.parametrize("name", HINTS)
def test_translations_give_no_pixel(name):
  """The hint is another video in [-1, 1] and in the video's shape; nothing else is changed."""
  before = batch() | {"drawn": batch(seed=1)["video"]}
  after = jax.jit(HINTS[name])(before, jax.random.key(1))
  assert set(after) == {*before, "hint", "mask"} and set(before) == {"video", "label", "drawn"}
  assert after["mask"].shape == (*SHAPE[:4], 1) and after["hint"].shape == SHAPE
  assert after["mask"].dtype == after["hint"].dtype == jnp.float32
  assert not after["mask"].any() and np.abs(after["hint"]).max() <= 1 + 1e-6
  for key in before:
    np.testing.assert_array_equal(after[key], before[key])


def hint(task, video):
  return np.asarray(jax.jit(task)({"video": jnp.asarray(video, jnp.float32)}, jax.random.key(0))["hint"])


def test_colorize_shows_luma():
  video = np.asarray(batch()["video"])
  grey = 0.299 * video[..., 0] + 0.587 * video[..., 1] + 0.114 * video[..., 2]
  np.testing.assert_allclose(hint(tasks.colorize(), video), np.stack([grey] * 3, -1), atol=1e-6)
  np.testing.assert_allclose(hint(tasks.colorize(), np.full(SHAPE, -1.0)), -1, atol=1e-6)  # black stays so


def test_edges_are_the_sobel_gradient():
  video = np.asarray(batch()["video"])
  grey = 0.299 * video[..., 0] + 0.587 * video[..., 1] + 0.114 * video[..., 2]
  padded = np.pad(grey, [(0, 0), (0, 0), (1, 1), (1, 1)], mode="edge")
  kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
  right, down = np.zeros(grey.shape), np.zeros(grey.shape)
  for y in range(SHAPE[2]):
    for x in range(SHAPE[3]):
      window = padded[:, :, y : y + 3, x : x + 3]
      right[:, :, y, x] = (window * kernel).sum((2, 3))
      down[:, :, y, x] = (window * kernel.T).sum((2, 3))
  wanted = 2 * np.minimum(np.hypot(right, down) / 8, 1) - 1
  np.testing.assert_allclose(hint(tasks.edges(), video), np.stack([wanted] * 3, -1), atol=1e-5)


def test_edges_of_a_step_and_of_nothing():
  step = np.full((1, 1, 6, 8, 1), -1.0)
  step[..., 4:, :] = 1.0
  found = hint(tasks.edges(), step)[0, 0, :, :, 0]
  np.testing.assert_allclose(found, np.tile([-1, -1, -1, 1, 1, -1, -1, -1], (6, 1)), atol=1e-6)
  np.testing.assert_allclose(hint(tasks.edges(), np.full(SHAPE, 0.3)), -1, atol=1e-6)


def test_translate_scales_what_comes_from_the_host():
  drawn = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
  for array, wanted in ((drawn, drawn / 127.5 - 1), (batch(seed=2)["video"], batch(seed=2)["video"])):
    after = jax.jit(tasks.translate())(batch() | {"source": jnp.asarray(array)}, jax.random.key(0))
    np.testing.assert_allclose(after["hint"], wanted, atol=1e-6)
    assert after["hint"].dtype == jnp.float32


@pytest.mark.parametrize(
  "make,message",
  [
    (lambda: hint(tasks.colorize(), np.zeros((1, 2, 4, 4, 1))), "have 1 channel.* colour needs 3"),
    (lambda: hint(tasks.translate(), np.zeros(SHAPE)), r'no "source" beside the video \(they have video\)'),
    (
      lambda: tasks.translate()({"video": jnp.zeros(SHAPE), "source": jnp.zeros((6, 4, 12, 16, 3))}, None),
      r'"source" is \[6, 4, 12, 16, 3\], and the video \[6, 5, 12, 16, 3\]',
    ),
  ],
)
def test_errors_of_translations(make, message):
  with pytest.raises(ValueError, match=message):
    make()
