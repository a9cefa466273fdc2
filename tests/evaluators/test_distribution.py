"""The evaluator `distribution` on an extractor whose features are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.evaluators.fakes import STATE, FakeRun, videos
from tests.metrics.fakes import fake_features
from vgjax import tasks
from vgjax.errors import ConfigError, MissingWeights
from vgjax.evaluators import distribution
from vgjax.metrics import extractors, features, frechet, kernel_distance, neighbours

FAKE = "tests.metrics.fakes"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
  """A cache of the test's own."""
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
  return tmp_path / "cache"


def result(run, metrics=("fvd",), state=STATE, **fields):
  chosen = {name: dict(name=FAKE) for name in metrics}
  return dict(distribution.make(metrics=metrics, **{"extractors": chosen, **fields})(run, state))


def brighter(batch):
  return batch["video"] * 0.5 + 0.3


def as_uint8(video):
  return np.round((np.clip(video, -1, 1) + 1) * 127.5)


@pytest.mark.parametrize("num_devices", [1, 8])
def test_figures_of_all_videos_without_padding(num_devices):
  data = videos(21, channels=3)
  run = FakeRun(data, tasks.predict(given=2), brighter, num_devices=num_devices)
  metrics = ("fvd", "kvd", "precision", "recall", "density", "coverage")
  found = result(run, metrics)
  made = np.concatenate([data[:, :2], brighter({"video": data[:, 2:]})], 1)
  # Real videos of this run are floats, which nothing rounds; what the model makes is rounded.
  real, fake = fake_features((data + 1) * 127.5), fake_features(as_uint8(made))
  assert found["fvd"] == pytest.approx(frechet.frechet_distance(real, fake), rel=1e-3)
  assert found["kvd"] == pytest.approx(kernel_distance.kernel_video_distance(real, fake), rel=1e-3)
  wanted = neighbours.neighbours(real, fake)
  assert {name: found[name] for name in wanted._fields} == pytest.approx(wanted._asdict())
  assert found["fvd/low"] < found["fvd"] < found["fvd/high"]
  assert found["extractors"]["fvd"]["name"] == "fake"
  assert "2048" in found["notes"]["fvd"][0]


def test_frames_that_are_compared():
  data = videos(12, channels=3)
  run = FakeRun(data, tasks.predict(given=2), brighter)
  made = as_uint8(brighter({"video": data}))
  real = (data + 1) * 127.5
  wanted = frechet.frechet_distance(fake_features(real[:, 2:]), fake_features(made[:, 2:]))
  unknown, pair, everything = (result(run, frames=f)["fvd"] for f in ("unknown", (2, 6), "all"))
  assert unknown == pytest.approx(wanted, rel=1e-3) and pair == unknown != everything
  with pytest.raises(ConfigError, match="have 6 frames"):
    result(run, frames=(2, 7))
  with pytest.raises(ConfigError, match='frames is "all"'):
    result(run, frames="some")
  mixture = tasks.one_of(tasks=dict(a=tasks.predict(given=1), b=tasks.predict(given=4)))
  with pytest.raises(ConfigError, match="same frames of every video"):
    result(FakeRun(data, mixture, brighter), frames="unknown")


class Drawing(FakeRun):
  """Each sample has a brightness of its own; `drawn` keeps what came out."""

  stop = None
  drawn = ()

  def sample(self, state, batch, rng):
    if len(self.drawn) == self.stop:
      raise KeyboardInterrupt
    off = jax.random.uniform(rng, (len(batch["video"]), 1, 1, 1, 1), minval=-0.5, maxval=0.5)
    self.model = lambda batch: jnp.nan_to_num(batch["video"]) * 0.5 + off
    video = super().sample(state, batch, rng)
    self.drawn = [*self.drawn, np.asarray(video)]
    return video


def test_all_samples_of_a_video_are_in_one_set():
  data = videos(11, channels=3)
  run = Drawing(data, tasks.generate(), None)
  found = result(run, samples=3)
  assert len(run.drawn) == 6  # two batches of 8, three samples of each
  made = [video[: 8 if i < 3 else 3] for i, video in enumerate(run.drawn)]
  fake = fake_features(as_uint8(np.concatenate(made)))
  assert found["fvd"] == pytest.approx(
    frechet.frechet_distance(fake_features((data + 1) * 127.5), fake), rel=1e-3
  )


def test_takes_the_first_videos_and_another_seed_draws_others():
  data = videos(11, channels=3)
  make = lambda: Drawing(data, tasks.generate(), None)
  first = result(Drawing(data[:7], tasks.generate(), None))["fvd"]
  assert result(make(), num_videos=7)["fvd"] == first
  assert result(make())["fvd"] == result(make())["fvd"] != result(make(), seed=1)["fvd"]


def test_goes_on_where_it_was_killed_and_leaves_nothing(tmp_path, monkeypatch):
  monkeypatch.setattr(features, "SAVE_SECONDS", 0)
  data, workdir = videos(27, channels=3), tmp_path / "run"
  whole = result(Drawing(data, tasks.generate(), None))
  run = Drawing(data, tasks.generate(), None, workdir=workdir)
  run.stop = 3
  with pytest.raises(KeyboardInterrupt):
    result(run)
  assert list(workdir.rglob("*.npz"))
  again = Drawing(data, tasks.generate(), None, workdir=workdir)
  found = result(again)
  assert len(again.drawn) == 2 and found["fvd"] == whole["fvd"]
  assert not list(workdir.rglob("*.npz"))


def test_another_state_does_not_go_on_with_the_samples_of_the_first(tmp_path, monkeypatch):
  monkeypatch.setattr(features, "SAVE_SECONDS", 0)
  run = Drawing(videos(27, channels=3), tasks.generate(), None, workdir=tmp_path / "run")
  run.stop = 3
  with pytest.raises(KeyboardInterrupt):
    result(run)
  again = Drawing(videos(27, channels=3), tasks.generate(), None, workdir=tmp_path / "run")
  other = type(STATE)(params={"predictor": {"kernel": np.arange(3.0) + 1}}, ema={})
  result(again, state=other)
  assert len(again.drawn) == 4


def test_real_features_are_computed_once_for_the_same_pixels(cache, monkeypatch):
  read = []

  class Counting(FakeRun):
    def batches(self, split, num_videos=None, batch_size=None, start=0):
      for batch in super().batches(split, num_videos, batch_size, start):
        read.append(start)
        yield batch

  def count(data):
    read.clear()
    result(Counting(data, tasks.generate(), brighter))
    return len(read)

  data = videos(16, channels=3)
  assert count(data) == 5  # one to know the frames, two for each set
  assert list(cache.rglob("made_of.json"))
  assert count(data) == 3
  assert count(videos(16, channels=3, seed=1)) == 5
  monkeypatch.setenv("VGJAX_FEATURE_CACHE", "off")
  assert count(data) == 5


def test_what_cannot_be_measured_is_said_and_the_rest_is_computed(monkeypatch):
  original = extractors.open

  def without_weights(name, **options):
    if name == "inception":
      raise MissingWeights("no weights: python -m vgjax.metrics.weights fetch inception_2015")
    return original(name, **options)

  monkeypatch.setattr(extractors, "open", without_weights)
  run = FakeRun(videos(12, channels=3), tasks.generate(), brighter)
  found = result(run, ("fvd", "fid", "is"), extractors={m: dict(name=FAKE) for m in ("fvd", "is")})
  assert found["fid"] == "no weights: python -m vgjax.metrics.weights fetch inception_2015"
  assert "needs a classifier" in found["is"] and isinstance(found["fvd"], float)
  short = FakeRun(videos(12, time=1, channels=3), tasks.generate(), brighter)
  assert result(short) == {"fvd": "fake reads videos of 2 frames or more, these have 1"}


def test_a_model_that_went_wrong_has_no_figure():
  run = FakeRun(videos(12, channels=3), tasks.generate(), lambda batch: batch["video"] * jnp.nan)
  found = result(run)
  assert "not finite" in found["fvd"] and "fvd/low" not in found


def test_intervals_can_be_left_out():
  run = FakeRun(videos(12, channels=3), tasks.generate(), brighter)
  found = result(run, intervals=False)
  assert set(found) == {"fvd", "notes", "extractors"} and found["fvd"] == result(run)["fvd"]


def test_unknown_names():
  with pytest.raises(ConfigError, match='unknown name "fvid"; did you mean "fvd"'):
    distribution.make(metrics=["fvid"])
  with pytest.raises(ConfigError, match="extractors"):
    distribution.make(metrics=["fvd"], extractors={"fid": dict(name=FAKE)})
