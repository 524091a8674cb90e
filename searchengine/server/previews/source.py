"""Of a file, what a preview of it shows, and no more than that."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from searchengine.media.decode import Wanted
from searchengine.media.options import MediaOptions
from searchengine.media.outline import Cutting
from searchengine.media.sandbox import Sandbox
from searchengine.server.previews.kinds import Kind
from searchengine.server.previews.strip import COUNT
from searchengine.types import Media, MediaInfo, Modality, Sampling, Span, SpanUnit

#: Of what is longer, the beginning is shown: segments are seconds, whole files may be hours.
LONGEST_S = 120.0

_IN_TIME = (Modality.AUDIO, Modality.VIDEO, Modality.IMU)


@dataclass(frozen=True, slots=True)
class Source:
    """``span`` of a file, as a modality; None is all of it."""

    path: Path
    modality: Modality
    span: Span | None = None
    options: MediaOptions = field(default_factory=MediaOptions)

    @property
    def start_s(self) -> float:
        in_time = self.span is not None and self.span.unit is SpanUnit.SECONDS
        return self.span.start if self.span and in_time else 0.0

    def read(self, sandbox: Sandbox, kind: Kind, size_px: int) -> Media:
        """Decoded in the sandbox. Raises MediaError."""
        span, sampling = self.span, Sampling(short_side_px=size_px)
        if self.modality in _IN_TIME:
            info = sandbox.outline(self.path, self.modality, self.options, Cutting()).info
            span = self._bounded(info)
            if self.modality is Modality.VIDEO:
                sampling = Sampling(size_px, self._frames(info, span, kind))
        return sandbox.decode(self.path, self.modality, [Wanted(span, sampling)], self.options)[0]

    def _bounded(self, info: MediaInfo) -> Span | None:
        """The span, or the whole file, cut to LONGEST_S."""
        end_s = self.span.end if self.span else info.duration_s
        if end_s is None or end_s - self.start_s <= LONGEST_S:
            return self.span
        return Span(self.start_s, self.start_s + LONGEST_S)

    def _frames(self, info: MediaInfo, span: Span | None, kind: Kind) -> tuple[int, ...]:
        """The first of the segment; or, for a strip, those in the middle of its fifths."""
        rate_hz, last = info.rate_hz or 1.0, max((info.count or 1) - 1, 0)
        if kind is not Kind.STRIP:
            return (min(round(self.start_s * rate_hz), last),)
        end_s = self.span.end if self.span else info.duration_s or 0.0
        fifth_s = (end_s - self.start_s) / COUNT
        times_s = [self.start_s + (place + 0.5) * fifth_s for place in range(COUNT)]
        return tuple(min(int(at_s * rate_hz), last) for at_s in times_s)
