"""The monitor: what it measures, what it says, and when it keeps silent."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import health

REAL = jax.random.normal(jax.random.key(0), (4, 6, 8, 8, 3))
NOTHING = jnp.zeros((4, 6, 8, 8, 1))


def test_real_videos_measure_one():
  found = health.measure(REAL, REAL, NOTHING)
  assert found["motion"] == pytest.approx(1, abs=1e-4) and found["spread"] == pytest.approx(1, abs=1e-4)


def test_what_moves_and_differs_less():
  still = jnp.repeat(REAL[:, :1], 6, axis=1)
  assert health.measure(REAL, still, NOTHING)["motion"] == 0
  alike = jnp.repeat(REAL[:1], 4, axis=0)
  assert health.measure(REAL, alike, NOTHING)["spread"] == pytest.approx(0, abs=1e-5)


def test_given_frames_do_not_count():
  mask = NOTHING.at[:, :3].set(1.0)
  fake = jnp.where(mask > 0, REAL, REAL[:, 2:3])
  assert health.measure(REAL, fake, mask)["motion"] < 0.7  # the step from given to made is still there
  assert health.measure(REAL, REAL, mask)["motion"] == pytest.approx(1, abs=1e-4)


def test_one_frame_or_one_video_has_no_such_measure():
  assert set(health.measure(REAL[:1], REAL[:1], NOTHING[:1])) == {"motion"}
  assert set(health.measure(REAL[:, :1], REAL[:, :1], NOTHING[:, :1])) == {"spread"}


GOOD = {
  "generator/motion": 1.0,
  "generator/spread": 0.9,
  "critic/accuracy_real": 0.8,
  "critic/accuracy_fake": 0.7,
  "critic/grad_norm": 1.0,
  "generator/grad_norm": 1.0,
}


def said(numbers, steps=health.LOOKS):
  monitor = health.Monitor(["critic"])
  return [monitor(step, GOOD | numbers) for step in range(steps)]


def test_silence_while_all_is_well_and_before_it_can_be_known():
  assert said({}, 100) == [None] * 100
  assert said({"generator/spread": 0.01}, health.LOOKS - 1) == [None] * (health.LOOKS - 1)


@pytest.mark.parametrize(
  "numbers, words",
  [
    ({"generator/spread": 0.1}, "mode collapse.*r1"),
    ({"valid/small/recall": 0.01}, r"1% of real videos lie among the made ones \(valid/small/recall\)"),
    ({"generator/motion": 0.05}, "stand still.*critic3d"),
    ({"generator/motion": 9.0}, "flicker"),
    ({"critic/accuracy_real": 1.0, "critic/accuracy_fake": 0.99}, "critic is right about 99%.*augment"),
    ({"critic/accuracy_real": 1.0, "critic/accuracy_fake": 0.0}, "calls everything real"),
    ({"critic/accuracy_real": 0.0, "critic/accuracy_fake": 1.0}, "calls everything made"),
    ({"generator/grad_norm": 1e-7}, "generator has all but vanished.*hinge"),
  ],
)
def test_says_what_is_wrong_once(numbers, words):
  found = said(numbers, health.LOOKS + health.AGAIN + 1)
  assert [n for n, text in enumerate(found) if text] == [health.LOOKS - 1, health.LOOKS + health.AGAIN - 1]
  assert re.search(words, found[health.LOOKS - 1])


def test_a_gradient_that_explodes():
  monitor = health.Monitor(["critic"])
  quiet = [monitor(step, GOOD) for step in range(20)]
  assert not any(quiet) and "explodes" not in str(quiet)
  assert "is 50000 and growing" in monitor(20, GOOD | {"critic/grad_norm": 5e4})


def test_one_odd_step_is_no_flicker():
  monitor = health.Monitor(["critic"])
  found = [monitor(step, GOOD | {"generator/motion": 500.0 if step == 12 else 1.0}) for step in range(40)]
  assert not any(found)


def test_each_generator_is_watched():
  """CycleGAN has two."""
  monitor = health.Monitor(["critic"], ["generator", "inverse"])
  numbers = GOOD | {"inverse/motion": 0.0, "inverse/spread": 0.0, "inverse/grad_norm": 0.0}
  *_, found = [monitor(step, numbers) for step in range(health.LOOKS)]
  assert "the inverse stand still" in found and "the inverse are nearly all alike" in found
  assert "config.optim.inverse.learning_rate" in found and "gradient of the inverse has all but" in found


def test_a_critic_without_accuracy_is_left_alone():
  numbers = {k: v for k, v in GOOD.items() if "accuracy" not in k}
  monitor = health.Monitor(["critic"])
  assert not any(monitor(step, numbers) for step in range(20))


@pytest.mark.parametrize(
  "judgement, words",
  [
    ({"accuracy": 1.0}, "critic is right about 100%"),
    ({"accuracy": 0.0}, "critic gives made videos no less than real ones: it has learnt nothing"),
    ({"accuracy": 0.5}, None),
    ({"real": 0.3, "fake": 0.3}, "critic gives made videos no less"),
    ({"real": 0.4, "fake": 0.3}, None),
  ],
)
def test_a_critic_of_pairs_and_one_without_a_boundary(judgement, words):
  numbers = {k: v for k, v in GOOD.items() if "accuracy" not in k}
  numbers |= {f"critic/{name}": value for name, value in judgement.items()}
  monitor = health.Monitor(["critic"])
  found = [monitor(step, numbers) for step in range(health.LOOKS)]
  assert words in found[-1] if words else found[-1] is None


def test_numbers_that_skip_a_step():
  """A branch that has no update now has no numbers; those before still count."""
  monitor = health.Monitor(["critic"])
  numbers = GOOD | {"generator/spread": 0.0}
  without = {k: v for k, v in numbers.items() if not k.startswith("critic/")}
  found = [monitor(step, numbers if step % 2 else without) for step in range(health.LOOKS)]
  assert "mode collapse" in found[-1]
  assert np.all([text is None for text in found[:-1]])
