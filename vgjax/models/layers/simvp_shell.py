"""SimVP's shell: frames encoded one by one, translated together, decoded one by one.

The translator reads all frames' codes at once, as channels, and writes the codes of the frames to come; each
is decoded with a skip from the encoder's first layer. Two dozen published models differ in nothing but the
translator. SimVP's own is a U (`models/simvp.py`); all later ones are a stack of blocks, the first of which
narrows the frames' channels and the last of which widens them again.

Gao et al., SimVP, CVPR 2022, https://arxiv.org/abs/2206.05099; Tan et al., OpenSTL, NeurIPS 2023,
https://arxiv.org/abs/2306.11249, where the family of blocks is called MetaVP.
"""

from collections.abc import Callable
from typing import Any

from einops import rearrange

from vgjax.models.layers import frame_coder, window

Array = Any


def predict(model: Any, translate: Callable, hint: Array, mask: Array) -> Array:
  """Encodes, translates and decodes one window of a video; call it in a compact `__call__`.

  Encoder and decoder become layers of the caller, named `encoder` and `decoder`.

  Args:
    model: the module that calls, for its fields `given`, `predicted`, `spatial_channels`, `spatial_layers`
      and `dtype`; `layers/window.py` says what the first two mean.
    translate: maps codes [batch, height, width, time * spatial_channels] to as many.
    hint: [batch, given + predicted, height, width, channels], in [-1, 1].
    mask: [batch, given + predicted, height, width, 1], 1 where the hint is exact.

  Returns:
    A float32 video of the hint's shape.

  Raises:
    ValueError: frames of a size that the encoder's strides do not divide, or a wrong number of them.
  """
  height, width, channels = hint.shape[2:]
  features, layers = model.spatial_channels, model.spatial_layers
  frame_coder.check_size(height, width, layers)
  encoder = frame_coder.FrameEncoder(features, layers, dtype=model.dtype, name="encoder")
  decoder = frame_coder.FrameDecoder(features, channels, layers, dtype=model.dtype, name="decoder")

  def network(frames):
    time = frames.shape[1]
    code, skip = encoder(rearrange(frames, "b t h w c -> (b t) h w c"))
    code = translate(rearrange(code, "(b t) h w c -> b h w (t c)", t=time))
    code = rearrange(code, "b h w (t c) -> (b t) h w c", t=time)
    return rearrange(decoder(code, skip), "(b t) h w c -> b t h w c", t=time)

  return window.predict_window(network, hint, mask, given=model.given, predicted=model.predicted)


def predict_with_blocks(model: Any, block: Callable, hint: Array, mask: Array, *, train: bool) -> Array:
  """`predict` with a translator of blocks.

  Args:
    model: the module that calls, for the fields that `predict` reads, `temporal_channels` and
      `temporal_blocks`.
    block: `(index, features) -> module`, a block that maps any number of channels to `features`, called
      as `module(x, train=train)`; it names itself `block_{index}`.
    hint: [batch, given + predicted, height, width, channels], in [-1, 1].
    mask: [batch, given + predicted, height, width, 1], 1 where the hint is exact.
    train: for the blocks.

  Returns:
    A float32 video of the hint's shape.

  Raises:
    ValueError: fewer than two blocks, and what `predict` refuses.
  """
  if model.temporal_blocks < 2:
    raise ValueError(f"temporal_blocks must be at least 2, not {model.temporal_blocks}")
  time = model.given or model.predicted
  widths = [model.temporal_channels] * (model.temporal_blocks - 1) + [time * model.spatial_channels]
  blocks = [block(index, features) for index, features in enumerate(widths)]

  def translate(code):
    for block in blocks:
      code = block(code, train=train)
    return code

  return predict(model, translate, hint, mask)
