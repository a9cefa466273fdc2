"""FitVid: a large convolutional variational predictor with recurrent dynamics.

SVG's design (`svg.py`) with a far larger encoder and decoder. A frame becomes a vector h = Enc(x), and

  z_t ~ q(z | x_1..t)     in training, from an LSTM which has seen the frame that it describes
  z_t ~ p(z | x_1..t-1)   in sampling, from a learned prior
  x_t = Dec(sigmoid LSTM(h_t-1, z_t), skips)

The encoder's feature maps of the last given frame are added to the decoder's (`layers/nvae.py`). With
`actions` the LSTM reads a_t-1 too, what was done at the frame before.

Training is all teacher forcing, whatever the task gives, so everything but the LSTMs works on all frames at
once; the mask says only which frame is the last given one. In sampling the model reads the hint where it is
given, its own frame elsewhere, and z always comes from the prior. Batch statistics are those of all frames,
as in the authors' program.

The loss of the model's own, "kl", is the sum of KL(q || p) over z and the frames after the first, divided by
the number T of all frames, averaged over the examples. The authors' is the sum over frames beside a mean
squared error in [0, 1] over T - 1 frames, times beta = 1e-4: that is a weight of 4 (T - 1) beta beside
`mse=1.0` and `loss_over="all"`.

Babaeizadeh et al., FitVid: Overfitting in Pixel-Level Video Prediction, 2021,
https://arxiv.org/abs/2106.13195, 302 million parameters; layers and initial values are those of the authors'
program (https://github.com/google-research/fitvid). What differs from it:

* Actions that are numbers of one of `actions` choices are read as well, one-hot; the program's are vectors.
* The program's predictor has a dense layer for variances that nothing uses; it is not built here.
"""

from typing import Any

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import latent, lstm, nvae

Array = Any


class FitVid(nn.Module):
  """A predictor that draws one of many futures, for videos of any length.

  Attributes:
    stages: number of blocks of each stage of the encoder; the stages after the first halve height and width.
    width: channels of the first stage.
    expand: channels in the middle of a decoder block, over those around it.
    code: size of a frame's vector.
    latent: size of z.
    hidden: size of the states of all LSTMs.
    predictor_layers: LSTMs on top of each other in the predictor; posterior and prior have one.
    actions: None, or how many numbers an action has; or, of actions that are one integer each, how many
      there are. They come with every video, those of frames that are to be drawn included.
    remat: compute blocks again in the backward pass rather than keep what is inside them: less memory for
      more time.
    dtype: compute type of the convolutions; the LSTMs run in float32.
  """

  stages: tuple[int, ...] = (2, 2, 2, 2)
  width: int = 64
  expand: int = 4
  code: int = 128
  latent: int = 10
  hidden: int = 256
  predictor_layers: int = 2
  actions: int | None = None
  remat: bool = False
  dtype: Any = jnp.float32

  @property
  def window(self) -> None:
    """None: it works at any length."""
    return None

  @property
  def reads(self) -> tuple[str, ...]:
    """What it gets beside the video."""
    return ("truth",) if self.actions is None else ("truth", "action")

  def setup(self):
    self.read = nvae.Encoder(self.code, self.stages, self.width, self.remat, self.dtype)
    self.write = nvae.Decoder(self.stages, self.width, self.expand, self.remat, self.dtype)
    self.predictor = lstm.LSTMStack(self.hidden, self.predictor_layers)
    self.predicted_code = nn.Dense(self.code)
    self.posterior = latent.GaussianLSTM(self.latent, self.hidden)
    self.prior = latent.GaussianLSTM(self.latent, self.hidden)

  def __call__(
    self,
    hint: Array,
    mask: Array,
    *,
    train: bool,
    truth: Array | None = None,
    action: Array | None = None,
  ) -> Array:
    """Predicts each frame from those before it and from what is drawn for it.

    Args:
      hint: [batch, time, height, width, channels], in [-1, 1]; at least two frames, of which the first must
        be given. Height and width are multiples of 2^(stages - 1).
      mask: [batch, time, height, width, 1], 1 where the hint is exact.
      train: use the batch's statistics, update the running ones (collection "batch_stats"), and sow the loss
        "kl" (collection "losses"). Needs the truth.
      truth: the true video, in [-1, 1]; None: draw a future. The random key is the one called "sample";
        without it z is the mean of its distribution.
      action: with `actions`, what was done at each frame and led to the next: float [batch, time, actions],
        or integers [batch, time] from 0 to actions - 1.

    Returns:
      A float32 video of the hint's shape: the hint's first frame, then the predictions.

    Raises:
      ValueError: a video of one frame, frames of another size, training without the truth, or actions of
        another number.
    """
    nvae.check_size(hint.shape[2], hint.shape[3], self.stages)
    if hint.shape[1] < 2:
      raise ValueError(f"FitVid needs at least 2 frames; the hint has {hint.shape[1]}")
    if truth is None and self.is_initializing():
      truth = hint  # the way through all parameters
    if truth is None and train:
      raise ValueError("FitVid: training needs truth=, the true video, from which the posterior draws")
    given = latent.given_frames(mask)
    done = self._done(action, hint.shape[:2])
    if truth is not None:
      frames = self._follow((truth + 1) / 2, given, done, train)
    else:
      frames = self._roll_out(mask * (hint + 1) / 2, mask, given, done)
    return jnp.concatenate([hint[:, :1].astype(jnp.float32), 2 * frames.astype(jnp.float32) - 1], axis=1)

  def _done(self, action, shape):
    """What was done at each frame but the last, [time - 1, batch, actions]; without actions of width 0."""
    if self.actions is None:
      return jnp.zeros((shape[1] - 1, shape[0], 0))
    if action is None:
      raise ValueError(f"FitVid with actions={self.actions} needs action=, what was done at each frame")
    if action.shape == shape and jnp.issubdtype(action.dtype, jnp.integer):
      action = nn.one_hot(action, self.actions)
    if action.shape != (*shape, self.actions):
      raise ValueError(
        f"action has the shape {action.shape} and type {action.dtype}; it should be float"
        f" {(*shape, self.actions)}, or integers {shape} below {self.actions}"
      )
    return jnp.moveaxis(action[:, :-1].astype(jnp.float32), 1, 0)

  def _follow(self, video, given, done, train):
    """The predictions of all frames but the first along the true video, in [0, 1]."""
    batch, time, *_, channels = video.shape
    codes, skips = self.read(rearrange(video, "b t h w c -> (b t) h w c").astype(self.dtype), train=train)
    skips = [latent.at_last_given(skip.reshape(batch, time, *skip.shape[1:]), given) for skip in skips]
    codes = rearrange(codes, "(b t) c -> t b c", t=time).astype(jnp.float32)
    past, present = codes[:-1], codes[1:]

    _, posterior = self.posterior(present)
    z = posterior.draw(latent.noise(self, posterior.mean.shape))
    _, prior = self.prior(past)
    if train:
      latent.sow_divergence(self, posterior, prior)
    _, h = self.predictor(jnp.concatenate([past, done, z], axis=-1))
    h = rearrange(nn.sigmoid(self.predicted_code(h)), "t b c -> (b t) c")
    frames = self.write(h, skips, channels, train=train)
    return rearrange(frames, "(b t) h w c -> b t h w c", b=batch)

  def _roll_out(self, hint, mask, given, done):
    """All frames but the first, drawn one after the other, in [0, 1]."""
    batch, time, *_, channels = hint.shape
    hint, mask = hint.astype(self.dtype), mask.astype(self.dtype)
    _, skips = self.read(latent.at_last_given(hint, given), train=False)
    first, _ = self.read(hint[:, 0], train=False)
    state = lstm.zero_state(batch, self.hidden)
    carry = ([state], [state] * self.predictor_layers, first.astype(jnp.float32))

    def step(module, carry, inputs):
      prior, predictor, code = carry
      hint, mask, done, noise = inputs
      prior, p = module.prior(code[None], prior)
      z = p.draw(noise)[0]
      predictor, h = module.predictor(jnp.concatenate([code, done, z], axis=-1)[None], predictor)
      frame = module.write(nn.sigmoid(module.predicted_code(h[0])), skips, channels, train=False)
      code, _ = module.read(mask * hint + (1 - mask) * frame, train=False)
      return (prior, predictor, code.astype(jnp.float32)), frame

    scan = nn.scan(step, variable_broadcast=["params", "batch_stats"], split_rngs={"params": False})
    by_time = [jnp.moveaxis(x[:, 1:], 1, 0) for x in (hint, mask)]
    _, frames = scan(self, carry, (*by_time, done, latent.noise(self, (time - 1, batch, self.latent))))
    return jnp.moveaxis(frames, 0, 1)


Module = FitVid
