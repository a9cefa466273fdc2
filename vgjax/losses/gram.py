"""FILM's losses: features of VGG-16 and their correlations (Reda et al. 2022, arXiv:2202.04901).

  vgg    sum_l v_l  mean |f_l(x) - f_l(y)|
  style  sum_l s_l  mean (G_l(x) - G_l(y))^2         G_l = f_l^T f_l / pixels, [channels, channels]

with f_l the last activations of the network's five blocks. Where motion is not known a pixel loss gives the
mean of all that could be, which is a blur; the Gram matrices G ask for the right textures wherever they are.
FILM is trained with L1, then with VGG, then with both:

  config.method.losses = dict(l1=1.0)
  config.method.losses = dict(l1=1.0, vgg=1.0)
  config.method.losses = dict(l1=1.0, vgg=0.25, style=0.25)

What differs from the paper: it looks through VGG-19, whose weights are no part of vgjax, and this through the
VGG-16 of LPIPS (`vgjax/losses/perceptual.py`). The factors v_l and s_l are for that network accordingly: with
them each layer gives about as much, and all together about as much as `l1`, measured on the true middle
frame of real clips at 256x256 against the blend of its neighbours. (The paper's weight of `style`, 40, is for
its own factors.)
"""

import jax
import jax.numpy as jnp

from vgjax.losses.perceptual import mean_distance
from vgjax.models.layers import imagenet

FEATURE_FACTORS = (1 / 30, 1 / 70, 1 / 75, 1 / 27, 1 / 10)
GRAM_FACTORS = (20.0, 0.8, 0.3, 3.0, 16.0)


def vgg(prediction, target, weight):
  """Mean absolute difference of VGG-16's features, of the frames with unknown pixels; see `mean_distance`."""
  return mean_distance(_features, "vgg", "vgg", prediction, target, weight)


def style(prediction, target, weight):
  """Mean squared difference of Gram matrices, of the frames with unknown pixels; see `mean_distance`."""
  return mean_distance(_grams, "vgg", "style", prediction, target, weight)


def _features(params, x, y):
  """[batch, height, width, 1 or 3] twice -> [batch]."""
  return sum(
    factor * jnp.abs(a - b).mean(axis=(1, 2, 3))
    for factor, a, b in zip(FEATURE_FACTORS, _activations(params, x), _activations(params, y), strict=True)
  )


def _grams(params, x, y):
  """[batch, height, width, 1 or 3] twice -> [batch]."""
  return sum(
    factor * jnp.square(_gram(a) - _gram(b)).mean(axis=(1, 2))
    for factor, a, b in zip(GRAM_FACTORS, _activations(params, x), _activations(params, y), strict=True)
  )


def _activations(params, x):
  return imagenet.VGG16().apply({"params": params["network"]}, imagenet.normalise(x))


def _gram(features):
  """How channels go together: [batch, h, w, channels] -> [batch, channels, channels]."""
  flat = features.reshape(features.shape[0], -1, features.shape[-1])
  gram = jnp.einsum("bpc,bpd->bcd", flat, flat, precision=jax.lax.Precision.HIGHEST)
  return gram / flat.shape[1]
