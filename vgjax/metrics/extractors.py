"""Feature extractors: the networks through which FVD, FID and the Inception Score see a video.

  extractor = extractors.open("i3d")
  features = jax.jit(extractor.apply)(extractor.params, video)  # [batch, 400]

  "i3d"        the 400 logits of I3D Kinetics-400, averaged over time; one vector a video. FVD's own.
  "inception"  the 2048 pooled features of the Inception of 2015-12-05; one vector a frame. FID's own.

An extractor brings a video of any size to the size its network was trained on. How it does so moves FVD and
FID by several per cent, so it is stated in `card`, and follows the reference:

* Frames are resized like TensorFlow 1's `tf.image.resize_bilinear(images, size)`, which both the reference
  of FVD (google-research/frechet_video_distance) and the Inception graph of FID contain: output pixel i lies
  at i * input / output, with no half-pixel shift and *no smoothing* when a video is made smaller. It is
  neither `jax.image.resize` nor PyTorch's `interpolate(align_corners=False)`. `resize="half_pixel"` gives
  the latter, which PyTorch's copies of these metrics have.
* I3D reads [-1, 1]. The Inception graph subtracts 128 from pixels in [0, 255] and divides by 128.
* Pixels are not rounded to 8 bits; evaluate videos as they would be saved.
"""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vgjax.errors import ConfigError
from vgjax.metrics import weights
from vgjax.models import i3d, inception

Array = Any
Tree = Any


# Ways to resize, and how cards put them.
WAYS = {
  "tensorflow1": "bilinear as TensorFlow 1's resize_bilinear: no half-pixel shift, no smoothing",
  "half_pixel": "bilinear as PyTorch's interpolate(align_corners=False): half-pixel shift, no smoothing",
}


class Extractor(NamedTuple):
  """A network that turns videos into features.

  Attributes:
    name: as `open` knows it.
    dims: length of a feature vector.
    per_frame: features are [batch, time, dims], not [batch, dims].
    logits: features are logits of a classifier, so that an Inception Score can be taken of them.
    min_time: frames that a video must have.
    params: parameters, for `apply`.
    apply: (params, video [batch, time, height, width, 1 or 3] in [-1, 1]) -> float32 features; may be jitted.
    card: what must be known to compare two figures: network, weights, layer, resize, input.
  """

  name: str
  dims: int
  per_frame: bool
  logits: bool
  min_time: int
  params: Tree
  apply: Callable[[Tree, Array], Array]
  card: dict[str, Any]


def open(name: str, **options: Any) -> Extractor:
  """Builds an extractor; the first use of a published one fetches its weights.

  Args:
    name: "i3d", "inception", or the dotted name of a module of your own with `make(**options) -> Extractor`.
    **options: of the extractor. "i3d" and "inception" take `resize`: "tensorflow1" (the default, the
      reference's) or "half_pixel" (PyTorch's).

  Raises:
    ConfigError: an unknown name or option, or a module without `make`.
    MissingWeights: the weights are not here and cannot be fetched.
  """
  if "." in name:
    make = _own(name)
  elif name in _MAKERS:
    make = _MAKERS[name]
  else:
    raise ConfigError(
      f'no extractor "{name}"; known: {", ".join(_MAKERS)}, or a module of yours: "package.module"'
    )
  try:
    return make(**options)
  except TypeError as error:
    raise ConfigError(f'extractor "{name}" with the options {options}: {error}') from error


def _own(name):
  try:
    module = importlib.import_module(name)
  except ModuleNotFoundError as error:
    if error.name is None or not f"{name}.".startswith(f"{error.name}."):
      raise  # the module is there; it is something it imports that is not
    raise ConfigError(f'no extractor "{name}": there is no module {error.name} on the Python path') from error
  if not hasattr(module, "make"):
    raise ConfigError(f"the module {name} has no `make(**options) -> Extractor`")
  return module.make


def _i3d(*, resize: str = "tensorflow1") -> Extractor:
  """400 logits a video; see the module's docstring."""
  sampling = _sampling(resize)
  module = i3d.I3D()

  def apply(params, video):
    return module.apply({"params": params}, _prepare(video, i3d.SIDE, sampling))

  return Extractor(
    name="i3d",
    dims=i3d.CLASSES,
    per_frame=False,
    logits=True,
    min_time=i3d.MIN_TIME,
    params=i3d.convert(weights.load("i3d_kinetics400")),
    apply=apply,
    card=dict(
      name="i3d",
      network="I3D Kinetics-400 (TensorFlow Hub)",
      weights_sha256=weights.sha256("i3d_kinetics400"),
      layer="logits, averaged over time",
      dims=i3d.CLASSES,
      input_size=[i3d.SIDE, i3d.SIDE],
      input_range=[-1, 1],
      resize=WAYS[resize],
    ),
  )


def _inception(*, resize: str = "tensorflow1") -> Extractor:
  """2048 features a frame; see the module's docstring."""
  sampling = _sampling(resize)
  module = inception.Inception()

  def apply(params, video):
    batch, time = video.shape[:2]
    frames = _prepare(video, inception.SIDE, sampling).reshape(
      batch * time, inception.SIDE, inception.SIDE, 3
    )
    pixels = (frames + 1) * 127.5
    features = jnp.asarray(module.apply({"params": params}, (pixels - 128) / 128))
    return features.reshape(batch, time, inception.FEATURES)

  return Extractor(
    name="inception",
    dims=inception.FEATURES,
    per_frame=True,
    logits=False,
    min_time=1,
    params=inception.convert(weights.load("inception_2015")),
    apply=apply,
    card=dict(
      name="inception",
      network="Inception 2015-12-05 (FID)",
      weights_sha256=weights.sha256("inception_2015"),
      layer="pool_3, 2048 features",
      dims=inception.FEATURES,
      input_size=[inception.SIDE, inception.SIDE],
      input_range=[-1, 127 / 128],
      resize=WAYS[resize],
    ),
  )


_MAKERS = {"i3d": _i3d, "inception": _inception}


def resize(video: Array, height: int, width: int, *, sampling: str = "tensorflow1") -> Array:
  """Bilinear resize without smoothing, as one matrix product a direction.

  Args:
    video: [..., height, width, channels].
    height: wanted.
    width: wanted.
    sampling: "tensorflow1" (pixel i at i * input / output) or "half_pixel" (at (i + 1/2) * input / output -
      1/2, clipped to the edge pixels).

  Returns:
    [..., height, width, channels], in float32; the video itself where it has that size.
  """
  rows, columns = video.shape[-3:-1]
  exact = jax.lax.Precision.HIGHEST  # accelerators would round to bfloat16 or TF32
  video = video.astype(jnp.float32)
  if rows != height:
    video = jnp.einsum("...hwc,hi->...iwc", video, _matrix(rows, height, sampling), precision=exact)
  if columns != width:
    video = jnp.einsum("...hwc,wj->...hjc", video, _matrix(columns, width, sampling), precision=exact)
  return video


def _matrix(size, wanted, sampling):
  """[size, wanted]: each column holds the weights of the one or two pixels that it lies between."""
  scale = np.float32(size) / np.float32(wanted)  # in float32, as TensorFlow and PyTorch compute it
  place = np.arange(wanted, dtype=np.float32)
  if sampling == "tensorflow1":
    place = place * scale
  else:
    place = np.clip((place + np.float32(0.5)) * scale - np.float32(0.5), 0, None)
  low = np.minimum(np.floor(place).astype(int), size - 1)
  high = np.minimum(low + 1, size - 1)
  share = np.where(high > low, place - low, 0).astype(np.float32)
  matrix = np.zeros((size, wanted), np.float32)
  np.add.at(matrix, (low, np.arange(wanted)), 1 - share)
  np.add.at(matrix, (high, np.arange(wanted)), share)
  return matrix


def _sampling(resize):
  if resize not in WAYS:
    raise ConfigError(f'no way to resize "{resize}"; known: {", ".join(WAYS)}')
  return resize


def _prepare(video, side, sampling):
  """Any video as [batch, time, side, side, 3]; grey becomes three equal channels."""
  if video.ndim != 5 or video.shape[-1] not in (1, 3):
    raise ValueError(f"a video is [batch, time, height, width, 1 or 3], not {video.shape}")
  video = resize(video, side, side, sampling=sampling)
  return jnp.broadcast_to(video, (*video.shape[:-1], 3))
