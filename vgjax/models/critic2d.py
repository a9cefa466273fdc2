"""A critic of single frames, some of each video drawn at random: it knows what frames look like, not motion.

With `frames=1`, `patches=True`, `levels=3`, `use_bias=False` it is MoCoGAN's image critic (Tulyakov et al.
2018, arXiv:1707.04993), but for initial values, as `mocogan.py` says; with `patches=True`, `levels=3`,
`fine=1`, `sees_hint=True` PatchGAN, which scores 70x70 pixels (Isola et al. 2017, arXiv:1611.07004), with the
mask as one more channel, and with biases before batch normalisation, which do nothing; with 8 frames it does
the work of DVD-GAN's spatial critic (Clark et al. 2019, arXiv:1907.06571), with plain layers in place of
residual ones.
"""

from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import conditions
from vgjax.models.layers.critic import Critic, beside
from vgjax.models.layers.verdict import Verdict

Array = Any


class Critic2D(nn.Module):
  """Scores of frames.

  Attributes:
    frames: how many of each video are judged, drawn without replacement; 0 for all of them.
    channels: of the first layer; each layer has twice as many as the one before.
    levels: layers that halve height and width; None: until 4 to 7 pixels are left.
    norm: "batch", "instance", "spectral" or "none".
    patches: scores of patches instead of one a frame.
    fine: layers that keep the size, after those that halve it; patches are then scored at every pixel.
    sees_hint: whether hint and mask are judged with the frame.
    classes: number of labels, read by projection; 0 for none.
    conditions: what else is read: "text", "audio", "action".
    use_bias: whether convolutions have one.
    dtype: compute type.
  """

  frames: int = 1
  channels: int = 64
  levels: int | None = None
  norm: str = "batch"
  patches: bool = False
  fine: int = 0
  sees_hint: bool = False
  classes: int = 0
  conditions: tuple[str, ...] = ()
  use_bias: bool = True
  dtype: Any = jnp.float32

  @property
  def reads(self) -> tuple[str, ...]:
    return conditions.names(self.classes, self.conditions)

  @nn.compact
  def __call__(self, video: Array, hint: Array, mask: Array, *, train: bool, **read: Array) -> Verdict:
    """Judges frames of videos.

    Args:
      video: [batch, time, height, width, channels], in [-1, 1].
      hint: the same shape; read with `sees_hint`.
      mask: [batch, time, height, width, 1]; read with `sees_hint`.
      train: whether statistics are those of this batch.
      **read: what `reads` names; each frame of a video has the video's.

    Returns:
      Scores [batch, frames, height, width] of what is left of each frame.
    """
    x = beside(video, hint, mask) if self.sees_hint else video
    count = self.frames or x.shape[1]
    if count > x.shape[1]:
      raise ValueError(f"critic2d: frames={count}, but the videos have {x.shape[1]}")
    if count < x.shape[1]:
      x = self._choose(x, count)
    body = Critic(
      self.channels, self.levels, self.norm, self.patches, self.fine, "halve", self.use_bias, self.classes,
      categories=0, dtype=self.dtype, name="body",
    )  # fmt: skip
    read = {name: jnp.repeat(array, count, axis=0) for name, array in read.items()}
    verdict = body(rearrange(x, "b t h w c -> (b t) h w c"), read, train=train)
    return jax.tree.map(lambda array: array.reshape(len(video), count, *array.shape[1:]), verdict)

  def _choose(self, x, count):
    """`count` frames of each video, as a product with a choice: a gather's gradient would scatter."""
    keys = jax.random.split(self.make_rng("sample"), len(x))
    order = jax.vmap(lambda key: jax.random.permutation(key, x.shape[1])[:count])(keys)
    choice = jax.nn.one_hot(order, x.shape[1], dtype=x.dtype)
    return jnp.einsum("bkt,bthwc->bkhwc", choice, x)


Module = Critic2D
