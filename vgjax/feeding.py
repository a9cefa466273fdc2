"""Scheduled sampling: what a recurrent model reads in training, the truth or its own frames.

A feeding is a pure function `(video, hint, mask, rng, step) -> (hint, mask)`, much like a task. The model
reads `mask * hint + (1 - mask) * its own prediction`, so a frame that the mask gives is read as it is. Only
what the model reads changes; what the loss counts does not. Each function below makes one from the keys of
`config.method.feed`:

  config.method.feed = dict(name="scheduled", start=1.0, per_step=2e-5)

Frames are drawn one by one, for each example by itself. The first frame is always given.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from vgjax import configs

__all__ = ["inverse_sigmoid", "reverse_scheduled", "scheduled"]  # the names for config.method.feed


def scheduled(*, start=1.0, per_step=2e-5):
  """Less and less truth among the unknown frames (Bengio et al. 2015, arXiv:1506.03099).

  Each unknown frame is given with the probability `start - per_step * step`, at least 0.

  Args:
    start: the probability at step 0.
    per_step: how much it falls in a step.
  """

  def feed(video, hint, mask, rng, step):
    return _give_more(video, hint, mask, _draw(rng, jnp.clip(start - per_step * step, 0.0, 1.0), video))

  return feed


def inverse_sigmoid(*, k=900.0, start=0):
  """Less and less truth among the unknown frames, by a curve that is flat at first and steep later.

  Each unknown frame is given with the probability k / (k + exp((step - start) / k)); with 1 before `start`,
  and with 0 once it is below 0.001 (Bengio et al. 2015; SAVP, Lee et al. 2018). Half are given at
  `start + k log k`, none from about `start + k (log k + 7)` on.

  Args:
    k: how slowly it falls.
    start: the step at which it begins to.
  """

  def feed(video, hint, mask, rng, step):
    probability = k / (k + jnp.exp((step - start) / k))
    probability = jnp.where(step < start, 1.0, jnp.where(probability < 0.001, 0.0, probability))
    return _give_more(video, hint, mask, _draw(rng, probability, video))

  return feed


def reverse_scheduled(*, hold=25_000, until=50_000, decay=5000.0):
  """More and more truth among the given frames, less and less among the others.

  The model first reads many of its own frames where the truth is given, too, so that it learns to look back
  further than one frame (Wang et al. 2021, PredRNN v2, arXiv:2103.09504, section 3.4). A given frame but
  the first is given with probability r, an unknown one with probability s (OpenSTL's schedule):

    step < hold:    r = 0.5                                    s = 0.5
    step < until:   r = 1 - 0.5 exp(-(step - hold) / decay)    s = 0.5 (until - step) / (until - hold)
    else:           r = 1                                      s = 0

  Args:
    hold: steps before anything changes.
    until: the step from which on it is as in sampling.
    decay: steps in which what is missing of r falls by a factor of e.
  """
  if not 0 <= hold < until:
    raise ValueError(f"reverse_scheduled: 0 <= hold < until, got hold={hold}, until={until}")

  def feed(video, hint, mask, rng, step):
    past = jnp.maximum(step - hold, 0).astype(jnp.float32)
    over = step >= until
    keep = jnp.where(over, 1.0, 1.0 - 0.5 * jnp.exp(-past / decay))
    give = jnp.where(over, 0.0, 0.5 - 0.5 * past / (until - hold))
    rng_keep, rng_give = jax.random.split(rng)
    kept = _draw(rng_keep, keep, video).at[:, 0].set(True).astype(mask.dtype)
    given = _draw(rng_give, give, video).astype(mask.dtype)
    hint = mask * hint + (1 - mask) * video
    return hint, mask * kept + (1 - mask) * given

  return feed


def make(config: Mapping[str, Any] | None) -> Callable | None:
  """The feeding of `config.method.feed`, or None."""
  if config is None:
    return None
  name, options = configs.split_name(config, "config.method.feed")
  maker = configs.pick({name: globals()[name] for name in __all__}, name, "config.method.feed.name")
  return configs.call(maker, options, where="config.method.feed")


def _give_more(video, hint, mask, true):
  """What is given, and the frames that are `true`."""
  return jnp.where(true, video, hint), jnp.maximum(mask, true.astype(mask.dtype))


def _draw(rng, probability, video):
  """Which frames: bool [batch, time, 1, 1, 1]."""
  return jax.random.bernoulli(rng, probability, video.shape[:2])[:, :, None, None, None]
