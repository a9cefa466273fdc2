"""How much a video changes, and whether it stands still or repeats itself; no truth is needed.

  activity  a_t = mean |x_{t+1} - x_t|, over pixels and channels, intensities in [0, 1]
  frozen    a_t < 0.1 of the median activity of true videos
  looping   min_{2 <= l <= T/2} D(l) < 0.2 max_{1 <= l <= T/2} D(l),  D(l) = mean_t mean |x_{t+l} - x_t|,
            of a video that moves: as l grows two frames of a video become less and less alike, unless it
            comes back

Real videos stand still and repeat themselves too; the figure to look at is the one beside that of true
videos. The thresholds are ours. Where the motion is known, `warping_error` tells whether the pixels follow
it:

  e_t = mean over p of |x_{t+1}(p) - x_t(p + f_t(p))|

with the flow f_t back from frame t+1 to frame t, over the pixels seen in both (Lai et al. 2018, "Learning
Blind Video Temporal Consistency", arXiv:1808.00449, have it with squares).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vgjax.metrics.reduce import frame_sum

Array = Any

FROZEN = 0.1  # of the true videos' median activity
RETURN = 0.2  # of the greatest distance between frames
LOOP_TIMES = 4  # frames at least, or there is no lag to look at


def activity(video: Array, *, lag: int = 1) -> Array:
  """The mean absolute difference of frames `lag` apart.

  Args:
    video: [batch, time, height, width, channels], in [-1, 1]; clipped to it.
    lag: in frames.

  Returns:
    [batch, time - lag], in units of [0, 1] intensity.
  """
  video = jnp.clip(video.astype(jnp.float32), -1, 1)
  return frame_sum(jnp.abs(video[:, lag:] - video[:, :-lag])) / (2 * np.prod(video.shape[2:]))


def frozen(activity: Array, typical: float) -> Array:
  """Whether nothing happens, for each step; `typical` is the median activity of true videos."""
  return activity < FROZEN * typical


def looping(video: Array, typical: float) -> Array:
  """Whether each video comes back to what it was.

  Args:
    video: [batch, time, height, width, channels], in [-1, 1], four frames or more.
    typical: the median activity of true videos; a frozen video does not loop.

  Returns:
    bool [batch].
  """
  time = video.shape[1]
  if time < LOOP_TIMES:
    raise ValueError(f"a loop can be seen in {LOOP_TIMES} frames or more, the video has {time}")
  return returns(jnp.stack([activity(video, lag=lag).mean(1) for lag in range(1, time // 2 + 1)]), typical)


def returns(apart: Array, typical: float) -> Array:
  """`looping` of what is known of each video: `apart` [time // 2, batch], D(1), D(2), ...; bool [batch]."""
  greatest = apart.max(0)
  return (apart[1:].min(0) < RETURN * greatest) & ~frozen(greatest, typical)


def distance(values: np.ndarray, others: np.ndarray) -> float:
  """The 1-Wasserstein distance of two sets of numbers: how far one must be moved on average to be the other.

  On the host, in float64: the area between the two cumulative distributions.
  """
  values, others = (np.sort(np.asarray(v, np.float64).ravel()) for v in (values, others))
  every = np.sort(np.concatenate([values, others]))
  below = [np.searchsorted(v, every[:-1], side="right") / len(v) for v in (values, others)]
  return float(np.sum(np.abs(below[0] - below[1]) * np.diff(every)))


def warping_error(video: Array, flow: Array, valid: Array) -> Array:
  """How far the pixels of a video are from following a known motion.

  Args:
    video: [batch, time, height, width, channels], in [-1, 1].
    flow: [batch, time - 1, height, width, 2], (y, x) in pixels: from each pixel of frame t+1 to where it was
      in frame t. Between pixels the frame is interpolated linearly.
    valid: [batch, time - 1, height, width], 1 where the pixel is seen in both frames.

  Returns:
    [batch, time - 1], in units of [0, 1] intensity; 0 where no pixel is valid.
  """
  height, width = video.shape[2:4]
  grid = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij"), axis=-1)
  source = grid + flow
  inside = jnp.all((source >= 0) & (source <= jnp.array([height - 1, width - 1])), axis=-1)
  sample = lambda picture, place: jax.scipy.ndimage.map_coordinates(picture, place, order=1, mode="nearest")
  channels = jax.vmap(sample, in_axes=(-1, None), out_axes=-1)
  frames = jax.vmap(jax.vmap(channels))
  video = video.astype(jnp.float32)
  warped = frames(video[:, :-1], jnp.moveaxis(source, -1, 2))
  apart = jnp.abs(video[:, 1:] - warped).mean(-1, keepdims=True) / 2
  counts = (valid * inside)[..., None]
  # `where`, not a product: a model that went wrong elsewhere has nan there, and 0 * nan is nan.
  return frame_sum(jnp.where(counts > 0, apart, 0)) / jnp.maximum(frame_sum(counts), 1)


def digit_flow(digit: Array, position: Array, size: int) -> tuple[Array, Array]:
  """The flow of Moving MNIST, for `warping_error`.

  Args:
    digit: [batch, digits, digit_size, digit_size], how they look, black around.
    position: [batch, digits, time, 2], the top left corners (y, x); digits are drawn at the floor of it.
    size: height and width of the video.

  Returns:
    flow [batch, time - 1, size, size, 2], and valid [batch, time - 1, size, size]: digits move on a black
    ground that stands still; where two digits' squares meet in either frame, who hides whom is not known.
  """
  side = digit.shape[-1]
  corner = jnp.floor(position)
  tap = jnp.arange(size) - corner[..., None]  # [batch, digits, time, 2, size]
  within = (tap >= 0) & (tap < side)
  box = within[..., 0, :, None] & within[..., 1, None, :]  # [batch, digits, time, size, size]
  count = box.sum(1)
  step = corner[:, :, :-1] - corner[:, :, 1:]  # back in time, [batch, digits, time - 1, 2]
  flow = jnp.sum(box[:, :, 1:, ..., None] * step[:, :, :, None, None], axis=1)
  # A pixel of the ground must have been ground, one of a digit must have been its alone.
  before = jax.vmap(jax.vmap(_at))(jnp.float32(count[:, :-1]), flow)
  return flow, jnp.float32((count[:, 1:] <= 1) & (before == count[:, 1:]))


def _at(picture, flow):
  """picture(p + flow(p)), whole pixels; -1 outside."""
  height, width = picture.shape
  y = jnp.arange(height)[:, None] + flow[..., 0].astype(jnp.int32)
  x = jnp.arange(width)[None] + flow[..., 1].astype(jnp.int32)
  inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
  return jnp.where(inside, picture[jnp.clip(y, 0, height - 1), jnp.clip(x, 0, width - 1)], -1)
