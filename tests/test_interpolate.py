"""`python -m vgjax.interpolate` on files made here, by a network whose frames are known."""

import itertools
import json
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

import vgjax
from tests import tiny
from tests.data import clips
from vgjax import interpolate
from vgjax.data import audio, video
from vgjax.inference import beside
from vgjax.inference.film import open_film
from vgjax.inference.writing import Writer


def trained(folder, **model):
  """A run folder of `tests.blender`, trained for a step that changes nothing."""
  config = tiny.config(steps=1)
  config.data = dict(name="moving_shapes", size=16, time=3, num_videos=8)
  config.task = dict(name="interpolate", every=2)
  config.models = dict(predictor=dict(name="tests.blender", **model))
  config.optim.predictor.learning_rate = 0.0
  vgjax.train(vgjax.build(config, folder))
  return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  return trained(tmp_path_factory.mktemp("runs") / "any_time", multiple=4)


@pytest.fixture(scope="module")
def halving(tmp_path_factory):
  return trained(tmp_path_factory.mktemp("runs") / "halving", any_time=False)


def pictures(folder, count=4, height=9, width=13):
  """A folder of noise; returns the pixels."""
  frames = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)
  folder.mkdir()
  for number, frame in enumerate(frames):
    Image.fromarray(frame).save(folder / f"{number + 8}.png")  # 10.png comes after 9.png
  return frames


def read(folder):
  return np.stack([np.asarray(Image.open(path)) for path in sorted(folder.iterdir())])


def with_sound(path, seconds=2.0, rate=16000, codec="aac", fps=10):
  """A numbered film with a click every quarter of a second."""
  frames = clips.numbered(round(seconds * fps))
  samples = np.zeros((1, round(seconds * rate)), np.float32)
  for begin in range(0, samples.shape[1], rate // 4):
    samples[0, begin : begin + 40] = 0.5
  with av.open(str(path), "w") as container:
    picture = container.add_stream("libx264", rate=fps, options={"crf": "10"})
    picture.height, picture.width, picture.pix_fmt = *frames.shape[1:3], "yuv420p"
    track = container.add_stream(codec, rate=rate, layout="mono")
    for pixels in frames:
      container.mux(picture.encode(av.VideoFrame.from_ndarray(pixels)))
    container.mux(picture.encode())
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate = rate
    container.mux(track.encode(frame))
    container.mux(track.encode())
  return path


def packets(path):
  with av.open(str(path)) as container:
    return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("factor", [2, 3])
def test_own_frames_are_kept_exactly_and_the_others_are_the_networks(run, tmp_path, factor, capsys):
  frames = pictures(tmp_path / "in").astype(float)
  out = tmp_path / "out"
  command = [str(tmp_path / "in"), "--run", str(run), "--factor", str(factor), "--out", str(out)]
  assert interpolate.main([*command, "--ignore_cuts"]) == 0
  made = read(out)
  assert len(made) == 3 * factor + 1
  np.testing.assert_array_equal(made[::factor], frames)
  for part in range(1, factor):
    share = part / factor
    np.testing.assert_allclose(made[part::factor], (1 - share) * frames[:-1] + share * frames[1:], atol=0.51)
  assert f"wrote {out}: {len(made)} frames of 4" in capsys.readouterr().out


def test_a_network_of_one_frame_between_is_applied_again(halving, tmp_path):
  frames = pictures(tmp_path / "in").astype(float)
  command = [str(tmp_path / "in" / "*.png"), "--run", str(halving), "--out", str(tmp_path / "out")]
  assert interpolate.main([*command, "--factor=4", "--ignore_cuts", "--batch_size=2"]) == 0
  made = read(tmp_path / "out")
  np.testing.assert_array_equal(made[::4], frames)
  np.testing.assert_allclose(made[1::4], 0.75 * frames[:-1] + 0.25 * frames[1:], atol=1.01)
  assert interpolate.main([*command, "--factor=6"]) == 1


def test_sound_is_copied_and_stays_in_time(run, tmp_path, capsys):
  path = with_sound(tmp_path / "film.mp4")
  out = tmp_path / "out.mp4"
  assert interpolate.main([str(path), "--run", str(run), "--out", str(out)]) == 0
  assert "sound copied" in capsys.readouterr().out
  assert packets(out) == packets(path)
  info = video.probe(out)
  assert (info.num_frames, round(info.fps, 3)) == (39, 20.0)
  before, after = (audio.read_samples(p, start=0, end=2, sample_rate=8000) for p in (path, out))
  np.testing.assert_allclose(after, before, atol=1e-4)
  assert not list(tmp_path.glob(".*"))  # no half-written file is left


def test_a_part_of_a_film_has_its_part_of_the_sound(run, tmp_path):
  path, out = with_sound(tmp_path / "film.mkv"), tmp_path / "out.mkv"
  assert (
    interpolate.main([str(path), "--run", str(run), "--out", str(out), "--start=0.5", "--end", "1.5"]) == 0
  )
  shown = video.read_video(out)
  assert clips.number_of(shown[::2]) == list(range(5, 15))
  before = audio.read_samples(path, start=0.6, end=1.4, sample_rate=8000)
  after = audio.read_samples(out, start=0.1, end=0.9, sample_rate=8000)
  assert np.corrcoef(before, after)[0, 1] > 0.99


def test_sound_that_the_format_cannot_hold_is_encoded_anew(run, tmp_path, capsys):
  path, out = with_sound(tmp_path / "film.mov", codec="pcm_mulaw"), tmp_path / "out.mp4"
  assert interpolate.main([str(path), "--run", str(run), "--out", str(out)]) == 0
  assert "encoded anew" in capsys.readouterr().out
  before, after = (audio.read_samples(p, start=0.1, end=1.9, sample_rate=8000) for p in (path, out))
  assert np.corrcoef(before, after)[0, 1] > 0.9


def test_slow_motion_keeps_the_rate_and_drops_or_stretches_the_sound(run, tmp_path, capsys):
  path, out = with_sound(tmp_path / "film.mp4"), tmp_path / "out.mp4"
  command = [str(path), "--run", str(run), "--factor=3", "--slow_motion", "--out", str(out)]
  assert interpolate.main(command) == 0
  assert "--audio stretch" in capsys.readouterr().out
  info = video.probe(out)
  assert (round(info.fps, 2), info.has_audio, info.num_frames) == (10.0, False, 58)
  assert interpolate.main([*command, "--audio=stretch"]) == 0
  sound = audio.read_samples(out, start=0, end=6, sample_rate=8000)
  loud = np.abs(sound).reshape(-1, 400).max(axis=1) > 0.1  # twentieths of a second
  assert np.count_nonzero(loud) >= 5 and loud[60:].any(), "the clicks are spread over six seconds"


def test_times_of_a_film_of_variable_rate_are_kept(run, tmp_path):
  times = [0.0, 0.1, 0.15, 0.5, 0.55, 1.0]
  path = clips.write(tmp_path / "film.mkv", clips.numbered(6), times=times, b_frames=0)
  out = tmp_path / "out.mp4"
  assert interpolate.main([str(path), "--run", str(run), "--out", str(out)]) == 0
  found = open_film(out).times
  np.testing.assert_allclose(found[::2], times, atol=1e-4)
  np.testing.assert_allclose(found[1::2], (np.array(times[:-1]) + times[1:]) / 2, atol=1e-4)


@pytest.mark.parametrize("suffix", ["mp4", "gif"])
def test_rotated_odd_and_gif(run, tmp_path, suffix):
  frames = np.zeros((5, 32, 48, 3), np.uint8)
  for number, frame in enumerate(frames):
    frame[: 16 + number] = 200  # bright above, as stored
  path = tmp_path / f"film.{suffix}"
  if suffix == "gif":
    video.write_video(path, frames[:, :31, :47], 10)
  else:
    clips.write(path, frames, rotation=90)
  out = tmp_path / f"out.{suffix}"
  assert interpolate.main([str(path), "--run", str(run), "--out", str(out), "--side_by_side"]) == 0
  source, made = video.read_video(path), video.read_video(out)
  assert len(made) == 9
  height, width = source.shape[1:3]
  assert made.shape[2] == 2 * width + 4
  top = beside._page(height, width, ("source", "interpolated x2"))[1]
  left = made[0, top : top + height, :width]
  np.testing.assert_allclose(left.astype(float), source[0], atol=12)


def test_size_and_tiles(run, tmp_path):
  path = clips.write(tmp_path / "film.mp4", clips.numbered(4, height=48, width=80))
  out = tmp_path / "out"
  command = [str(path), "--run", str(run), "--out", str(out)]
  assert interpolate.main([*command, "--size=24", "--tile=16", "--overlap=4"]) == 0
  made = read(out)
  assert made.shape == (7, 24, 40, 3)
  np.testing.assert_allclose(made.mean(axis=(1, 2, 3)), np.arange(0, 28, 4), atol=1)
  assert interpolate.main(command) == 1  # the folder is not empty any more


def test_colours_and_pixel_shape_survive(tmp_path):
  y, x = np.indices((48, 64))
  frames = np.stack([64 + 2 * x, 190 - 2 * x, 50 + 3 * y], axis=-1).astype(np.uint8)[None].repeat(3, axis=0)
  path = tmp_path / "tagged.mp4"
  with av.open(str(path), "w") as container:
    stream = container.add_stream("libx264", rate=10, options={"crf": "1"})
    stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
    context.sample_aspect_ratio = Fraction(4, 3)
    for pixels in frames:
      frame = av.VideoFrame.from_ndarray(pixels).reformat(format="yuv420p", dst_colorspace=1)
      container.mux(stream.encode(frame))
    container.mux(stream.encode())
  source = open_film(path)
  with Writer(tmp_path / "out.mp4", fps=10, like=source, crf=1) as writer:
    for frame in source.frames():
      writer.add(frame.pixels, frame.seconds)
  copy = open_film(tmp_path / "out.mp4")
  assert copy.looks == source.looks and source.looks.colorspace == 1 and source.looks.aspect == (4, 3)
  difference = next(copy.frames()).pixels.astype(float) - next(source.frames()).pixels
  assert np.abs(difference).mean() < 1


# -- what cannot be done is said ------------------------------------------------------------------


def refused(capsys, *command):
  assert interpolate.main([str(word) for word in command]) == 1
  message = capsys.readouterr().err
  assert "Traceback" not in message
  return message


def test_refusals_say_what_to_do(run, halving, tmp_path, capsys):
  path = clips.write(tmp_path / "film.mp4", clips.numbered(4))
  assert "it is no run folder" in refused(capsys, path, "--run", tmp_path)
  assert "does not exist" in refused(capsys, path, "--run", tmp_path / "nothing")
  assert "2, 4, 8, 16" in refused(capsys, path, "--run", halving, "--factor", 3)
  assert "There is no" in refused(capsys, tmp_path / "no.mp4", "--run", run)
  assert "the input itself" in refused(capsys, path, "--run", run, "--out", path)
  assert "up to 50 frames" in refused(capsys, path, "--run", run, "--factor", 6, "--out", tmp_path / "a.gif")
  assert "ends before" in refused(capsys, path, "--run", run, "--start", 9, "--out", tmp_path / "b.mp4")
  assert "has no checkpoint" in refused(capsys, path, "--run", run, "--checkpoint", 77)
  (tmp_path / "text.mp4").write_text("no video")
  assert "text.mp4" in refused(capsys, tmp_path / "text.mp4", "--run", run)
  assert {p.name for p in tmp_path.iterdir()} == {"film.mp4", "text.mp4"}, "nothing was written"


def test_a_run_that_does_not_interpolate_is_refused_with_what_to_train(run, tmp_path, capsys):
  path = clips.write(tmp_path / "film.mp4", clips.numbered(4))
  config = json.loads((run / "config.json").read_text())
  (tmp_path / "other").mkdir()
  (tmp_path / "other" / "checkpoints").symlink_to(run / "checkpoints")
  (tmp_path / "other" / "data.json").symlink_to(run / "data.json")
  config["task"] = dict(name="inpaint")
  (tmp_path / "other" / "config.json").write_text(json.dumps(config))
  message = refused(capsys, path, "--run", tmp_path / "other")
  assert "'inpaint'" in message and "configs/own_video/interpolate.py" in message


def test_damage_within_the_film_leaves_no_half_film(run, tmp_path, capsys, monkeypatch):
  path = clips.write(tmp_path / "film.mp4", clips.numbered(8))
  whole = video.pixels_of
  calls = itertools.count()

  def break_down(*arguments, **options):
    if next(calls) > 5:
      raise ValueError("bad block")
    return whole(*arguments, **options)

  monkeypatch.setattr(video, "pixels_of", break_down)
  message = refused(capsys, path, "--run", run, "--out", tmp_path / "out.mp4")
  assert "damaged after" in message and "bad block" in message
  assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]
