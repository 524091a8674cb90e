"""FFmpeg's containers: which may be opened, how long they are, and frames from any second on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av

from searchengine.errors import DecodeError

#: FFmpeg's names of the formats we read. Left out on purpose: playlists and the like, with
#: which a file makes its reader open other files or addresses.
DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,ogg,asf,flv,"
    "mp3,aac,flac,wav,w64,aiff"
)

#: Formats of a stream of sound whose header, if any, only estimates its length.
ESTIMATED = frozenset({"mp3", "aac"})

#: A frame's time in a container is rounded to milliseconds or finer.
ROUNDING_S = 0.002

#: How far before the wanted second to look for a key frame, one after another; then the start.
STEPS_BACK_S = (0.0, 1.0, 10.0, math.inf)

#: Threads of one decoder: more do not help a few frames, and each holds frames of its own.
THREADS = 2


@contextmanager
def opened(path: Path, kind: Literal["video", "audio"]) -> Iterator[Recording]:
    """The recording; what FFmpeg raises, now or in the block, becomes a DecodeError."""
    recording = None
    try:
        recording = Recording(path, kind)
        yield recording
    except MemoryError:  # FFmpeg's own is an FFmpegError too
        raise
    except (OSError, ValueError, av.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DecodeError(str(path), f"not a readable recording ({reason})") from error
    finally:
        if recording:
            recording.container.close()


class Recording:
    """A file that FFmpeg reads, and its first stream of pictures or of sound."""

    def __init__(self, path: Path, kind: Literal["video", "audio"]) -> None:
        self._path = path
        self._kind = kind
        self._open()

    def length_s(self) -> float:
        """What the stream says, else the container; counted where neither knows. 0 if empty."""
        seconds = 0.0
        if self.container.format.name not in ESTIMATED:
            if self.stream.duration is not None and self.stream.time_base is not None:
                seconds = float(self.stream.duration * self.stream.time_base)
            elif self.container.duration:
                seconds = self.container.duration / av.time_base
        return seconds if seconds > 0 else self._counted_s()

    def frames_from(self, second: float) -> Iterator[tuple[float, Any]]:
        """Frames in the order of showing, with their times from the start of the stream.

        The first is the one at ``second`` or some before it, as the key frames lie; or the
        first there is. A program stream (.mpg) may be some frames off, for want of times.
        """
        for back_s in STEPS_BACK_S:
            start_s = max(second - back_s, 0.0)
            frames = self._timed(start_s)
            first = next(frames, None)
            if start_s == 0 or (first and first[0] <= second + ROUNDING_S):
                if first:
                    yield first
                yield from frames
                return

    def _open(self) -> None:
        options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}
        self.container: Any = av.open(f"file:{self._path}", options=options)
        try:
            self.stream: Any = self._chosen()
        except BaseException:
            self.container.close()
            raise
        # avi stores frames in the order of decoding and without times: those that FFmpeg
        # makes up for showing are wrong, those for decoding right but for a constant lag
        self._by_dts = self.container.format.name == "avi" and self._kind == "video"
        # a decoder with a frame in each thread passes on other times for decoding
        self.stream.thread_type = "SLICE" if self._by_dts else "AUTO"
        self.stream.codec_context.thread_count = THREADS
        self._fresh = True

    def _chosen(self) -> Any:
        """The first stream of our kind that is not a cover."""
        streams = getattr(self.container.streams, self._kind)
        found = [s for s in streams if not s.disposition & s.disposition.attached_pic]
        if not found:
            missing = "picture" if self._kind == "video" else "soundtrack"
            raise DecodeError(str(self._path), f"no {missing} in it")
        if found[0].codec_context is None:
            raise DecodeError(str(self._path), f"its {self._kind} is in a codec not known here")
        return found[0]

    def _rewind(self) -> None:
        """By opening anew: not every file can be sought in, nor every decoder used again."""
        if not self._fresh:
            self.container.close()
            self._open()

    def _counted_s(self) -> float:
        """From the first packet to the end of the last."""
        start, end = None, 0
        self._rewind()
        self._fresh = False
        for packet in self.container.demux(self.stream):
            if packet.pts is not None:
                start = packet.pts if start is None else min(start, packet.pts)
                end = max(end, packet.pts + (packet.duration or 0))
        return float((end - (start or 0)) * self._tick_s())

    def _timed(self, start_s: float) -> Iterator[tuple[float, Any]]:
        """Frames from the key frame before ``start_s``, or what the container takes for it."""
        zero = self.stream.start_time or 0
        self._rewind()
        if self._by_dts:
            first = next(self._decoded(), None)
            zero = (first.dts or 0) if first else 0
            self._rewind()
        if start_s > 0:
            self._seek(start_s)
        time_s, period_s = (None if start_s > 0 else 0.0), 0.0
        for frame in self._decoded():
            stamp = frame.dts if self._by_dts else frame.pts
            if stamp is not None:
                now_s = float((stamp - zero) * self._tick_s())
                period_s = max(now_s - (now_s if time_s is None else time_s), 0.0)
                time_s = now_s
            elif time_s is not None:  # what was left in the decoder at the end has no stamp
                time_s += period_s
            if time_s is not None:
                yield time_s, frame

    def _seek(self, start_s: float) -> None:
        target = int(Fraction(start_s) / self._tick_s()) + (self.stream.start_time or 0)
        with suppress(av.FFmpegError, OSError):  # no index: from here on, then
            self.container.seek(target, stream=self.stream)

    def _tick_s(self) -> Fraction:
        return Fraction(self.stream.time_base or Fraction(1, av.time_base))

    def _decoded(self) -> Iterator[Any]:
        """Frames from where the container is; a packet that is broken is passed over."""
        found, self._fresh = False, False
        try:
            for packet in self.container.demux(self.stream):
                try:
                    frames = packet.decode()
                except av.InvalidDataError:
                    continue
                found = found or bool(frames)
                yield from frames
        except av.FFmpegError:
            if not found:
                raise
