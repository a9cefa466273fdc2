"""The sound of the film, into the file that is written from it.

Packets are copied as they are where the new file's format can hold them; else they are decoded and encoded
anew. Slowed down, they are always encoded anew, at their own pitch (FFmpeg's `atempo`).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import av.error
import av.filter
from av.container import OutputContainer

from vgjax.data import reader as reader_lib
from vgjax.data.reader import VideoError
from vgjax.inference.film import Film

_SLOWEST = 0.5  # of one `atempo`; more are put in a row
_LEAD = 0.1  # seconds before the first frame that are kept: decoders need a packet to settle


class Sound:
  """The sound tracks of a film, added to a container before its first frame is written.

  Args:
    film: where they come from; its `has_audio` is set.
    container: where they go.
    start: seconds of the film at which the new file begins.
    end: seconds at which it ends, or None.
    slower: how many times.
  """

  def __init__(
    self, film: Film, container: OutputContainer, *, start: float, end: float | None, slower: float = 1.0
  ):
    self._path, self._container, self._slower = film.path, container, slower
    self._origin = film.origin + start
    self._length = None if end is None else end - start
    self._input = reader_lib.open_container(film.path)
    self.copied = slower == 1.0
    self._tracks: dict[int, Any] = {}
    for stream in self._input.streams.audio:
      if stream.codec_context is not None:
        self._tracks[stream.index] = self._track(stream)
    self._packets = self._made(start)
    self._next = next(self._packets, None)

  def write_until(self, seconds: float | None) -> None:
    """Writes what is heard before `seconds` of the new file; None: all that is left."""
    while self._next is not None and (seconds is None or self._next[0] <= seconds):
      self._container.mux(self._next[1])
      self._next = next(self._packets, None)

  def close(self) -> None:
    self._input.close()

  def _track(self, stream):
    """A packet copier or a coder for one of the film's sound tracks."""
    name = stream.codec_context.codec.canonical_name
    if self.copied and name in self._container.supported_codecs:
      return _Copier(self._container.add_stream_from_template(stream))
    self.copied = False
    return _Coder(self._container, stream, self._slower)

  def _made(self, start: float) -> Iterator[tuple[float, av.Packet]]:
    """Yields (seconds in the new file, packet)."""
    streams = [self._input.streams[index] for index in self._tracks]
    if not streams:
      return
    try:
      if start > _LEAD:
        self._input.seek(int((self._origin - _LEAD) * av.time_base), backward=True)
      for packet in self._input.demux(streams):
        if packet.pts is None or packet.size == 0:
          continue
        seconds = float(packet.pts * packet.time_base) - self._origin
        if seconds < -_LEAD:
          continue
        if self._length is not None and seconds >= self._length:
          break
        for made in self._tracks[packet.stream.index].take(packet, self._origin):
          yield seconds * self._slower, made
      for track in self._tracks.values():
        for made in track.finish():
          yield float("inf"), made
    except reader_lib.ERRORS as error:
      raise VideoError(
        f"{self._path}: its sound: {reader_lib.reason(error)}. --audio drop leaves it out."
      ) from error


class _Copier:
  """Hands packets on, on the new file's clock."""

  def __init__(self, stream):
    self._stream = stream

  def take(self, packet, origin: float):
    shift = round(origin / float(packet.time_base))
    packet.pts -= shift
    packet.dts = packet.pts if packet.dts is None else packet.dts - shift
    packet.stream = self._stream
    return [packet]

  def finish(self):
    return []


class _Coder:
  """Decodes, slows down and encodes one track."""

  def __init__(self, container: OutputContainer, stream, slower: float):
    rate = stream.codec_context.sample_rate
    codec = "aac" if "aac" in container.supported_codecs else container.default_audio_codec
    rate = 48000 if codec in ("opus", "libopus") else rate
    self._out: Any = container.add_stream("libopus" if codec == "opus" else codec, rate=rate)
    self._out.layout = "mono" if stream.codec_context.channels == 1 else "stereo"
    self._rate, self._slower, self._stream = rate, slower, stream
    self._graph: Any = None
    self._clock = 0  # samples handed to the encoder
    self._begin: float | None = None  # seconds in the new file

  def take(self, packet, origin: float):
    made = []
    for frame in packet.decode():
      if self._begin is None:
        self._begin = max(0.0, ((frame.time or 0.0) - origin) * self._slower)
        self._clock = round(self._begin * self._rate)
      made += self._encode(self._filtered(frame))
    return made

  def finish(self):
    made = self._encode(self._filtered(None)) if self._graph is not None else []
    return made + list(self._out.encode(None))

  def _filtered(self, frame):
    """Slowed and resampled frames, without times."""
    if self._graph is None:
      self._graph = graph = av.filter.Graph()
      nodes = [graph.add_abuffer(template=self._stream)]
      left = 1 / self._slower
      while left < 1:
        nodes.append(graph.add("atempo", str(max(_SLOWEST, left))))
        left /= max(_SLOWEST, left)
      context = self._out.codec_context
      nodes.append(
        graph.add(
          "aformat",
          f"sample_fmts={context.format.name}:sample_rates={self._rate}:channel_layouts={context.layout.name}",
        )
      )
      nodes.append(graph.add("abuffersink"))
      graph.link_nodes(*nodes).configure()
    self._graph.push(frame)
    frames = []
    while True:
      try:
        frames.append(self._graph.pull())
      except (av.error.BlockingIOError, av.error.EOFError):
        return frames

  def _encode(self, frames):
    made = []
    for frame in frames:
      frame.pts, frame.time_base = self._clock, Fraction(1, self._rate)
      self._clock += frame.samples
      made += self._out.encode(frame)
    return made
