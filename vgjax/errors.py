"""Errors that are for the reader to mend: each message says what, where, and what to do.

`vgjax.launch` prints them without a traceback. Anything else that is raised is a bug of vgjax.
"""


class VgjaxError(Exception):
  """The base of all errors below."""


class ConfigError(VgjaxError, ValueError):
  """A config that cannot be built: an unknown key or name, or parts that do not fit together."""


class DataError(VgjaxError):
  """Data that is missing, unreadable or too little."""


class WorkdirError(VgjaxError):
  """A run folder that cannot be written, or that another config has made."""


class CheckpointError(VgjaxError):
  """A checkpoint that is missing, or does not fit the config."""


class NonFiniteLoss(VgjaxError):
  """A loss became infinite or no number."""


class MissingWeights(VgjaxError):
  """Weights of a published network that are not on this machine, cannot be fetched, or are damaged."""
