"""`tests.tiny` as a config file, for the tests that run the command."""

from tests import tiny


def get_config(variant: str = ""):
  config = tiny.config()
  if variant == "evaluated":
    config.evaluators.frames = dict(name="frames", num_videos=5)
    config.evaluators.grid = dict(name="grid", num_videos=2)
  return config
