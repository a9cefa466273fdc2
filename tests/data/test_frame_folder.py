"""A folder of pictures is a video, and is read as one."""

import functools

import numpy as np
import pytest
from PIL import Image

from tests.data import clips
from vgjax.data import frame_folder, video, video_folder
from vgjax.errors import DataError

N = 30


def rng(*key):
  return np.random.default_rng(key)


def make(root, split="train", **fields):
  options = dict(time=4, size=16, seed=0, valid_fraction=0, test_fraction=0) | fields
  return video_folder.make(split=split, path=str(root), **options)


def pictures(folder, count=N, size=(24, 32), suffix="png"):
  folder.mkdir(parents=True)
  for number, frame in enumerate(clips.numbered(count, *size)):
    Image.fromarray(frame).save(folder / f"frame{number}.{suffix}")  # 2 before 10


def names(source):
  return [entry.name for entry in source.entries]


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp"])
def test_a_folder_of_pictures_is_a_video(tmp_path, suffix):
  pictures(tmp_path / "one", suffix=suffix)
  info = video.probe(tmp_path / "one", frame_fps=10)
  assert tuple(info) == (24, 32, 10, N, 3.0, "frames", False)
  read = lambda **options: clips.number_of(video.read_video(tmp_path / "one", frame_fps=10, **options))
  assert read() == list(range(N))
  assert read(start=0.35, num_frames=4, stride=5) == [3, 8, 13, 18]
  assert read(start=0.4, num_frames=5, fps=5) == [4, 6, 8, 10, 12]
  assert read(start=1.0, num_frames=4, fps=20) == [10, 10, 11, 11]
  with pytest.raises(video.TooShort, match="ends after 2 of the 3"):
    read(start=2.8, num_frames=3)


def test_a_mix_of_files_and_frame_folders(tmp_path):
  clips.write(tmp_path / "a.mp4", clips.numbered(N))
  pictures(tmp_path / "b" / "first")
  pictures(tmp_path / "b" / "second")
  Image.new("RGB", (9, 9)).save(tmp_path / "cover.png")  # beside a video file: no video
  source = make(tmp_path, frame_fps=10, fps=5)
  assert names(source) == ["a.mp4", "b/first", "b/second"]
  for index in range(3):
    assert np.diff(clips.number_of(source.example(index, rng(index))["video"])).tolist() == [2, 2, 2]


def test_pictures_are_scaled_as_frames_are(tmp_path):
  y, x = np.indices((96, 160))
  scene = np.stack([x + 20, 2 * y, 255 - x], -1).astype(np.uint8)
  (tmp_path / "jpg").mkdir()
  (tmp_path / "png").mkdir()
  Image.fromarray(scene).save(tmp_path / "jpg" / "0.jpg", quality=95)
  Image.fromarray(scene).convert("RGBA").save(tmp_path / "png" / "0.png")
  clips.write(tmp_path / "a.mkv", scene[None], codec="ffv1", pix_fmt="bgr0")
  for size, crop in ((24, (0.5, 0.5)), ((20, 48), (0.0, 1.0)), (None, (0.5, 0.5))):
    for channels in (1, 3):
      read = functools.partial(video.read_video, size=size, crop=crop, channels=channels)
      for name in ("jpg", "png"):
        assert read(tmp_path / name).shape == read(tmp_path / "a.mkv").shape
        assert np.abs(read(tmp_path / name).astype(int) - read(tmp_path / "a.mkv")).max() < 16
        assert np.abs(read(tmp_path / name).astype(int) - read(tmp_path / "a.mkv")).mean() < 2
  blocks = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
  Image.fromarray(blocks).save(tmp_path / "jpg" / "0.jpg", quality=95)
  Image.open(tmp_path / "jpg" / "0.jpg").save(tmp_path / "png" / "0.png")
  for size in (20, 40, 80):  # JPEG is decoded at a part of its size, and loses little
    jpg, png = (video.read_video(tmp_path / name, size=size).astype(int) for name in ("jpg", "png"))
    assert np.abs(jpg - png).mean() < 5
  board = (np.indices((128, 128)).sum(axis=0) % 2 * 255).astype(np.uint8)
  (tmp_path / "board").mkdir()
  Image.fromarray(board).save(tmp_path / "board" / "0.png")
  small = video.read_video(tmp_path / "board", size=32).astype(float)
  assert small.std() < 8 and abs(small.mean() - 127.5) < 4  # antialiased


def test_sixteen_bits_and_a_turned_camera(tmp_path):
  Image.fromarray((np.arange(16, dtype=np.uint16) * 4096).reshape(4, 4)).save(tmp_path / "0.png")
  grey = video.read_video(tmp_path, channels=1)[0, ..., 0]
  np.testing.assert_array_equal(grey.reshape(-1), np.arange(16) * 16)
  picture = Image.new("L", (20, 10))
  exif = picture.getexif()
  exif[0x0112] = 6  # a quarter turn
  picture.save(tmp_path / "1.jpg", exif=exif)
  (tmp_path / "0.png").unlink()
  assert video.probe(tmp_path)[:2] == (20, 10)
  assert video.read_video(tmp_path).shape == (1, 20, 10, 3)


def test_bad_pictures_are_named(tmp_path, monkeypatch):
  pictures(tmp_path / "a", 4)
  data = (tmp_path / "a" / "frame1.png").read_bytes()
  (tmp_path / "a" / "frame1.png").write_bytes(data[: len(data) // 2])
  with pytest.raises(video.VideoError, match=r"frame1\.png: \w+"):
    video.read_video(tmp_path / "a")
  (tmp_path / "a" / "frame0.png").write_bytes(b"GIF89a")
  with pytest.raises(video.VideoError, match=r"frame0\.png: \w+"):
    video.probe(tmp_path / "a")
  monkeypatch.setattr(frame_folder, "MAX_PIXELS", 24 * 32 - 1)
  with pytest.raises(video.VideoError, match=r"frame2\.png: its header claims a size of 32x24"):
    video.read_video(tmp_path / "a", start=2 / 25)
  Image.new("L", (4, 4)).save(tmp_path / "loose.png")
  (tmp_path / "a").rename(tmp_path / ".a")
  with pytest.raises(DataError, match="belong in a folder of their own"):
    make(tmp_path)
