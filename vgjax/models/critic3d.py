"""A critic of whole videos: three-dimensional strided convolutions.

With the defaults it is VGAN's (Vondrick et al. 2016, arXiv:1609.02612). What differs: one score at the end,
not the two of a softmax; kernels start at N(0, 0.02), not N(0, 0.01); 1e-5 is added to a batch's variance,
not 1e-3. With `time="slide"`, `use_bias=False` it is MoCoGAN's video critic (Tulyakov et al. 2018,
arXiv:1707.04993), which halves height and width only; with `patches=True`, `levels=3`, too, its patch critic;
but for initial values, as `mocogan.py` says.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from vgjax.models.layers import conditions
from vgjax.models.layers.critic import Critic, beside
from vgjax.models.layers.verdict import Verdict

Array = Any


class Critic3D(nn.Module):
  """Scores of videos.

  Attributes:
    channels: of the first layer; each layer has twice as many as the one before.
    levels: layers that halve height and width; None: until 4 to 7 pixels are left.
    norm: "batch", "instance", "spectral" or "none".
    patches: scores of patches instead of one a video.
    fine: layers that keep height and width, after those that halve them; patches are then scored at every
      pixel of what is left.
    time: "halve" or "slide", see `layers/critic.py`.
    downsample: the video is averaged over squares of this side first, as DVD-GAN's temporal critic has it.
    sees_hint: whether hint and mask are judged with the video, as a translation's must be.
    classes: number of labels, read by projection; 0 for none.
    categories: number of labels that the critic tells, with the loss `category`; 0 for none.
    conditions: what else is read: "text", "audio", "action".
    use_bias: whether convolutions have one.
    dtype: compute type.
  """

  channels: int = 64
  levels: int | None = None
  norm: str = "batch"
  patches: bool = False
  fine: int = 0
  time: str = "halve"
  downsample: int = 1
  sees_hint: bool = False
  classes: int = 0
  categories: int = 0
  conditions: tuple[str, ...] = ()
  use_bias: bool = True
  dtype: Any = jnp.float32

  @property
  def reads(self) -> tuple[str, ...]:
    return conditions.names(self.classes or self.categories, self.conditions)

  @nn.compact
  def __call__(self, video: Array, hint: Array, mask: Array, *, train: bool, **read: Array) -> Verdict:
    """Judges videos.

    Args:
      video: [batch, time, height, width, channels], in [-1, 1].
      hint: the same shape; read with `sees_hint`.
      mask: [batch, time, height, width, 1]; read with `sees_hint`.
      train: whether statistics are those of this batch.
      **read: what `reads` names.

    Returns:
      Scores [batch, time, height, width] of what is left of the video, [batch, 1, 1, 1] by default.
    """
    x = beside(video, hint, mask) if self.sees_hint else video
    if self.downsample > 1:
      square = (1, self.downsample, self.downsample)
      x = nn.avg_pool(x, square, square)
    body = Critic(
      self.channels, self.levels, self.norm, self.patches, self.fine, self.time, self.use_bias, self.classes,
      self.categories, self.dtype, name="body",
    )  # fmt: skip
    return body(x, read, train=train)


Module = Critic3D
