"""SAVP: stochastic prediction that moves pixels, made for adversarial training.

  z_t ~ q(z | x_t, x_t+1)     in training, the posterior: it has seen the frame that it describes
  z_t ~ N(0, 1)               in sampling, the prior; between given frames still the posterior
  x_t+1 = G(x_t, x_0, LSTM(z_0..t))

G is a U-Net of ConvLSTMs, which moves x_t by a few predicted kernels, paints a frame, and puts together the
next one out of these, x_t and x_0 by masks (`layers/savp_cell.py`). It reads x_t where it is given (by the
task, or by scheduled sampling, `config.method.feed`), its own prediction elsewhere, in training as in
sampling. z of all frames comes before the loop.

Three ways to train it, the paper's ablations:

  SAVP        method `vae_gan`, critics `critic` and `posterior_critic`
  SAVP-VAE    method `predictor`
  SAVP-GAN    method `vae_gan`, the critic `critic` alone, and the weight 0 for `kl`

The loss of the model's own, "kl", is the sum of KL(q || N(0, 1)) over z and the frames after the first,
divided by the number T of all frames, averaged over the examples. The authors' is the mean over T - 1 frames,
beside a mean absolute error in [0, 1] over T - 1 frames. So with `loss_over="all"` (T frames in [-1, 1], the
first without error), their l1 = 100, kl = 1 is our l1 = 50, kl = 1, with 1 - 1 / T of their other weights.

Lee, Zhang, Ebert, Abbeel, Finn and Levine, Stochastic Adversarial Video Prediction, 2018,
https://arxiv.org/abs/1804.01523. Layers and initial values are those of the authors' program
(https://github.com/alexlee-gk/video_prediction) with its published settings, BAIR's by default. What differs
from it:

* Frames of 16 to 31 pixels are halved once; the program takes 32 pixels and more.
* Its other ways of moving pixels (flow, DNA) and its learned prior, which no published setting uses, and its
  actions are not built here.
"""

from typing import Any

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn

from vgjax.models.layers import latent, lstm, savp_cell
from vgjax.models.layers.conv import Conv
from vgjax.models.layers.norm import InstanceNorm

Array = Any
LOGVAR = 10.0  # the posterior's largest, and its smallest with a minus


class Posterior(nn.Module):
  """q(z | two frames): convolutions, the mean over the picture, dense layers.

  Attributes:
    latent: size of z.
    channels: of the first layer; each layer has twice as many as the one before, up to four times.
    layers: of them, each with a stride of 2.
    dtype: compute type of the convolutions.
  """

  latent: int
  channels: int = 64
  layers: int = 3
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, pairs: Array) -> latent.Gaussian:
    """The Gaussian [batch, latent] of each pair of frames [batch, height, width, 2 * channels]."""
    x = pairs.astype(self.dtype)
    for layer in range(self.layers):
      features = self.channels * min(2**layer, 4)
      options = dict(kernel_init=savp_cell.KERNEL, dtype=self.dtype, name=f"layer_{layer}")
      x = Conv(features, 4, strides=2, padding=1, **options)(x)
      if layer:
        x = InstanceNorm(dtype=self.dtype, name=f"norm_{layer}")(x)
      x = nn.leaky_relu(x, 0.2)
    x = x.astype(jnp.float32).mean((1, 2))
    mean = nn.Dense(self.latent, kernel_init=savp_cell.KERNEL, name="mean")(x)
    logvar = nn.Dense(self.latent, kernel_init=savp_cell.KERNEL, name="logvar")(x)
    return latent.Gaussian(mean, jnp.clip(logvar, -LOGVAR, LOGVAR))


class SAVP(nn.Module):
  """A predictor that draws one of many futures, for videos of any length and one size.

  Attributes:
    channels: of the generator's first level.
    latent: size of z; 8 for BAIR, 32 for KTH.
    moved: how many predicted kernels move a frame.
    kernel_size: pixels along a side of these; odd.
    posterior_channels: of the posterior's first layer.
    posterior_layers: of the posterior.
    dtype: compute type of the convolutions; the LSTM over z runs in float32.
  """

  channels: int = 32
  latent: int = 8
  moved: int = 4
  kernel_size: int = 5
  posterior_channels: int = 64
  posterior_layers: int = 3
  dtype: Any = jnp.float32

  @property
  def window(self) -> None:
    """None: it works at any length."""
    return None

  @nn.compact
  def __call__(
    self,
    hint: Array,
    mask: Array,
    *,
    train: bool,
    truth: Array | None = None,
    follow_mask: Array | None = None,
  ) -> Array:
    """Predicts each frame from those before it and from what is drawn for it.

    Args:
      hint: [batch, time, height, width, channels], in [-1, 1]; at least two frames, of which the first must
        be given. Sides as `savp_cell.count_levels` wants them.
      mask: [batch, time, height, width, 1], 1 where the hint is exact.
      train: sow the loss "kl" (collection "losses"), if there is a truth.
      truth: the true video, in [-1, 1], from which the posterior draws; None: the hint, where that is given.
        The random key is the one called "sample"; without it z is the mean of its distribution.
      follow_mask: [batch, time, height, width, 1], as `mask`: z comes from the posterior up to the last frame
        that this one gives, from the prior after it. None: with a truth all of z comes from the posterior;
        without one, what `mask` gives counts.

    Returns:
      A float32 video of the hint's shape: the hint's first frame, then the predictions.

    Raises:
      ValueError: a video of one frame, frames of another size, or an even `kernel_size`.
    """
    batch, time, height, width, _ = hint.shape
    savp_cell.count_levels(height, width)
    if time < 2:
      raise ValueError(f"SAVP needs at least 2 frames; the hint has {time}")
    if self.kernel_size % 2 == 0:
      raise ValueError(f"SAVP: kernel_size={self.kernel_size}; it is odd, so that there is a middle")
    if truth is None and follow_mask is None:
      follow_mask = mask
    z = self._latents(mask * hint if truth is None else truth, follow_mask, train and truth is not None)

    scan = nn.scan(
      savp_cell.Cell,
      variable_broadcast="params",
      split_rngs={"params": False},
      in_axes=(nn.broadcast, 0),
    )
    cell = scan(self.channels, self.moved, self.kernel_size, self.dtype, name="cell")
    known = (mask * (hint + 1) / 2).astype(self.dtype)
    by_time = [jnp.moveaxis(x[:, :-1], 1, 0) for x in (known, mask.astype(self.dtype))]
    states = savp_cell.zero_states(batch, height, width, self.channels, self.dtype)
    start = (states, jnp.zeros_like(known[:, 0]))
    _, frames = cell(start, known[:, 0], (*by_time, z.astype(self.dtype)))
    frames = 2 * jnp.moveaxis(frames, 0, 1).astype(jnp.float32) - 1
    return jnp.concatenate([hint[:, :1].astype(jnp.float32), frames], axis=1)

  def _latents(self, video, follow_mask, sow):
    """What the generator reads beside each frame but the last, [time - 1, batch, latent]."""
    batch = len(video)
    video = (video + 1) / 2
    pairs = jnp.concatenate([video[:, :-1], video[:, 1:]], axis=-1)
    posterior = Posterior(
      self.latent, self.posterior_channels, self.posterior_layers, self.dtype, name="posterior"
    )
    q = posterior(rearrange(pairs, "b t h w c -> (b t) h w c"))
    q = latent.Gaussian(*(rearrange(x, "(b t) z -> t b z", b=batch) for x in q))
    noise = latent.noise(self, q.mean.shape)
    z = q.draw(noise)
    if follow_mask is not None:
      given = latent.given_frames(follow_mask)[:, 1:]
      z = jnp.where(jnp.moveaxis(given, 1, 0)[..., None], z, noise)
    if sow:
      latent.sow_divergence(self, q, latent.standard(z.shape))
    # The initial values are TensorFlow's, of a cell with one kernel for z and its state.
    cell = lstm.LSTM(self.latent, forget_bias=1.0, kernel_init=lstm.torch_uniform(self.latent), name="path")
    _, z = cell(z)
    return z


Module = SAVP
