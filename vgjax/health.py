"""What goes wrong while a GAN trains, in words.

`measure` gives two numbers of a batch, both 1 for real videos: `motion`, how much made videos change from
frame to frame, and `spread`, how much they differ from each other, as shares of the real ones'. `Monitor`
reads these, the critics' accuracies and the gradients' norms as they are logged, and the recall of an
evaluator `distribution` that runs while training, and says what is wrong when it has been so for a while, and
what usually helps.
"""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp

from vgjax.types import Array

LOOKS = 8  # logged steps over which numbers are averaged, and before which nothing is said
AGAIN = 40  # logged steps before the same is said again
MOST = 6.0  # what `motion` counts at most in an average: one step alone is no flicker

# {what is wrong: (what is seen, what usually helps)}
ADVICE = {
  "collapse": (
    "the videos of the {branch} are nearly all alike (they differ {number:.0%} as much as real ones): mode"
    " collapse.",
    "a config.optim.{branch}.learning_rate that is a fifth of the critics',"
    ' a critic with norm="spectral", or norm="none" and penalty=dict(name="r1"), a larger batch; often the'
    " last checkpoint before is the one to go back to.",
  ),
  "narrow": (
    "{number:.0%} of real videos lie among the made ones ({branch}): many kinds are never made; early on this"
    " passes.",
    'a critic with norm="none" and penalty=dict(name="r1"), augment=("color", "translation"), a larger'
    " batch.",
  ),
  "frozen": (
    "the videos of the {branch} stand still (they change {number:.0%} as much as real ones).",
    "a critic of whole videos (critic3d) beside one of frames, with more weight; more critic steps.",
  ),
  "flicker": (
    "the videos of the {branch} flicker (they change {number:.1f} times as much as real ones); early on this"
    " passes.",
    "a critic of whole videos with more channels, a smaller learning rate.",
  ),
  "wins": (
    "the {branch} is right about {number:.0%} of all videos: it has little left to teach.",
    'augment=("color", "translation", "cutout"), noise=dict(std=0.1), a smaller'
    ' config.optim.{branch}.learning_rate, norm="none" and a penalty ("r1", "r1_r2" if pairs are compared) or'
    " more weight for it, smooth=0.1 where the loss takes it.",
  ),
  "blind": (
    "the {branch} {verdict}: it has learnt nothing.",
    "a larger config.optim.{branch}.learning_rate, a smaller penalty, more critic steps"
    " (config.optim.generator.every = 2).",
  ),
  "fades": (
    "the gradient of the {branch} has all but vanished (norm {number:.1e}).",
    'the loss "nonsaturating" or "hinge", a critic that is less sure, a new start.',
  ),
  "explodes": (
    "the gradient of the {branch} is {number:.0f} and growing.",
    "config.optim.{branch}.clip = 10.0, a smaller learning rate, a critic with a penalty.",
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
    generators: theirs.
  """

  def __init__(self, critics: Sequence[str], generators: Sequence[str] = ("generator",)):
    self._critics, self._generators = tuple(critics), tuple(generators)
    self._means: dict[str, float] = {}
    self._looks = 0
    self._said: dict[tuple[str, str], int] = {}

  def __call__(self, step: int, numbers: Mapping[str, float]) -> str | None:
    self._looks += 1
    for name, value in numbers.items():
      value = min(value, MOST) if name.endswith("/motion") else value
      old = self._means.get(name, value)
      self._means[name] = old + (value - old) / min(self._looks, LOOKS)
    if self._looks < LOOKS:
      return None
    lines = []
    found = [*self._of_videos(), *self._of_sets(numbers), *self._of_critics(), *self._of_gradients(numbers)]
    for kind, branch, values in found:
      if self._looks - self._said.get((kind, branch), -AGAIN) >= AGAIN:
        self._said[kind, branch] = self._looks
        seen, helps = (text.format(branch=branch, **values) for text in ADVICE[kind])
        lines.append(f"step {step}: {seen} What usually helps: {helps}")
    return "\n".join(lines) or None

  def _of_videos(self):
    """(kind, branch, values of the text) of what the videos show; so the two below."""
    for branch in self._generators:
      motion, spread = (self._means.get(f"{branch}/{name}", 1.0) for name in ("motion", "spread"))
      if spread < 0.25:
        yield "collapse", branch, {"number": spread}
      if motion < 0.2:
        yield "frozen", branch, {"number": motion}
      if motion > 3:
        yield "flicker", branch, {"number": motion}

  def _of_sets(self, numbers):
    for name, value in numbers.items():
      if name.endswith("/recall") and value < 0.05:
        yield "narrow", name, {"number": value}

  def _of_critics(self):
    for critic in self._critics:
      about = lambda name, other=None, critic=critic: self._means.get(f"{critic}/{name}", other)
      right = [value for side in ("", "_real", "_fake") if (value := about(f"accuracy{side}")) is not None]
      if right and min(right) > 0.98:
        yield "wins", critic, {"number": min(right)}
      elif len(right) == 2 and max(right) > 0.98 and min(right) < 0.02:
        yield "blind", critic, {"verdict": f"calls everything {'real' if right[0] > right[1] else 'made'}"}
      # Of pairs; of two equal scores none is larger. Without accuracies, means of scores are all there is.
      elif right[0] < 0.25 if len(right) == 1 else not right and about("real", 1.0) <= about("fake", 0.0):
        yield "blind", critic, {"verdict": "gives made videos no less than real ones"}

  def _of_gradients(self, numbers):
    for branch in (*self._critics, *self._generators):
      usual = self._means.get(f"{branch}/grad_norm", 1.0)
      norm = numbers.get(f"{branch}/grad_norm", usual)
      if usual < 1e-5:
        yield "fades", branch, {"number": usual}
      elif norm > 1e3 and norm > 3 * usual:
        yield "explodes", branch, {"number": norm}
