"""The config of a run folder as a config file: `--config vgjax/saved_config.py:RUNDIR`."""

from ml_collections import ConfigDict

from vgjax.errors import WorkdirError
from vgjax.workdir import read_config


def get_config(workdir: str) -> ConfigDict:
  config = read_config(workdir)
  if config is None:
    raise WorkdirError(f"{workdir} has no config.json: it is no run folder; give --config")
  return ConfigDict(config)
