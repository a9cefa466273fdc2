"""SAVP against the authors' program (TensorFlow 1).

  git clone https://github.com/alexlee-gk/video_prediction
  pip install tensorflow-cpu tf-keras
  TF_USE_LEGACY_KERAS=1 python benchmarks/check_reference.py savp video_prediction

Their generator, critics and losses are used as they are, as a graph of `tensorflow.compat.v1`. Parts of
TensorFlow 1 that are no longer there, and packages that their files import but do not need here, are stood
in for, and `fused_batch_norm` takes TensorFlow 1's least epsilon. The weights are drawn anew, so large that
frames are far from grey. Both sides get the same noise. Compared are the videos of posterior and prior; the
losses of generator and critics with the published weights; and the gradient of the generator's loss, as a
share of the largest entry of the same array. (A unit whose sum is within rounding of zero has another slope
on either side, and all gradients before it differ; with the videos chosen here there is none at small size.
At the published size there are too many units for that: our gradient is worked out in float64, too, and both
sides' distance from it is printed.)
"""

import collections
import contextlib
import importlib
import os
import sys
import types
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from references._savp_names import critic_params, generator_params
from vgjax import linen
from vgjax.methods import vae_gan
from vgjax.models import savp, sn_critic3d
from vgjax.models.layers import latent

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import tensorflow as tf2

tf = tf2.compat.v1

SIZES = {
  "small": dict(channels=6, latent=3, posterior_channels=4, critic_channels=4, side=32, time=6, batch=2),
  "published": dict(
    channels=32, latent=8, posterior_channels=64, critic_channels=32, side=64, time=12, batch=2
  ),
}
GIVEN, COLORS = 2, 3
NORMALISED = {f"{way}_{n}" for way in ("down", "up", "layer") for n in range(5)} - {"layer_0"} | {
  "paint",
  "mask",
}
CRITICS = {"critic": "discriminator/video/", "posterior_critic": "discriminator/encoder/video/"}
WEIGHTS = dict(  # hparams/bair_action_free/ours_savp
  l1_weight=100.0, kl_weight=1.0, video_sn_gan_weight=0.1, video_sn_vae_gan_weight=0.1,
  vae_gan_feature_cdist_weight=10.0,
)  # fmt: skip


@contextlib.contextmanager
def load(path):
  """Their module `savp_model`, while a graph is built."""
  tf.disable_v2_behavior()
  assert tf.nn.rnn_cell.RNNCell  # loaded from tf-keras before TensorFlow's name is another's
  stands = {}

  def stand(name, folder=None, **contents):
    stands[name] = module = types.ModuleType(name)
    if folder is not None:
      module.__path__ = [str(path / name.replace(".", "/"))]  # a package without what its __init__ imports
    module.__dict__.update(contents)
    parent, _, last = name.rpartition(".")
    if parent in stands:
      setattr(stands[parent], last, module)
    return module

  def model_variable(name, shape, dtype, initializer, collections, trainable):
    return tf.get_variable(name, shape, dtype, initializer, trainable=trainable, collections=collections)

  def fused_batch_norm(*args, epsilon, **options):
    # The least that TensorFlow 1 took, for the sake of cuDNN; their 1e-6 never came to pass.
    return tf.nn.fused_batch_norm(*args, epsilon=max(epsilon, 1.001e-5), **options)

  contrib = "tensorflow.contrib"
  stand("tensorflow", **{name: thing for name, thing in vars(tf).items() if not name.startswith("__")})
  for name in ("", ".graph_editor", ".framework", ".framework.python", ".layers", ".layers.python"):
    stand(contrib + name)
  stand(f"{contrib}.training", HParams=None)
  stand(f"{contrib}.framework.python.ops", variables=types.SimpleNamespace(model_variable=model_variable))
  utils = dict(get_variable_collections=lambda *_: None, collect_named_outputs=lambda *args: args[-1])
  stand(f"{contrib}.layers.python.layers", utils=types.SimpleNamespace(**utils))
  for name in ("", ".models", ".layers", ".utils"):
    stand(f"video_prediction{name}", folder=True)
  for name in ("lpips_tf", "video_prediction.utils.ffmpeg_gif", "video_prediction.utils.gif_summary"):
    stand(name)
  with mock.patch.dict(sys.modules, stands):
    for name, module in (("", "losses"), (".layers", "normalization"), (".models", "networks")):
      loaded = importlib.import_module(f"video_prediction{name}.{module}")
      setattr(stands[f"video_prediction{name}"], module, loaded)
    layers = stands["video_prediction.layers"]
    layers.fused_instance_norm = layers.normalization.fused_instance_norm
    layers.normalization.nn = types.SimpleNamespace(fused_batch_norm=fused_batch_norm)
    base = importlib.import_module("video_prediction.models.base_model")
    stands["video_prediction.models"].VideoPredictionModel = base.VideoPredictionModel
    yield importlib.import_module("video_prediction.models.savp_model")


class Reference:
  """Their graph with random weights; `feed` says whether all frames but the last are read from the truth."""

  def __init__(self, path, sizes, noise, feed):
    self.values, self.graph = {}, tf.Graph()
    with load(path) as module, self.graph.as_default():
      self._build(module, sizes, noise, feed)

  def _build(self, module, sizes, noise, feed):
    side, time, batch = sizes["side"], sizes["time"], sizes["batch"]
    model = object.__new__(module.SAVPVideoPredictionModel)
    options = model.get_default_hparams_dict() | WEIGHTS
    options |= dict(
      sequence_length=time,
      context_frames=GIVEN,
      clip_length=time - 1,  # so nothing is drawn
      num_samples=1,
      ngf=sizes["channels"],
      nz=sizes["latent"],
      nef=sizes["posterior_channels"],
      ndf=sizes["critic_channels"],
      schedule_sampling="linear" if feed else "none",  # that of a line has the probability 1 at step 0
    )
    model.hparams, model.kl_weight = types.SimpleNamespace(**options), WEIGHTS["kl_weight"]

    draws = iter([noise["posterior"], noise["prior"][GIVEN - 1 :], noise["prior"][GIVEN - 1 :, None]])
    draw_fixed = mock.patch.object(module.tf, "random_normal", lambda *_: tf.constant(next(draws)))
    self.video = tf.placeholder(tf.float32, [time, batch, side, side, COLORS])
    inputs = {"images": self.video}
    with draw_fixed, tf.variable_scope("generator"):
      made = module.generator_fn(inputs, "train", model.hparams)
    with tf.variable_scope("discriminator"):
      outputs = made | module.discriminator_fn(inputs, made, "train", model.hparams)
    generator = model.generator_loss_fn(inputs, outputs)
    critics = model.discriminator_loss_fn(inputs, outputs)
    total = sum(weight * value for value, weight in generator.values())
    variables = tf.trainable_variables("generator")
    self.outputs = {
      "posterior": made["gen_images_enc"],
      "prior": made["gen_images"],
      "generator": total,
      "critic": critics["discrim_video_sn_gan_loss"][0],
      "posterior_critic": critics["discrim_video_sn_vae_gan_loss"][0],
      "gradient": dict(zip([v.op.name for v in variables], tf.gradients(total, variables))),
    }
    self.session = tf.Session()
    rng = np.random.default_rng(0)
    for variable in tf.global_variables():
      name, shape = variable.op.name, variable.shape.as_list()
      if name.startswith(("generator/", "discriminator/")):
        self.values[name] = draw(rng, name, shape)
        variable.load(self.values[name], self.session)
      else:
        self.session.run(variable.initializer)

  def run(self, video):
    with self.graph.as_default():
      return self.session.run(self.outputs, {self.video: np.moveaxis(video, 1, 0)})

  def branch(self, start):
    """{name without its start: weights}."""
    return {n.removeprefix(start): value for n, value in self.values.items() if n.startswith(start)}


def draw(rng, name, shape):
  """Weights of the size of trained ones: with their initial ones all frames would be nearly grey."""
  value = rng.standard_normal(shape).astype(np.float32)
  if name.endswith("cdna_kernels/dense/kernel"):
    return value * 3 / np.sqrt(shape[0], dtype=np.float32)
  if name.endswith("kernel"):
    return value * np.sqrt(2 / np.prod(shape[:-1]), dtype=np.float32)
  return value if name.endswith("/u") else 0.1 * value + name.endswith("gamma")


def build(sizes, feed, dtype=jnp.float32):
  """Our models and their method."""
  fields = {name: sizes[name] for name in ("channels", "latent", "posterior_channels")}
  critic = sn_critic3d.Module(length=sizes["time"] - 1, channels=sizes["critic_channels"], dtype=dtype)
  models = {name: linen.wrap(critic, name) for name in CRITICS}
  models["generator"] = linen.wrap(savp.Module(**fields, dtype=dtype), "generator")
  predicted = 1 - 1 / sizes["time"]  # the share of frames that l1 and kl are not zero at, in means over all
  method = vae_gan.make(
    models,
    loss_over="all",
    losses=dict(
      l1=WEIGHTS["l1_weight"] / 2 / predicted,  # in [-1, 1]
      kl=WEIGHTS["kl_weight"] / predicted,
      feature_cosine=WEIGHTS["vae_gan_feature_cdist_weight"],
    ),
    weights=dict(  # theirs is the sum of squares, ours the half
      critic=2 * WEIGHTS["video_sn_gan_weight"], posterior_critic=2 * WEIGHTS["video_sn_vae_gan_weight"]
    ),
    feed=dict(name="scheduled", start=1.0) if feed else None,
  )
  return models, method


def of_branch(loss, name):
  """The loss by a branch's parameters. The rest are arguments: XLA would take minutes to fold constants."""

  def call(branch, params, inputs):
    return loss(params | {name: branch}, inputs, jax.random.key(0), jnp.zeros((), jnp.int32))

  return call


def wide_gradient(sizes, feed, params, inputs, noise):
  """Of the generator's loss, all in float64; what our files call float32 is float64, too."""
  with jax.enable_x64(True), mock.patch.object(jnp, "float32", jnp.float64):
    params, inputs, noise = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), (params, inputs, noise))
    loss = build(sizes, feed, jnp.float64)[1].losses["generator"]
    with mock.patch.object(latent, "noise", lambda module, shape: noise):
      gradient = jax.jit(jax.grad(of_branch(loss, "generator"), has_aux=True))
      return gradient(params["generator"], params, inputs)[0]


def check(feed):
  """The check, with every frame read from the truth or with none but the given ones."""

  def run(path, size):
    sizes = SIZES[size]
    batch, time, side = sizes["batch"], sizes["time"], sizes["side"]
    rng = np.random.default_rng(5)
    noise = {
      maker: rng.standard_normal((time - 1, batch, sizes["latent"])).astype(np.float32)
      for maker in vae_gan.MAKERS
    }
    noise["prior"][: GIVEN - 1] = noise["posterior"][: GIVEN - 1]  # theirs takes z itself from there
    video = rng.random((batch, time, side, side, COLORS), np.float32)
    theirs = Reference(path, sizes, noise, feed)
    wanted = theirs.run(video)

    models, method = build(sizes, feed)
    params = {"generator": generator_params(theirs.branch("generator/"))}
    params["generator"]["path"]["bias"][sizes["latent"] : 2 * sizes["latent"]] += 1
    for name, start in CRITICS.items():
      params[name], params[f"{name}_stats"] = critic_params(theirs.branch(start))
    frames = 2 * video - 1
    mask = np.zeros((batch, time, side, side, 1), np.float32)
    mask[:, :GIVEN] = 1
    inputs = {"video": frames, "hint": frames * mask, "mask": mask}
    inputs = jax.tree.map(jnp.asarray, inputs)
    expected = jax.eval_shape(method.init, jax.random.key(0), inputs)
    # Fails if a name, a shape or a parameter is missing on either side.
    jax.tree.map(lambda a, b: np.testing.assert_equal(a.shape, b.shape), params, expected)
    counts = {name: sum(x.size for x in jax.tree.leaves(params[name])) for name in ("generator", "critic")}
    print(", ".join(f"{count:,} parameters of the {name}" for name, count in counts.items()))

    noise["both"] = np.concatenate([noise[maker] for maker in vae_gan.MAKERS], axis=1)
    draws, found = collections.deque(), {}
    with mock.patch.object(latent, "noise", lambda module, shape: jnp.asarray(noise[draws.popleft()])):
      for name, loss in sorted(method.losses.items()):
        draws.append("both")
        loss_and_gradient = jax.jit(jax.value_and_grad(of_branch(loss, name), has_aux=True))
        (value, _), gradient = loss_and_gradient(params[name], params, inputs)
        theirs_value = wanted[name] if name == "generator" else wanted[name] / 2
        found[f"loss of the {name}, relative"] = abs(value / theirs_value - 1)
        if name != "generator":
          continue
        theirs_gradient = {n.removeprefix("generator/"): g for n, g in wanted["gradient"].items()}
        theirs_gradient = generator_params(theirs_gradient)
        if size == "small":
          found["gradient"] = worst(gradient, theirs_gradient)
          continue
        exact = wide_gradient(sizes, feed, params, inputs, noise["both"])
        pairs = (gradient, exact), (theirs_gradient, exact), (gradient, theirs_gradient)
        shares = [f"{worst(*pair):.1e}" for pair in pairs]
        print("gradient: ours from float64's {}, theirs from it {}, ours from theirs {}".format(*shares))

      seen = dict(hint=inputs["hint"], mask=inputs["mask"])
      truth = dict(truth=inputs["video"], follow_mask=jnp.ones_like(inputs["mask"]))
      if feed:
        seen = dict(hint=inputs["video"], mask=jnp.ones_like(inputs["mask"]), follow_mask=inputs["mask"])
      for maker, more in {"prior": {}, "posterior": truth}.items():
        draws.append(maker)
        made = models["generator"].apply(params, **seen | more).value
        wanted_video = 2 * np.moveaxis(wanted[maker], 0, 1) - 1
        found[f"video of the {maker}"] = np.abs(made[:, 1:] - wanted_video).max()
    return {name: float(value) for name, value in found.items()}

  return run


def worst(ours, theirs):
  """The largest difference of two gradients, as a share of the largest entry of its array.

  Left out are biases before a normalisation: they have no effect, and what is found for them is rounding.
  """
  shares = []
  for (path, a), b in zip(jax.tree_util.tree_leaves_with_path(ours), jax.tree.leaves(theirs), strict=True):
    *_, layer, kind = (key.key for key in path)
    if kind != "bias" or layer not in NORMALISED:
      shares.append(np.abs(np.asarray(a) - b).max() / np.abs(b).max())
  return max(shares)


CHECKS = {"savp": check(feed=False), "savp_scheduled": check(feed=True)}
