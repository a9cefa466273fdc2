"""Backward warping: against a loop over pixels, finite differences, PyTorch, and on eight devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax.models.layers.warp import backward_warp


def inputs(batch=2, height=5, width=6, channels=3, reach=4.0):
  rng = np.random.default_rng(0)
  image = rng.normal(size=(batch, height, width, channels)).astype(np.float32)
  flow = rng.uniform(-reach, reach, size=(batch, height, width, 2)).astype(np.float32)
  return image, flow


def slow(image, flow):
  """One pixel after the other, in float64."""
  batch, height, width, _ = image.shape
  result = np.zeros(image.shape)
  for b, y, x in np.ndindex(batch, height, width):
    column = np.clip(x + flow[b, y, x, 0], 0, width - 1)
    row = np.clip(y + flow[b, y, x, 1], 0, height - 1)
    for i in range(height):
      for j in range(width):
        share = max(0, 1 - abs(row - i)) * max(0, 1 - abs(column - j))
        result[b, y, x] += share * image[b, i, j]
  return result


def test_equals_a_loop_over_pixels():
  image, flow = inputs()
  np.testing.assert_allclose(jax.jit(backward_warp)(image, flow), slow(image, flow), atol=1e-5)


def test_a_flow_of_whole_pixels_moves_the_image():
  image, flow = inputs()
  flow = np.zeros_like(flow) + np.array([2.0, 1.0], np.float32)  # 2 to the right, 1 down
  expected = np.pad(image, ((0, 0), (0, 1), (0, 2), (0, 0)), mode="edge")[:, 1:, 2:]
  np.testing.assert_allclose(backward_warp(image, flow), expected, atol=1e-6)


@pytest.mark.parametrize("height, width", [(1, 6), (5, 1)])
def test_images_of_one_row_or_column(height, width):
  image, flow = inputs(height=height, width=width)
  np.testing.assert_allclose(backward_warp(image, flow), slow(image, flow), atol=1e-5)


def test_gradients_equal_finite_differences():
  image, flow = inputs(batch=1, height=3, width=4, channels=2, reach=2.0)
  cotangent = np.random.default_rng(1).normal(size=image.shape)
  by_image, by_flow = jax.vjp(backward_warp, image, flow)[1](jnp.asarray(cotangent, jnp.float32))
  step = 1e-5  # no position of these is so near to a whole pixel

  for found, which in ((by_image, 0), (by_flow, 1)):
    expected = np.zeros(found.shape)
    for place in np.ndindex(found.shape):
      sides = []
      for sign in (1, -1):
        moved = [image.astype(np.float64), flow.astype(np.float64)]
        moved[which][place] += sign * step
        sides.append((slow(*moved) * cotangent).sum())
      expected[place] = (sides[0] - sides[1]) / (2 * step)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_no_gradient_where_the_flow_leads_outside():
  image, flow = inputs()
  flow = flow.copy()
  flow[:, 0, 0] = (-1.0, -1.0)
  gradient = jax.grad(lambda flow: (backward_warp(image, flow) ** 2).sum())(flow)
  np.testing.assert_array_equal(gradient[:, 0, 0], 0)
  assert np.abs(gradient).max() > 0


def test_equals_pytorch():
  torch = pytest.importorskip("torch", reason="PyTorch is not installed")
  image, flow = inputs(height=8, width=9)
  cotangent = np.random.default_rng(1).normal(size=image.shape).astype(np.float32)
  pictures, ways = (torch.tensor(x).permute(0, 3, 1, 2).requires_grad_() for x in (image, flow))
  height, width = image.shape[1:3]
  across = torch.linspace(-1, 1, width).view(1, 1, width) + ways[:, 0] / ((width - 1) / 2)
  down = torch.linspace(-1, 1, height).view(1, height, 1) + ways[:, 1] / ((height - 1) / 2)
  theirs = torch.nn.functional.grid_sample(
    pictures, torch.stack([across, down], -1), padding_mode="border", align_corners=True
  )
  theirs.backward(torch.tensor(cotangent).permute(0, 3, 1, 2))
  ours, backward = jax.vjp(backward_warp, image, flow)
  np.testing.assert_allclose(ours, theirs.detach().permute(0, 2, 3, 1), atol=1e-5)
  for gradient, reference in zip(backward(jnp.asarray(cotangent)), (pictures.grad, ways.grad), strict=True):
    np.testing.assert_allclose(gradient, reference.permute(0, 2, 3, 1), atol=1e-4)


def test_vmap():
  image, flow = inputs(batch=4)
  pairs = [x.reshape(2, 2, *x.shape[1:]) for x in (image, flow)]
  mapped = jax.vmap(backward_warp)(*pairs)
  np.testing.assert_allclose(mapped.reshape(image.shape), backward_warp(image, flow), atol=1e-6)


def test_a_sharded_batch_stays_where_it_is():
  image, flow = inputs(batch=8)
  mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
  sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))

  def both(image, flow, cotangent):
    value, backward = jax.vjp(backward_warp, image, flow)
    return value, backward(cotangent)

  placed = jax.device_put((image, flow, image), sharding)
  compiled = jax.jit(both, out_shardings=sharding).lower(*placed).compile()
  text = compiled.as_text()
  assert "all-gather" not in text and "all-reduce" not in text
  for found, expected in zip(jax.tree.leaves(compiled(*placed)), jax.tree.leaves(both(image, flow, image))):
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_half_precision_keeps_its_type_and_exact_positions():
  image, flow = inputs()
  result = backward_warp(image.astype(jnp.bfloat16), flow)
  assert result.dtype == jnp.bfloat16
  np.testing.assert_allclose(result.astype(np.float32), slow(image, flow), atol=0.05)


def test_shapes_that_do_not_fit_are_refused():
  image, flow = inputs()
  with pytest.raises(ValueError, match=r"flow \[batch, height, width, 2\]"):
    backward_warp(image, flow[..., :1])
  with pytest.raises(ValueError, match="backward_warp"):
    backward_warp(image[:1], flow)
