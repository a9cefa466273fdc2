"""The sets of digits: MNIST's splits, resizing, and folders of the user's own."""

import gzip
import importlib.resources
import pickle

import numpy as np
import pytest
from PIL import Image

from vgjax.data import digits, moving_mnist
from vgjax.errors import DataError


def rng(*key):
  return np.random.default_rng(key)


def test_the_splits_share_no_digit():
  train, valid, test = (digits.load_digits(split) for split in ("train", "valid", "test"))
  assert (len(train), len(valid), len(test)) == (55_000, 5_000, 10_000)
  folder = importlib.resources.files("vgjax.data") / "mnist"
  original = gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())[16:]
  assert np.concatenate([train, valid]).tobytes() == original
  sets = [{image.tobytes() for image in images} for images in (train, valid, test)]
  assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])


@pytest.mark.parametrize("size", [14, 20, 40])
def test_resizing_is_antialiased(size):
  """Pillow's triangle filter is the reference."""
  images = digits.load_digits("test")[:20]
  ours = digits.resize(images, size)
  for image, resized in zip(images, ours):
    theirs = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
    assert np.abs(resized.astype(int) - theirs).max() <= 2  # Pillow rounds after each of two passes


def write_set(folder, *, number=digits.HELD_OUT + 3, test=4, labels=True):
  """A set of MNIST's structure, whose image n is n everywhere (modulo 251)."""
  folder.mkdir(exist_ok=True)
  for part, count in (("train", number), ("test", test)):
    pictures = (np.arange(count) % 251).astype(np.uint8)[:, None, None].repeat(28, 1).repeat(28, 2)
    header = np.array([0x803, count, 28, 28], ">i4").tobytes()
    (folder / digits.FILES[part, "images"]).write_bytes(gzip.compress(header + pictures.tobytes(), 1))
    if labels:
      header = np.array([0x801, count], ">i4").tobytes()
      classes = (np.arange(count) % 10).astype(np.uint8)
      (folder / digits.FILES[part, "labels"]).write_bytes(gzip.compress(header + classes.tobytes()))
  return str(folder)


def test_digits_of_a_folder(tmp_path):
  folder = write_set(tmp_path / "fashion")
  for split, allowed in (("train", range(3)), ("valid", range(3, 254)), ("test", range(4))):
    source = moving_mnist.make(split=split, seed=0, digits=folder, truth=True)
    again = pickle.loads(pickle.dumps(source))
    seen = set()
    for index in range(20):
      example = again.example(index, rng(index))
      for digit, label in zip(example["digit"], example["digit_label"]):
        assert (digit == digit[0, 0]).all()
        seen.add(int(digit[0, 0]))
        assert split == "valid" or label == digit[0, 0] % 10
    assert seen <= set(allowed) and len(seen) > 2
    assert "fashion" in source.card()["digits"] and "sha256" in source.card()["digits"]


def test_labels_are_needed_for_the_truth_only(tmp_path):
  folder = write_set(tmp_path / "unlabelled", labels=False)
  assert moving_mnist.make(split="train", seed=0, digits=folder).example(0, rng(0))["video"].max() > 0
  with pytest.raises(DataError, match=r"train-labels-idx1-ubyte\.gz"):
    moving_mnist.make(split="train", seed=0, digits=folder, truth=True)


def spoil(folder, spoiled):
  """Damages the training images, or labels, in the way that is named."""
  images, labels = (folder / digits.FILES["train", kind] for kind in ("images", "labels"))
  content = gzip.decompress(images.read_bytes())
  match spoiled:
    case "gone":
      images.unlink()
    case "no gzip":
      images.write_bytes(content)
    case "cut off":
      images.write_bytes(images.read_bytes()[:-200])
    case "empty":
      images.write_bytes(gzip.compress(b""))
    case "short":
      images.write_bytes(gzip.compress(content[:-1], 1))
    case "labels instead":
      images.write_bytes(labels.read_bytes())
    case "another side":
      images.write_bytes(gzip.compress(np.array([0x803, 1, 32, 32], ">i4").tobytes() + bytes(1024)))
    case "few":
      images.write_bytes(gzip.compress(np.array([0x803, 1, 28, 28], ">i4").tobytes() + bytes(784)))
    case "other labels":
      header = np.array([0x801, digits.HELD_OUT + 1], ">i4").tobytes()
      labels.write_bytes(gzip.compress(header + bytes(digits.HELD_OUT + 1)))


@pytest.mark.parametrize(
  "spoiled, message",
  [
    ("gone", "There is no .*train-images-idx3"),
    ("no gzip", "cannot be unzipped"),
    ("cut off", "cannot be unzipped"),
    ("empty", "no idx file of images"),
    ("short", "does not fit its size"),
    ("labels instead", "no idx file of images"),
    ("another side", "32x32 pixels; MNIST's are 28x28"),
    ("few", "none is left to train on"),
    ("other labels", "1 labels for the 3 images"),
  ],
)
def test_bad_digit_files_are_named(tmp_path, spoiled, message):
  folder = write_set(tmp_path / "spoiled")
  spoil(tmp_path / "spoiled", spoiled)
  with pytest.raises(DataError, match=message) as error:
    moving_mnist.make(split="train", seed=0, digits=folder, truth=True)
  assert folder in str(error.value)
  moving_mnist.make(split="test", seed=0, digits=folder)  # its files are whole
