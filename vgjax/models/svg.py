"""SVG: stochastic prediction with a latent variable for each frame (SVG-LP and SVG-FP).

A frame becomes a vector h = Enc(x), and a recurrent network predicts the vector of the next frame:

  z_t ~ q(z | x_1..t)     in training, the posterior: it has seen the frame that it describes
  z_t ~ p(z | x_1..t-1)   in sampling, the prior: learned (LP), or fixed to N(0, 1) (FP)
  x_t = Dec(tanh LSTM(h_t-1, z_t), skips)

`skips` are the encoder's feature maps of the last given frame (of the frame before, with
`last_frame_skip`), so the vector only has to say how things moved. Posterior, prior and predictor are LSTMs
over vectors.

Training is all teacher forcing, as in the authors' program: the true frames are encoded, whatever the task
gives, so everything but the three LSTMs works on all frames at once, and posterior and decoder get gradients
through the true past. A config's `feed` therefore has no effect but on which frame is the last given one. In
sampling the model reads the hint where it is given, its own frame elsewhere, and while whole frames are given
z comes from the posterior.

The loss of the model's own, "kl", is the sum of KL(q || p) over z and the frames after the first, divided by
the number of all frames, averaged over the examples. With `loss_over="all"` and `mse=1.0` (videos in [-1, 1],
so it is 4 times theirs) a weight of 4 beta is the published beta.

Denton and Fergus, Stochastic Video Generation with a Learned Prior, ICML 2018,
https://arxiv.org/abs/1802.07687. Layers and initial values are those of the authors' program
(https://github.com/edenton/svg). What differs from it:

* Batch statistics in training are those of all frames together, not of each frame by itself. Sampling needs
  one set of statistics for all times, and with running averages of pooled ones a video does not depend on
  what else is in its batch; the authors sample LP with the statistics of the batch.
* Their skips come from the last frame but one of the given ones; the paper says, and we take, the last.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import latent, lstm, skip_coder

Array = Any
KINDS = {"encoder": ("dcgan", "vgg"), "prior": ("learned", "fixed")}


class SVG(nn.Module):
  """A predictor that draws one of many futures, for videos of any length.

  Attributes:
    prior: "learned" (SVG-LP) or "fixed" (SVG-FP).
    encoder: "dcgan" or "vgg", see `layers/skip_coder.py`.
    width: channels of the encoder's first level.
    code: size of a frame's vector, g in the paper.
    latent: size of z.
    hidden: size of the states of all LSTMs.
    predictor_layers: LSTMs on top of each other in the predictor; posterior and prior have one.
    last_frame_skip: skips from the frame before, whether it is given or not.
    dtype: compute type of the convolutions; the LSTMs run in float32.
  """

  prior: str = "learned"
  encoder: str = "dcgan"
  width: int = 64
  code: int = 128
  latent: int = 10
  hidden: int = 256
  predictor_layers: int = 2
  last_frame_skip: bool = False
  dtype: Any = jnp.float32

  @property
  def window(self) -> None:
    """None: it works at any length."""
    return None

  def setup(self):
    for field, known in KINDS.items():
      if getattr(self, field) not in known:
        raise ValueError(f"SVG: {field}={getattr(self, field)!r}; there are {' and '.join(known)}")
    init = skip_coder.KERNEL
    self.read = skip_coder.Encoder(self.encoder, self.code, self.width, self.dtype)
    self.write = skip_coder.Decoder(self.encoder, self.width, self.dtype)
    self.predictor = lstm.LSTMStack(self.hidden, self.predictor_layers, torch=True, kernel_init=init)
    self.predicted_code = nn.Dense(self.code, kernel_init=init)
    self.posterior = latent.GaussianLSTM(self.latent, self.hidden, torch=True, kernel_init=init)
    if self.prior == "learned":
      self.learned = latent.GaussianLSTM(self.latent, self.hidden, torch=True, kernel_init=init)

  def __call__(self, hint: Array, mask: Array, *, train: bool, truth: Array | None = None) -> Array:
    """Predicts each frame from those before it and from what is drawn for it.

    Args:
      hint: [batch, time, height, width, channels], in [-1, 1]; at least two frames, of which the first must
        be given. Sides as `skip_coder.count_levels` wants them.
      mask: [batch, time, height, width, 1], 1 where the hint is exact.
      train: use the batch's statistics, update the running ones (collection "batch_stats"), and sow the loss
        "kl" (collection "losses"). Needs the truth.
      truth: the true video, in [-1, 1]; None: draw a future. The random key is the one called "sample";
        without it z is the mean of its distribution.

    Returns:
      A float32 video of the hint's shape: the hint's first frame, then the predictions.

    Raises:
      ValueError: a video of one frame, frames of another size, or training without the truth.
    """
    skip_coder.count_levels(*hint.shape[2:4])
    if hint.shape[1] < 2:
      raise ValueError(f"SVG needs at least 2 frames; the hint has {hint.shape[1]}")
    if truth is None and self.is_initializing():
      truth = hint  # the way through all parameters
    if truth is None and train:
      raise ValueError("SVG: training needs truth=, the true video, from which the posterior draws")
    given = latent.given_frames(mask)
    if truth is not None:
      frames = self._follow((truth + 1) / 2, given, train)
    else:
      frames = self._roll_out(mask * (hint + 1) / 2, mask, given)
    return jnp.concatenate([hint[:, :1].astype(jnp.float32), 2 * frames.astype(jnp.float32) - 1], axis=1)

  def _follow(self, video, given, train):
    """The predictions of all frames but the first along the true video, in [0, 1]."""
    batch, time, *_, channels = video.shape
    codes, skips = self.read(rearrange(video, "b t h w c -> (b t) h w c").astype(self.dtype), train=train)
    codes = rearrange(codes, "(b t) c -> t b c", t=time).astype(jnp.float32)
    past, present = codes[:-1], codes[1:]

    _, posterior = self.posterior(present)
    z = posterior.draw(latent.noise(self, posterior.mean.shape))
    prior = latent.standard(z.shape) if self.prior == "fixed" else self.learned(past)[1]
    if train:
      latent.sow_divergence(self, posterior, prior)
    _, h = self.predictor(jnp.concatenate([past, z], axis=-1))

    def reach(skip):  # what is read in place of frame t's own feature map, for t + 1
      skip = skip.reshape(batch, time, *skip.shape[1:])
      own = skip[:, :-1]
      if not self.last_frame_skip:
        known = given[:, :-1, None, None, None]
        own = jnp.where(known, own, latent.at_last_given(skip, given)[:, None])
      return own.reshape(-1, *own.shape[2:])

    h = rearrange(jnp.tanh(self.predicted_code(h)), "t b c -> (b t) c")
    frames = self.write(h, jax.tree.map(reach, skips), channels, train=train)
    return rearrange(frames, "(b t) h w c -> b t h w c", b=batch)

  def _roll_out(self, hint, mask, given):
    """All frames but the first, drawn one after the other, in [0, 1]."""
    batch, time, *_, channels = hint.shape
    hint = hint.astype(self.dtype)
    codes, _ = self.read(rearrange(hint, "b t h w c -> (t b) h w c"), train=False)
    codes = rearrange(codes, "(t b) c -> t b c", t=time).astype(jnp.float32)
    _, skips = self.read(hint[:, 0], train=False)
    noise = latent.noise(self, (time - 1, batch, self.latent))
    by_time = [jnp.moveaxis(x[:, 1:], 1, 0) for x in (hint, mask.astype(self.dtype), given)]
    states = [lstm.zero_state(batch, self.hidden)]
    carry = (states, states, [*states] * self.predictor_layers, codes[0], skips)

    def step(module, carry, inputs):
      posterior, prior, predictor, code, skips = carry
      hint, mask, given, hint_code, noise = inputs
      p = latent.standard((1, *noise.shape))
      if module.prior == "learned":
        prior, p = module.learned(code[None], prior)
      seen, q = module.posterior(hint_code[None], posterior)
      z = _where(given, q.draw(noise)[0], p.draw(noise)[0])
      posterior = jax.tree.map(functools.partial(_where, given), seen, posterior)
      predictor, h = module.predictor(jnp.concatenate([code, z], axis=-1)[None], predictor)
      frame = module.write(jnp.tanh(module.predicted_code(h[0])), skips, channels, train=False)

      code, own = module.read(mask * hint + (1 - mask) * frame, train=False)
      skips = own if module.last_frame_skip else jax.tree.map(functools.partial(_where, given), own, skips)
      return (posterior, prior, predictor, code.astype(jnp.float32), skips), frame

    scan = nn.scan(step, variable_broadcast=["params", "batch_stats"], split_rngs={"params": False})
    _, frames = scan(self, carry, (*by_time, codes[1:], noise))
    return jnp.moveaxis(frames, 0, 1)


def _where(condition, new, old):
  """`new` in the examples for which the condition [batch] holds."""
  return jnp.where(condition.reshape(-1, *(1,) * (new.ndim - 1)), new, old)


Module = SVG
