"""Moving shapes: what is said of a video is what is drawn, content and motion swap, splits share nothing."""

import itertools
import pickle

import numpy as np
import pytest

from vgjax.data import moving_shapes, shapes_draw, shapes_motion, shapes_sound, shapes_words
from vgjax.data.moving_shapes import Content, Motion, render
from vgjax.errors import ConfigError


def rng(*key):
  return np.random.default_rng(key)


def examples(number, *, split="test", seed=0, **fields):
  source = moving_shapes.make(split=split, seed=seed, **fields)
  return [source.example(index, rng(index)) for index in range(number)]


def centroids(video):
  """Of all light, by pixel: [time, 2]."""
  light = video.astype(float).sum(-1)
  place = np.arange(video.shape[1])
  mass = light.sum((1, 2))
  return np.stack([(light.sum(2) * place).sum(1), (light.sum(1) * place).sum(1)], -1) / mass[:, None]


def some_motions(number):
  draws = rng(number)
  kinds = itertools.cycle(itertools.product(shapes_motion.PATHS, shapes_motion.SPEEDS))
  return [Motion(*kind, int(draws.integers(shapes_motion.STARTS))) for kind, _ in zip(kinds, range(number))]


# -- drawing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", shapes_draw.SHAPES)
@pytest.mark.parametrize("size", shapes_draw.SIZES)
def test_every_shape_covers_what_a_fine_grid_counts(shape, size):
  """Antialiasing against 16 x 16 points a pixel, at a centre that is on no grid."""
  center, radius, fine = (13.37, 14.61), 64 * shapes_draw.SIZES[size], 16
  points = (np.arange(28 * fine) + 0.5) / fine - 0.5
  inside = (
    shapes_draw.SHAPES[shape]((points[:, None] - center[0]) / radius, (points - center[1]) / radius) < 0
  )
  exact = inside.reshape(28, fine, 28, fine).mean((1, 3))
  pixels = np.arange(28.0)
  ours = shapes_draw.coverage(shape, np.array(radius), pixels[:, None] - center[0], pixels - center[1])
  assert np.abs(ours - exact).max() < 0.35  # at a tip
  assert np.abs(ours - exact).mean() < 0.004
  assert abs(ours.sum() / exact.sum() - 1) < 0.03
  assert ((ours > 0) & (ours < 1)).any()
  np.testing.assert_allclose((ours.sum(1) @ pixels, ours.sum(0) @ pixels) / ours.sum(), center, atol=0.06)


def test_a_star_has_five_tips():
  angle = np.arange(3600) / 3600 * 2 * np.pi
  inside = shapes_draw.SHAPES["star"](-0.8 * np.cos(angle), 0.8 * np.sin(angle)) < 0
  assert (np.diff(inside.astype(int)) == 1).sum() + (inside[0] and not inside[-1]) == 4 + 1
  assert shapes_draw.SHAPES["star"](-1.04, 0.0) < 0 < shapes_draw.SHAPES["star"](1.04, 0.0)  # one points up


@pytest.mark.parametrize("rhythm", [None, shapes_sound.Rhythm(5, 2)])
def test_position_is_where_the_shape_is_seen(rhythm):
  for number, motion in enumerate(some_motions(36)):
    content = Content.from_id(number * 5 % shapes_draw.NUM_CONTENTS)
    video = render([content], [motion], time=24, rhythm=rhythm)
    np.testing.assert_allclose(centroids(video), shapes_motion.track(motion, 24, 64), atol=0.1)


@pytest.mark.parametrize("size", [8, 16, 33, 64])
def test_no_shape_leaves_the_frame(size):
  """Its light is the same at every place, also when it is largest at the far ends of all paths."""
  rhythm = shapes_sound.Rhythm(4, 0)
  alone = render([Content("cross", "white", "large")], [Motion("still")], size=size, time=1, rhythm=rhythm)
  for motion in some_motions(36):
    content = Content("cross", "white", "large")
    video = render([content], [motion], size=size, time=40, rhythm=rhythm)
    light = video[::4].astype(float).sum((1, 2, 3)) / alone.sum()
    np.testing.assert_allclose(light, 1, atol=0.05 if size > 16 else 0.25)


def test_any_content_follows_any_motion_exactly():
  """Where the content is drawn does not depend on what it is, nor its looks on where."""
  one, other = Content("star", "red", "small"), Content("ring", "blue", "large")
  for motion in some_motions(18):
    tracks = [centroids(render([content], [motion])) for content in (one, other)]
    np.testing.assert_allclose(*tracks, atol=0.12)
  slow, still = Motion("right", "slow", 100), Motion("still")
  masses = [render([one], [motion]).astype(float).sum((1, 2, 3)).mean() for motion in (slow, still)]
  assert abs(masses[0] / masses[1] - 1) < 0.03


def test_a_longer_video_begins_as_the_shorter_one():
  for motion in some_motions(18):
    fields = dict(background="texture", background_id=3, rhythm=shapes_sound.Rhythm(6, 5))
    content = Content("diamond", "cyan")
    long = render([content], [motion], time=30, **fields)
    np.testing.assert_array_equal(long[:9], render([content], [motion], time=9, **fields))


def test_the_last_object_is_in_front_and_the_background_stands_still():
  contents = [Content("circle", "red", "large"), Content("square", "blue", "small")]
  video = render(contents, [Motion("still")] * 2, background="texture", background_id=1)
  assert (video == video[0]).all()
  assert tuple(video[0, 32, 32]) == shapes_draw.COLORS["blue"]
  assert tuple(video[0, 26, 32]) == shapes_draw.COLORS["red"]
  background = shapes_draw.draw_background("texture", 1, 64)
  np.testing.assert_array_equal(video[0, :8], background[:8])
  assert background.std() > 5 and background.min() >= 16 and background.max() <= 112
  plain = shapes_draw.draw_background("plain", 1, 64)
  assert (plain == plain[0, 0]).all() and (plain != shapes_draw.draw_background("plain", 2, 64)).any()


# -- motion ----------------------------------------------------------------------------------------


def test_lines_go_straight_at_their_speed_for_fifteen_steps():
  steps = dict(left=(0, -1), right=(0, 1), up=(-1, 0), down=(1, 0))
  for (path, way), (speed, share) in itertools.product(steps.items(), shapes_motion.SPEEDS.items()):
    for start in range(0, shapes_motion.STARTS, 97):
      moved = np.diff(shapes_motion.track(Motion(path, speed, start), 16, 64), axis=0)
      np.testing.assert_allclose(moved, np.array([way] * 15) * share * 0.6 * 64, atol=1e-9)
      assert not shapes_motion.turns_back(Motion(path, speed, start), 16)
  assert shapes_motion.turns_back(Motion("left", "fast", 0), 60)


def test_other_paths_are_what_they_are_called():
  for start in range(0, shapes_motion.STARTS, 41):
    for speed, turn in (("slow", 32), ("fast", 16)):
      orbit = shapes_motion.track(Motion("circle", speed, start), turn + 1, 64)
      center = orbit[:-1].mean(0)
      np.testing.assert_allclose(np.hypot(*(orbit - center).T), 0.3 * 0.6 * 64)
      np.testing.assert_allclose(orbit[0], orbit[-1])
      a, b = orbit[:2] - center
      clockwise = a[1] * b[0] - a[0] * b[1] > 0  # y points down
      assert clockwise == (shapes_motion.direction(Motion("circle", speed, start)) == "clockwise")

      swing = shapes_motion.track(Motion("zigzag", speed, start), 33, 64)
      np.testing.assert_allclose(swing[:-8, 0], swing[8:, 0], atol=1e-9)
      assert np.ptp(swing[:9, 0]) == pytest.approx(2 * 0.15 * 0.6 * 64)

      bouncing = Motion("bounce", speed, start)
      moved = np.diff(shapes_motion.track(bouncing, 40, 64), axis=0)
      axis = 1 if shapes_motion.direction(bouncing) in ("left", "right") else 0
      sign = 1 if shapes_motion.direction(bouncing) in ("right", "down") else -1
      assert (moved[:3, axis] * sign > 0).all() and (moved[8:12, axis] * sign < 0).all()

      diagonal = Motion("diagonal", speed, start)
      moved = np.diff(shapes_motion.track(diagonal, 16, 64), axis=0)
      np.testing.assert_allclose(np.hypot(*moved.T), shapes_motion.SPEEDS[speed] * 0.6 * 64)
      words = f"{'down' if moved[0, 0] > 0 else 'up'} and {'right' if moved[0, 1] > 0 else 'left'}"
      assert shapes_motion.direction(diagonal) == words


def test_ids_are_the_numbers_of_all_contents_and_motions():
  contents = [Content.from_id(number) for number in range(shapes_draw.NUM_CONTENTS)]
  assert len(set(contents)) == 8 * 8 * 3 and [c.id for c in contents] == list(range(len(contents)))
  for number in range(0, shapes_motion.NUM_MOTIONS, 1237):
    assert Motion.from_id(number).id == number
  with pytest.raises(ValueError, match="no path 'sideways'"):
    shapes_motion.track(Motion("sideways"), 4, 64)


# -- the source ------------------------------------------------------------------------------------

FIELDS = [
  dict(),
  dict(num_objects=3, background="texture", sound=True, time=9, fps=12.5, mels=20),
  dict(size=32, background="plain", held_out="shape_motion", label="color"),
]


@pytest.mark.parametrize("fields", FIELDS)
def test_an_example_is_rendered_again_from_its_numbers(fields):
  for example in examples(6, **fields):
    video = example["video"]
    time, size = video.shape[:2]
    rhythm = shapes_sound.Rhythm.from_id(example["rhythm"]) if "rhythm" in example else None
    motions = [Motion.from_id(number) for number in example["motion"]]
    again = render(
      [Content.from_id(number) for number in example["content"]],
      motions,
      size=size,
      time=time,
      background=fields.get("background", "black"),
      background_id=int(example["background"]),
      rhythm=rhythm,
    )
    np.testing.assert_array_equal(again, video)
    tracks = np.array([shapes_motion.track(motion, time + 1, size) for motion in motions])
    np.testing.assert_allclose(example["position"], tracks[:, :-1], atol=1e-4)
    np.testing.assert_allclose(example["position"] + example["velocity"], tracks[:, 1:], atol=1e-4)
    names = shapes_words.LABELS[fields.get("label", "shape_motion")]
    content, motion = Content.from_id(example["content"][0]), motions[0]
    expected = content.color if "label" in fields else f"{content.shape} {motion.path}"
    assert names[example["label"]] == expected
    if rhythm is not None:
      assert example["audio"].shape == (9, 20) and example["beat"].shape == (9,)


def test_types_and_shapes_are_the_same_in_every_example():
  for fields in FIELDS:
    for split in moving_shapes.SPLITS:
      kinds = {
        tuple((key, value.dtype.name, value.shape) for key, value in example.items())
        for example in examples(5, split=split, **fields)
      }
      assert len(kinds) == 1
  types = {key: value.dtype.name for key, value in examples(1, sound=True)[0].items()}
  floats = dict.fromkeys(("position", "velocity", "audio"), "float32")
  bytes_ = dict.fromkeys(("video", "text"), "uint8")
  whole = dict.fromkeys(("content", "motion", "background", "label", "beat", "rhythm"), "int32")
  assert types == floats | bytes_ | whole


def test_the_caption_says_what_is_drawn():
  seen = set()
  for example in examples(400, size=8, time=40):
    text = shapes_words.from_bytes(example["text"])
    content, motion = Content.from_id(example["content"][0]), Motion.from_id(example["motion"][0])
    assert text.startswith(f"a {content.size} {content.color} {content.shape} ")
    assert shapes_motion.direction(motion) in text
    assert ("stays still" in text) == (motion.path == "still")
    assert ("and bounces" in text) == (motion.path == "bounce")
    assert ("turns back" in text) == shapes_motion.turns_back(motion, 40)
    seen.add(motion.path)
  assert seen == set(shapes_motion.PATHS)
  bounce = shapes_words.caption([Content("square", "red")], [Motion("bounce", "fast", 0)], 16)
  assert bounce == "a medium red square moves left fast and bounces"


def test_no_caption_is_longer_than_its_place():
  fields = [range(shapes_draw.NUM_CONTENTS), some_motions(400)]
  longest = max(
    len(shapes_words.caption([Content.from_id(c % shapes_draw.NUM_CONTENTS)], [m], 200).encode())
    for c, m in itertools.product(range(0, shapes_draw.NUM_CONTENTS), fields[1][:72])
  )
  assert longest <= shapes_words.longest_caption(1) <= longest + 4
  (example,) = examples(1, num_objects=2)
  assert len(example["text"]) == shapes_words.longest_caption(2)
  assert "text" not in examples(1, text_length=0)[0]
  assert shapes_words.from_bytes(shapes_words.to_bytes("né", 9)) == "né"


def test_the_splits_share_no_object():
  found = {}
  for split in moving_shapes.SPLITS:
    made = examples(1500, split=split, size=8, time=1, shapes=("ring",), colors=("red",), sizes=("small",))
    found[split] = {(int(e["content"][0]), int(e["motion"][0])) for e in made}
    assert len(found[split]) > 1000
  assert not (found["train"] & found["valid"] or found["train"] & found["test"])
  assert not found["valid"] & found["test"]


@pytest.mark.parametrize("held_out, axes", moving_shapes.HELD_OUT.items())
def test_held_out_pairs_are_never_trained_on_and_are_all_that_is_tested(held_out, axes):
  pairs, names = {}, {}
  for split in moving_shapes.SPLITS:
    source = moving_shapes.make(split=split, seed=0, size=8, time=1, held_out=held_out)
    drawn = []
    for index in range(800):
      example = source.example(index, rng(index))
      content, motion = Content.from_id(example["content"][0]), Motion.from_id(example["motion"][0])
      drawn.append((content.shape, content.color, motion.path))
    pairs[split] = {tuple(each[axis] for axis in axes) for each in drawn}
    names[split] = [set(each) for each in zip(*drawn)]
  assert not pairs["train"] & (pairs["valid"] | pairs["test"])
  assert len(pairs["train"]) > 2 * len(pairs["test"]) > 20
  assert names["train"] == [set(shapes_draw.SHAPES), set(shapes_draw.COLORS), set(shapes_motion.PATHS)]


def test_the_fixed_sets_depend_on_seed_and_index_and_training_on_the_rng():
  for split in ("valid", "test"):
    source = moving_shapes.make(split=split, seed=3, background="texture")
    first = source.example(5, rng(0))["video"]
    again = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(first, again.example(5, rng(1))["video"])
    assert (first != source.example(6, rng(0))["video"]).any()
    assert (first != moving_shapes.make(split=split, seed=4).example(5, rng(0))["video"]).any()
  source = moving_shapes.make(split="train", seed=0)
  np.testing.assert_array_equal(source.example(0, rng(0))["video"], source.example(1, rng(0))["video"])
  assert (source.example(0, rng(0))["video"] != source.example(0, rng(1))["video"]).any()


def test_chosen_names_are_all_that_is_drawn():
  chosen = dict(
    shapes=("star", "bar"), colors=("blue",), sizes=("large",), paths=("up", "still"), speeds=("fast",)
  )
  for example in examples(60, **chosen, size=8, time=2):
    content, motion = Content.from_id(example["content"][0]), Motion.from_id(example["motion"][0])
    assert content.shape in chosen["shapes"] and content[1:] == ("blue", "large")
    assert motion[:2] in (("up", "fast"), ("still", "slow"))


def test_scaled_shapes_are_as_large_as_fits_and_where_they_are_said_to_be():
  """Large ones at 4/3: 24 of 64 pixels wide at most, none cut by the border."""
  for example in examples(40, sizes=("large",), scale=4 / 3, speeds=("fast",)):
    np.testing.assert_allclose(centroids(example["video"]), example["position"][0], atol=0.1)
  for shape in ("circle", "bar"):
    content, motion = Content(shape, "white", "large"), Motion("still")
    wide = [render([content], [motion], time=1, scale=scale)[0].max((0, -1)) for scale in (1.0, 4 / 3)]
    np.testing.assert_allclose(
      [np.sum(columns / 250.0) for columns in wide],
      (0.95 if shape == "circle" else 1.0) * np.array([18, 24]),
      atol=0.6,
    )


@pytest.mark.parametrize(
  "fields, message",
  [
    (dict(split="dev"), "train"),
    (
      dict(sizes=("large",), scale=1.4),
      "at most 1.354, not 1.4: larger shapes of the sizes large would leave",
    ),
    (dict(sizes=("large",), scale=1.3, sound=True), "sizes large with sound would leave"),
    (dict(scale=0), "scale must be above 0"),
    (dict(background="textur"), 'did you mean "texture"'),
    (dict(label="colour"), 'did you mean "color"'),
    (dict(shapes=("hexagon",)), "shapes: unknown name"),
    (dict(paths=()), "paths is empty"),
    (dict(num_objects=0), "at least 1"),
    (dict(size=7), "at least 8"),
    (dict(text_length=10), "10 is too short"),
    (dict(sound=True, mels=0), "mels at least 1"),
    (dict(held_out="shape"), "held_out: unknown name"),
    (dict(held_out="shape_color", shapes=("circle",), colors=("red",)), "leaves a split empty"),
  ],
)
def test_wrong_fields_are_named(fields, message):
  with pytest.raises(ConfigError, match=message):
    moving_shapes.make(**{"split": "train", "seed": 0, **fields})


def test_card_tells_protocols_apart():
  cards = [
    moving_shapes.make(split=split, seed=0, held_out=held_out).card()
    for split in moving_shapes.SPLITS
    for held_out in (None, "shape_color")
  ]
  assert len({str(card) for card in cards}) == 6
  assert cards[0]["frames"] == 16 and cards[0]["resolution"] == [64, 64, 3]
