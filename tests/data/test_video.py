"""Decoding is exact to the frame, for every container, from every start; encoding comes back."""

import threading

import av
import numpy as np
import pytest

from tests.data import clips
from vgjax.data import reader, video

N = 30
FORMATS = [
  ("mp4", "libx264", "yuv420p"),
  ("mov", "libx264", "yuv420p"),
  ("mkv", "libx264", "yuv444p"),
  ("webm", "libvpx-vp9", "yuv420p"),
  ("webm", "libvpx-vp9", "yuva420p"),  # with alpha
  ("avi", "mpeg4", "yuv420p"),
  ("avi", "mjpeg", "yuvj420p"),
  ("mkv", "ffv1", "gray"),
  ("gif", "gif", "rgb8"),
]


@pytest.fixture(scope="module")
def mp4(tmp_path_factory):
  return clips.write(tmp_path_factory.mktemp("video") / "numbered.mp4", clips.numbered(N))


@pytest.mark.parametrize("suffix, codec, pix_fmt", FORMATS)
def test_every_frame_of_every_format(tmp_path, suffix, codec, pix_fmt):
  path = clips.write(tmp_path / f"a.{suffix}", clips.numbered(N), codec=codec, pix_fmt=pix_fmt)
  info = video.probe(path)
  assert (info.num_frames, info.height, info.width) == (N, 48, 64)
  assert info.fps == pytest.approx(10, rel=0.01) and info.duration == pytest.approx(N / 10, rel=0.05)
  frames = video.read_video(path)
  assert frames.dtype == np.uint8 and frames.shape == (N, 48, 64, 3)
  assert clips.number_of(frames) == list(range(N))
  for number in [0, 1, 11, 12, 13, 23, 24, 28, 5]:  # around key frames, and backwards
    frames = video.read_video(path, start=(number + 0.5) / 10, num_frames=2)
    assert clips.number_of(frames) == [number, number + 1]


def test_stride_and_fps(mp4):
  def read(**options):
    return clips.number_of(video.read_video(mp4, **options))

  assert read(start=0.35, num_frames=4, stride=5) == [3, 8, 13, 18]
  assert read(stride=7) == [0, 7, 14, 21, 28]
  assert read(start=0.4, num_frames=5, fps=10) == [4, 5, 6, 7, 8]
  assert read(start=0.4, num_frames=5, fps=5) == [4, 6, 8, 10, 12]
  assert read(start=1.0, num_frames=6, fps=20) == [10, 10, 11, 11, 12, 12]  # slower files repeat frames
  assert read(start=0.0, num_frames=4, fps=4) == [0, 2, 5, 7]
  assert read(start=2.75, fps=10) == [27, 28, 29]
  assert read(fps=2.5) == [0, 4, 8, 12, 16, 20, 24, 28]


def test_variable_frame_rate_goes_by_the_timestamps(tmp_path):
  """Twelve frames at 10 a second, then twelve at 40."""
  times = np.concatenate([np.arange(12) / 10, 1.2 + np.arange(12) / 40])
  path = clips.write(tmp_path / "a.mkv", clips.numbered(24), times=times, fps=40)
  grid = np.arange(14) / 10
  shown = [int(np.searchsorted(times, t + 1e-3, side="right")) - 1 for t in grid]
  frames = video.read_video(path, num_frames=14, fps=10)
  assert clips.number_of(frames) == shown
  for t in (0.55, 1.15, 1.21, 1.31):
    first = int(np.searchsorted(times, t, side="right")) - 1
    assert clips.number_of(video.read_video(path, start=t, num_frames=2)) == [first, first + 1]


def test_files_whose_display_times_are_decoding_times(tmp_path, mp4):
  """Old encoders wrote B-frames without their order; the frames still come in theirs."""
  path = tmp_path / "old.mp4"
  with av.open(str(mp4)) as source, av.open(str(path), "w") as target:
    stream = target.add_stream_from_template(source.streams.video[0])
    for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
      packet.stream = stream
      packet.pts = packet.dts = number * packet.duration
      target.mux(packet)
  with av.open(str(path)) as container:
    stamps = [frame.pts for frame in container.decode(video=0)]
    assert stamps != sorted(stamps)  # the damage is there
  assert clips.number_of(video.read_video(path)) == list(range(N))
  for number in [2, 13, 20, 7]:
    frames = video.read_video(path, start=(number + 0.5) / 10, num_frames=3)
    assert clips.number_of(frames) == [number, number + 1, number + 2]


def test_a_start_time_other_than_zero(tmp_path):
  path = clips.write(tmp_path / "a.mkv", clips.numbered(N), times=5 + np.arange(N) / 10)
  assert clips.number_of(video.read_video(path)) == list(range(N))
  assert clips.number_of(video.read_video(path, start=1.05, num_frames=3)) == [10, 11, 12]


# -- size, crop, rotation, colour


@pytest.mark.parametrize(
  "size, shape", [(None, (48, 64)), (16, (16, 16)), ((30, 33), (30, 33)), (96, (96, 96))]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_sizes(mp4, size, shape, channels):
  frames = video.read_video(mp4, num_frames=2, size=size, channels=channels)
  assert frames.shape == (2, *shape, channels)


def test_crop_picks_its_side(tmp_path):
  picture = np.zeros((2, 32, 96, 3), np.uint8)
  picture[:, :, :32, 0] = picture[:, :, 32:64, 1] = picture[:, :, 64:, 2] = 255
  path = clips.write(tmp_path / "a.mp4", picture, pix_fmt="yuv444p")
  for x, channel in ((0.0, 0), (0.5, 1), (1.0, 2)):
    frames = video.read_video(path, size=16, crop=(0.5, x)).astype(int)
    middle = frames[0, 4:-4, 4:-4].reshape(-1, 3).mean(axis=0)
    assert middle[channel] > 240 and np.delete(middle, channel).max() < 15


def test_shrinking_does_not_alias(tmp_path):
  """A chessboard of single pixels becomes an even grey, not a new pattern."""
  board = (np.indices((1, 128, 128)).sum(axis=0) % 2 * 255).astype(np.uint8)
  path = clips.write(tmp_path / "a.mkv", np.repeat(board[..., None], 3, -1), codec="ffv1", pix_fmt="gray")
  assert video.read_video(path).std() > 120
  for size in (32, 48, 50):
    small = video.read_video(path, size=size)[0, 2:-2, 2:-2].astype(float)
    assert small.std() < 8 and abs(small.mean() - 127.5) < 4


def test_grey_covers_the_whole_range(tmp_path):
  levels = np.zeros((3, 16, 16, 3), np.uint8) + np.array([0, 128, 255], np.uint8)[:, None, None, None]
  path = clips.write(tmp_path / "a.mp4", levels)  # stored as 16 to 235
  for channels in (1, 3):
    means = video.read_video(path, channels=channels).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(means, [0, 128, 255], atol=2)


@pytest.mark.parametrize(
  "matrix, corner",
  [
    ([1, 0, 0, 1], (0, 0)),
    ([0, 1, -1, 0], (0, -1)),  # what a phone held upright writes: a quarter turn clockwise
    ([-1, 0, 0, -1], (-1, -1)),
    ([0, -1, 1, 0], (-1, 0)),
  ],
)
def test_rotation_metadata_is_applied(tmp_path, matrix, corner):
  """The display matrix (a b c d of x' = a x + c y, y' = b x + d y) is written into the file by hand."""
  picture = np.zeros((2, 32, 48, 3), np.uint8)
  picture[:, :8, :8] = 255  # the stored picture's top left
  path = clips.write(tmp_path / "a.mp4", picture)
  data = bytearray(path.read_bytes())
  place = data.index(b"tkhd") + 4 + 40  # version 0: the matrix is 40 bytes into the box
  a, b, c, d = (int(value * 65536).to_bytes(4, "big", signed=True) for value in matrix)
  zero, one = bytes(4), (1 << 30).to_bytes(4, "big")
  data[place : place + 36] = a + b + zero + c + d + zero + zero + zero + one
  path.write_bytes(data)
  upright = video.read_video(path)
  assert upright.shape[1:3] == ((48, 32) if matrix[0] == 0 else (32, 48))
  bright = np.argwhere(upright[0, ..., 0] > 128).mean(axis=0)
  edge = [0 if side == 0 else length for side, length in zip(corner, upright.shape[1:3])]
  assert np.abs(bright - edge).max() < 6
  assert video.read_video(path, size=(24, 20)).shape == (2, 24, 20, 3)


# -- errors


def test_too_short_tells_by_how_much(mp4):
  with pytest.raises(video.TooShort, match=r"numbered\.mp4: it ends after 5 of the 8 frames") as caught:
    video.read_video(mp4, start=2.55, num_frames=8)
  assert caught.value.missing == 3
  with pytest.raises(video.TooShort):
    video.read_video(mp4, start=99, num_frames=1)
  with pytest.raises(video.TooShort):
    video.read_video(mp4, start=99, num_frames=1, fps=5)
  assert clips.number_of(video.read_video(mp4, start=2.55, num_frames=5)) == [25, 26, 27, 28, 29]


@pytest.mark.parametrize("content", [b"", b"this is no video", bytes(5000)])
def test_what_is_not_a_video_is_named(tmp_path, content):
  path = tmp_path / "broken.mp4"
  path.write_bytes(content)
  for read in (video.probe, video.read_video):
    with pytest.raises(video.VideoError, match=r"broken\.mp4: \w+"):
      read(path)
  with pytest.raises(video.VideoError, match=r"missing\.mp4: No such file"):
    video.read_video(tmp_path / "missing.mp4")


def test_a_file_cut_short(tmp_path, mp4):
  whole = mp4.read_bytes()
  path = tmp_path / "cut.mp4"
  path.write_bytes(whole[: len(whole) // 2])  # its index was at the end
  with pytest.raises(video.VideoError, match=r"cut\.mp4"):
    video.probe(path)
  whole = clips.write(tmp_path / "whole.mkv", clips.numbered(N)).read_bytes()
  path = tmp_path / "cut.mkv"
  path.write_bytes(whole[: len(whole) // 2])
  with pytest.raises(video.VideoError, match=r"cut\.mkv"):
    video.read_video(path, num_frames=N)


def test_a_file_with_sound_only(tmp_path):
  path = tmp_path / "sound.mp4"
  with av.open(str(path), "w") as container:
    stream = container.add_stream("aac", rate=8000)
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
    frame.sample_rate = 8000
    container.mux(stream.encode(frame))
    container.mux(stream.encode())
  with pytest.raises(video.VideoError, match=r"sound\.mp4: it has no video stream"):
    video.probe(path)


def test_an_absurd_size_is_refused(tmp_path):
  """The header of a damaged file may ask for gigabytes."""
  path = clips.write(tmp_path / "huge.avi", clips.numbered(4), codec="ffv1")
  data = bytearray(path.read_bytes())
  place = data.index(b"strf") + 12  # width and height of the BITMAPINFOHEADER
  data[place : place + 8] = (12_000).to_bytes(4, "little") * 2
  path.write_bytes(data)
  for read in (video.probe, video.read_video):
    with pytest.raises(video.VideoError, match=r"huge\.avi: its header claims a size of 12000x12000"):
      read(path)


# -- the open files


@pytest.mark.parametrize("limit", [dict(OPEN_FILES=2), dict(OPEN_PIXELS=2 * 48 * 64)])
def test_few_files_stay_open_and_a_new_file_is_noticed(tmp_path, monkeypatch, limit):
  for name, value in limit.items():
    monkeypatch.setattr(reader, name, value)
  paths = [clips.write(tmp_path / f"{k}.mp4", clips.numbered(6)) for k in range(4)]
  for path in paths:
    video.read_video(path, num_frames=2)
  assert list(reader._local.readers) == [str(paths[2]), str(paths[3])]
  clips.write(paths[-1], clips.numbered(12)[6:])
  assert clips.number_of(video.read_video(paths[-1])) == list(range(6, 12))


def moving_files(folder):
  """{path: moments} of an h264 file with a constant rate, and of one with a variable rate."""
  rng = np.random.default_rng(0)
  texture = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
  moving = np.stack([np.roll(texture, (k, 2 * k), (0, 1)) for k in range(60)])
  even = clips.write(folder / "even.mp4", moving, gop=60, b_frames=3)
  steps = rng.choice([0.05, 0.1, 1.5], 60)
  uneven = clips.write(folder / "uneven.mkv", moving, gop=60, times=np.cumsum(steps), fps=40, b_frames=3)
  return {even: (np.arange(0, 56, 3) + 0.5) / 10, uneven: np.arange(1.0, steps.sum() - 4, 0.9)}


def everything(self, start, likely_end=np.inf):
  """In the place of `Reader.frames`: leaves nothing out."""
  del likely_end
  return self._frames(start, -np.inf)


def test_what_is_left_out_before_a_clip_changes_nothing(tmp_path, monkeypatch):
  """Frames that no other refers to are not decoded on the way; with variable rates one may be wanted."""
  left_out = {}
  for path, moments in moving_files(tmp_path).items():
    left_out[path.suffix] = []
    for start in moments:
      fast = video.read_video(path, start=start, num_frames=3)
      left_out[path.suffix].append(reader._local.readers[str(path)][0]._left_out)
      with monkeypatch.context() as patch:
        patch.setattr(reader.Reader, "frames", everything)
        np.testing.assert_array_equal(fast, video.read_video(path, start=start, num_frames=3))
  assert np.isfinite(left_out[".mp4"]).mean() > 0.8  # it was put to use
  assert 0 < np.isfinite(left_out[".mkv"]).mean() < 1  # and given up where it must be


@pytest.mark.parametrize("how", [{}, {"stride": 3}, {"fps": 7.0}, {"fps": 25.0}])
@pytest.mark.parametrize("num_frames", [1, 2, 6])
def test_what_is_left_out_after_a_clip_changes_nothing(tmp_path, monkeypatch, how, num_frames):
  """The decoder is asked for what it holds when the last frame is in; it goes on where more are wanted."""
  stopped, regular = {}, {}
  for path, moments in moving_files(tmp_path).items():
    stopped[path.suffix] = []
    for start in moments[:-6]:
      fast = video.read_video(path, start=start, num_frames=num_frames, **how)
      now = reader._local.readers[str(path)][0]
      stopped[path.suffix].append(now._stopped)
      regular[path.suffix] = now._regular
      with monkeypatch.context() as patch:
        patch.setattr(reader.Reader, "frames", everything)
        slow = video.read_video(path, start=start, num_frames=num_frames, **how)
      np.testing.assert_array_equal(fast, slow)
  assert regular[".mp4"]
  if how != {"fps": 25.0} or num_frames == 1:
    assert np.mean(stopped[".mp4"]) > 0.2  # it was put to use
  if num_frames == 6:
    assert not regular[".mkv"]  # and given up where it must be


def test_threads_do_not_disturb_each_other(mp4):
  wrong = []

  def work(seed):
    rng = np.random.default_rng(seed)
    for _ in range(15):
      number = int(rng.integers(N - 3))
      frames = video.read_video(mp4, start=(number + 0.5) / 10, num_frames=3, size=16)
      if clips.number_of(frames) != [number, number + 1, number + 2]:
        wrong.append(number)

  threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert not wrong


# -- encoding


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "gif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_written_comes_back(tmp_path, suffix, channels):
  y, x = np.indices((32, 48))
  ramp = np.stack([(4 * x + 8 * k) % 200 + y for k in range(5)]).astype(np.uint8)[..., None]
  path = tmp_path / f"a.{suffix}"
  video.write_video(path, np.repeat(ramp, channels, -1), fps=12.5)
  back = video.read_video(path, channels=channels)
  assert back.shape == (5, 32, 48, channels)
  assert np.abs(back.astype(int) - ramp).mean() < 3
  assert video.probe(path).fps == pytest.approx(12.5)


@pytest.mark.parametrize("height, width", [(33, 47), (1, 1), (64, 65)])
def test_odd_sizes_are_padded_by_repeating(tmp_path, height, width):
  path = tmp_path / "a.mp4"
  video.write_video(path, np.full((3, height, width, 3), 200, np.uint8))
  back = video.read_video(path)
  assert back.shape[1:3] == (height + height % 2, width + width % 2)
  np.testing.assert_allclose(back, 200, atol=3)
  changing = np.zeros((3, height, width, 3), np.uint8) + np.array([0, 99, 200], np.uint8)[:, None, None, None]
  video.write_video(tmp_path / "a.gif", changing)
  np.testing.assert_array_equal(video.read_video(tmp_path / "a.gif"), changing)


@pytest.mark.parametrize(
  "wrong", [np.zeros((2, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), np.zeros((0, 8, 8, 3), np.uint8)]
)
def test_write_refuses_what_is_no_video(tmp_path, wrong):
  with pytest.raises(ValueError, match="uint8"):
    video.write_video(tmp_path / "a.mp4", wrong)
