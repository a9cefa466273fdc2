"""What a batch says beside the video, as vectors: its label, text, sound and actions.

  label   int [batch], a class                     -> a learned vector a class
  text    uint8 [batch, length], UTF-8 bytes       -> two convolutions over the bytes, their mean over the
          text float [batch, width], an embedding       -> a linear map
  audio, action   [batch, time, width] or, for numbered actions, int [batch, time]
                                                   -> a linear map of each frame, their mean over time
          float [batch, width], an embedding       -> a linear map

So of sound and actions a model learns what there is, and not when: the mean does not know. A model's field
`conditions` names what it reads, `classes` how many labels there are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers.conv import Conv

Array = Any
KNOWN = ("label", "text", "audio", "action")
BYTES = 256
NUMBERED = 64  # numbered actions are below this


def names(classes: int, conditions: Sequence[str]) -> tuple[str, ...]:
  """The keywords of a model that has these fields; its `reads`.

  Raises:
    ValueError: an unknown condition.
  """
  for name in conditions:
    if name not in KNOWN[1:]:
      raise ValueError(
        f'conditions: there is no "{name}"; known: {", ".join(KNOWN[1:])} (a label: classes=10)'
      )
  return (*(("label",) if classes else ()), *conditions)


class Conditions(nn.Module):
  """The sum of a vector for each condition.

  Attributes:
    features: width of the vectors.
    classes: number of labels.
    dtype: compute type.
  """

  features: int
  classes: int = 0
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, read: Mapping[str, Array]) -> Array | None:
    """Vectors [batch, features], of what is per frame the mean over time; None if nothing was read."""
    vectors = [self._of_video(name, array) for name, array in sorted(read.items())]
    return sum(vectors) if vectors else None

  def beside(self, code: Array, read: Mapping[str, Array]) -> Array:
    """The code [batch, width] with the conditions' vectors beside it; as it is if nothing was read."""
    condition = self(read)
    return code if condition is None else jnp.concatenate([code, condition], axis=-1)

  def _of_video(self, name, array):
    if name == "label":
      return nn.Embed(self.classes, self.features, dtype=self.dtype, name="label")(array)
    if name == "text":
      return self._text(array)
    if jnp.issubdtype(array.dtype, jnp.floating) and array.ndim == 2:
      return nn.Dense(self.features, dtype=self.dtype, name=name)(array)
    if array.ndim == 2:
      array = jnp.eye(NUMBERED, dtype=self.dtype)[array.astype(jnp.int32)]
    return nn.Dense(self.features, dtype=self.dtype, name=name)(array).mean(1)

  def _text(self, text):
    if jnp.issubdtype(text.dtype, jnp.floating):
      return nn.Dense(self.features, dtype=self.dtype, name="text")(text)
    there = (text > 0)[..., None].astype(self.dtype)
    x = nn.Embed(BYTES, self.features, dtype=self.dtype, name="byte")(text.astype(jnp.int32)) * there
    for layer in range(2):
      x = nn.relu(Conv(self.features, 5, dtype=self.dtype, name=f"text_{layer}")(x)) * there
    x = x.sum(1) / jnp.maximum(there.sum(1), 1)
    return nn.Dense(self.features, dtype=self.dtype, name="text")(x)
