"""Codes by number, and the matrix of contents and motions."""

import jax.numpy as jnp
import numpy as np
import pytest

import vgjax
from tests import all_configs
from vgjax import swap
from vgjax.errors import ConfigError


@pytest.mark.parametrize(
  "words, numbers",
  [("3", [3]), ("0,2,5", [0, 2, 5]), ("0:3", [0, 1, 2, 3]), ("0:1:3", [0, 0.5, 1]), ("4,0:1:2", [4, 0, 1])],
)
def test_parse(words, numbers):
  assert swap.parse(words, "--sample.content") == numbers


@pytest.mark.parametrize("words", ["", "x", "1:", "0:1:2:3", "-1", "3:1"])
def test_what_is_no_code_is_refused(words):
  with pytest.raises(ConfigError, match=r"--sample\.content"):
    swap.parse(words, "--sample.content")


@pytest.mark.parametrize(
  "words, name",
  [
    ("3", "3"),
    ("0:7", "0to7"),
    ("0:1:8", "0to1in8"),
    ("0,2,5", "0_2_5"),
    ("0,1", "0to1"),
    ("0.5", "0.5"),
    ("2000000", "2000000"),
    ("2000000,2000001,2000005", "2000000_2000001_2000005"),
    (",".join(["7"] * 60 + ["9"]), "7to9of61"),  # a name of 121 characters, twice, fits no file system
  ],
)
def test_files_are_named_by_their_codes(words, name):
  assert swap._in_words(swap.parse(words, "")) == name


def test_codes_between_two_are_as_long_as_these():
  codes = [np.asarray(swap._code("content", number, (2000,), 0)) for number in (0, 0.5, 1, 1.5)]
  assert [code.std() for code in codes] == pytest.approx([1] * 4, abs=0.06)
  np.testing.assert_allclose(codes[1], (codes[0] + codes[2]) / np.sqrt(2), atol=1e-5)
  assert abs(np.corrcoef(codes[0], codes[2])[0, 1]) < 0.1
  other = np.asarray(swap._code("motion", 0, (2000,), 0))
  assert abs(np.corrcoef(codes[0], other)[0, 1]) < 0.1


@pytest.fixture(scope="module")
def mocogan():
  config = all_configs.smoke("moving_shapes/mocogan.py", None)
  config.mesh = dict(data=1)
  run = vgjax.build(config)
  return run, run.init_state()


def test_a_row_is_one_content_and_a_column_one_motion(mocogan):
  """Generators draw nothing but their codes: a cell depends on its row and its column alone."""
  run, state = mocogan
  videos = swap.swap(run, state, content=[0, 1, 2], motion=[0, 3], split="valid")
  assert videos.shape == (3, 2, 8, 16, 16, 3) and videos.dtype == np.uint8
  again = swap.swap(run, state, content=[2], motion=[3], split="valid")
  np.testing.assert_array_equal(again[0, 0], videos[2, 1])
  assert np.abs(videos[0, 0].astype(int) - videos[1, 0]).max() > 0
  assert np.abs(videos[0, 0].astype(int) - videos[0, 1]).max() > 0
  longer = swap.swap(run, state, content=[2], motion=[3], time=11, split="valid")
  assert longer.shape[2] == 11


def test_a_model_whose_codes_are_not_apart_is_refused():
  config = all_configs.smoke("moving_shapes/dcgan3d.py", None)
  config.mesh = dict(data=1)
  run = vgjax.build(config)
  with pytest.raises(ConfigError, match=r"draw them apart: mocogan, .* is called: video"):
    swap.swap(run, run.shapes)


def test_the_sheet_has_a_row_for_each_content():
  videos = np.zeros((2, 3, 5, 16, 16, 3), np.uint8)
  one = swap.matrix(videos[:1], [0], [0, 1, 2])
  two = swap.matrix(videos, [0, 0.5], [0, 1, 2])
  assert two.shape[1] >= one.shape[1] and two.shape[0] > one.shape[0] + 16


def test_writes_a_sheet_and_a_video(mocogan, tmp_path):
  config = all_configs.smoke("moving_shapes/mocogan.py", None)
  config.mesh = dict(data=1)
  run = vgjax.build(config, tmp_path)
  report = swap.write_swap(run, mocogan[1], content=[0, 1], motion=[0, 1])
  assert sorted(path.suffix for path in report.files) == [".mp4", ".png"]
  assert all(path.stat().st_size > 0 for path in report.files)
  other = swap.write_swap(run, mocogan[1], content=[0, 1], motion=[0, 1], seed=1, time=4)
  assert not {*report.files} & {*other.files} and "-time4-seed1-" in other.files[0].name
  assert jnp.ndim(mocogan[1].step) == 0
