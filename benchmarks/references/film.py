"""FILM against the authors' program (TensorFlow).

  git clone https://github.com/google-research/frame-interpolation
  pip install tensorflow-cpu tf-keras
  TF_USE_LEGACY_KERAS=1 python benchmarks/check_reference.py film frame-interpolation

The model is the authors' own, built by their `create_model` in Keras 2, for which it was written. Two
packages that it imports are no longer maintained and stood in for here: gin (only a decorator) and
tensorflow_addons, whose `dense_image_warp` is written out. The weights are drawn anew. Compared are the
frame between two, three frames between two, and the gradient of the mean squared frame with respect to all
weights, as a share of the largest gradient of the same array. (A unit whose sum is within rounding of zero
has another slope on either side, and a pixel that is looked up within rounding of another's edge another
neighbour; with the frames chosen here there is none.)
"""

import importlib
import os
import sys
import types
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from vgjax.models import film

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
import tensorflow as tf

SMALL = dict(levels=4, fusion_levels=3, sub_levels=3, channels=8, flow_channels=(8, 12, 16), flow_convs=2)
PUBLISHED = dict(  # as in their training/config/film_net-*.gin
  levels=7, fusion_levels=5, sub_levels=4, channels=64, flow_channels=(32, 64, 128, 256), flow_convs=3
)
SIZES = {"small": (SMALL, 2, 32, 48), "published": (PUBLISHED, 1, 128, 128)}  # batch, height, width


def dense_image_warp(image, flow):
  """image[y - flow[..., 0], x - flow[..., 1]], bilinear, border repeated; as in tensorflow_addons."""
  _, height, width, _ = image.shape
  y = tf.cast(tf.range(height)[None, :, None], tf.float32) - flow[..., 0]
  x = tf.cast(tf.range(width)[None, None, :], tf.float32) - flow[..., 1]
  y0 = tf.clip_by_value(tf.floor(y), 0.0, height - 2.0)
  x0 = tf.clip_by_value(tf.floor(x), 0.0, width - 2.0)
  down, right = (tf.clip_by_value(d, 0.0, 1.0)[..., None] for d in (y - y0, x - x0))
  y0, x0 = tf.cast(y0, tf.int32), tf.cast(x0, tf.int32)

  def at(rows, columns):
    return tf.gather_nd(image, tf.stack([rows, columns], axis=-1), batch_dims=1)

  above = at(y0, x0) * (1 - right) + at(y0, x0 + 1) * right
  below = at(y0 + 1, x0) * (1 - right) + at(y0 + 1, x0 + 1) * right
  return above * (1 - down) + below * down


def load(path):
  """Their packages `models.film_net.interpolator` and `options`."""
  gin, gin_tf = types.ModuleType("gin"), types.ModuleType("gin.tf")
  gin.configurable = lambda *_, **__: lambda thing: thing
  gin.tf = gin_tf
  addons, image = types.ModuleType("tensorflow_addons"), types.ModuleType("tensorflow_addons.image")
  image.dense_image_warp, addons.image = dense_image_warp, image
  standing_in = {"gin": gin, "gin.tf": gin_tf, addons.__name__: addons, image.__name__: image}
  sys.path.insert(0, str(path))
  try:
    with mock.patch.dict(sys.modules, standing_in):
      return [importlib.import_module(f"models.film_net.{name}") for name in ("interpolator", "options")]
  finally:
    sys.path.remove(str(path))


def make_reference(path, fields, height, width):
  interpolator, options = load(path)
  own = len(fields["flow_channels"]) - 1
  config = options.Options(
    pyramid_levels=fields["levels"],
    fusion_pyramid_levels=fields["fusion_levels"],
    specialized_levels=own,
    sub_levels=fields["sub_levels"],
    flow_convs=[fields["flow_convs"]] * (own + 1),
    flow_filters=list(fields["flow_channels"]),
    filters=fields["channels"],
  )
  frames = [tf.keras.Input((height, width, 3)) for _ in range(2)]
  model = interpolator.create_model(*frames, tf.keras.Input((1,)), config)
  rng = np.random.default_rng(0)
  for weight in model.trainable_variables:
    shape = tuple(weight.shape)
    fan = np.prod(shape[:-1])
    scale = (2 / fan) ** 0.5 if len(shape) == 4 else 0.05
    weight.assign(rng.normal(0, scale, shape).astype(np.float32))
  return model


def to_params(model, read):
  """Our parameters from theirs; `read` makes an array of a weight (its value, or its gradient)."""

  def convs(layers):
    return {f"conv_{n}": conv(layer) for n, layer in enumerate(layers)}

  def conv(layer):
    return {"kernel": read(layer.kernel), "bias": read(layer.bias)}

  predictors = model.get_layer("predict_flow")._predictors
  fusion = model.get_layer("fusion")
  params = {"features": convs(model.get_layer("feat_net").extract_sublevels.convs)}
  distinct = list(dict.fromkeys(map(id, predictors)))
  for level, one in enumerate(distinct):
    name = "flow_shared" if level == len(distinct) - 1 else f"flow_{level}"
    params[name] = convs(next(p for p in predictors if id(p) == one)._convs)
  params["fusion"] = {"readout": conv(fusion.output_conv)}
  for level, (up, *merges) in enumerate(fusion.convs):
    params["fusion"][f"up_{level}"] = conv(up)
    for n, merge in enumerate(merges):
      params["fusion"][f"merge_{level}_{n}"] = conv(merge)
  return params


def check(path, size):
  fields, batch, height, width = SIZES[size]
  model = make_reference(path, fields, height, width)
  params = to_params(model, lambda weight: weight.numpy())
  rng = np.random.default_rng(2)
  ends = rng.random((2, batch, height, width, 3), np.float32)

  def ours(params, factor):
    hint = jnp.zeros((batch, factor + 1, height, width, 3)).at[:, 0].set(ends[0]).at[:, -1].set(ends[1])
    video = film.Module(factor=factor, **fields).apply({"params": params}, 2 * hint - 1, hint, train=False)
    return (video[:, 1:-1] + 1) / 2

  expected = jax.eval_shape(
    lambda x: film.Module(**fields).init(jax.random.key(0), x, x, train=False), jnp.zeros((1, 3, 64, 64, 3))
  )
  # Fails if a name, a shape or a parameter is missing on either side.
  jax.tree.map(lambda a, b: np.testing.assert_equal(a.shape, b.shape), params, expected["params"])

  def theirs(first, last):
    return model({"x0": first, "x1": last, "time": tf.zeros((batch, 1))})["image"]

  first, last = (tf.constant(end) for end in ends)
  with tf.GradientTape() as tape:
    middle = theirs(first, last)
    loss = tf.reduce_mean(middle**2)
  gradients = tape.gradient(loss, model.trainable_variables)
  by_variable = {v.ref(): g.numpy() for v, g in zip(model.trainable_variables, gradients)}
  wanted = to_params(model, lambda weight: by_variable[weight.ref()])
  found, gradient = jax.jit(jax.value_and_grad(lambda p: (ours(p, 2) ** 2).mean()))(params)
  shares = jax.tree.map(lambda a, b: np.abs(a - b).max() / np.abs(b).max(), gradient, wanted)
  three = np.stack([theirs(first, middle), middle, theirs(middle, last)], axis=1)
  frames = {factor: np.asarray(jax.jit(ours, static_argnums=1)(params, factor)) for factor in (2, 4)}
  print(f"parameters: {sum(v.size for v in jax.tree.leaves(params)):,}")
  return {
    "frame": float(np.abs(frames[2][:, 0] - middle).max()),
    "three frames": float(np.abs(frames[4] - three).max()),
    "mean square, relative": abs(float(found) / float(loss) - 1),
    "gradient, share": float(max(jax.tree.leaves(shares))),
  }


CHECKS = {"film": check}
