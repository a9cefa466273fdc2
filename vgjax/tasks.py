"""Tasks: what of a video is given, and what is wanted.

A task is a pure function `(batch, rng) -> batch` that adds

  mask  [batch, time, height, width, 1], 1 where a pixel is given exactly, else 0;
  hint  shaped like the video: what guides the method. The given pixels, and 0 (mid grey) elsewhere; for a
        translation another video altogether, of which no pixel is given: the mask is 0.

Tasks run inside the jitted step, on the sharded batch: shapes are static, and what is random is drawn for
each example by itself. Each function below makes a task from the keys of `config.task`:

  config.task = dict(name="predict", given=10)
  config.task = dict(name="one_of", tasks=dict(
      forward=dict(name="predict", given=5),
      between=dict(name="interpolate", every=4)), weights=dict(forward=3.0, between=1.0))
"""

import jax
import jax.numpy as jnp
import numpy as np

__all__ = [  # the names for config.task
  "colorize",
  "edges",
  "generate",
  "inpaint",
  "interpolate",
  "one_of",
  "predict",
  "translate",
]


def generate():
  """Nothing is given: videos from noise (and labels or text, if the batch has them)."""

  def task(batch, rng):
    del rng
    return _give(batch, jnp.zeros_like(batch["video"][..., :1]))

  return task


def predict(*, given=10):
  """The first `given` frames are given, all later ones are wanted.

  Args:
    given: how many frames; at least 1, and fewer than the video has.
  """
  if given < 1:
    raise ValueError(f'predict: given must be at least 1, got {given}; "generate" gives nothing')

  def task(batch, rng):
    del rng
    time = batch["video"].shape[1]
    if given >= time:
      raise ValueError(
        f"predict: given = {given}, but the videos have {time} frames, which leaves none to predict; "
        "ask the data for longer videos or give fewer frames"
      )
    return _give(batch, _whole_frames(batch["video"], np.arange(time) < given))

  return task


def interpolate(*, every=None):
  """The first and the last frame are given, or every n-th; the frames between are wanted.

  Args:
    every: None for the first and the last frame only. With n, the frames 0, n, 2n, ... are given, and
      the last one too, so that nothing has to be extrapolated.
  """
  if every is not None and every < 2:
    raise ValueError(f"interpolate: every must be at least 2 (or None), got {every}")

  def task(batch, rng):
    del rng
    time = batch["video"].shape[1]
    index = np.arange(time)
    given = (index % (every or max(time - 1, 1)) == 0) | (index == time - 1)
    if given.all():
      raise ValueError(f"interpolate: videos of {time} frames have none between the given ones")
    return _give(batch, _whole_frames(batch["video"], given))

  return task


def inpaint(*, kind="box", size=0.5, block=8, lost=0.25):
  """All is given but a hole, anew for each example.

  Args:
    kind: "box", a rectangle that stays where it is; "moving", one that moves in a straight line and is
      reflected at the walls, up to a tenth of its free way a frame; "blocks", lost square blocks, each
      frame's own, as a bad connection loses them.
    size: for "box" and "moving", the hole's height and width as a share of the frame's.
    block: for "blocks", the side of a block in pixels (at the right and lower edge it may be cut off).
    lost: for "blocks", the probability that a block is lost.
  """
  if kind not in ("box", "moving", "blocks"):
    raise ValueError(f'inpaint: unknown kind "{kind}"; known: box, moving, blocks')
  if not 0 < size <= 1:
    raise ValueError(f"inpaint: size must be above 0 and at most 1, got {size}")
  if block < 1:
    raise ValueError(f"inpaint: block must be at least 1 pixel, got {block}")
  if not 0 < lost <= 1:
    raise ValueError(f"inpaint: lost must be above 0 and at most 1, got {lost}")

  def task(batch, rng):
    shape = batch["video"].shape[:4]
    if kind == "blocks":
      hole = _lost_blocks(rng, shape, block, lost)
    else:
      hole = _box(rng, shape, size, moves=kind == "moving")
    return _give(batch, 1 - hole[..., None].astype(batch["video"].dtype))

  return task


def colorize():
  """A grey video is to be coloured: the hint has its luma in every channel.

  Luma is 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), of values as they are shown.
  """

  def task(batch, rng):
    del rng
    video = batch["video"]
    if video.shape[-1] != 3:
      raise ValueError(
        f"colorize: the videos have {video.shape[-1]} channel(s), and colour needs 3; a source that reads"
        " files is told so by config.data.channels = 3"
      )
    return _guide(batch, jnp.broadcast_to(_luma(video), video.shape))

  return task


def edges():
  """A drawing of edges is to be filled in: the hint is -1 where nothing changes, 1 at the sharpest edge.

  It is the length of the Sobel gradient of each frame's luma, by which a straight edge between black and
  white has 1 (what is longer, at some corners, is cut off). At the border the frame is continued as it ends.
  """

  def task(batch, rng):
    del rng
    video = batch["video"]
    luma = _luma(video) if video.shape[-1] == 3 else jnp.mean(video, axis=-1, keepdims=True)
    padded = jnp.pad(luma, [(0, 0), (0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
    down = _blur(_difference(padded, 2), 3)
    right = _blur(_difference(padded, 3), 2)
    length = jnp.sqrt(jnp.square(down) + jnp.square(right)) / 8  # black to white is 2, and the taps sum to 4
    return _guide(batch, jnp.broadcast_to(2 * jnp.minimum(length, 1) - 1, video.shape))

  return task


def translate(*, source="source"):
  """Another video is to be translated into this one: the hint is `batch[source]`.

  Args:
    source: the name of that video; uint8, which becomes [-1, 1], or float32 in that range. The data source
      `pairs` has `source`.
  """

  def task(batch, rng):
    del rng
    if source not in batch:
      videos = sorted(name for name, array in batch.items() if array.ndim == batch["video"].ndim)
      raise ValueError(
        f'translate: the data have no "{source}" beside the video (they have {", ".join(videos)}); the source'
        ' `pairs` does: config.data = dict(name="pairs", first=..., second=...)'
      )
    video, hint = batch["video"], batch[source]
    if hint.shape != video.shape:
      raise ValueError(
        f'translate: "{source}" is {list(hint.shape)}, and the video {list(video.shape)}; both need the same'
        " frames, size and channels"
      )
    if hint.dtype == jnp.uint8:
      hint = hint.astype(video.dtype) / 127.5 - 1.0
    return _guide(batch, hint)

  return task


def one_of(*, tasks, weights=None):
  """Each example gets one of several tasks, drawn by itself.

  Args:
    tasks: {name: task}; in a config, {name: dict(name=..., ...)}.
    weights: {name: how often}, in any unit; None for all alike.
  """
  if not tasks:
    raise ValueError("one_of: needs at least one task")
  weights = dict.fromkeys(tasks, 1.0) if weights is None else dict(weights)
  if set(weights) != set(tasks):
    raise ValueError(f"one_of: weights are for {sorted(weights)}, tasks are {sorted(tasks)}")
  if min(weights.values()) < 0 or not sum(weights.values()) > 0:
    raise ValueError(f"one_of: weights must not be negative, and not all zero, got {weights}")
  names = sorted(tasks)  # the order in which a config lists them must not matter
  share = np.array([weights[name] for name in names], np.float32) / sum(weights.values())

  def task(batch, rng):
    rng_choice, *rngs = jax.random.split(rng, 1 + len(names))
    choice = jax.random.choice(rng_choice, len(names), (len(batch["video"]),), p=share)
    made = [tasks[name](batch, r) for name, r in zip(names, rngs, strict=True)]
    if any(set(one) != set(made[0]) for one in made):
      keys = {name: sorted(one) for name, one in zip(names, made, strict=True)}
      raise ValueError(f"one_of: the tasks leave different keys in the batch: {keys}")
    return {key: _choose(choice, [one[key] for one in made]) for key in made[0]}

  return task


def _give(batch, mask):
  return {**batch, "hint": batch["video"] * mask, "mask": mask}


def _guide(batch, hint):
  """A hint of which no pixel is given."""
  return {**batch, "hint": hint, "mask": jnp.zeros_like(batch["video"][..., :1])}


def _luma(video):
  return jnp.sum(video * np.array([0.299, 0.587, 0.114], np.float32), axis=-1, keepdims=True)


def _difference(array, axis):
  """Each entry's next neighbour less the one before; two entries fewer."""
  end = array.shape[axis]
  return jax.lax.slice_in_dim(array, 2, end, axis=axis) - jax.lax.slice_in_dim(array, 0, end - 2, axis=axis)


def _blur(array, axis):
  """1, 2, 1 of each entry and its neighbours; two entries fewer."""
  end = array.shape[axis]
  before, here, after = (jax.lax.slice_in_dim(array, i, end - 2 + i, axis=axis) for i in range(3))
  return before + 2 * here + after


def _whole_frames(video, given):
  """The mask [batch, time, height, width, 1] that gives the frames `given`, a host array [time]."""
  given = jnp.asarray(given, video.dtype)[None, :, None, None, None]
  return jnp.broadcast_to(given, (*video.shape[:4], 1))


def _box(rng, shape, size, *, moves):
  """1 inside each example's hole: [batch, time, height, width]."""
  batch, time, height, width = shape
  rng_place, rng_angle, rng_speed = jax.random.split(rng, 3)
  sides = np.array([max(1, round(size * n)) for n in (height, width)])
  free = np.array([height, width]) - sides  # pixels that the hole's corner can move
  place = jax.random.uniform(rng_place, (batch, 1, 2))  # in units of `free`
  if moves:
    angle = jax.random.uniform(rng_angle, (batch, 1, 1), maxval=2 * np.pi)
    speed = jax.random.uniform(rng_speed, (batch, 1, 1), minval=0.02, maxval=0.1)
    direction = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)
    place = place + speed * direction * jnp.arange(time)[None, :, None]
    place = 1 - jnp.abs(place % 2 - 1)  # a triangle wave: reflection at 0 and at 1
  corner = jnp.minimum(jnp.floor(place * (free + 1)), free)[..., None]  # [batch, time or 1, 2, 1]
  rows, columns = jnp.arange(height), jnp.arange(width)
  in_rows = (rows >= corner[:, :, 0]) & (rows < corner[:, :, 0] + sides[0])
  in_columns = (columns >= corner[:, :, 1]) & (columns < corner[:, :, 1] + sides[1])
  return jnp.broadcast_to(in_rows[..., :, None] & in_columns[..., None, :], shape)


def _lost_blocks(rng, shape, block, lost):
  """1 inside lost blocks: [batch, time, height, width]."""
  batch, time, height, width = shape
  grid = (batch, time, -(-height // block), -(-width // block))
  hole = jax.random.bernoulli(rng, lost, grid)
  return hole.repeat(block, axis=2).repeat(block, axis=3)[:, :, :height, :width]


def _choose(choice, arrays):
  """arrays[choice[i]][i] for each example i."""
  if all(array is arrays[0] for array in arrays):
    return arrays[0]  # no task touched it
  chosen = arrays[0]
  for i, array in enumerate(arrays[1:], 1):
    chosen = jnp.where((choice == i).reshape(-1, *[1] * (array.ndim - 1)), array, chosen)
  return chosen
