"""What interpolation is made of: groups of frames between cuts, cuts, tiles."""

import itertools

import numpy as np
import pytest

from vgjax.data import scenes
from vgjax.inference import between, cuts, tiles
from vgjax.inference.film import Frame


def linear(every):
  """A `fill` that mixes linearly."""

  def fill(groups):
    last = groups.shape[1] - 1
    places = np.arange(last * every + 1) / every
    left = np.minimum(places.astype(int), last - 1)
    share = (places - left)[None, :, None, None, None]
    return np.rint((1 - share) * groups[:, left] + share * groups[:, left + 1]).astype(np.uint8)

  return fill


def film(levels, cut_at=()):
  for number, level in enumerate(levels):
    yield Frame(number / 10, np.full((1, 1, 1), level, np.uint8), cut=number in cut_at)


@pytest.mark.parametrize("every, group, rounds", [(2, 2, 1), (2, 2, 2), (4, 3, 1), (3, 3, 1), (2, 3, 2)])
def test_groups_of_any_length_give_the_same_and_cuts_are_not_crossed(every, group, rounds):
  plan = between.Plan(every, group, rounds)
  levels = [0, 36, 72, 108, 200, 164]
  made = list(between.interpolate(film(levels, {4}), linear(every), plan, batch=2))
  factor = every**rounds
  shown = np.array([frame.pixels.item() for frame in made])
  assert len(made) == 5 * factor + 1
  np.testing.assert_array_equal(shown[::factor], levels)
  np.testing.assert_allclose(shown[: 3 * factor + 1], np.arange(3 * factor + 1) * 36 / factor, atol=1)
  assert set(shown[3 * factor : 4 * factor + 1]) == {108, 200}, "nothing is made up across the cut"
  assert [frame.made for frame in made[: factor + 1]] == [False, *[True] * (factor - 1), False]
  assert sum(frame.cut for frame in made) == 1
  np.testing.assert_allclose(np.diff([frame.seconds for frame in made]), 0.1 / factor)


def test_scenes_of_one_frame():
  made = list(between.interpolate(film([0, 100, 200], {1, 2}), linear(2), between.Plan(2, 2, 1), batch=4))
  assert [frame.pixels.item() for frame in made] == [0, 0, 100, 100, 200]


def test_a_film_without_end_is_read_only_a_little_ahead():
  read = itertools.count()
  endless = (Frame(next(read) / 10, np.zeros((8, 8, 3), np.uint8)) for _ in itertools.count())
  made = between.interpolate(cuts.mark(endless), linear(2), between.Plan(2, 3, 2), batch=4)
  for _ in itertools.islice(made, 800):
    pass
  assert next(read) < 200 + 40


def test_cuts_are_those_found_in_the_whole_film():
  rng = np.random.default_rng(0)
  scene = [rng.integers(0, 256, (40, 40, 3)) // (1, 3, 9)[number % 3] for number in range(5)]
  lengths = (3, 20, 9, 8, 30)
  frames = np.concatenate([np.stack([s] * n) for s, n in zip(scene, lengths)]).astype(np.uint8)
  frames[12] = 255  # a flash
  found = [n for n, f in enumerate(cuts.mark(Frame(n, pixels) for n, pixels in enumerate(frames))) if f.cut]
  small = np.stack([cuts._small(frame) for frame in frames])
  assert found == scenes.find_cuts(scenes.histogram(small)).tolist() == [3, 23, 32, 40]


@pytest.mark.parametrize(
  "size, tile, multiple", [((37, 53), (16, 24), 8), ((8, 100), (64, 32), 1), ((5, 5), None, 4)]
)
def test_tiles_add_up_to_the_frame(size, tile, multiple):
  frames = np.random.default_rng(0).integers(0, 256, (2, 3, *size, 3), np.uint8)
  shapes = set()

  def network(part):
    shapes.add(part.shape)
    return 255 - part

  np.testing.assert_array_equal(
    tiles.apply(network, frames, multiple=multiple, tile=tile, overlap=6), 255 - frames
  )
  assert len(shapes) == 1
  assert all(n % multiple == 0 for n in shapes.pop()[2:4])


def test_tiles_that_disagree_are_blended_without_a_seam():
  levels = itertools.count(0.0, 1.0)
  frames = np.zeros((1, 1, 8, 64, 1), np.float32)
  made = tiles.apply(lambda part: part + next(levels), frames, tile=(8, 28), overlap=10)[0, 0, 0, :, 0]
  assert made[0] == 0 and made[-1] == 2, "at the film's own border a tile counts in full"
  assert np.all(np.diff(made) >= 0) and np.diff(made).max() < 0.2
