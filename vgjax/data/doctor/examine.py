"""One video, a file or a folder of pictures, looked at closely: its header, and every frame decoded."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import time
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

from vgjax.data import frame_folder, watch
from vgjax.data import reader as reader_lib
from vgjax.data import video as video_lib
from vgjax.data.pixels import over_black
from vgjax.data.prepare import inputs

SAMPLES = 8  # frames of a video that are looked at, evenly spread over its time
PICTURE = 192  # pixels, the longer side of a sampled frame
LOOK = 12  # pixels, the sides of the grey picture by which two videos are compared
BLACK = 24  # grey levels; 99 % of the pixels of a black video are not above
# How a copy may show a video: (mirrored, the share of the height, the share of the width, about the middle).
VIEWS = (
  (True, 1.0, 1.0),
  *((False, s, s) for s in (0.95, 0.9, 0.85, 0.8, 0.7)),
  (False, 1.0, 0.75),
  (False, 0.75, 1.0),
)
STILL = 8  # grey levels; no block of a still video changes by more
GREY = 6  # levels between the colours of a pixel, which compression alone makes


@dataclasses.dataclass(frozen=True)
class Job:
  """What a worker is asked to look at."""

  path: str
  name: str
  quick: bool  # the header and the first frame only
  pictures: bool  # bring the sampled frames back
  frame_fps: float = 25.0  # frames a second, if it is a folder of pictures


@dataclasses.dataclass
class Checked:
  """What was found in one file.

  Attributes:
    name: relative to the folder.
    bytes: its size; of a folder, that of its pictures.
    problem: why it cannot be used, or an empty text.
    decodes: at least one frame could be decoded.
    height, width: in pixels, as shown: turned as the file asks for.
    rotation: degrees by which it is turned for that.
    fps: frames a second, on average.
    variable_rate: the time between frames changes.
    num_frames: those that decode; with `quick`, those that the header claims.
    duration: seconds.
    key_every: frames from key frame to key frame, on average; what a seek has to decode.
    codec, container: as FFmpeg calls them; "frames" and "folder" for a folder of pictures.
    sound: the codec of its sound, or an empty text.
    black, still, grey: nothing to be seen, nothing moves, no colours.
    seconds: what decoding took.
    digest: of its size and both its ends (of a folder: of names, sizes and some pictures); equal for equal
      files.
    hashes: uint64 [SAMPLES], perceptual; None if no frame was decoded.
    looks: uint8 [SAMPLES, LOOK, LOOK], the sampled frames, small and grey.
    view_hashes, view_looks: the same of each of VIEWS, with one axis more in front.
    strip: the sampled frames as JPEG files.
  """

  name: str
  bytes: int = 0
  problem: str = ""
  decodes: bool = False
  height: int = 0
  width: int = 0
  rotation: int = 0
  fps: float = 0.0
  variable_rate: bool = False
  num_frames: int = 0
  duration: float = 0.0
  key_every: float = 0.0
  codec: str = ""
  container: str = ""
  sound: str = ""
  black: bool = False
  still: bool = False
  grey: bool = False
  seconds: float = 0.0
  digest: str = ""
  hashes: np.ndarray | None = None
  looks: np.ndarray | None = None
  view_hashes: np.ndarray | None = None
  view_looks: np.ndarray | None = None
  strip: list[bytes] = dataclasses.field(default_factory=list)

  def to_json(self) -> dict[str, Any]:
    """What the report keeps: all but the pictures."""
    hidden = ("hashes", "looks", "view_hashes", "view_looks", "strip")
    plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in hidden}
    if self.hashes is not None:
      plain["hashes"] = [f"{int(number):016x}" for number in self.hashes]
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in plain.items()}


def examine(job: Job) -> Checked:
  """Looks at a file; whatever is wrong with it is in the result, not raised."""
  found = Checked(job.name)
  start = time.perf_counter()
  try:
    found.bytes = os.path.getsize(job.path)
    job.name.encode()  # a name that is not UTF-8 could not be written into a manifest
    if found.bytes == 0:
      found.problem = "the file is empty"
      return found
    with watch.reading(job.path):
      if os.path.isdir(job.path):
        _read_folder(job, found)
      else:
        found.digest = inputs.digest(job.path)
        _read_header(job.path, found)
        _decode(job, found)
  except UnicodeEncodeError:
    found.problem = "its name is not UTF-8; rename it"
  except video_lib.VideoError as error:
    found.problem = str(error).removeprefix(job.path).lstrip(":/ ")
  except reader_lib.ERRORS as error:
    found.problem = reader_lib.reason(error)
  found.seconds = time.perf_counter() - start
  return found


def _read_header(path: str, found: Checked) -> None:
  info = video_lib.probe(path)
  found.height, found.width = info.height, info.width
  found.fps, found.num_frames, found.duration = info.fps, info.num_frames, info.duration
  found.codec = info.codec
  with reader_lib.open_container(path) as container:
    found.container = container.format.name.split(",")[0]
    if container.streams.audio:
      context = container.streams.audio[0].codec_context
      found.sound = "unknown" if context is None else context.codec.canonical_name


def _decode(job: Job, found: Checked) -> None:
  """Fills in what only the frames tell. A file that ends too early keeps what was there until then."""
  claimed = found.num_frames
  reader = reader_lib.Reader(job.path)
  samples = _Samples(1 if job.quick else SAMPLES, found.duration)
  stamps, corrupt, key_frames, failure = [], 0, 0, ""
  try:
    for seconds, frame in reader.frames(0.0):
      if not stamps:
        found.rotation = round(frame.rotation) % 360
      stamps.append(seconds)
      corrupt += bool(frame.is_corrupt)
      key_frames += bool(frame.key_frame)
      samples.offer(seconds, frame)
      if job.quick:
        break
  except reader_lib.ERRORS as error:
    failure = reader_lib.reason(error)
  finally:
    reader.close()
  if not stamps:
    found.problem = f"no frame can be decoded{f': {failure}' if failure else ''}"
    return
  found.decodes = True
  if found.rotation % 180:
    found.height, found.width = found.width, found.height
  _look(samples.finish(), job, found)
  if job.quick:
    return
  _rate(np.array(stamps), found)
  found.key_every = len(stamps) / max(1, key_frames)
  if failure:
    found.problem = f"decoding stops after frame {len(stamps)} of {claimed}: {failure}"
  elif len(stamps) < min(claimed - 2, 0.95 * claimed):
    found.problem = f"cut short: {len(stamps)} of its {claimed} frames are there"
  elif corrupt:
    found.problem = f"{corrupt} of its {len(stamps)} frames are damaged"


def _read_folder(job: Job, found: Checked) -> None:
  """All of that for a folder of pictures."""
  names = frame_folder.list_pictures(job.path)
  paths = [os.path.join(job.path, name) for name in names]
  found.bytes = sum(map(os.path.getsize, paths))
  # Pictures that are not compressed all have one size, so names and sizes do not tell folders apart.
  some = [inputs.digest(paths[place]) for place in (0, len(paths) // 2, -1)]
  found.digest = hashlib.sha256(repr([inputs.digest(job.path), *some]).encode()).hexdigest()[:32]
  info = video_lib.probe(job.path, frame_fps=job.frame_fps)
  found.height, found.width, found.codec, found.container = info.height, info.width, info.codec, "folder"
  found.fps, found.num_frames, found.duration, found.key_every = info.fps, len(names), info.duration, 1.0
  samples = _Samples(1 if job.quick else SAMPLES, found.duration)
  bad = []
  for seconds, picture in frame_folder.frames(job.path, 0.0, job.frame_fps):
    watch.beat()
    try:
      samples.offer(seconds, frame_folder.pixels(picture, None, (0.5, 0.5), 3))
      found.decodes = True
    except video_lib.VideoError as error:
      bad.append(str(error).removeprefix(job.path).lstrip("/"))
    if job.quick:
      break
  if found.decodes:
    _look(samples.finish(), job, found)
  if bad:
    found.problem = f"{len(bad)} of its {len(names)} pictures cannot be read, such as {bad[0]}"


def _rate(stamps: np.ndarray, found: Checked) -> None:
  """Frames a second and whether they come evenly, from the timestamps [time] in seconds."""
  found.num_frames = len(stamps)
  steps = np.diff(stamps)
  if not len(steps) or stamps[-1] <= stamps[0]:
    return
  period = float(np.median(steps))
  # Containers round stamps to milliseconds, which is much at high rates.
  uneven = np.abs(steps - period) > max(0.3 * period, 0.002)
  found.variable_rate = bool(uneven.mean() > 0.02)
  found.fps = float(len(steps) / (stamps[-1] - stamps[0]))
  found.duration = float(stamps[-1] - stamps[0] + period)


class _Samples:
  """The frames on display at `count` moments, evenly spread, as small upright pictures."""

  def __init__(self, count: int, duration: float):
    self._wanted = [(i + 0.5) / count * duration for i in range(count)]
    self._reformatter = VideoReformatter()
    self._shown: Any = None
    self.pictures: list[np.ndarray] = []

  def offer(self, seconds: float, frame: av.VideoFrame | np.ndarray) -> None:
    while self._shown is not None and self._wanted and self._wanted[0] < seconds:
      self._take()
    self._shown = frame

  def finish(self) -> list[np.ndarray]:
    while self._wanted:
      self._take()
    return self.pictures

  def _take(self) -> None:
    self._wanted.pop(0)
    frame = self._shown
    if isinstance(frame, np.ndarray):
      image = Image.fromarray(frame)
      image.thumbnail((PICTURE, PICTURE), Image.Resampling.BOX)
      self.pictures.append(np.asarray(image))
      return
    quarter_turns = round(frame.rotation / 90) % 4
    scale = min(1.0, PICTURE / max(frame.height, frame.width))
    small = self._reformatter.reformat(
      over_black(frame),
      height=max(2, round(frame.height * scale)),
      width=max(2, round(frame.width * scale)),
      format="rgb24",
      interpolation=Interpolation.AREA,
      dst_color_range="JPEG",
      threads=1,
    )
    self.pictures.append(np.rot90(small.to_ndarray(), quarter_turns).copy())


def _look(pictures: list[np.ndarray], job: Job, found: Checked) -> None:
  """Judges the sampled pictures, uint8 [height, width, 3]."""
  images = [Image.fromarray(picture) for picture in pictures]
  luma = [np.asarray(image.convert("L")) for image in images]
  spread = [int(np.percentile(np.ptp(picture, axis=-1), 95)) for picture in pictures]
  blocks = np.stack([np.asarray(i.convert("L").resize((32, 32), Image.Resampling.BOX)) for i in images])
  found.grey = max(spread) <= GREY
  found.black = bool(max(np.percentile(picture, 99) for picture in luma) <= BLACK)
  if job.pictures:
    found.strip = [_jpeg(image) for image in images]
  if job.quick:
    return
  change = np.abs(blocks.astype(int) - blocks[0].astype(int)).max()
  found.still = bool(change <= STILL)
  grey = [image.convert("L") for image in images]
  found.hashes, found.looks = _prints(grey)
  views = [_prints([_view(image, *view) for image in grey]) for view in VIEWS]
  found.view_hashes = np.stack([hashes for hashes, _ in views])
  found.view_looks = np.stack([looks for _, looks in views])


def _view(image: Image.Image, mirrored: bool, height: float, width: float) -> Image.Image:
  """The middle of a picture, or its mirror image."""
  if mirrored:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
  y, x = (1 - height) / 2 * image.height, (1 - width) / 2 * image.width
  return image.crop((round(x), round(y), max(round(x) + 1, round(image.width - x)),
                     max(round(y) + 1, round(image.height - y))))  # fmt: skip


def _prints(images: list[Image.Image]) -> tuple[np.ndarray, np.ndarray]:
  """(perceptual hashes [images], looks [images, LOOK, LOOK]) of grey pictures."""
  blocks = [np.asarray(image.resize((32, 32), Image.Resampling.BOX)) for image in images]
  looks = [np.asarray(image.resize((LOOK, LOOK), Image.Resampling.BOX)) for image in images]
  return np.array([perceptual_hash(block) for block in blocks], np.uint64), np.stack(looks)


def perceptual_hash(block: np.ndarray) -> int:
  """64 bits that stay nearly the same under scaling and compression.

  The 8x8 lowest frequencies of the discrete cosine transform of a 32x32 grey picture, each compared with
  their median (Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions"). The mean
  brightness is left out. 0 for a picture without contrast: it says nothing.

  Args:
    block: uint8 [32, 32].
  """
  block = block.astype(np.float64)
  if block.std() < 2:
    return 0
  frequency, place = np.arange(1, 9)[:, None], np.arange(32)[None]
  basis = np.cos(np.pi * frequency * (2 * place + 1) / 64)  # [8, 32]
  coefficients = (basis @ block @ basis.T).ravel()
  bits = coefficients > np.median(coefficients)
  return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _jpeg(image: Image.Image) -> bytes:
  data = io.BytesIO()
  image.save(data, "JPEG", quality=88)
  return data.getvalue()
