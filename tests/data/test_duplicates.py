"""Copies of a video, other videos that are no copies, and names that tell what a clip was cut from."""

import numpy as np
import pytest

from tests.data import clips
from vgjax.data.doctor import duplicates, examine


@pytest.mark.parametrize(
  "codec, suffix, scale, fps",
  [
    ("libx264", "mkv", 1, 10),
    ("libvpx-vp9", "webm", 2, 10),
    ("mpeg4", "avi", 1, 10),
    ("libx264", "mp4", 3, 20),
  ],
)
def test_other_encodings_and_sizes_are_the_same_video(tmp_path, codec, suffix, scale, fps):
  first = clips.write(tmp_path / "a.mp4", clips.scene(1, 40, (96, 128)))
  video = clips.scene(1, 40, (96, 128))[:, ::scale, ::scale][
    :, : 96 // scale // 2 * 2, : 128 // scale // 2 * 2
  ]
  second = clips.write(tmp_path / f"b.{suffix}", np.repeat(video, fps // 10, axis=0), fps=fps, codec=codec)
  third = clips.write(tmp_path / "c.mp4", clips.scene(2, 40))
  looked = [examine.examine(examine.Job(str(p), p.name, False, False)) for p in (first, second, third)]
  assert duplicates.near_duplicates(looked) == [[0, 1]]


@pytest.mark.parametrize(
  "copy",
  [
    lambda video: video[:, :, ::-1],  # mirrored
    lambda video: video[:, 5:-5, 7:-7],  # 90 % of its sides, from the middle
    lambda video: video[:, 10:-10, 13:-13],  # 80 %
    lambda video: video[:, :, 16:-16],  # narrower, as high
  ],
)
def test_mirrored_and_cropped_copies_are_the_same_video(tmp_path, copy):
  videos = [clips.scene(1, 40, (96, 128)), copy(clips.scene(1, 40, (96, 128))), clips.scene(2, 40, (96, 128))]
  videos.append(clips.scene(2, 40, (96, 128))[:, ::-1])  # upside down is not looked for
  looked = []
  for number, video in enumerate(videos):
    path = clips.write(tmp_path / f"{number}.mp4", video)
    looked.append(examine.examine(examine.Job(str(path), path.name, False, False)))
  assert duplicates.near_duplicates(looked) == [[0, 1]]
  for one in looked:
    one.view_hashes = None  # without looking for them
  assert duplicates.near_duplicates(looked) == []


def test_one_camera_two_recordings_are_not_the_same(tmp_path):
  """The same background, other motion: the hashes are near, what changes is not."""
  background = clips.scene(1, 1)[0]
  looked = []
  for number in range(4):
    video = np.repeat(background[None], 40, axis=0)
    for time, frame in enumerate(video):  # a bright square goes round, at a speed of its own
      angle = number + time * (0.1 + 0.07 * number)
      y, x = round(20 + 15 * np.sin(angle)), round(28 + 20 * np.cos(angle))
      place = frame[y : y + 6, x : x + 6]
      place[:] = np.minimum(255, place.astype(int) + 60)
    path = clips.write(tmp_path / f"{number}.mp4", video)
    looked.append(examine.examine(examine.Job(str(path), path.name, False, False)))
  distance = np.bitwise_count(looked[0].hashes ^ looked[1].hashes)
  assert np.median(distance) <= duplicates.BITS  # the hashes alone would take them for one
  assert duplicates.near_duplicates(looked) == []


def test_many_different_videos_are_all_different():
  """False alarms: 2000 videos of random hashes."""
  random = np.random.default_rng(0)
  looked = [
    examine.Checked(
      str(k), digest=str(k), duration=1.0, hashes=random.integers(0, 2**63, 8, np.uint64),
      looks=random.integers(0, 256, (8, 12, 12), np.uint8),
    )
    for k in range(2000)
  ]  # fmt: skip
  assert duplicates.near_duplicates(looked) == []
  looked[1700].hashes = looked[3].hashes ^ np.uint64(0b10110)
  looked[1700].looks = looked[3].looks
  assert duplicates.near_duplicates(looked) == [[3, 1700]]


@pytest.mark.parametrize(
  "name, source",
  [
    ("walk-Scene-003.mp4", "walk"),
    ("a/v_Dance_g01_c04.avi", "a/v_Dance_g01"),
    ("dQw4w9WgXcQ_000010_000020.mp4", "dQw4w9WgXcQ"),
    ("holiday part 2.mov", "holiday"),
    ("IMG_0001.MOV", "IMG_0001"),
    ("clip_01.mp4", "clip_01"),
  ],
)
def test_names_tell_what_a_clip_was_cut_from(name, source):
  assert duplicates.source_of(name) == source
