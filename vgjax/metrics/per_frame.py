"""The metrics of single frames by name, as evaluators call them.

Each compares a video with its target and gives a figure a frame. Those that look at windows or through a
network need frames of some size, and those with trained weights need these: `prepare` says which of the
metrics that were asked for can run, and why the others cannot.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from vgjax import configs
from vgjax.errors import MissingWeights
from vgjax.metrics import lpips, ms_ssim, pixel, weights

Array = Any
Tree = Any


class FrameMetric(NamedTuple):
  """One metric.

  Attributes:
    compute: `(params, video, target, weight) -> [batch, time]`; weight is as in `pixel.mse`, and metrics of
      whole frames do not look at it.
    convention: what the figure is, in words, for protocol cards.
    side: pixels; frames must be at least as high and as wide.
    weights: the name of its trained weights, see `vgjax.metrics.weights`; "" if it has none.
    load: `() -> params`, these.
  """

  compute: Callable[[Tree, Array, Array, Array], Array]
  convention: str
  side: int = 1
  weights: str = ""
  load: Callable[[], Tree] = lambda: None


def _pixel(metric, convention):
  return FrameMetric(lambda _, x, y, weight: metric(x, y, weight=weight), convention)


def _ssim(name, convention):
  compute = lambda _, x, y, weight: pixel.ssim(x, y, convention=name)
  return FrameMetric(compute, convention, pixel.window_size(name))


def _lpips(network, name):
  # Clipped as for SSIM: what is looked at is the picture that would be shown.
  return FrameMetric(
    lambda params, x, y, weight: lpips.lpips(params, jnp.clip(x, -1, 1), y, network=network),
    f"LPIPS v0.1 through {name}, prediction clipped, frames at their own size, grey repeated to 3 channels",
    lpips.side(network),
    f"lpips_{network}",
    lambda: lpips.load(network),
  )


METRICS = {
  "mse": _pixel(
    pixel.mse, "mean over unknown pixels and channels, intensities in [0, 1], prediction not clipped"
  ),
  "mae": _pixel(pixel.mae, "as mse, absolute"),
  "mse_sum": _pixel(pixel.mse_sum, "as mse, summed over pixels and channels (OpenSTL)"),
  "mae_sum": _pixel(pixel.mae_sum, "as mae, summed over pixels and channels (OpenSTL)"),
  "psnr": _pixel(pixel.psnr, f"per frame, prediction clipped to [0, 1], at most {pixel.PSNR_CAP:g} dB"),
  "ssim": _ssim("wang", "Wang et al. 2004: Gaussian 11x11, sigma 1.5, R = 1; mean over channels"),
  "ssim_openstl": _ssim(
    "openstl", "uniform 7x7, sample covariance, R = 2 (OpenSTL); mean over channels"
  ),
  "ms_ssim": FrameMetric(
    lambda _, x, y, weight: ms_ssim.ms_ssim(x, y),
    "Wang et al. 2003: five scales of ssim, averages below 0 count as 0; mean over channels",
    ms_ssim.SIDE,
  ),
  "lpips_alex": _lpips("alex", "AlexNet"),
  "lpips_vgg": _lpips("vgg", "VGG-16"),
}  # fmt: skip
HIGHER_IS_BETTER = ("psnr", "ssim", "ssim_openstl", "ms_ssim")


def check(names: Iterable[str], where: str) -> tuple[str, ...]:
  """The names, if all are known.

  Raises:
    ConfigError: an unknown name, or none at all.
  """
  names = tuple(names)
  for name in names:
    configs.pick(METRICS, name, where)
  return names


def prepare(names: Iterable[str], height: int, width: int) -> tuple[dict[str, Tree], dict[str, str]]:
  """Which metrics can run on frames of this size.

  Args:
    names: of `METRICS`.
    height, width: of the frames, in pixels.

  Returns:
    {name: trained weights, or None} of those that can, and {name: why not} of the others.
  """
  params, missing = {}, {}
  for name in names:
    side = METRICS[name].side
    if min(height, width) < side:
      missing[name] = f"needs frames of {side}x{side} or more, these are {height}x{width}"
      continue
    try:
      params[name] = METRICS[name].load()
    except MissingWeights as error:
      missing[name] = str(error)
  return params, missing


def hashes(params: dict[str, Tree]) -> dict[str, str]:
  """The sha256 of the trained weights of each metric of `prepare` that has some."""
  return {name: weights.sha256(METRICS[name].weights) for name in params if METRICS[name].weights}


def compute(params: dict[str, Tree], video: Array, target: Array, weight: Array) -> dict[str, Array]:
  """The metrics of `prepare`.

  Args:
    params: {name: trained weights, or None}.
    video: [batch, time, height, width, channels], in [-1, 1].
    target: the same shape and range.
    weight: [batch, time, height, width, 1], how much a pixel counts where single pixels are compared.

  Returns:
    {name: [batch, time]}.
  """
  return {name: METRICS[name].compute(tree, video, target, weight) for name, tree in params.items()}


def best(names: Iterable[str], values: np.ndarray) -> np.ndarray:
  """Of several samples of each video the best one, for each metric by itself, by the video's mean.

  Args:
    names: of the metrics, in their order.
    values: [samples, videos, time, metrics], 0 for frames that do not count.

  Returns:
    [videos, time, metrics].
  """
  # All samples of a video have the same frames that count: sums rank them as means do.
  sign = np.array([1 if name in HIGHER_IS_BETTER else -1 for name in names])
  chosen = np.argmax(sign * values.sum(2), axis=0)  # [videos, metrics]
  return np.take_along_axis(values, chosen[None, :, None, :], axis=0)[0]
