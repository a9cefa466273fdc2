"""Arrays in files come out as they are, example by example and a batch at once."""

import os
import pickle

import numpy as np
import pytest

from vgjax.data import array_file, arrays, loader, order
from vgjax.errors import ConfigError, DataError

V, T, H, W = 6, 10, 4, 5


def rng(*key):
  return np.random.default_rng(key)


@pytest.fixture
def video():
  return rng(0).integers(0, 256, (V, T, H, W, 3), dtype=np.uint8)


def make(path, split="train", **fields):
  options = dict(time=4, seed=0, valid_fraction=0, test_fraction=0) | fields
  return arrays.make(split=split, path=str(path), **options)


def test_clips_begin_anywhere_and_are_whole(tmp_path, video):
  np.save(tmp_path / "a.npy", video)
  source = make(tmp_path / "a.npy", stride=2)
  assert len(source) == V
  starts = set()
  for seed in range(40):
    found = source.example(2, rng(seed))["video"]
    (start,) = [k for k in range(4) if np.array_equal(found, video[2, k : k + 7 : 2])]
    starts.add(start)
    found[:] = 0  # a copy: the file is not written to
  assert starts == {0, 1, 2, 3}
  np.testing.assert_array_equal(make(tmp_path, time=T).example(5, rng(0))["video"], video[5])


@pytest.mark.parametrize(
  "axes, order, channels",
  [("tvhw", (1, 0, 2, 3), 1), ("vthw", (0, 1, 2, 3), 1), ("vcthw", (0, 4, 1, 2, 3), 3), ("tvhwc", None, 3)],
)
def test_axes(tmp_path, video, axes, order, channels):
  stored = video[..., 0] if channels == 1 else video
  np.save(tmp_path / "a.npy", stored.transpose(order or (1, 0, 2, 3, 4)))
  source = make(tmp_path, axes=axes, time=T)
  np.testing.assert_array_equal(source.example(3, rng(0))["video"], video[3, ..., :channels])


def test_one_video_a_file(tmp_path, video):
  for number, one in enumerate(video):
    np.save(tmp_path / f"{number * 5}.npy", one[: T - number])  # their lengths differ
  source = make(tmp_path)
  assert len(source) == V
  assert [file.num_frames for file in source.files] == [10, 9, 8, 7, 6, 5]  # 5 before 10
  np.testing.assert_array_equal(make(tmp_path, time=5).example(5, rng(0))["video"], video[5, :5])
  with pytest.raises(DataError, match="5 of 6 videos are shorter than 10 frames"):
    make(tmp_path, time=10)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dims", [None, 2])
def test_labels_and_actions_in_step(tmp_path, video, save, dims):
  action = np.arange(V * T).reshape(V, T)
  action = action if dims is None else np.stack([action, action / 2], -1)
  save(tmp_path / "a.npz", video=video, action=action, label=np.arange(V)[::-1].astype(np.int64))
  source = make(tmp_path, action=True, label=True, stride=3, time=3)
  for index in range(V):
    example = source.example(index, rng(index))
    first = example["action"].reshape(3, -1)[:, 0].astype(int)
    np.testing.assert_array_equal(example["video"], video[index, first - index * T])
    assert example["label"] == V - 1 - index and example["label"].dtype == np.int32
    assert example["action"].dtype == (np.int32 if dims is None else np.float32)
    assert np.diff(first).tolist() == [3, 3]
  assert set(make(tmp_path).example(0, rng(0))) == {"video"}


def test_what_is_not_compressed_is_mapped(tmp_path, video):
  np.savez(tmp_path / "a.npz", first=np.arange(3), video=video)
  np.savez(tmp_path / "b.npz", video=np.asfortranarray(video))
  np.save(tmp_path / "c.npy", video)
  for name in ("a.npz", "b.npz", "c.npy"):
    loaded = array_file.load(str(tmp_path / name))
    found = loaded["arr_0" if name == "c.npy" else "video"]
    np.testing.assert_array_equal(found, video)
    base = found
    while base is not None and not isinstance(base, np.memmap):
      base = base.base
    assert isinstance(base, np.memmap)


def test_size_scales_until_it_covers_and_takes_the_middle(tmp_path):
  wide = np.zeros((V, T, 8, 16, 3), np.uint8)
  wide[..., 4:8, :] = 200  # the left half of the middle square
  np.save(tmp_path / "a.npy", wide)
  np.save(tmp_path / "b.npy", wide.transpose(0, 1, 3, 2, 4))  # another size, which `size` makes one
  with pytest.raises(DataError, match=r"config\.data\.size scales"):
    make(tmp_path)
  for split in ("train", "valid"):
    source = make(tmp_path, split, size=4, valid_fraction=0.5)
    for example in (source.example(k, rng(k)) for k in range(len(source))):
      video = example["video"]
      assert video.shape == (4, 4, 4, 3) and video.dtype == np.uint8
      video = video if video[0, 0, 0, 0] == video[0, 3, 0, 0] else video.swapaxes(1, 2)
      assert (video[:, :, :2] > 150).all() and (video[:, :, 2:] < 50).all()
    assert source.card()["resolution"] == [4, 4, 3] and "center crop" in source.card()["resize"]
  assert make(tmp_path / "a.npy", size=(8, 16)).example(0, rng(0))["video"].shape == (4, 8, 16, 3)
  with pytest.raises(ConfigError, match="size"):
    make(tmp_path, size=0)


@pytest.mark.parametrize("time, size", [(4, None), (T, None), (4, 3)])
@pytest.mark.parametrize("transforms", [(), ("jitter",)])
@pytest.mark.parametrize("split", ["train", "valid"])
@pytest.mark.parametrize("files", [1, 2])
def test_a_batch_equals_its_examples(tmp_path, video, time, size, transforms, split, files):
  for number in range(files):
    action = np.arange(V * T).reshape(V, T) * (number + 1)
    np.savez(tmp_path / f"{number}.npz", video=video[:: 1 - 2 * number], label=np.arange(V), action=action)
  options = dict(valid_fraction=0.5, transforms=transforms, action=True, label=True, time=time, size=size)
  source = pickle.loads(pickle.dumps(make(tmp_path, split, clips_per_video=2, **options)))
  indices, seeds = [0, len(source) - 1, 1, 0], [(3, k) for k in range(4)]
  found = source.batch(indices, [np.random.default_rng(seed) for seed in seeds])
  for row, (index, seed) in enumerate(zip(indices, seeds)):
    expected = source.example(index, np.random.default_rng(seed))
    np.testing.assert_equal({name: value[row] for name, value in found.items()}, expected)
    assert {name: value.dtype for name, value in found.items()} == {n: v.dtype for n, v in expected.items()}
  batches = loader.train_batches(source, batch_size=5, seed=7, num_steps=2, threads=0)
  with batches:
    for step, batch in enumerate(batches):
      for row, index in enumerate(order.shuffled(np.arange(5 * step, 5 * step + 5), len(source), 7)):
        expected = source.example(index, np.random.default_rng((7, 5 * step + row)))
        np.testing.assert_equal({name: value[row] for name, value in batch.items()}, expected)


def test_a_large_batch_is_copied_in_parts(tmp_path, video, monkeypatch):
  np.save(tmp_path / "a.npy", video)
  source, indices = make(tmp_path, time=T), [4, 0, 2, 2, 1]
  rngs = [rng(row) for row in range(5)]
  whole = source.batch(indices, rngs)["video"]
  for parts in (2, 3, 4):
    monkeypatch.setattr(arrays, "COPIERS", parts)
    monkeypatch.setattr(arrays, "COPY_BYTES", 1)
    np.testing.assert_array_equal(source.batch(indices, rngs)["video"], whole)


def test_splits(tmp_path, video):
  np.save(tmp_path / "a.npy", video)
  parts = {split: make(tmp_path, split, valid_fraction=0.3, test_fraction=0.2) for split in arrays.SPLITS}
  numbers = [tuple(source.videos[:, 1]) for source in parts.values()]
  assert sorted(sum(numbers, ())) == list(range(V)) and all(numbers)
  shown = parts["valid"].example(0, rng(0))["video"]
  np.testing.assert_array_equal(shown, parts["valid"].example(0, rng(1))["video"])
  np.testing.assert_array_equal(shown, video[parts["valid"].videos[0, 1], 3:7])  # the middle
  (tmp_path / "a.npy").unlink()
  for folder in ("train", "val"):
    (tmp_path / folder).mkdir()
    np.save(tmp_path / folder / "a.npy", video)
  assert len(make(tmp_path)) == len(make(tmp_path, "valid", valid_fraction=0.5)) == V
  chosen = dict(splits=dict(test="val/a.npy"))
  assert len(make(tmp_path, "test", **chosen)) == len(make(tmp_path, **chosen)) == V


def test_the_fingerprint_and_the_card(tmp_path, video):
  np.save(tmp_path / "a.npy", video)
  first = make(tmp_path)
  assert first.card()["resolution"] == [H, W, 3] and first.card()["num_videos"] == V
  before = first.fingerprint()
  assert make(tmp_path).fingerprint() == before
  np.save(tmp_path / "a.npy", video[:-1])
  second = make(tmp_path)
  assert second.fingerprint() != before and second.card()["contents"] != first.card()["contents"]


@pytest.mark.parametrize(
  "fields, error, message",
  [
    (dict(time=11), DataError, "6 of 6 videos are shorter than 11 frames"),
    (dict(key="frames"), DataError, r"no array 'frames', but video, odd"),
    (dict(key="odd"), DataError, r"a\.npz: the videos are float64; uint8"),
    (dict(axes="vthw"), DataError, r'do not have the axes "vthw"'),
    (dict(axes="vthcw"), DataError, "1 or 3 channels"),
    (dict(axes="vtxyc"), ConfigError, "axes are letters"),
    (dict(action=True), DataError, "no array 'action' beside the videos"),
    (dict(time=0), ConfigError, "at least 1"),
    (dict(split="dev"), ConfigError, "train, valid, test"),
    (dict(splits=dict(test="b.npz")), ConfigError, r"splits\.test: no arrays in"),
  ],
)
def test_wrong_fields_are_named(tmp_path, video, fields, error, message):
  np.savez(tmp_path / "a.npz", video=video, odd=np.zeros((2, 3, 4, 5)))
  with pytest.raises(error, match=message):
    make(tmp_path, **fields)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")  # of NumPy's parser
def test_damaged_files_are_named(tmp_path, video):
  with pytest.raises(DataError, match=r"it holds no \.npy or \.npz files"):
    make(tmp_path)
  with pytest.raises(DataError, match="it does not exist"):
    make(tmp_path / "nowhere.npy")
  (tmp_path / "words.txt").write_text("words")
  with pytest.raises(DataError, match=r"it is no \.npy or \.npz file"):
    make(tmp_path / "words.txt")
  np.save(tmp_path / "whole.npy", video)
  np.savez(tmp_path / "whole.npz", video=video)
  np.savez_compressed(tmp_path / "packed.npz", video=video)
  for name in ("whole.npy", "whole.npz", "packed.npz"):
    data = (tmp_path / name).read_bytes()
    path = tmp_path / f"bad.{name[-3:]}"
    for attempt in range(150):
      draw = rng(attempt)
      damaged = bytearray(data[: int(draw.integers(len(data)))] if attempt % 3 == 0 else data)
      for place in draw.integers(min(300, len(damaged) or 1), size=3 if damaged else 0):
        damaged[place if attempt % 2 else -1 - place] = draw.integers(256)
      path.write_bytes(damaged)
      try:
        source = make(path)
        source.example(0, rng(0))
      except (DataError, ConfigError) as error:
        assert os.fspath(path) in str(error)
  np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
  with pytest.raises(DataError, match=r"object\.npy: it cannot be read: .*pickles"):
    make(tmp_path / "object.npy")
  header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (9, 99999999, 99, 99, 3)}\n"
  huge = np.lib.format.magic(1, 0) + len(header).to_bytes(2, "little") + header
  (tmp_path / "huge.npy").write_bytes(huge)
  with pytest.raises(DataError, match=r"huge\.npy: it cannot be read"):
    make(tmp_path / "huge.npy")
