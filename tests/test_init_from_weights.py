"""`init_from` for modules of a branch: from published weights, and from other runs."""

import jax
import numpy as np
import pytest

import vgjax
from vgjax.errors import CheckpointError, ConfigError, MissingWeights
from vgjax.metrics import weights
from vgjax.restore import restore_or_init

# Of `tests.tiny`: the predictor's first convolution reads 2 frames and has 8 channels.
SHAPE = (3, 3, 2, 8)


def published(shape=SHAPE, **more):
  """Weights as they come from `weights.load`: flat, and with more in them than is wanted."""
  rng = np.random.default_rng(0)
  kernel, bias = (np.float32(rng.standard_normal(s)) for s in (shape, shape[-1:]))
  return {"kernel": kernel, "bias": bias, "head_0/kernel": np.ones(5, np.float32)} | more


@pytest.fixture
def made_up(monkeypatch):
  flat = published()
  monkeypatch.setattr(weights, "load", lambda name: flat)
  return flat


def begin(config):
  return restore_or_init(vgjax.build(config), None)


def leaves(tree):
  return jax.tree.leaves(jax.tree.map(np.asarray, tree))


def test_a_module_starts_from_published_weights_and_so_does_its_average(config, made_up):
  config.optim.predictor.ema = 0.5
  before = begin(config)
  config.init_from = {"predictor/down_0": "weights:lpips_vgg"}
  state = begin(config)
  for tree, untouched in ((state.params, before.params), (state.ema, before.ema)):
    for name in ("kernel", "bias"):
      np.testing.assert_array_equal(tree["predictor"]["down_0"][name], made_up[name])
    for name in set(tree["predictor"]) - {"down_0"}:
      for ours, theirs in zip(leaves(tree["predictor"][name]), leaves(untouched["predictor"][name])):
        np.testing.assert_array_equal(ours, theirs)
  assert set(state.params["predictor"]) == set(before.params["predictor"])


def test_trains_on_from_there_and_reads_them_only_once(tmp_path, config, made_up, monkeypatch):
  config.optim.predictor.ema = 0.5
  config.init_from = {"predictor/down_0": "weights:lpips_vgg"}
  state = vgjax.train(vgjax.build(config, tmp_path))
  assert int(state.step) == config.steps
  assert np.abs(state.params["predictor"]["down_0"]["kernel"] - made_up["kernel"]).max() > 0

  def gone(name):
    raise MissingWeights(name)

  monkeypatch.setattr(weights, "load", gone)
  assert int(vgjax.train(vgjax.build(config, tmp_path)).step) == config.steps  # resumed: not wanted any more


def test_placed_as_the_rules_say(config, made_up):
  config.mesh = dict(data=2, fsdp=4)
  config.rules = ((r"up_0/kernel", "fsdp"), (r"down_\d/kernel", (None, None, None, "fsdp")))
  config.init_from = {"predictor/down_0": "weights:lpips_vgg"}
  kernel = begin(config).params["predictor"]["down_0"]["kernel"]
  assert "fsdp" in kernel.sharding.spec
  np.testing.assert_array_equal(kernel, made_up["kernel"])


@pytest.mark.parametrize(
  "flat, message",
  [
    (published((3, 3, 3, 8)), r"kernel: \(3, 3, 2, 8\) here, \(3, 3, 3, 8\) in the weights lpips_vgg"),
    ({"bias": np.zeros(8, np.float32)}, r"kernel: \(3, 3, 2, 8\) here, not in the weights lpips_vgg"),
  ],
)
def test_weights_that_do_not_fit_are_refused_with_the_difference(config, monkeypatch, flat, message):
  monkeypatch.setattr(weights, "load", lambda name: flat)
  config.init_from = {"predictor/down_0": "weights:lpips_vgg"}
  with pytest.raises(CheckpointError, match=message) as error:
    begin(config)
  assert 'config.init_from.predictor/down_0 = "weights:lpips_vgg"' in str(error.value)
  assert "bias" not in str(error.value)  # it fits


@pytest.mark.parametrize(
  "path, source, error, message",
  [
    ("predictor/down_9", "weights:lpips_vgg", ConfigError, 'unknown name "down_9".*did you mean "down_'),
    ("predictor/down_0/kernel/x", "weights:lpips_vgg", ConfigError, 'unknown name "x"'),
    ("predictor/down_0", "weights:lpips_vg", MissingWeights, 'no weights "lpips_vg"; known'),
    ("predictor/down_0", "weights:lpips_vgg", MissingWeights, "weights fetch lpips_vgg"),
  ],
)
def test_what_is_not_there(tmp_path, config, monkeypatch, path, source, error, message):
  monkeypatch.setenv("VGJAX_WEIGHTS", str(tmp_path))
  monkeypatch.setenv("VGJAX_FETCH", "0")
  config.init_from = {path: source}
  with pytest.raises(error, match=message):
    begin(config)


def test_modules_of_another_run(tmp_path, config):
  config.optim.predictor.ema = 0.5
  first = vgjax.train(vgjax.build(config, tmp_path / "first"))
  config.seed = 1
  config.init_from = {
    "predictor/down_0": str(tmp_path / "first"),
    "predictor/up_norm_0": f"{tmp_path}/first@4:predictor/down_norm_0",
  }
  # Other widths elsewhere do not matter: only what is named has to fit.
  config.models.predictor.levels = 2
  ours, theirs = begin(config).params["predictor"], first.ema["predictor"]
  for loaded, saved in zip(leaves(ours["down_0"]), leaves(theirs["down_0"]), strict=True):
    np.testing.assert_array_equal(loaded, saved)
  assert np.abs(ours["up_norm_0"]["bias"]).max() > 0  # trained; a new one is 0
  assert np.abs(ours["up_norm_0"]["bias"] - theirs["down_norm_0"]["bias"]).max() > 0  # of step 4, not 6

  for source, message in [
    ("first:predictor/down_0/x", 'no "x" in predictor/down_0 there; it has'),
    ("first:predictor/down_1", r"kernel: \(3, 3, 2, 8\) here, \(3, 3, 8, 16\) in the checkpoint"),
  ]:
    config.init_from = {"predictor/down_0": f"{tmp_path}/{source}"}
    with pytest.raises(CheckpointError, match=message):
      begin(config)


@pytest.mark.parametrize("backbone, name", [("alexnet", "lpips_alex"), ("vgg16", "lpips_vgg")])
def test_a_frame_generators_encoder_starts_from_the_real_weights(config, backbone, name):
  if not weights.available(name):
    pytest.skip(f"no weights: python -m vgjax.metrics.weights fetch {name}")
  config.data.update(size=32, digit_size=20)
  config.models.predictor = dict(name="frame_generator", backbone=backbone, channels=8, groups=4, blocks=1)
  config.init_from = {"predictor/encoder": f"weights:{name}"}
  encoder = begin(config).params["predictor"]["encoder"]
  flat = weights.load(name)
  assert len(encoder) == sum(key.startswith("conv") for key in flat) / 2
  for layer, arrays in encoder.items():
    for leaf, array in arrays.items():
      np.testing.assert_array_equal(array, flat[f"{layer}/{leaf}"])
