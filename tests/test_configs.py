"""Keys of a config become arguments, and mistakes become helpful errors."""

import pytest
from ml_collections import ConfigDict

from vgjax import configs
from vgjax.errors import ConfigError


def make(models, *, given: int, width: int = 64):
  return models, given, width


def test_call_passes_keys_and_defaults():
  assert configs.call(make, {"given": 3}, "m", where="config.x") == ("m", 3, 64)


def test_unknown_key_names_the_nearest():
  with pytest.raises(ConfigError, match=r'config\.x: unknown key "widht"; did you mean "width"'):
    configs.call(make, {"given": 3, "widht": 5}, "m", where="config.x")


def test_missing_key_is_named():
  with pytest.raises(ConfigError, match='"given" is missing'):
    configs.call(make, {}, "m", where="config.x")


def test_positional_arguments_cannot_be_set():
  with pytest.raises(ConfigError, match='unknown key "models"'):
    configs.call(make, {"given": 3, "models": 5}, "m", where="config.x")


def test_the_nearest_may_have_other_letters_and_there_may_be_none():
  with pytest.raises(ConfigError, match=r'unknown name "SSIM"; did you mean "ssim"\? Known: psnr, ssim$'):
    configs.pick({"psnr": 1, "ssim": 2}, "SSIM", "metrics")
  with pytest.raises(ConfigError, match=r'unknown name "fog"; known: psnr, ssim$'):
    configs.pick({"psnr": 1, "ssim": 2}, "fog", "metrics")


def test_unknown_module_names_the_nearest():
  with pytest.raises(ConfigError, match='did you mean "convlstm"'):
    configs.find("models", "conv_lstm", "config.models.predictor.name")


def test_dotted_name_reaches_outside_code():
  assert configs.find("models", "json.decoder", "config.models.x.name").JSONDecoder


def test_broken_outside_code_is_not_called_unknown(tmp_path, monkeypatch):
  (tmp_path / "their_model.py").write_text("import a_package_that_is_not_there\n")
  (tmp_path / "theirs").mkdir()
  (tmp_path / "theirs" / "model.py").write_text("import a_package_that_is_not_there\n")
  monkeypatch.syspath_prepend(tmp_path)
  with pytest.raises(ModuleNotFoundError, match="a_package_that_is_not_there"):
    configs.find("models", "theirs.model", "config.models.x.name")


def test_differences_name_every_key():
  lines = configs.differences({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3, "d": 4}})
  assert len(lines) == 2 and "config.b.c: 2" in lines[0] and "config.b.d" in lines[1]


def test_to_plain_makes_tuples_and_dicts():
  assert configs.to_plain(ConfigDict({"a": [1, {"b": (2,)}]})) == {"a": (1, {"b": (2,)})}
