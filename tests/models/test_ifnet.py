"""IFNet and RIFE HDv3: published sizes, which frames they read, their losses, the public weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vgjax import losses
from vgjax.metrics import weights
from vgjax.metrics.weights import convert, unpickle
from vgjax.models import ifnet, rife_hdv3
from vgjax.models.layers import between, laplacian
from vgjax.models.layers.flow_block import enlarge, shrink
from vgjax.sharding import path_name

# Optimised code would take ten times longer to compile than these tests take to run.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
TINY = dict(channels=(4, 4), scales=(2, 1), context=2)


def count(module, truth):
  video = jnp.zeros((1, 3, 32, 32, 3))
  options = {"truth": video} if truth else {}
  init = lambda: module.init(jax.random.key(0), video, video[..., :1], train=False, **options)
  sizes = {
    name: sum(leaf.size for leaf in jax.tree.leaves(tree))
    for name, tree in jax.eval_shape(init)["params"].items()
  }
  return sum(sizes.values()), sizes


def test_published_sizes():
  total, sizes = count(ifnet.Module(), truth=True)
  assert total == 10_708_215  # the authors' IFNet: 4,436,645, 1,747,580, 635,450; 294,000 + 2,957,875
  assert sizes == dict(
    block_0=4_436_645, block_1=1_747_580, block_2=635_450, privileged=636_665, refinement=3_251_875
  )
  assert count(ifnet.Module(timestep=True), truth=True)[0] == 10_710_780
  assert count(ifnet.Module(), truth=False)[0] == 10_708_215 - 636_665
  assert count(rife_hdv3.Module(), truth=False)[0] == 3_038_015 - 760_415


def given(mask):
  """[batch, time, 1, 1, 1] from a list of lists."""
  return jnp.asarray(mask, jnp.float32)[:, :, None, None, None]


def test_nearest_given_frames():
  found = between.nearest(given([[1, 0, 0, 1, 0, 1], [1, 0, 0, 0, 0, 1], [0, 0, 1, 0, 0, 0]]))
  np.testing.assert_array_equal(found.before, [[0, 0, 0, 3], [0, 0, 0, 0], [2, 2, 2, 2]])
  np.testing.assert_array_equal(found.after, [[3, 3, 5, 5], [5, 5, 5, 5], [2, 2, 2, 2]])
  np.testing.assert_allclose(
    found.t, [[1 / 3, 2 / 3, 3 / 5, 1 / 2], [1 / 5, 2 / 5, 3 / 5, 4 / 5], [0.5, 0.5, 0.5, 0.5]], rtol=1e-6
  )
  np.testing.assert_array_equal(found.unknown, [[1, 1, 0, 1], [1, 1, 1, 1], [1, 0, 1, 1]])


def test_a_frame_counts_as_given_only_if_all_of_it_is():
  mask = jnp.ones((1, 3, 2, 2, 1)).at[0, 1, 0, 0].set(0)
  assert between.nearest(mask).unknown[0, 0] == 1


def test_gather_takes_the_given_frames():
  mask = given([[1, 0, 0, 1, 0, 1]])
  hint = jnp.broadcast_to(jnp.linspace(-1, 1, 6)[None, :, None, None, None], (1, 6, 2, 2, 1))
  first, last, t = between.gather(hint, between.nearest(mask))
  np.testing.assert_allclose(first[:, 0, 0, 0] * 5, [0, 0, 0, 3], atol=1e-5)
  np.testing.assert_allclose(last[:, 0, 0, 0] * 5, [3, 3, 5, 5], atol=1e-5)
  assert t.shape == (4,)


def draw(module, video, mask):
  """Random parameters, without compiling an initialisation."""
  init = lambda: module.init(jax.random.key(0), video, mask, train=False, truth=video)["params"]
  numbers = np.random.default_rng(0)
  return jax.tree.map(
    lambda leaf: jnp.asarray(numbers.normal(size=leaf.shape, scale=0.2), leaf.dtype), jax.eval_shape(init)
  )


def compiled(module, train=False):
  """(parameters, hint, mask, truth) -> (prediction, {loss: value}), jitted."""

  def apply(params, hint, mask, truth):
    variables, truth = {"params": params}, truth if train else None
    made, written = module.apply(variables, hint, mask, train=train, truth=truth, mutable=["losses"])
    return made, {name: value[0] for name, value in written.get("losses", {}).items()}

  return jax.jit(apply, compiler_options=QUICK)


def sample(time, channels=1, side=16, batch=2):
  video = jax.random.uniform(jax.random.key(3), (batch, time, side, side, channels), minval=-1, maxval=1)
  ends = jnp.zeros((*video.shape[:-1], 1)).at[:, jnp.array([0, -1])].set(1)
  return video, ends


def test_any_number_of_frames_by_time():
  module = ifnet.Module(timestep=True, **TINY)
  assert module.any_time and module.window is None and not module.reads_ends
  video, mask = sample(4)
  params, apply = draw(module, video, mask), compiled(module, train=True)
  made, own = apply(params, video * mask, mask, video)
  assert made.shape == video.shape and made.dtype == jnp.float32 and np.isfinite(made).all()
  np.testing.assert_allclose(made[:, [0, -1]], video[:, [0, -1]], atol=1e-6)
  assert np.abs(made[:, 1] - made[:, 2]).max() > 1e-4  # times 1/3 and 2/3, of the same frames
  assert set(own) == {"teacher", "distillation"} and own["teacher"] > 0
  # What is not given is read by nothing but the teacher.
  changed, _ = apply(params, video, mask, video)
  np.testing.assert_array_equal(made, changed)
  # With a third frame given, its truth no longer matters to the losses, the other's does.
  some = mask.at[:, 2].set(1)
  hint = video * some
  _, one = apply(params, hint, some, video)
  _, same = apply(params, hint, some, video.at[:, 2].set(0.3))
  _, other = apply(params, hint, some, video.at[:, 1].set(0.3))
  assert one == same
  assert one["teacher"] != other["teacher"]


def test_gradients_are_finite_even_where_flows_agree():
  module = ifnet.Module(timestep=True, **TINY)
  video, mask = sample(3)
  params = draw(module, video, mask)
  # The teacher adds nothing: its flow is the last block's, where a square root has no gradient.
  params = params | {"privileged": jax.tree.map(jnp.zeros_like, params["privileged"])}

  def loss(readout):
    changed = params | {"block_1": params["block_1"] | {"readout": readout}}
    _, written = module.apply(
      {"params": changed}, video * mask, mask, train=True, truth=video, mutable=["losses"]
    )
    return sum(jax.tree.leaves(written["losses"]))

  gradient = jax.jit(jax.grad(loss), compiler_options=QUICK)(params["block_1"]["readout"])
  assert all(np.isfinite(leaf).all() and np.any(leaf != 0) for leaf in jax.tree.leaves(gradient))


def test_without_times_it_halves():
  module = ifnet.Module(factor=4, **TINY)
  assert module.window == (5, 1) and module.reads_ends and not module.any_time
  video, mask = sample(5)
  params = draw(module, video, mask)
  made, _ = compiled(module)(params, video * mask, mask, video)
  assert made.shape == video.shape
  # The middle of five is the middle of three.
  middle, _ = compiled(ifnet.Module(**TINY))(params, video[:, ::2], mask[:, ::2], video[:, ::2])
  np.testing.assert_allclose(made[:, 2], middle[:, 1], atol=1e-5)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_resizing_equals_pytorch(factor):
  torch = pytest.importorskip("torch", reason="PyTorch is not installed")
  x = np.random.default_rng(0).normal(size=(2, 16, 24, 3)).astype(np.float32)
  for ours, scale in ((enlarge, factor), (shrink, 1 / factor)):
    theirs = torch.nn.functional.interpolate(
      torch.tensor(x).permute(0, 3, 1, 2), scale_factor=scale, mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(ours(jnp.asarray(x), factor), theirs.permute(0, 2, 3, 1), atol=1e-5)


def test_laplacian_pyramid_is_blurred_differences():
  """One level, pixel by pixel, from the definition."""
  x = np.random.default_rng(0).normal(size=(6, 8))
  kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256

  def blur(x):
    padded = np.pad(x, 2, mode="reflect")
    return np.array([[(padded[i : i + 5, j : j + 5] * kernel).sum() for j in range(8)] for i in range(6)])

  spread = np.zeros_like(x)
  spread[::2, ::2] = blur(x)[::2, ::2]
  (level,) = laplacian.pyramid(jnp.asarray(x[None, :, :, None], jnp.float32), 1)
  np.testing.assert_allclose(level[0, :, :, 0], x - 4 * blur(spread), atol=1e-5)


def test_laplacian_loss_counts_unknown_frames_of_any_size():
  video, mask = sample(4, side=17)
  prediction = video + 0.1 * jnp.sin(jnp.arange(17.0))[:, None]
  value = losses.laplacian(prediction, video, 1 - mask)
  inner = (prediction - video)[:, 1:-1].reshape(4, 17, 17, 1)
  np.testing.assert_allclose(value, laplacian.mean_distance(inner).mean(), rtol=1e-5)
  np.testing.assert_allclose(losses.laplacian(prediction + 5 * mask, video, 1 - mask), value, rtol=1e-5)
  assert losses.laplacian(prediction, video, jnp.zeros_like(mask)) == 0
  with pytest.raises(ValueError, match="4 pixels a side"):
    losses.laplacian(prediction[:, :, :3], video[:, :, :3], 1 - mask[:, :, :3])


def test_hdv3_is_alike_forwards_and_backwards():
  module = rife_hdv3.Module(channels=4, scales=(2, 1))
  video, mask = sample(3, side=20)  # no multiple of 16

  def apply(params, hint):
    return module.apply(params, hint, mask, train=False)

  init = lambda: module.init(jax.random.key(0), video, mask, train=False)
  numbers = np.random.default_rng(0)
  params = jax.tree.map(
    lambda leaf: jnp.asarray(numbers.normal(size=leaf.shape, scale=0.3), leaf.dtype), jax.eval_shape(init)
  )
  one = jax.jit(apply, compiler_options=QUICK)(params, video)
  other = jax.jit(apply, compiler_options=QUICK)(params, video[:, ::-1])
  assert one.shape == video.shape
  np.testing.assert_allclose(one, other[:, ::-1], atol=1e-5)


def test_state_dicts_of_old_pytorch_are_read(tmp_path):
  torch = pytest.importorskip("torch", reason="PyTorch is not installed")
  state = {"a.weight": torch.arange(6.0).reshape(2, 3).T, "a.bias": torch.ones(2)}
  file = tmp_path / "old.pkl"
  torch.save(state, file, _use_new_zipfile_serialization=False)
  found = unpickle.torch_state(file.read_bytes())
  np.testing.assert_array_equal(found["a.weight"], np.arange(6.0).reshape(2, 3).T)
  np.testing.assert_array_equal(found["a.bias"], [1, 1])
  torch.save({"a": pytest.raises}, file, _use_new_zipfile_serialization=False)
  with pytest.raises(ValueError, match="not a state dict"):
    unpickle.torch_state(file.read_bytes())
  with pytest.raises(ValueError, match="not a state dict"):
    unpickle.torch_state(b"PK\x03\x04")


def test_names_of_the_public_weights():
  """A transposed kernel is turned, and a PReLU's weight is a slope."""
  assert convert._rife_layer("conv0", "1", "0") == ("down_1", "inner")
  assert convert._rife_layer("convblock2", "1", "1") == ("conv_2_1", "slope")
  assert convert._rife_layer("conv1", "2") == ("flow", "")
  assert convert._rife_layer("conv2", "1") == ("mask_up", "slope")


def test_public_weights_fit():
  if not weights.available("rife_hdv3"):
    pytest.skip("the weights rife_hdv3 are not here; python -m vgjax.metrics.weights fetch rife_hdv3")
  video, mask = sample(3, channels=3, side=32)
  init = lambda: rife_hdv3.Module().init(jax.random.key(0), video, mask, train=False)["params"]
  shapes = {path_name(path): leaf.shape for path, leaf in jax.tree.leaves_with_path(jax.eval_shape(init))}
  assert shapes == {name: array.shape for name, array in weights.load("rife_hdv3").items()}
