"""Labels, text, sound and actions come with their clip, in step; manifests are read."""

import itertools
import json
import pickle
import shutil
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from tests.data import clips
from vgjax.data import audio, conditions, loader, manifest, video_folder
from vgjax.data.manifest import Row
from vgjax.errors import ConfigError, DataError

N = 30
RATE = 8000


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


def with_sound(path, sound, codec="pcm_s16le", fps=10, num_frames=N):
  """A numbered video with a sound track: `sound` is a function of seconds."""
  with av.open(str(path), "w") as container:
    stream = container.add_stream("libx264", rate=fps, options={"crf": "10"})
    stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
    track = container.add_stream(codec, rate=RATE, layout="stereo")
    for pixels in clips.numbered(num_frames):
      container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
    container.mux(stream.encode())
    wave = sound(np.arange(num_frames * RATE // fps) / RATE)
    samples = np.stack([wave, wave], 1).reshape(1, -1)
    if codec == "aac":
      frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]).astype(np.float32), "fltp", "stereo")
    else:
      frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16), "s16", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)  # or a delay is not noted
    container.mux(track.encode(frame))
    container.mux(track.encode())
  return path


# -- manifests


def write_manifest(root, rows, name="manifest.jsonl"):
  manifest.write_manifest(root / name, rows)
  return root


def test_a_manifest_says_what_there_is(tmp_path):
  for name in "abcd":
    clips.write(tmp_path / f"{name}.mp4", clips.numbered(N))
  rows = [
    Row("a.mp4", label="cat", text="ä cat", split="train"),
    Row("b.mp4", label="dog", text="a dog", split="train", start=1.0, end=2.0),
    Row("c.mp4", label="ant", split="test"),
  ]
  write_manifest(tmp_path, rows)
  for path in (tmp_path, tmp_path / "manifest.jsonl"):
    source = make(path, labels="manifest", text="bytes", text_length=6)
    assert names(source) == ["a.mp4", "b.mp4"] and source.classes == ("ant", "cat", "dog")
    examples = [source.example(index, rng(0)) for index in range(2)]
    assert [example["label"] for example in examples] == [1, 2] and examples[0]["label"].dtype == np.int32
    assert [bytes(example["text"]) for example in examples] == ["ä cat".encode(), b"a dog\0"]
  starts = set()
  for seed in range(60):  # the part of b from 1 to 2 seconds, and nothing else
    shown = clips.number_of(source.example(1, rng(seed))["video"])
    starts.add(shown[0])
  assert starts == set(range(10, 17))
  assert names(make(tmp_path, "test")) == ["c.mp4"]
  assert source.card()["classes"] == ["ant", "cat", "dog"]
  batches = [
    list(loader.train_batches(one, batch_size=2, seed=0, num_steps=2, threads=0))
    for one in (source, pickle.loads(pickle.dumps(source)))
  ]
  np.testing.assert_equal(*batches)


def test_parts_too_short_and_files_that_are_not_there_are_bad(tmp_path):
  clips.write(tmp_path / "a.mp4", clips.numbered(N))
  rows = [Row("a.mp4"), Row("a.mp4", start=2.8), Row("gone.mp4")]
  write_manifest(tmp_path, rows)
  with pytest.warns(
    UserWarning, match=r"(?s)a\.mp4 from 2\.8 s to its end: too short.*gone\.mp4: No such file"
  ):
    assert len(make(tmp_path, max_bad_fraction=0.7)) == 1
  with pytest.raises(DataError, match=r"(?s)2 videos.*gone\.mp4"):
    make(tmp_path)


def test_splits_of_a_manifest(tmp_path):
  for name in "abcdefgh":
    clips.write(tmp_path / f"{name}.mp4", clips.numbered(6, 16, 16))
  write_manifest(tmp_path, [Row(f"{n}.mp4", content=c) for n, c in zip("abcdefgh", "11223344")])
  options = dict(valid_fraction=0.3, test_fraction=0.3)
  found = {split: names(make(tmp_path, split, **options)) for split in video_folder.SPLITS}
  assert sorted(itertools.chain(*found.values())) == [f"{n}.mp4" for n in "abcdefgh"]
  for listed in found.values():
    assert len(listed) % 2 == 0 and len({"abcdefgh".index(n[0]) // 2 for n in listed}) == len(listed) // 2
  rows = [Row("a.mp4", split="test", content="1"), Row("b.mp4", content="1"), Row("c.mp4"), Row("d.mp4")]
  write_manifest(tmp_path, rows)
  assert names(make(tmp_path, "test", **options)) == ["a.mp4", "b.mp4"]
  assert len(make(tmp_path, "valid", **options)) == len(make(tmp_path, "train", **options)) == 1


def test_manifests_a_split_and_columns(tmp_path):
  (tmp_path / "videos").mkdir()
  clips.write(tmp_path / "videos" / "x_000007.mp4", clips.numbered(6))
  clips.write(tmp_path / "videos" / "y_000000.mp4", clips.numbered(6))
  (tmp_path / "train.csv").write_text("id,begin,class\nx,7,run\n")
  (tmp_path / "val.csv").write_text("id,begin,class\ny,0,walk\n")
  options = dict(
    manifest=dict(train="train.csv", valid="val.csv"),
    columns=dict(path="videos/{id}_{begin:0>6}.mp4", label="class"),
    labels="manifest",
  )
  assert names(make(tmp_path, **options)) == ["videos/x_000007.mp4"]
  valid = make(tmp_path, "valid", **options)
  assert names(valid) == ["videos/y_000000.mp4"] and valid.example(0, rng(0))["label"] == 1


def test_labels_from_folders(tmp_path):
  for name in ("train/walk/a", "train/run/deep/b", "val/walk/c"):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    clips.write(tmp_path / f"{name}.mp4", clips.numbered(6))
  source = make(tmp_path, labels="folder")
  assert source.classes == ("run", "walk")
  assert [source.example(index, rng(0))["label"] for index in range(2)] == [0, 1]
  assert make(tmp_path, "valid", labels="folder").example(0, rng(0))["label"] == 1
  clips.write(tmp_path / "train" / "loose.mp4", clips.numbered(6))
  with pytest.raises(DataError, match=r"train/loose\.mp4: it is in no folder of a class.*train/<class>/"):
    make(tmp_path, labels="folder")


def test_number_labels_stay_numbers(tmp_path):
  for name in "ab":
    clips.write(tmp_path / f"{name}.mp4", clips.numbered(6))
  write_manifest(tmp_path, [Row("a.mp4", label=5), Row("b.mp4", label=2)])
  source = make(tmp_path, labels="manifest")
  assert [source.example(index, rng(0))["label"] for index in range(2)] == [5, 2] and len(source.classes) == 6
  write_manifest(tmp_path, [Row("a.mp4", label=5), Row("b.mp4")])
  with pytest.raises(DataError, match=r"1 videos of .* have no label, such as b\.mp4"):
    make(tmp_path, labels="manifest")


@pytest.mark.filterwarnings("ignore:Skipped")
@pytest.mark.parametrize(
  "fields, error, message",
  [
    (dict(labels="file"), ConfigError, '"folder", "manifest" or None'),
    (dict(labels="manifest"), ConfigError, "speaks of a manifest, but there is none"),
    (dict(columns=dict(path="x")), ConfigError, "config.data.columns speaks of a manifest"),
    (dict(text="words"), ConfigError, '"bytes", "embedding" or None'),
    (dict(text_length=0), ConfigError, "text_length"),
    (dict(content="("), ConfigError, "no regular expression"),
    (dict(content=r"person(\d+)"), DataError, r"does not match a\.mp4"),
    (dict(splits=dict(dev="x")), ConfigError, "train, valid, test"),
    (dict(splits=dict(test="nowhere")), DataError, "no videos in the folder"),
    (dict(splits=dict(test="list.txt")), DataError, r"list\.txt: the list of a split cannot be read"),
    (dict(text="embedding"), ConfigError, r"config\.data\.text asks for the column 'embedding'"),
    (
      dict(text="bytes"),
      ConfigError,
      r"config\.data\.text asks for the column 'text' of a manifest, but none",
    ),
    (dict(action=True), ConfigError, r"config\.data\.action asks for the column 'action'"),
  ],
)
def test_wrong_fields_are_named(tmp_path, fields, error, message):
  clips.write(tmp_path / "a.mp4", clips.numbered(6))
  with pytest.raises(error, match=message):
    make(tmp_path, max_bad_fraction=0, **fields).example(0, rng(0))


@pytest.mark.filterwarnings("ignore:Skipped")
def test_embeddings(tmp_path):
  clips.write(tmp_path / "a.mp4", clips.numbered(6))
  np.save(tmp_path / "a.npy", np.arange(5, dtype=np.float64))
  write_manifest(tmp_path, [Row("a.mp4", embedding="a.npy")])
  example = make(tmp_path, text="embedding").example(0, rng(0))
  np.testing.assert_array_equal(example["text"], np.arange(5, dtype=np.float32))
  shutil.copy(tmp_path / "a.mp4", tmp_path / "b.mp4")
  write_manifest(tmp_path, [Row("a.mp4", embedding="a.npy"), Row("b.mp4")])
  with pytest.raises(DataError, match=r"b\.mp4: the manifest names no embedding"):
    make(tmp_path, text="embedding", max_bad_fraction=0).example(1, rng(0))
  np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
  with pytest.raises(DataError, match=r"a\.npy: embedding: .*allow_pickle"):
    make(tmp_path, text="embedding", max_bad_fraction=0).example(0, rng(0))


def test_text_is_cut_between_characters():
  assert bytes(conditions.encode_text("aäöü", 4)) == "aä".encode() + b"\0"
  assert bytes(conditions.encode_text("", 2)) == b"\0\0"


# -- actions


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_actions_are_in_step_with_the_frames(tmp_path, kind):
  times = np.cumsum(rng(3).choice([0.04, 0.1, 0.3], N))
  clips.write(tmp_path / "even.mp4", clips.numbered(N))
  clips.write(tmp_path / "uneven.mkv", clips.numbered(N), times=times, fps=40)
  pictures(tmp_path / "pictures")
  actions = np.arange(N - 1)  # the last frame has none
  if kind == "npz":
    np.savez(tmp_path / "action.npz", action=actions)
  else:
    np.save(tmp_path / "action.npy", actions)
  files = ["even.mp4", "pictures", "uneven.mkv"]
  write_manifest(tmp_path, [Row(name, action=f"action.{kind}") for name in files])
  for options in (dict(stride=2), dict(fps=7.0), dict(fps=20.0), dict()):
    source = make(tmp_path, action=True, frame_fps=10, **options)
    for index in range(3):
      for seed in range(8):
        example = source.example(index, rng(seed))
        assert example["action"].dtype == np.int32
        shown = np.minimum(clips.number_of(example["video"]), N - 2)
        np.testing.assert_array_equal(example["action"], shown)


@pytest.mark.filterwarnings("ignore:Skipped")
def test_actions_of_several_numbers_and_the_wrong_count(tmp_path):
  clips.write(tmp_path / "a.mp4", clips.numbered(N))
  write_manifest(tmp_path, [Row("a.mp4", action="a.npz")])
  np.savez(tmp_path / "a.npz", action=np.arange(2 * N).reshape(N, 2) / 2)
  example = make(tmp_path, action=True).example(0, rng(0))
  first = clips.number_of(example["video"])[0]
  assert example["action"].dtype == np.float32
  np.testing.assert_array_equal(example["action"][0], [first, first + 0.5])
  for wrong, message in (
    (dict(action=np.zeros(N + 1)), "31 actions for the 30"),
    (dict(a=1), "no array 'action'"),
  ):
    np.savez(tmp_path / "a.npz", **wrong)
    with pytest.raises(DataError, match=message):
      make(tmp_path, action=True, max_bad_fraction=0).example(0, rng(0))


# -- sound


def test_log_mel_against_its_formula():
  """One window of a sine, and silence."""
  rate, time = 16_000, np.arange(16_000) / 16_000
  times = np.linspace(0.2, 0.6, 5)
  found = audio.log_mel(np.sin(2 * np.pi * 1000 * time), sample_rate=rate, times=times, mels=40)
  assert found.shape == (4, 40) and found.dtype == np.float32
  edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 42) / 2595) - 1)
  np.testing.assert_array_equal(found.argmax(axis=1), np.abs(edges[1:-1] - 1000).argmin())
  window = np.hanning(401)[:-1]
  begin = 4000 - 200  # the window whose middle is at 0.25 s
  power = np.abs(np.fft.rfft(np.sin(2 * np.pi * 1000 * time)[begin : begin + 400] * window, 512)) ** 2
  power /= window.sum() ** 2
  bins = np.arange(257) * rate / 512
  expected = []
  for low, middle, high in zip(edges, edges[1:], edges[2:]):
    triangle = np.interp(bins, [low, middle, high], [0, 1, 0], 0, 0)
    expected.append(np.log(1 + 1e6 * power @ triangle))
  strong = np.array(expected) > 1
  one = audio.log_mel(
    np.sin(2 * np.pi * 1000 * time), sample_rate=rate, times=np.array([0.25, 0.26]), mels=40
  )
  wide = np.diff(edges)[:-1] > 2 * rate / 512  # narrow triangles take their nearest bin instead
  np.testing.assert_allclose(one[0][strong & wide], np.array(expected)[strong & wide], rtol=1e-3)
  silent = audio.log_mel(np.zeros(100), sample_rate=rate, times=times)
  np.testing.assert_array_equal(silent, 0)


@pytest.mark.parametrize("name, codec", [("a.mkv", "pcm_s16le"), ("a.mov", "pcm_s16le"), ("a.mp4", "aac")])
def test_sound_follows_the_frames(tmp_path, name, codec):
  """A beep while frames 12 to 14 are on display is heard with these frames, wherever the clip begins."""
  beep = lambda t: 0.5 * np.sin(2 * np.pi * 1000 * t) * ((t >= 1.2) & (t < 1.5))
  with_sound(tmp_path / name, beep, codec)
  for options in (dict(time=8), dict(time=8, fps=20.0), dict(time=4, stride=2)):
    source = make(tmp_path, audio=True, mels=16, sample_rate=8000, **options)
    heard = 0
    for seed in range(12):
      example = source.example(0, rng(seed))
      assert example["audio"].shape == (options["time"], 16) and example["has_audio"] == 1
      loud = example["audio"].max(axis=1)
      shown = np.array(clips.number_of(example["video"]))
      inside, far = (shown >= 12) & (shown < 15), (shown < 10) | (shown > 16)
      assert (loud[inside] > 6).all() and (loud[far] < 2).all()
      heard += inside.sum()
    assert heard > 5


def test_files_without_sound_are_silent_and_say_so(tmp_path):
  clips.write(tmp_path / "a.mp4", clips.numbered(N))
  pictures(tmp_path / "b")
  source = make(tmp_path, audio=True)
  for index in range(2):
    example = source.example(index, rng(0))
    assert example["has_audio"] == 0 and example["has_audio"].dtype == np.float32
    np.testing.assert_array_equal(example["audio"], np.zeros((4, 64), np.float32))


# -- a changed folder


def test_the_fingerprint_tells_a_changed_folder(tmp_path):
  for name in "abc":
    clips.write(tmp_path / f"{name}.mp4", clips.numbered(6))
  write_manifest(tmp_path, [Row(f"{n}.mp4", label=n, text=n) for n in "abc"])
  first = make(tmp_path, labels="manifest").fingerprint()
  assert make(tmp_path, labels="manifest").fingerprint() == first
  clips.write(tmp_path / "b.mp4", clips.numbered(7)[1:])  # as many frames, other ones
  second = make(tmp_path, labels="manifest").fingerprint()
  rows = [json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text().splitlines()]
  rows[0]["text"] = "other"
  (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
  third = make(tmp_path, labels="manifest").fingerprint()
  rows[0]["label"] = "d"
  (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
  assert len({first, second, third, make(tmp_path, labels="manifest").fingerprint()}) == 4
