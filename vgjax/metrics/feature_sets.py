"""Two sets of features, checked: what every statistic of real and made videos starts from."""

import numpy as np

from vgjax.errors import DataError


def rows(features, name: str = "features") -> np.ndarray:
  """Features as float64 rows.

  Args:
    features: [number, dims], or [videos, time, dims] for features of each frame.
    name: what an error calls them.

  Returns:
    float64 [number, dims]; the frames of all videos are rows of one set.

  Raises:
    DataError: fewer than two rows, or features that are not finite.
  """
  array = np.asarray(features, np.float64)
  if array.ndim not in (2, 3):
    raise ValueError(f"{name}: features are [number, dims] or [videos, time, dims], got {array.shape}")
  array = array.reshape(-1, array.shape[-1])
  if len(array) < 2:
    raise DataError(f"{name}: {len(array)} feature vectors; a distribution needs 2 or more videos")
  bad = ~np.isfinite(array).all(1)
  if bad.any():
    raise DataError(
      f"{name}: {bad.sum()} of {len(array)} feature vectors are not finite, the first is number"
      f" {bad.argmax()}; look for NaN in that video"
    )
  return array


def pair(real, fake) -> tuple[np.ndarray, np.ndarray]:
  """Both sets as float64 rows of the same dims; errors as in `rows`."""
  real, fake = rows(real, "real"), rows(fake, "fake")
  if real.shape[1] != fake.shape[1]:
    raise ValueError(
      f"real features have {real.shape[1]} dims, fake ones {fake.shape[1]}: use one extractor for both"
    )
  return real, fake
