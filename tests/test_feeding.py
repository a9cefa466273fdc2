"""What recurrent models read in training: the schedules against numpy, and what is never changed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import feeding

VIDEO = jnp.arange(2000 * 4, dtype=jnp.float32).reshape(2000, 4, 1, 1, 1) + 1  # no two frames alike
GIVEN = 2
MASK = jnp.zeros_like(VIDEO).at[:, :GIVEN].set(1)
HINT = VIDEO * MASK


def rates(feed, step, key=0):
  """Share of examples in which each frame is given, [time]; checks that what is given is the truth."""
  hint, mask = feed(VIDEO, HINT, MASK, jax.random.key(key), jnp.asarray(step))
  assert hint.shape == VIDEO.shape and mask.shape == MASK.shape and mask.dtype == MASK.dtype
  assert set(np.unique(mask)) <= {0.0, 1.0}
  np.testing.assert_array_equal(mask * hint, mask * VIDEO)
  return np.mean(mask, axis=(0, 2, 3, 4))


def near(rate):
  """Within five standard deviations of a share of 2000 draws."""
  rate = float(rate)
  return pytest.approx(rate, abs=5 * np.sqrt(rate * (1 - rate) / 2000) + 1e-9)


@pytest.mark.parametrize("step", [0, 10_000, 25_000, 49_999, 50_000, 10**6])
def test_scheduled_gives_less_and_less_of_the_unknown_frames(step):
  expected = max(0.0, 1.0 - 2e-5 * step)
  given, unknown = np.split(rates(feeding.scheduled(start=1.0, per_step=2e-5), step), [GIVEN])
  np.testing.assert_array_equal(given, 1)
  for rate in unknown:
    assert rate == near(expected)


def reverse_schedule(step, hold, until, decay):
  """OpenSTL's probabilities: of a given frame, and of an unknown one."""
  if step < hold:
    return 0.5, 0.5
  if step < until:
    return 1.0 - 0.5 * np.exp(-(step - hold) / decay), 0.5 - 0.5 / (until - hold) * (step - hold)
  return 1.0, 0.0


@pytest.mark.parametrize("step", [0, 24_999, 25_000, 26_000, 40_000, 49_999, 50_000, 10**6])
def test_reverse_scheduled_withholds_given_frames_and_gives_others(step):
  keep, give = reverse_schedule(step, 25_000, 50_000, 5000.0)
  first, second, *unknown = rates(feeding.reverse_scheduled(), step)
  assert first == 1
  assert second == near(keep)
  for rate in unknown:
    assert rate == near(give)


def test_reverse_scheduled_takes_other_times():
  feed = feeding.reverse_scheduled(hold=10, until=30, decay=4.0)
  keep, give = reverse_schedule(15, 10, 30, 4.0)
  _, second, third, _ = rates(feed, 15)
  assert second == near(keep) and third == near(give)
  with pytest.raises(ValueError, match="hold < until"):
    feeding.reverse_scheduled(hold=30, until=30)


@pytest.mark.parametrize("make", [feeding.scheduled, feeding.reverse_scheduled])
def test_draws_are_independent_and_repeat_with_the_key(make):
  step = 25_000  # about half of what is drawn
  feed = make()

  def draw(key):
    return np.asarray(feed(VIDEO, HINT, MASK, jax.random.key(key), jnp.asarray(step))[1])[..., 0, 0, 0]

  draws = [draw(0), draw(0), draw(1)]
  np.testing.assert_array_equal(draws[0], draws[1])
  assert (draws[0] != draws[2]).any()
  both = np.mean(draws[0][:, 2] * draws[0][:, 3])
  assert both == near(np.mean(draws[0][:, 2]) * np.mean(draws[0][:, 3]))
  a, b = (np.mean(draws[0][half, 2]) for half in (slice(1000), slice(1000, None)))
  assert a == pytest.approx(b, abs=0.15)  # examples are drawn one by one


def test_expected_input_is_the_truth_at_first_and_the_hint_at_last():
  feed = feeding.scheduled(start=0.5, per_step=0.01)
  for step, rate in ((0, 0.5), (25, 0.25), (50, 0.0)):
    hint, mask = feed(VIDEO, HINT, MASK, jax.random.key(2), jnp.asarray(step))
    read = np.mean(mask * hint / VIDEO, axis=(0, 2, 3, 4))
    np.testing.assert_array_equal(read[:GIVEN], 1)
    assert read[2] == near(rate)


@pytest.mark.parametrize("step", [0, 99, 100, 3000, 6222, 8000, 12_400, 12_500, 10**6])
def test_inverse_sigmoid_falls_slowly_at_first(step):
  """k / (k + exp(step / k)), from `start` on; nothing once it is below a thousandth."""
  with np.errstate(over="ignore"):
    expected = 1.0 if step < 100 else 900 / (900 + np.exp((step - 100) / 900))
  expected = expected if expected >= 0.001 else 0.0
  given, unknown = np.split(rates(feeding.inverse_sigmoid(k=900.0, start=100), step), [GIVEN])
  np.testing.assert_array_equal(given, 1)
  for rate in unknown:
    assert rate == near(expected)
