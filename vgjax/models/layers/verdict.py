"""What a critic says of videos."""

from typing import Any, NamedTuple

Array = Any


class Verdict(NamedTuple):
  """The output of a critic.

  Attributes:
    scores: `[batch, ...]`, larger is more real; one or several a video, those of patches or of frames.
    features: what the layers see, `[batch, ...]` each, for feature matching.
  """

  scores: Array
  features: tuple[Array, ...] = ()
