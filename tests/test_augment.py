"""Augmentations: what they change, that all frames of a video change alike, and that gradients pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import augment
from vgjax.errors import ConfigError

NAMES = augment.__all__
VIDEO = jax.random.uniform(jax.random.key(0), (6, 3, 16, 16, 3), minval=-1, maxval=1)
STILL = jnp.repeat(VIDEO[:, :1], 3, axis=1)


def changed_by(name, video, seed):
  """The video after one augmentation; nothing is given."""
  view = augment.View(video, jnp.zeros_like(video), jnp.zeros((*video.shape[:4], 1)))
  return augment.make([name])(view, jax.random.key(seed)).video


@pytest.mark.parametrize("name", augment.__all__)
def test_every_frame_of_a_video_is_changed_alike_and_videos_are_not(name):
  changed = np.asarray(changed_by(name, STILL, 1))
  np.testing.assert_allclose(changed, np.repeat(changed[:, :1], 3, axis=1), atol=1e-5)
  same = np.asarray(changed_by(name, jnp.repeat(STILL[:1], 6, axis=0), 1))
  assert np.abs(same - same[:1]).max() > 0.1


@pytest.mark.parametrize("name", augment.__all__)
def test_gradients_reach_the_video(name):
  slope = jax.grad(lambda video: jnp.sum(changed_by(name, video, 1) ** 2))(VIDEO)
  assert np.isfinite(slope).all() and np.abs(slope).max() > 0


def test_translation_shifts_whole_pixels_by_an_eighth_at_most():
  moved = np.asarray(changed_by("translation", VIDEO, 2))
  for one, other in zip(np.asarray(VIDEO), moved, strict=True):
    matches = []
    for down in range(-2, 3):
      for right in range(-2, 3):
        wanted = np.full_like(one, -1.0)
        ys, xs = slice(max(down, 0), 16 + min(down, 0)), slice(max(right, 0), 16 + min(right, 0))
        back_y, back_x = slice(max(-down, 0), 16 + min(-down, 0)), slice(max(-right, 0), 16 + min(-right, 0))
        wanted[:, ys, xs] = one[:, back_y, back_x]
        matches.append(np.allclose(wanted, other, atol=1e-5))
    assert sum(matches) == 1


def test_cutout_leaves_the_rest_and_cuts_a_square():
  cut = np.asarray(changed_by("cutout", VIDEO, 3))
  hole = (cut == 0).all((1, 4))
  kept = ~np.broadcast_to(hole[:, None, :, :, None], cut.shape)
  np.testing.assert_array_equal(cut[kept], np.asarray(VIDEO)[kept])
  assert (hole.sum((1, 2)) <= 64).all() and hole.any((1, 2)).all()


def test_color_is_an_affine_map_of_each_video():
  """Brightness, saturation and contrast keep the order of a video's greys."""
  grey = jnp.repeat(VIDEO[..., :1], 3, axis=-1)
  changed = np.asarray(changed_by("color", grey, 4))
  for one, other in zip(np.asarray(grey), changed, strict=True):
    slope, offset = np.polyfit(one.ravel(), other.ravel(), 1)
    np.testing.assert_allclose(slope * one + offset, other, atol=1e-4)
    assert 0.5 <= slope <= 1.5


def test_flip_mirrors_a_quarter():
  video = jnp.tile(jnp.linspace(-1, 1, 16)[:, None], (4000, 1, 1, 1, 1))
  flipped = np.asarray(changed_by("flip", video, 5))
  mirrored = (flipped == np.asarray(video)[:, :, :, ::-1]).all((1, 2, 3, 4))
  kept = (flipped == np.asarray(video)).all((1, 2, 3, 4))
  assert (mirrored ^ kept).all() and mirrored.mean() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_given_stays_given(name):
  """Where the mask says so, the hint still is the video, and it says so of the same pixels."""
  mask = jnp.zeros((6, 3, 16, 16, 1)).at[:, 0].set(1.0).at[:, 1, :5, 3:9].set(1.0)
  view = augment.make([name])(augment.View(VIDEO, VIDEO * mask, mask), jax.random.key(1))
  given = np.broadcast_to(view.mask > 0.5, VIDEO.shape)
  assert given.mean() > 0.1 and np.isin(view.mask, (0, 1)).all()
  np.testing.assert_allclose(np.asarray(view.hint)[given], np.asarray(view.video)[given], atol=1e-5)
  if name != "color":
    marked = augment.make([name])(augment.View(2 * mask - 1, 2 * mask - 1, mask), jax.random.key(1))
    np.testing.assert_allclose(marked.video > 0.5, marked.mask > 0.5)


def test_an_unknown_name():
  with pytest.raises(ConfigError, match='unknown name "colour"; did you mean "color"'):
    augment.make(["colour"])


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_given_says_nothing_of_the_change(name):
  """Two frames are given, or nothing is: elsewhere the hint stays 0. A guiding video changes as a whole."""
  given = jnp.zeros((*VIDEO.shape[:4], 1)).at[:, :2].set(1.0)
  for mask in (given, jnp.zeros_like(given)):
    view = augment.make([name])(augment.View(VIDEO, VIDEO * mask, mask), jax.random.key(3))
    assert float(jnp.abs(view.hint * (1 - view.mask)).max()) == 0
    np.testing.assert_allclose(view.hint, view.video * view.mask, atol=1e-5)
  view = augment.make([name])(augment.View(VIDEO, VIDEO, jnp.zeros_like(given)), jax.random.key(3))
  np.testing.assert_allclose(view.hint, view.video, atol=1e-5)
