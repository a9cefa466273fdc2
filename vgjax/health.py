"""What goes wrong while a GAN trains, in words.

`measure` gives two numbers of a batch, both 1 for real videos: `motion`, how much made videos change from
frame to frame, and `spread`, how much they differ from each other, as shares of the real ones'. `Monitor`
reads these, the critics' accuracies and the gradients' norms as they are logged, and says what is wrong when
it has been so for a while, and what usually helps.
"""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp

from vgjax.types import Array

LOOKS = 8  # logged steps over which numbers are averaged, and before which nothing is said
AGAIN = 40  # logged steps before the same is said again

# {what is wrong: (what is seen, what usually helps)}
ADVICE = {
  "collapse": (
    "the videos are nearly all alike (they differ {number:.0%} as much as real ones): mode collapse.",
    "a config.optim.generator.learning_rate that is a fifth of the critics',"
    ' penalty=dict(name="r1"), a critic with norm="spectral", a larger batch; often the last checkpoint'
    " before is the one to go back to.",
  ),
  "frozen": (
    "the videos stand still (they change {number:.0%} as much as real ones).",
    "a critic of whole videos (critic3d) beside one of frames, with more weight; more critic steps.",
  ),
  "flicker": (
    "the videos flicker (they change {number:.1f} times as much as real ones); early on this passes.",
    "a critic of whole videos with more channels, a smaller learning rate.",
  ),
  "wins": (
    "the {branch} is right about {number:.0%} of all videos: it has little left to teach.",
    'augment=("color", "translation", "cutout"), noise=dict(std=0.1), penalty=dict(name="r1"), a smaller'
    " config.optim.{branch}.learning_rate, loss=dict(name=..., smooth=0.1).",
  ),
  "blind": (
    "the {branch} calls everything {word}: it has learnt nothing.",
    "a larger config.optim.{branch}.learning_rate, a smaller penalty, more critic steps"
    " (config.optim.generator.every = 2).",
  ),
  "fades": (
    "the gradient of the {branch} has all but vanished (norm {number:.1e}).",
    'the loss "nonsaturating" or "hinge", a critic that is less sure, a new start.',
  ),
  "explodes": (
    "the gradient of the {branch} is {number:.0f} and growing.",
    'config.optim.{branch}.clip = 10.0, a smaller learning rate, penalty=dict(name="r1").',
  ),
}


def measure(real: Array, fake: Array, mask: Array) -> dict[str, Array]:
  """`motion` and `spread` of what is not given.

  Args:
    real: [batch, time, height, width, channels].
    fake: the same shape.
    mask: [batch, time, height, width, 1], 1 where both are given.
  """

  def share(of):
    return of(fake) / (of(real) + 1e-6)

  unknown = 1.0 - mask
  changes = lambda video: jnp.mean(jnp.abs(jnp.diff(video, axis=1)) * unknown[:, 1:])
  differs = lambda video: jnp.mean(jnp.std(video * unknown, axis=0))
  found = {"spread": share(differs)} if len(real) > 1 else {}
  return found | ({"motion": share(changes)} if real.shape[1] > 1 else {})


class Monitor:
  """`(step, numbers) -> text or None`: what is wrong, if anything new is.

  Args:
    critics: their names.
  """

  def __init__(self, critics: Sequence[str]):
    self._critics = tuple(critics)
    self._means: dict[str, float] = {}
    self._looks = 0
    self._said: dict[tuple[str, str], int] = {}

  def __call__(self, step: int, numbers: Mapping[str, float]) -> str | None:
    self._looks += 1
    for name, value in numbers.items():
      old = self._means.get(name, value)
      self._means[name] = old + (value - old) / min(self._looks, LOOKS)
    if self._looks < LOOKS:
      return None
    lines = []
    for kind, branch, values in [*self._of_videos(), *self._of_critics(), *self._of_gradients(numbers)]:
      if self._looks - self._said.get((kind, branch), -AGAIN) >= AGAIN:
        self._said[kind, branch] = self._looks
        seen, helps = (text.format(branch=branch, **values) for text in ADVICE[kind])
        lines.append(f"step {step}: {seen} What usually helps: {helps}")
    return "\n".join(lines) or None

  def _of_videos(self):
    """(kind, branch, values of the text) of what the videos show; so the two below."""
    motion, spread = (self._means.get(f"generator/{name}", 1.0) for name in ("motion", "spread"))
    if spread < 0.25:
      yield "collapse", "generator", {"number": spread}
    if motion < 0.2:
      yield "frozen", "generator", {"number": motion}
    if motion > 3:
      yield "flicker", "generator", {"number": motion}

  def _of_critics(self):
    for critic in self._critics:
      pairs = self._means.get(f"{critic}/accuracy", 0.5)
      real, fake = (self._means.get(f"{critic}/accuracy_{side}", pairs) for side in ("real", "fake"))
      if min(real, fake) > 0.98:
        yield "wins", critic, {"number": min(real, fake)}
      elif max(real, fake) > 0.98 and min(real, fake) < 0.02:
        yield "blind", critic, {"word": "real" if real > fake else "made"}

  def _of_gradients(self, numbers):
    for branch in (*self._critics, "generator"):
      usual = self._means.get(f"{branch}/grad_norm", 1.0)
      norm = numbers.get(f"{branch}/grad_norm", usual)
      if usual < 1e-5:
        yield "fades", branch, {"number": usual}
      elif norm > 1e3 and norm > 3 * usual:
        yield "explodes", branch, {"number": norm}
