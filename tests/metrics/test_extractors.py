"""Extractors resize like their references, say so in their cards, and may be anyone's own."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.errors import ConfigError, MissingWeights
from vgjax.metrics import extractors, weights
from vgjax.models import i3d, inception


def tensorflow1(picture, height, width):
  """tf.image.resize_bilinear(align_corners=False) of TensorFlow 1, pixel by pixel."""
  rows, columns = picture.shape[:2]
  out = np.zeros((height, width, *picture.shape[2:]))
  for i in range(height):
    for j in range(width):
      y, x = i * rows / height, j * columns / width
      top, left = int(y), int(x)
      bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
      upper = picture[top, left] * (1 - (x - left)) + picture[top, right] * (x - left)
      lower = picture[bottom, left] * (1 - (x - left)) + picture[bottom, right] * (x - left)
      out[i, j] = upper * (1 - (y - top)) + lower * (y - top)
  return out


@pytest.mark.parametrize("size", [(5, 7), (12, 11), (23, 40), (11, 11)])
def test_resize_is_tensorflow_1s(size):
  picture = np.random.default_rng(0).uniform(-1, 1, (*size, 3)).astype(np.float32)
  found = extractors.resize(jnp.asarray(picture), 11, 11)
  np.testing.assert_allclose(found, tensorflow1(picture, 11, 11), atol=1e-5)
  centred = extractors.resize(jnp.asarray(picture), 11, 11, sampling="half_pixel")
  assert (np.abs(centred - found).max() > 0.05) == (size != (11, 11))


@pytest.mark.parametrize("size", [(5, 7), (12, 11), (23, 40)])
def test_half_pixel_resize_is_pytorchs(size):
  torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
  picture = np.random.default_rng(0).uniform(-1, 1, (*size, 3)).astype(np.float32)
  planes = torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]
  expected = torch.nn.functional.interpolate(planes, (11, 11), mode="bilinear", align_corners=False)[0]
  found = extractors.resize(jnp.asarray(picture), 11, 11, sampling="half_pixel")
  np.testing.assert_allclose(found, expected.numpy().transpose(1, 2, 0), atol=1e-5)


class Echo:
  """Stands in for a network: gives back what it is shown."""

  def apply(self, variables, x):
    self.shown = x
    return x.reshape(x.shape[0], -1)[:, : variables["params"]]


@pytest.fixture
def echoes(monkeypatch):
  """Both networks replaced, so that no weights are needed."""
  monkeypatch.setattr(weights, "load", lambda name: {})
  made = {}
  for file, kind, dims in ((i3d, "I3D", i3d.CLASSES), (inception, "Inception", inception.FEATURES)):
    made[kind] = Echo()
    monkeypatch.setattr(file, kind, lambda kind=kind: made[kind])
    monkeypatch.setattr(file, "convert", lambda flat, dims=dims: dims)
  return made


@pytest.mark.parametrize("channels", [1, 3])
def test_networks_are_shown_what_they_were_trained_on(echoes, channels):
  video = np.random.default_rng(0).uniform(-1, 1, (2, 3, 20, 24, channels)).astype(np.float32)
  video[0, 0, 0, 0], video[1, 2, 0, 0] = -1, 1  # pixel 0 is not moved by this resize
  extractor = extractors.open("i3d")
  assert extractor.apply(extractor.params, video).shape == (2, extractor.dims) == (2, 400)
  shown = echoes["I3D"].shown
  assert shown.shape == (2, 3, 224, 224, 3)
  np.testing.assert_allclose(shown[1, 2], tensorflow1(video[1, 2], 224, 224) * np.ones(3), atol=1e-5)

  extractor = extractors.open("inception", resize="half_pixel")
  assert extractor.apply(extractor.params, video).shape == (2, 3, extractor.dims) == (2, 3, 2048)
  assert echoes["Inception"].shown.shape == (6, 299, 299, 3)
  extractor = extractors.open("inception")
  extractor.apply(extractor.params, video)
  shown = echoes["Inception"].shown
  assert shown[0, 0, 0, 0] == -1 and shown[5, 0, 0, 0] == 127 / 128  # 0 and 255, less 128, divided by 128


def test_cards_tell_extractors_apart(echoes):
  cards = [extractors.open(name, resize=way).card for name in ("i3d", "inception") for way in extractors.WAYS]
  assert all(cards.count(card) == 1 for card in cards)
  for card in cards:
    assert {"name", "weights_sha256", "resize", "input_size", "layer"} <= set(card)
  assert cards[0]["weights_sha256"] == weights.sha256("i3d_kinetics400")


def test_an_extractor_of_ones_own(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(str(tmp_path))
  (tmp_path / "my_eyes.py").write_text("""
import jax.numpy as jnp
from vgjax.metrics.extractors import Extractor

def make(*, power=1):
  apply = lambda params, video: (params * video**power).mean((1, 2, 3))
  return Extractor("mean", 3, False, False, 1, jnp.float32(2), apply, {"name": "mean", "power": power})
""")
  package = tmp_path / "my_package"
  package.mkdir()
  (package / "__init__.py").touch()
  (package / "eyes.py").write_text((tmp_path / "my_eyes.py").read_text())
  extractor = extractors.open("my_package.eyes", power=2)
  features = jax.jit(extractor.apply)(extractor.params, jnp.full((2, 4, 8, 8, 3), 3.0))
  np.testing.assert_array_equal(features, np.full((2, 3), 18))
  with pytest.raises(ConfigError, match="strength"):
    extractors.open("my_package.eyes", strength=2)
  with pytest.raises(ConfigError, match=r"no module my_package\.ears"):
    extractors.open("my_package.ears")
  (package / "empty.py").touch()
  with pytest.raises(ConfigError, match="has no `make"):
    extractors.open("my_package.empty")
  for name in [name for name in sys.modules if name.startswith("my_package")]:
    monkeypatch.delitem(sys.modules, name)


def test_mistakes_are_explained(echoes, monkeypatch):
  with pytest.raises(ConfigError, match="known: i3d, inception"):
    extractors.open("i3b")
  with pytest.raises(ConfigError, match="tensorflow1, half_pixel"):
    extractors.open("i3d", resize="bicubic")
  with pytest.raises(ConfigError, match="crop"):
    extractors.open("i3d", crop=1)
  extractor = extractors.open("i3d")
  with pytest.raises(ValueError, match="1 or 3"):
    extractor.apply(extractor.params, jnp.zeros((1, 9, 8, 8, 4)))


def test_missing_weights_are_not_hidden(tmp_path, monkeypatch):
  monkeypatch.delenv("VGJAX_WEIGHTS", raising=False)
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  monkeypatch.setenv("VGJAX_FETCH", "0")
  with pytest.raises(MissingWeights, match="fetch inception_2015"):
    extractors.open("inception")
