"""Tells which class a small grey picture is of: what a digit of Moving MNIST has become.

Fitted in closed form, so the same on every machine, in seconds: the picture's 40 principal components x,
whitened, then a ridge regression from (1, x_i, x_i x_j) to the ten classes (+1 for the right one, -1 for the
others). On MNIST it is right for 96.7% of the 10,000 test digits, as LeCun et al. 1998, "Gradient-Based
Learning Applied to Document Recognition", have it ("40 PCA + quadratic classifier", 3.3% errors).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Array = Any

COMPONENTS = 40
RIDGE = 10.0  # on sums over the pictures


class Classifier(NamedTuple):
  """What `fit` makes; a pytree.

  Attributes:
    mean: [pixels], of the pictures.
    basis: [pixels, components], to whitened principal components.
    weights: [1 + components + components (components + 1) / 2, classes].
  """

  mean: Array
  basis: Array
  weights: Array


def fit(images: np.ndarray, labels: np.ndarray) -> Classifier:
  """Fits the classifier.

  Args:
    images: uint8 [number, side, side]; 10,000 or more, of the size that is to be read.
    labels: [number], classes from 0.
  """
  flat = images.reshape(len(images), -1).astype(np.float32) / 255
  mean = flat.mean(0)
  variances, vectors = np.linalg.eigh(np.cov((flat - mean).T).astype(np.float64))
  variances, vectors = variances[::-1][:COMPONENTS], vectors[:, ::-1][:, :COMPONENTS]
  basis = (vectors / np.sqrt(variances)).astype(np.float32)
  classes = int(labels.max()) + 1
  size = 1 + COMPONENTS + COMPONENTS * (COMPONENTS + 1) // 2
  gram, target = np.zeros((size, size)), np.zeros((size, classes))
  for start in range(0, len(flat), 5_000):  # the features of all at once would fill 200 MB
    features = np.asarray(_features(flat[start : start + 5_000], mean, basis))
    wanted = 2 * np.eye(classes, dtype=np.float32)[labels[start : start + 5_000]] - 1
    gram, target = gram + features.T @ features, target + features.T @ wanted
  weights = np.linalg.solve(gram + RIDGE * np.eye(size), target)
  return Classifier(mean, basis, weights.astype(np.float32))


def classify(classifier: Classifier, patches: Array) -> Array:
  """The class of each picture.

  Args:
    classifier: of `fit`.
    patches: [..., side, side] in [0, 1], of the size that it was fitted to.

  Returns:
    int32 [...].
  """
  flat = patches.reshape(-1, patches.shape[-2] * patches.shape[-1])
  features = _features(flat, classifier.mean, classifier.basis)
  scores = jnp.matmul(features, classifier.weights, precision=jax.lax.Precision.HIGHEST)
  return jnp.argmax(scores, axis=-1).astype(jnp.int32).reshape(patches.shape[:-2])


def _features(flat, mean, basis):
  """[number, 784] -> [number, features]: a one, the components, and their products."""
  x = jnp.matmul(flat - mean, basis, precision=jax.lax.Precision.HIGHEST)
  first, second = np.triu_indices(basis.shape[1])
  return jnp.concatenate([jnp.ones_like(x[:, :1]), x, x[:, first] * x[:, second]], axis=-1)
