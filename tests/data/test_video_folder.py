"""A folder of videos: which files, which split, which frames; and what happens to bad ones."""

import pickle
import struct
import warnings

import numpy as np
import pytest

from tests.data import clips
from vgjax.data import loader, video_folder, video_index
from vgjax.errors import ConfigError, DataError

N = 30  # frames of a video, at 10 a second


def rng(*key):
  return np.random.default_rng(key)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Six videos of four formats, two of them further down."""
  root = tmp_path_factory.mktemp("videos")
  (root / "more").mkdir()
  (root / ".hidden").mkdir()
  for name in ("a.mp4", "b.MP4", "c.mkv", "more/d.mov", "more/e.mp4", ".hidden/f.mp4", "._a.mp4"):
    clips.write(root / name, clips.numbered(N))
  clips.write(root / "g.webm", clips.numbered(N), codec="libvpx-vp9")
  (root / "notes.txt").write_text("no video")
  return root


def make(root, split="train", **fields):
  options = dict(time=4, size=16, seed=0, valid_fraction=0, test_fraction=0) | fields
  return video_folder.make(split=split, path=str(root), **options)


def names(source):
  return [entry.name for entry in source.entries]


def copies(root, count, frames=12):
  for number in range(count):
    clips.write(root / f"{number:03}.mp4", clips.numbered(frames, 16, 16))
  return root


# -- which files


def test_finds_videos_below_but_nothing_hidden(folder):
  assert names(make(folder)) == ["a.mp4", "b.MP4", "c.mkv", "g.webm", "more/d.mov", "more/e.mp4"]
  assert names(make(folder, extensions=("mkv", ".WEBM"))) == ["c.mkv", "g.webm"]


def test_a_link_back_up_does_not_loop(tmp_path):
  copies(tmp_path, 2)
  (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
  assert names(make(tmp_path)) == ["000.mp4", "001.mp4"]


def test_a_missing_or_empty_folder_says_what_to_do(tmp_path):
  with pytest.raises(DataError, match=r"nowhere does not exist.*config\.data\.path"):
    make(tmp_path / "nowhere")
  with pytest.raises(DataError, match=r"No videos in.*It is empty.*\.mp4.*config\.data\.path"):
    make(tmp_path)
  (tmp_path / "song.mp3").write_text("la")
  with pytest.raises(DataError, match=r"1 other files, such as song\.mp3.*config\.data\.extensions"):
    make(tmp_path)
  with pytest.raises(DataError, match=r"is a file, not a folder.*parts of one long video.*manifest"):
    make(tmp_path / "song.mp3")
  (tmp_path / "recipe.json").write_text("{}")
  with pytest.raises(DataError, match=r'written by prepare: .*config\.data\.name="array_records"'):
    make(tmp_path)


@pytest.mark.filterwarnings("ignore:Skipped")
def test_parts_of_one_long_video_can_be_splits(tmp_path):
  """As docs/data.md says to train on one long video."""
  clips.write(tmp_path / "holiday.mp4", clips.numbered(30))
  (tmp_path / "parts.csv").write_text(
    "path,split,start,end\nholiday.mp4,train,0,2\nholiday.mp4,valid,2,2.5\nholiday.mp4,test,2.5,3\n"
  )
  shown = {}
  for split in ("train", "valid", "test"):
    source = make(tmp_path, split=split, manifest="parts.csv", time=4)
    shown[split] = {
      number
      for seed in range(40)
      for number in clips.number_of(source.example(0, np.random.default_rng(seed))["video"])
    }
  assert shown["train"] == set(range(20)) and shown["valid"] <= set(range(20, 25))
  assert shown["test"] <= set(range(25, 30)) and all(shown.values())


# -- which split


def test_the_hash_splits_by_file_and_stays(tmp_path):
  listed = [f"video_{number}.mp4" for number in range(1000)]
  splits = video_index.split_files(listed, 0.2, 0.1)
  assert sorted(name for split in splits.values() for name in split) == sorted(listed)
  assert 160 < len(splits["valid"]) < 240 and 70 < len(splits["test"]) < 130
  fewer = video_index.split_files(listed[::2], 0.2, 0.1)
  for split, kept in fewer.items():  # what is removed moves nothing else
    assert set(kept) <= set(splits[split])
  assert video_index.split_files(listed[::-1], 0.2, 0.1) == splits


@pytest.mark.parametrize("count", [3, 4, 5, 10])
def test_every_split_gets_a_file(count):
  for attempt in range(20):
    splits = video_index.split_files([f"{attempt}/{number}" for number in range(count)], 0.01, 0.01)
    assert all(splits.values())
    splits = video_index.split_files([f"{attempt}/{number}" for number in range(count)], 0.49, 0.49)
    assert all(splits.values())


def test_too_few_files_for_three_splits(tmp_path):
  copies(tmp_path, 2)
  with pytest.raises(DataError, match=r"2 readable video\(s\) are too few.*valid_fraction"):
    make(tmp_path, valid_fraction=0.1, test_fraction=0.1)
  assert len(make(tmp_path)) == 2
  with pytest.raises(DataError, match=r"'valid'.* is empty.*valid/.*valid_fraction is 0"):
    make(tmp_path, split="valid")


def test_folders_of_splits_are_used(tmp_path):
  for split, count in (("train", 5), ("val", 2), ("elsewhere", 1)):
    (tmp_path / split).mkdir()
    copies(tmp_path / split, count)
  sources = {s: make(tmp_path, s, test_fraction=0.2, valid_fraction=0.2) for s in video_folder.SPLITS}
  assert names(sources["valid"]) == ["val/000.mp4", "val/001.mp4"]
  assert names(sources["test"]) and set(names(sources["test"])) < {f"train/{k:03}.mp4" for k in range(5)}
  assert set(names(sources["train"])) | set(names(sources["test"])) == {f"train/{k:03}.mp4" for k in range(5)}
  assert not set(names(sources["train"])) & set(names(sources["test"]))


# -- which frames


def test_training_clips_begin_anywhere_and_are_whole(folder):
  source = make(folder, extensions=(".mkv",), time=4, stride=3)
  starts = set()
  for seed in range(150):
    shown = clips.number_of(source.example(0, rng(seed))["video"])
    assert shown == [shown[0] + 3 * k for k in range(4)]
    starts.add(shown[0])
  assert starts == set(range(N - 9))


def test_clips_by_rate(folder):
  source = make(folder, time=5, fps=5)
  for index in range(len(source)):
    for seed in range(10):
      shown = clips.number_of(source.example(index, rng(seed))["video"])
      assert np.diff(shown).tolist() == [2, 2, 2, 2]


def test_a_clip_as_long_as_its_video(folder):
  for options in (dict(time=N), dict(time=N, fps=10), dict(time=N // 2, stride=2), dict(time=N // 2, fps=5)):
    source = make(folder, **options)
    for index in range(len(source)):
      video = source.example(index, rng(index))["video"]
      latest = 0 if options["time"] == N else 1
      assert clips.number_of(video[:1])[0] <= latest and len(video) == options["time"]
  with pytest.raises(DataError, match=r"too short, 30 frames in 3\.00 seconds"):
    make(folder, time=N + 1)


def test_validation_clips_are_spread_evenly_and_fixed(folder):
  source = make(folder, "valid", valid_fraction=0.5, clips_per_video=3, time=4)
  files = len(set(names(source)))
  assert len(source) == 3 * files
  assert len(set(names(source)[:files])) == files  # first one clip of every video
  shown = [clips.number_of(source.example(index, rng(0))["video"]) for index in range(len(source))]
  assert shown == [clips.number_of(source.example(i, rng(1))["video"]) for i in range(len(source))]
  assert [clip[0] for clip in shown] == [4] * files + [13] * files + [22] * files
  centred = make(folder, "valid", valid_fraction=0.5, time=4)
  assert clips.number_of(centred.example(0, rng(0))["video"]) == [13, 14, 15, 16]


def test_clips_by_duration(folder):
  assert len(make(folder, clips_per_video=None, time=4)) == 6 * 7
  assert len(make(folder, clips_per_video=None, time=4, stride=2)) == 6 * 3
  assert len(make(folder, clips_per_video=None, time=4, fps=5)) == 6 * 3
  assert len(make(folder, clips_per_video=2)) == 12


def test_size_crop_and_channels(tmp_path):
  ramp = np.repeat(np.arange(96, dtype=np.uint8)[None, None, :, None] * 2, 8, axis=0)
  for k in range(3):
    clips.write(tmp_path / f"{k}.mp4", np.broadcast_to(ramp, (8, 32, 96, 3)))
  levels = [make(tmp_path, size=32).example(0, rng(seed))["video"].mean() for seed in range(20)]
  assert np.ptp(levels) > 60  # from the dark end to the bright one
  for split, crop in (("train", "center"), ("valid", "random")):
    source = make(tmp_path, split, size=32, crop=crop, valid_fraction=0.3)
    levels = [source.example(0, rng(seed))["video"].mean() for seed in range(5)]
    assert np.ptp(levels) == 0 and abs(levels[0] - 95) < 4
  source = make(tmp_path, size=(16, 40), channels=1)
  assert source.example(0, rng(0))["video"].shape == (4, 16, 40, 1)


def test_transforms_apply_to_training_only(folder):
  flip = (dict(name="reverse", probability=1.0),)
  shown = clips.number_of(make(folder, transforms=flip).example(0, rng(0))["video"])
  assert np.diff(shown).tolist() == [-1, -1, -1]
  source = make(folder, "valid", valid_fraction=0.3, transforms=flip)
  assert np.diff(clips.number_of(source.example(0, rng(0))["video"])).tolist() == [1, 1, 1]


def test_batches_are_the_same_with_workers_and_after_a_pickle(folder):
  source = make(folder)
  again = pickle.loads(pickle.dumps(source))
  for one, options in ((source, dict(threads=3)), (again, dict(workers=1))):
    batches = loader.train_batches(one, batch_size=4, seed=0, start_step=2, num_steps=5, **options)
    with batches:
      videos = [batch["video"] for batch in batches]
    reference = loader.train_batches(source, batch_size=4, seed=0, num_steps=5, threads=0)
    with reference:
      np.testing.assert_array_equal(videos, [batch["video"] for batch in reference][2:])


# -- bad files


def damage(path):
  """A header that reads well, and frames that do not."""
  data = bytearray(path.read_bytes())
  place = data.index(b"mdat") + 4
  end = data.index(b"moov") - 4
  data[place:end] = bytes(255 - byte for byte in data[place:end])
  path.write_bytes(data)


def test_unreadable_and_short_files_are_skipped_counted_and_named(tmp_path):
  copies(tmp_path, 22)
  (tmp_path / "003.mp4").write_bytes(b"")
  clips.write(tmp_path / "007.mp4", clips.numbered(3))
  with pytest.warns(UserWarning, match=r"(?s)Skipped 2 of the 22 videos.*003\.mp4: .*007\.mp4: too short"):
    source = make(tmp_path)
  assert len(source) == 20 and not {"003.mp4", "007.mp4"} & set(names(source))
  with pytest.raises(DataError, match=r"(?s)2 videos of .* more than the 1\.1 allowed.*003\.mp4.*007\.mp4"):
    make(tmp_path, max_bad_fraction=0.05)


def test_one_bad_file_is_tolerated_unless_none_is_allowed(tmp_path):
  copies(tmp_path, 3)
  (tmp_path / "001.mp4").write_bytes(b"junk")
  with pytest.warns(UserWarning, match="Skipped 1 of the 3"):
    assert names(make(tmp_path)) == ["000.mp4", "002.mp4"]
  with pytest.raises(DataError, match=r"001\.mp4"):
    make(tmp_path, max_bad_fraction=0)


def test_only_bad_files(tmp_path):
  (tmp_path / "a.mp4").write_bytes(b"junk")
  with pytest.raises(DataError, match=r"(?s)None of the 1 video\(s\).*a\.mp4: Invalid data"):
    make(tmp_path)


def test_a_file_damaged_within_gives_way_to_another(tmp_path):
  copies(tmp_path, 5)
  damage(tmp_path / "002.mp4")
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    source = make(tmp_path, max_bad_fraction=0.3)  # its header is whole
  with pytest.warns(UserWarning, match=r"Skipped a video that cannot be decoded \(1 so far\): .*002\.mp4"):
    replaced = source.example(2, rng(0))["video"]
  assert list(source.bad) == ["002.mp4"]
  np.testing.assert_array_equal(source.example(2, rng(0))["video"], replaced)  # also when it is known
  fresh = make(tmp_path, max_bad_fraction=0.3)
  with pytest.warns(UserWarning):
    np.testing.assert_array_equal(fresh.example(2, rng(0))["video"], replaced)


def test_too_many_damaged_within_stop_the_run_with_the_list(tmp_path):
  copies(tmp_path, 10)
  for number in (2, 5, 7):
    damage(tmp_path / f"{number:03}.mp4")
  source = make(tmp_path, max_bad_fraction=0.2)
  message = r"(?s)3 videos of .*002\.mp4.*005\.mp4.*007\.mp4"
  with (
    loader.train_batches(source, batch_size=10, seed=0, threads=0) as batches,
    pytest.warns(UserWarning),
    pytest.raises(DataError, match=message),
  ):
    next(batches)


def test_a_header_that_overstates_its_length_is_believed_no_further(tmp_path):
  """The last frames are not there: clips near the end come from a little earlier."""
  path = clips.write(tmp_path / "a.mkv", clips.numbered(N))
  data = path.read_bytes()
  duration = struct.pack(">d", 3000.0)  # milliseconds
  assert data.count(duration) == 1
  path.write_bytes(data.replace(duration, struct.pack(">d", 3300.0)))
  source = make(tmp_path, time=8)
  assert source.entries[0].info.num_frames == 33
  starts = [clips.number_of(source.example(0, rng(seed))["video"])[0] for seed in range(300)]
  last = N - 8
  assert set(starts) == set(range(last + 1)) and not source.bad
  assert starts.count(last) > 2 * starts.count(0)  # as late as the file allows, not from its top


# -- fields and card


@pytest.mark.parametrize(
  "fields, message",
  [
    (dict(split="dev"), "train, valid, test"),
    (dict(crop="middle"), "random, center"),
    (dict(time=0), "at least 1"),
    (dict(fps=0), "above 0"),
    (dict(size=0), "size must be at least 1"),
    (dict(size=(16, 0)), "size must be at least 1"),
    (dict(channels=4), r"channels 1 \(grey\) or 3"),
    (dict(valid_fraction=0.6, test_fraction=0.4), "less than 1"),
    (dict(transforms=("flop",)), 'did you mean "flip"'),
  ],
)
def test_wrong_fields_are_named(folder, fields, message):
  with pytest.raises(ConfigError, match=message):
    make(folder, **fields)


def test_the_card_tells_data_apart(folder):
  card = make(folder, stride=2).card()
  assert (card["num_videos"], card["frames"], card["stride"], card["resolution"]) == (6, 4, 2, [16, 16, 3])
  assert make(folder, fps=5).card()["fps"] == 5
  fewer = make(folder, extensions=("mp4",)).card()
  assert fewer["contents"] != card["contents"] and make(folder, stride=2).card() == card
