"""Parts of MetaVP's blocks in which every pixel sees every other: self-attention, and an MLP over pixels.

For `MetaBlock` (`layers/meta_block.py`), written as OpenSTL has them; all weights start from N(0, 0.02^2).
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from flax import linen as nn

Array = Any

INIT = nn.initializers.normal(0.02)


class TokenMlp(nn.Module):
  """MLP-Mixer: an MLP along the pixels, the same one for each channel; it knows one size only.

  Tolstikhin et al., MLP-Mixer: An all-MLP Architecture for Vision, NeurIPS 2021,
  https://arxiv.org/abs/2105.01601.

  Attributes:
    dtype: compute type.
  """

  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape; half as many hidden units as channels."""
    height, width, channels = x.shape[1:]
    dense = functools.partial(nn.Dense, kernel_init=INIT, dtype=self.dtype)
    y = rearrange(x, "b h w c -> b c (h w)")
    y = nn.gelu(dense(channels // 2, name="inner")(y), approximate=False)
    y = dense(height * width, name="outer")(y)
    return rearrange(y, "b c (h w) -> b h w c", h=height)


class SelfAttention(nn.Module):
  """Attention with several heads between the pixels, of the whole code or of a square window.

  Without a window: ViT (Dosovitskiy et al., ICLR 2021, https://arxiv.org/abs/2010.11929), here without
  positions. In windows: Swin (Liu et al., ICCV 2021, https://arxiv.org/abs/2103.14030), with a learned bias
  for each distance of two pixels. As in OpenSTL, and unlike the paper, windows that are shifted across the
  border mix pixels of opposite sides, without a mask.

  Attributes:
    windows: whether to attend in windows; their side is that of OpenSTL: 7 pixels if 7 divides the code's
      height, else the 16th part of it, but at least 4 and at most 8.
    shift: whether the windows are moved by half a side, down and to the right.
    heads: number of heads.
    dtype: compute type.
  """

  windows: bool = False
  shift: bool = False
  heads: int = 8
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps x [batch, height, width, channels] to its own shape.

    Raises:
      ValueError: the heads do not divide the channels, or the windows not the size.
    """
    height, width, channels = x.shape[1:]
    if channels % self.heads:
      raise ValueError(f"{channels} channels do not divide into {self.heads} heads")
    side = window_side(height, width) if self.windows else None
    shift = side // 2 if side and self.shift and side < min(height, width) else 0
    dense = functools.partial(nn.Dense, kernel_init=INIT, dtype=self.dtype)

    y = jnp.roll(x, (-shift, -shift), (1, 2)) if shift else x
    h, w = (side, side) if side else (height, width)
    y = rearrange(y, "b (m h) (n w) c -> (b m n) (h w) c", h=h, w=w)
    heads = rearrange(dense(3 * channels, name="qkv")(y), "b n (k m d) -> k b m n d", k=3, m=self.heads)
    query, key, value = heads
    logits = jnp.einsum("bmqd,bmkd->bmqk", query * query.shape[-1] ** -0.5, key).astype(jnp.float32)
    if side:
      table = self.param("distance_bias", INIT, ((2 * side - 1) ** 2, self.heads))
      logits = logits + rearrange(table[distances(side)], "q k m -> m q k")
    weights = jax.nn.softmax(logits).astype(self.dtype)
    y = rearrange(jnp.einsum("bmqk,bmkd->bmqd", weights, value), "b m q d -> b q (m d)")
    y = dense(channels, name="outer")(y)
    m, n = height // h, width // w
    y = rearrange(y, "(b m n) (h w) c -> b (m h) (n w) c", m=m, n=n, h=h)
    return jnp.roll(y, (shift, shift), (1, 2)) if shift else y


def window_side(height: int, width: int) -> int:
  """The side of Swin's windows for a code of this size.

  Raises:
    ValueError: the windows do not fill the code.
  """
  side = 7 if height % 7 == 0 else min(8, max(4, height // 16))
  side = min(side, height, width)
  if height % side or width % side:
    raise ValueError(f"windows of {side}x{side} pixels do not fill a code of {height}x{width}")
  return side


def distances(side: int) -> np.ndarray:
  """[side^2, side^2]: a number for each distance (down, right) of two pixels in a window."""
  y, x = np.mgrid[:side, :side].reshape(2, -1)
  down, right = (p[:, None] - p[None] + side - 1 for p in (y, x))
  return down * (2 * side - 1) + right
