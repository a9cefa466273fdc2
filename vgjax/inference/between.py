"""Frames between frames, as a stream.

The network gets the film in groups of as many frames as its training videos gave, each group beginning with
the last frame of the one before:

  a . . . b . . . c        network(a, b, c) fills in the dots, where every = 4
                  c . . . d . . . e

A scene's last group is moved back, so that it is full of frames of the scene; a scene shorter than a group
repeats its last frame. From one scene to the next nothing is made up: the frames before and after the cut
are held. A factor of every^k is reached in k rounds, each on what the one before made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from vgjax.errors import ConfigError
from vgjax.inference.film import Frame
from vgjax.inference.opened import Opened

Fill = Callable[[np.ndarray], np.ndarray]


class Plan(NamedTuple):
  """How a network is asked for a factor.

  Attributes:
    every: a round multiplies the rate by this.
    group: frames that are given at once.
    rounds: how often.
  """

  every: int
  group: int
  rounds: int

  @property
  def given(self) -> np.ndarray:
    """Which frames the network is given: bool [time]."""
    return np.arange((self.group - 1) * self.every + 1) % self.every == 0


def plan(opened: Opened, factor: int) -> Plan:
  """How to reach a factor with the network of a run.

  Raises:
    ConfigError: the run's network does not interpolate, or not by this factor.
  """
  task = opened.task("interpolate")
  if task is None:
    raise ConfigError(
      f"the run {opened.workdir} was trained for the task {opened.run.config['task'].get('name')!r}, not to"
      " interpolate. configs/own_video/interpolate.py trains one that does on your own videos, and says how."
    )
  if opened.any_time:
    return Plan(every=factor, group=2, rounds=1)
  last = opened.time - 1
  every = task.get("every") or last
  if opened.model.reads_ends and opened.model.window:
    last = every = opened.model.window[0] - 1
  if last % every:
    raise ConfigError(
      f"the run {opened.workdir} was trained on videos of {opened.time} frames, of which every {every}th and"
      f" the last is given: no rate. Train with config.data.time = {last // every * every + every + 1}."
    )
  rounds, reached = 0, 1
  while reached < factor:
    reached *= every
    rounds += 1
  if reached != factor:
    known = [every**k for k in range(1, 5)]
    raise ConfigError(
      f"the network of {opened.workdir} puts {every - 1} frames between two, so --factor is one of"
      f" {', '.join(map(str, known))}, ..., not {factor}."
    )
  return Plan(every, last // every + 1, rounds)


def interpolate(frames: Iterable[Frame], fill: Fill, plan: Plan, *, batch: int) -> Iterator[Frame]:
  """The film at `every ** rounds` times its rate.

  Args:
    frames: the film.
    fill: uint8 [batch, group, height, width, channels] of given frames to [batch, time, height, width,
      channels] with those between.
    plan: how.
    batch: groups at once; `fill` always gets so many.

  Yields:
    The film's own frames as they came, and those between, whose `made` is set.
  """
  for _ in range(plan.rounds):
    frames = _round(frames, fill, plan.every, plan.group, batch)
  yield from frames


class _Group(NamedTuple):
  """Frames for the network.

  Attributes:
    frames: as many as a group has.
    first: the interval after this frame is the first that is new.
    last: the last frame that is real; what follows repeats it.
    ends: whether the scene ends with it.
    after: the frame with which the next scene begins, or None at the film's end.
  """

  frames: list[Frame]
  first: int
  last: int
  ends: bool = False
  after: Frame | None = None


def _round(frames: Iterable[Frame], fill: Fill, every: int, group: int, batch: int) -> Iterator[Frame]:
  waiting: list[_Group] = []
  for one in _groups(frames, every, group):
    waiting.append(one)
    if sum(g.first < g.last for g in waiting) == batch:
      yield from _filled(waiting, fill, every, batch)
      waiting = []
  yield from _filled(waiting, fill, every, batch)


def _groups(frames: Iterable[Frame], every: int, group: int) -> Iterator[_Group]:
  scene: list[Frame] = []  # its last frames, at most a group
  done = 0  # of them, the one up to which all is filled in
  for frame in frames:
    if frame.cut and scene:
      yield _last_group(scene, done, group, frame)
      # With frames that show it sooner, the scene begins with the first of those.
      scene, done = [frame._replace(cut=every < 3)], 0
      continue
    scene.append(frame)
    if len(scene) > group:
      scene, done = scene[1:], done - 1
    if len(scene) - 1 - done == group - 1:
      yield _Group(scene[:], done, len(scene) - 1)
      done = len(scene) - 1
  if scene:
    yield _last_group(scene, done, group, None)


def _last_group(scene: list[Frame], done: int, group: int, after: Frame | None) -> _Group:
  repeated = scene + scene[-1:] * (group - len(scene))
  return _Group(repeated, done, len(scene) - 1, ends=True, after=after)


def _filled(groups: list[_Group], fill: Fill, every: int, batch: int) -> Iterator[Frame]:
  """The frames of the groups in order, with those between."""
  asked = [[frame.pixels for frame in group.frames] for group in groups if group.first < group.last]
  made: Iterator[Any] = iter(())
  if asked:
    asked += asked[-1:] * (batch - len(asked))
    made = iter(fill(np.stack([np.stack(frames) for frames in asked])))
  for group in groups:
    video = next(made) if group.first < group.last else None
    for place in range(group.first, group.last):
      here, there = group.frames[place], group.frames[place + 1]
      yield here
      assert video is not None
      for part in range(1, every):
        yield _made(here, there, part / every, video[place * every + part])
    if group.ends:
      here, there = group.frames[group.last], group.after
      yield here
      if there is None:
        continue
      for part in range(1, every):
        nearer = here if 2 * part <= every else there
        starts = nearer is there and 2 * (part - 1) <= every
        yield _made(here, there, part / every, nearer.pixels)._replace(cut=starts)


def _made(here: Frame, there: Frame, share: float, pixels: np.ndarray) -> Frame:
  return Frame(here.seconds + share * (there.seconds - here.seconds), pixels, made=True)
