"""Videos as people have them, and damaged files: nothing crashes, hangs or fills the memory."""

import contextlib
import os
import pathlib
import subprocess
import sys
import warnings

import av
import numpy as np
import pytest
from PIL import Image

from tests.data import clips, damage
from vgjax.data import audio, reader, video, video_folder
from vgjax.errors import DataError

N = 20


def make(root, **fields):
  options = dict(split="train", time=4, size=16, seed=0, valid_fraction=0, test_fraction=0) | fields
  return video_folder.make(path=str(root), **options)


def levels(frames):
  return np.asarray(frames, float).mean(axis=(1, 2, 3))


# -- what cameras, screens and programs write


@pytest.mark.parametrize(
  "suffix, codec, pix_fmt",
  [
    ("mkv", "ffv1", "gray"),
    ("mkv", "ffv1", "gray16le"),
    ("mkv", "ffv1", "yuv420p10le"),
    ("mkv", "ffv1", "yuv444p16le"),
    ("mkv", "ffv1", "bgra"),
    ("mkv", "libx264", "yuv444p"),
    ("mp4", "libx264", "yuv420p10le"),
    ("mov", "qtrle", "argb"),
    ("mov", "png", "rgba"),
    ("webm", "libvpx-vp9", "yuva420p"),
    ("avi", "rawvideo", "rgb24"),
  ],
)
def test_depths_and_alpha(tmp_path, suffix, codec, pix_fmt):
  path = clips.write(tmp_path / f"a.{suffix}", clips.numbered(N), codec=codec, pix_fmt=pix_fmt)
  frames = video.read_video(path)
  assert frames.dtype == np.uint8 and clips.number_of(frames) == list(range(N))
  assert clips.number_of(video.read_video(path, start=0.75, num_frames=3, channels=1)) == [7, 8, 9]


def with_alpha(size=32):
  """A white square, seen at full, half and not at all by thirds of its width; and what is to be seen."""
  rgba = np.full((size, 3 * size, 4), 255, np.uint8)
  rgba[:, size : 2 * size, 3] = 128
  rgba[:, 2 * size :, 3] = 0
  return rgba, np.repeat([255, 128, 0], size).astype(np.uint8)


@pytest.mark.parametrize(
  "suffix, codec, pix_fmt",
  [
    ("mov", "png", "rgba"),
    ("mov", "qtrle", "argb"),
    ("mkv", "ffv1", "bgra"),
    ("mkv", "ffv1", "yuva444p"),
    ("webm", "libvpx", "yuva420p"),
    ("webm", "libvpx-vp9", "yuva420p"),
  ],
)
def test_alpha_is_laid_over_black(tmp_path, suffix, codec, pix_fmt):
  rgba, seen = with_alpha()
  path = tmp_path / f"a.{suffix}"
  with av.open(str(path), "w") as container:
    stream = container.add_stream(codec, rate=10)
    stream.options = {"auto-alt-ref": "0"} if codec == "libvpx" else {}  # else VP8 refuses alpha
    stream.height, stream.width, stream.pix_fmt = *rgba.shape[:2], pix_fmt
    for _ in range(4):
      container.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format=pix_fmt)))
    container.mux(stream.encode())
  for channels in (1, 3):
    frames = video.read_video(path, channels=channels)
    assert frames.shape == (4, *rgba.shape[:2], channels)
    wrong = np.abs(frames.astype(int) - np.broadcast_to(seen[:, None], frames.shape))
    edges = np.abs(np.arange(wrong.shape[2])[:, None] - [31.5, 63.5]).min(1) < 8  # lossy codecs blur them
    assert wrong[:, :, ~edges].max() <= 2
    assert suffix == "webm" or wrong.max() <= 2
  later = video.read_video(path, start=0.25, num_frames=2)  # after a seek
  np.testing.assert_allclose(later, frames[2:], atol=2)
  small = video.read_video(path, size=(8, 24))[0, 4, :, 0]
  np.testing.assert_allclose(small[[2, 12, 21]].astype(int), [255, 128, 0], atol=6)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_alpha_of_pictures_is_laid_over_black(tmp_path, mode):
  rgba, seen = with_alpha()
  (tmp_path / "a").mkdir()
  image = Image.fromarray(rgba)
  if mode == "P":  # one colour of the palette is not to be seen
    image = Image.fromarray((rgba[..., 3] == 0).astype(np.uint8), "P")
    image.putpalette([255, 255, 255, 200, 200, 200])
    image.info["transparency"], seen = 1, np.where(seen == 0, 0, 255)
  image = image if mode == "P" else image.convert(mode)
  image.save(tmp_path / "a" / "0.png", **({"transparency": 1} if mode == "P" else {}))
  for channels in (1, 3):
    (frame,) = video.read_video(tmp_path / "a", channels=channels)
    np.testing.assert_array_equal(frame, np.broadcast_to(seen[:, None], frame.shape))


@pytest.mark.parametrize("height, width", [(35, 51), (1, 64), (64, 3), (1, 7), (3, 301)])
def test_odd_and_thin_sizes(tmp_path, height, width):
  path = clips.write(tmp_path / "a.mkv", clips.numbered(N, height, width), codec="ffv1", pix_fmt="bgr0")
  assert video.read_video(path).shape == (N, height, width, 3)
  assert video.read_video(path, size=(5, 7)).shape == (N, 5, 7, 3)
  assert (
    clips.number_of(make(tmp_path, size=9, time=N).example(0, np.random.default_rng(0))["video"])[-1] == N - 1
  )


@pytest.mark.parametrize(
  "suffix, codec", [("mp4", "libx264"), ("mkv", "libx264"), ("avi", "mpeg4"), ("gif", "gif")]
)
def test_files_of_one_frame(tmp_path, suffix, codec):
  pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
  clips.write(tmp_path / f"a.{suffix}", clips.numbered(6)[5:], codec=codec, pix_fmt=pix_fmt)
  assert make(tmp_path, time=1).example(0, np.random.default_rng(0))["video"].shape == (1, 16, 16, 3)
  with pytest.raises(DataError, match="too short, 1 frames"):
    make(tmp_path, time=2)


def test_variable_rate_through_the_source(tmp_path):
  """Twelve frames at 10 a second, then twelve at 40: by `fps` a clip keeps its pace, wherever it begins."""
  times = np.concatenate([np.arange(12) / 10, 1.2 + np.arange(12) / 40])
  clips.write(tmp_path / "a.mkv", clips.numbered(24), times=times, fps=40)
  source, starts = make(tmp_path, fps=10.0), set()
  for seed in range(40):
    shown = clips.number_of(source.example(0, np.random.default_rng(seed))["video"])
    assert np.abs(np.diff(times[shown]) - 0.1).max() <= 0.1
    assert times[shown[-1]] - times[shown[0]] == pytest.approx(0.3, abs=0.1)
    starts.add(shown[0])
  assert len(starts) > 8


def test_a_rotated_file_through_the_source(tmp_path):
  picture = np.zeros((N, 32, 64, 3), np.uint8)
  picture[:, :, :32] = 255  # the left half of what is stored
  clips.write(tmp_path / "a.mp4", picture, rotation=90)
  upright = make(tmp_path, size=(32, 16)).example(0, np.random.default_rng(0))["video"]
  top, bottom = upright[:, :12].mean(), upright[:, -12:].mean()
  assert abs(top - bottom) > 200  # what was left and right is now above and below


def test_a_long_file_is_not_read_whole(tmp_path, monkeypatch):
  """An hour at a frame a second: a clip near its end costs what one at its beginning does."""
  path = tmp_path / "a.mkv"
  clips.write(path, np.zeros((3600, 16, 16, 3), np.uint8), fps=1, gop=30)
  decoded = []
  stamped = reader.Reader._stamped
  monkeypatch.setattr(
    reader.Reader, "_stamped", lambda self, *args: (decoded.append(1) or one for one in stamped(self, *args))
  )
  video.read_video(path, start=3500.5, num_frames=4)
  assert 4 <= len(decoded) <= 40


def test_a_clip_larger_than_the_memory_is_refused(tmp_path, monkeypatch):
  path = clips.write(tmp_path / "a.mp4", clips.numbered(N))
  monkeypatch.setattr(video, "MAX_BYTES", 10 * 48 * 64 * 3)
  assert len(video.read_video(path, num_frames=10)) == 10
  with pytest.raises(video.VideoError, match=r"a\.mp4: the clip takes more than .*read less, or smaller"):
    video.read_video(path)
  times = [*np.arange(5) / 10, 1e6]  # a timestamp gone wrong: at a rate, the last frame would repeat for ever
  gap = clips.write(tmp_path / "gap.mkv", clips.numbered(6), times=times)
  with pytest.raises(video.VideoError, match=r"gap\.mkv: the clip takes more"):
    video.read_video(gap, fps=10.0)


def test_the_size_is_watched_within_the_file_too(tmp_path, monkeypatch):
  """The pictures grow in the middle of the file: the decoder refuses them before it makes room."""
  small = clips.write(tmp_path / "s.mpg", clips.numbered(30, 32, 32), codec="mpeg2video", fps=25).read_bytes()
  large = clips.write(tmp_path / "l.mpg", clips.numbered(30, 64, 64), codec="mpeg2video", fps=25).read_bytes()
  path = tmp_path / "a.mpg"
  path.write_bytes(small + large)
  sizes = []
  monkeypatch.setattr(
    video, "pixels_of", lambda frame, *rest: (sizes.append(frame.height), np.zeros((1, 1, 1)))[1]
  )
  video.read_video(path)
  assert set(sizes) == {32, 64}  # such files there are
  sizes.clear()
  reader.forget(str(path))
  monkeypatch.setattr(reader, "MAX_PIXELS", 64 * 64 - 1)
  with contextlib.suppress(video.VideoError):
    video.read_video(path)
  assert set(sizes) == {32}


def test_music_is_no_video(tmp_path):
  """A record's sleeve is a picture, and an audio file says that it has no video."""
  path = tmp_path / "a.mkv"
  with av.open(str(path), "w", format="matroska") as container:
    stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
    frame = av.AudioFrame.from_ndarray(np.ones((1, 8000), np.int16), format="s16", layout="mono")
    frame.sample_rate = 8000
    container.mux(stream.encode(frame))
    container.mux(stream.encode())
  with pytest.raises(video.VideoError, match="no video stream"):
    video.read_video(path)
  assert len(audio.read_samples(path, start=0.0, end=0.5, sample_rate=8000)) == 4000


def test_a_playlist_opens_no_other_file(tmp_path):
  clips.write(tmp_path / "secret.mp4", clips.numbered(6))
  for text in (
    "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "ffconcat version 1.0\nfile secret.mp4\n",
  ):
    (tmp_path / "list.mp4").write_text(text)
    with pytest.raises(video.VideoError, match=r"list\.mp4"):
      video.read_video(tmp_path / "list.mp4")


# -- damaged files; `python -m tests.data.damage --count 1000` reads more of them


def test_damaged_files_crash_nothing(tmp_path):
  done = damage.write_damaged(tmp_path / "damaged", 66, seed=1, source=os.environ.get("VGJAX_TEST_VIDEOS"))
  results, failures = damage.watch(tmp_path / "damaged")
  assert not failures
  assert len(results) == len(done) and set(done.values()) == set(damage.KINDS)
  assert max(peak for *_, peak in results) < 600  # MiB, most of them the program itself
  outcomes = {outcome for _, outcome, *_ in results}
  assert outcomes == {"read", "too short", "refused"}  # the damage is neither nothing nor everything


def test_each_damaged_file_is_counted_and_named(tmp_path):
  """A source of whole and damaged files: every skip is listed, whole files are not; too many stop the run."""
  whole = {f"whole_{k}.mp4" for k in range(6)}
  for name in whole:
    clips.write(tmp_path / name, clips.numbered(N))
  damage.write_damaged(tmp_path, 40, seed=2)
  with pytest.raises(DataError, match=r"(?s)videos of .* are bad, more than the 4\.6 allowed.*\n  .*: .*\n"):
    make(tmp_path)
  with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    source = make(tmp_path, max_bad_fraction=1.0)
    for index in range(len(source)):
      assert source.example(index, np.random.default_rng(index))["video"].shape == (4, 16, 16, 3)
  said = "\n".join(str(warning.message) for warning in caught)
  found = {entry.name for entry in source.entries} | set(source.bad)
  assert found == {path.name for path in tmp_path.iterdir()}  # each is used or listed
  assert len(source.bad) > 10 and not whole & set(source.bad)
  assert f"Skipped {len(source.bad) - said.count('cannot be decoded')} of the 46" in said
  assert all(name in reason for name, reason in source.bad.items())


def test_a_crash_would_be_seen(tmp_path):
  """The watcher reports a process that dies, with the file it was reading."""
  (tmp_path / "a.mp4").write_bytes(b"junk")
  code = "import os, tests.data.damage as d; d.read_all = lambda path: os.abort(); d.child({!r})"
  result = subprocess.run(
    [sys.executable, "-c", code.format(str(tmp_path))],
    capture_output=True,
    cwd=pathlib.Path(__file__).parents[2],
  )
  assert result.returncode < 0 and b'["begin", "a.mp4"]' in result.stdout
