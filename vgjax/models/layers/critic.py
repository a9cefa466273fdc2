"""The body of a critic: strided convolutions, one score or a map of scores at their end.

  convolution, leaky ReLU 0.2; then convolution, normalisation, leaky ReLU 0.2 with twice the channels, until
  4 to 7 pixels a side are left; then one convolution over all that is left, or over each patch

Normalisation is "batch" (DCGAN's; no gradient penalty goes with it), "instance" (CycleGAN's), "spectral"
(Miyato et al. 2018, arXiv:1802.05957: kernels, those of the conditions too, divided by their largest singular
value, no other normalisation) or "none". Kernels start at N(0, 0.02), as DCGAN's; without normalisation a
video would fade on its way through narrow layers of such, so He's initial values stand in (He et al. 2015,
arXiv:1502.01852), as in WGAN-GP's program.

Conditions enter by projection (Miyato and Koyama 2018, arXiv:1802.05637): their vector times the mean of the
last features is added to the score. `categories` gives the scores company: logits of the label, whose
cross-entropy is the loss `category` (Odena et al. 2017, arXiv:1610.09585; MoCoGAN).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import optax
from flax import linen as nn

from vgjax.models.layers.conditions import Conditions
from vgjax.models.layers.conv import Conv
from vgjax.models.layers.grow import near_one
from vgjax.models.layers.norm import BatchNorm, instance_norm
from vgjax.models.layers.verdict import Verdict

Array = Any
NORMS = ("batch", "instance", "spectral", "none")


class Critic(nn.Module):
  """Scores of videos, or of frames.

  Attributes:
    channels: of the first layer.
    levels: layers that halve the sides; None: until 4 to 7 pixels are left along the shorter one.
    norm: "batch", "instance", "spectral" or "none".
    patches: whether the last layer scores every patch it sees, rather than all that is left as one.
    fine: layers that keep the sides, after those that halve them. With any, patches are scored at every
      pixel, else at every other one. PatchGAN (Isola et al. 2017, arXiv:1611.07004) has levels=3, fine=1.
    time: what a layer does along time: "halve" it, or "slide" over it without a border.
    use_bias: whether convolutions have one.
    classes: labels that are read by projection.
    categories: labels that are told, with the loss `category`.
    dtype: compute type.
  """

  channels: int = 64
  levels: int | None = None
  norm: str = "batch"
  patches: bool = False
  fine: int = 0
  time: str = "halve"
  use_bias: bool = True
  classes: int = 0
  categories: int = 0
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array, read: Mapping[str, Array], *, train: bool) -> Verdict:
    """Judges x.

    Args:
      x: [batch, time, height, width, channels] or [batch, height, width, channels].
      read: the conditions, by their names.
      train: whether statistics are those of this batch, and are updated.
    """
    if self.norm not in NORMS or self.time not in ("halve", "slide"):
      raise ValueError(
        f'a critic has norm in {NORMS} and time "halve" or "slide", not {self.norm}, {self.time}'
      )
    if not self.use_bias and self.norm in ("spectral", "none"):
      raise ValueError(
        f'a critic with norm="{self.norm}" needs use_bias=True: without either, a video of half the contrast'
        " has half the score, so grey cannot be told from black"
      )
    side = min(x.shape[-3:-1])
    levels = max(1, (side // 4).bit_length() - 1) if self.levels is None else self.levels
    x, features = x.astype(self.dtype), []
    for level in range(levels + self.fine):
      window, strides, padding = self._geometry(x.shape[1:-1], halve=level < levels)
      x = self._conv(self.channels * 2**level, window, strides, padding, f"down_{level}", train)(x)
      if self.norm == "batch" and level:
        x = BatchNorm(not train, scale_init=near_one, dtype=self.dtype, name=f"norm_{level}")(x)
      elif self.norm == "instance" and level:
        x = instance_norm(x)
      x = nn.leaky_relu(x, 0.2)
      features.append(x)
    if self.patches:
      window, strides, padding = self._geometry(x.shape[1:-1], halve=not self.fine)
    else:
      window, strides, padding = x.shape[1:-1], 1, "VALID"
      if x.ndim == 5 and self.time == "slide":
        window = (min(4, x.shape[1]), *window[1:])
    last = self._conv(1 + self.categories, window, strides, padding, "scores", train)(x)
    scores = last[..., 0].astype(jnp.float32)
    label = read.get("label")
    if self.categories:
      logits = last[..., 1:].astype(jnp.float32).mean(tuple(range(1, last.ndim - 1)))
      mistakes = optax.softmax_cross_entropy_with_integer_labels(logits, label)
      self.sow("losses", "category", mistakes.mean())
    read = {name: array for name, array in read.items() if name != "label" or self.classes}
    conditions = Conditions(x.shape[-1], self.classes, self.dtype, name="conditions")
    if self.norm == "spectral" and read:
      normalised = nn.SpectralNorm(conditions, collection_name="batch_stats", name="conditions_norm")
      condition = normalised(read, update_stats=train)
    else:
      condition = conditions(read)
    if condition is not None:
      match = (condition * x.mean(tuple(range(1, x.ndim - 1)))).sum(-1)
      scores += match.astype(jnp.float32).reshape(-1, *[1] * (scores.ndim - 1))
    return Verdict(scores, tuple(features))

  def _geometry(self, size: Sequence[int], *, halve: bool):
    """Window, strides and padding of a layer over a map of this size."""
    window, strides, padding = [4, 4], [2, 2] if halve else [1, 1], [1, 1]
    if len(size) == 3:
      halves = halve and self.time == "halve" and size[0] > 1
      slides = min(4, size[0]) if self.time == "slide" else 1
      window.insert(0, 4 if halves else slides)
      strides.insert(0, 2 if halves else 1)
      padding.insert(0, 1 if halves else 0)
    return tuple(window), tuple(strides), tuple(padding)

  def _conv(self, features, window, strides, padding, name, train):
    init = nn.initializers.he_normal() if self.norm == "none" else nn.initializers.normal(0.02)
    conv = Conv(
      features,
      window,
      strides,
      padding,
      use_bias=self.use_bias,
      kernel_init=init,
      dtype=self.dtype,
      name=name,
    )
    if self.norm != "spectral":
      return conv
    normalised = nn.SpectralNorm(conv, collection_name="batch_stats", name=f"{name}_norm")
    return lambda x: normalised(x, update_stats=train)


def beside(video: Array, hint: Array, mask: Array) -> Array:
  """What a critic of a translation sees: the video, the hint and what is given, channel by channel."""
  return jnp.concatenate([video, hint, mask.astype(video.dtype)], axis=-1)
