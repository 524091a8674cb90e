"""Where the segments of a file lie: what is embedded and found on its own."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from searchengine.errors import ConfigError, DecodeError
from searchengine.media.decode import guarded
from searchengine.media.options import MediaOptions
from searchengine.media.probe import probe
from searchengine.media.text import Cue, Document, read_text
from searchengine.types import MediaInfo, Modality, Span, SpanUnit

#: English runs at about 4 characters a word-piece token, the blank counted.
CHARACTERS_PER_TOKEN = 4

#: A file that is a little longer than a segment stays whole; so does a short tail.
SLACK = 0.25

#: Subtitles are written to the millisecond; a span of none would hold nothing.
SHORTEST_CUE_S = 0.001

#: 139 hours of sound at 5 s a segment; more is a mistake or an attack.
MAX_SEGMENTS = 100_000


@dataclass(frozen=True, slots=True)
class Cutting:
    """Segment lengths: seconds for what has time, tokens (about 4 characters) for text.

    Segments of sound, video and motion overlap by ``overlap_s``.
    """

    audio_s: float = 5.0
    video_s: float = 10.0
    imu_s: float = 10.0
    text_tokens: int = 60
    overlap_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("audio_s", "video_s", "imu_s", "text_tokens"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be greater than 0, not {getattr(self, name)}")
        shortest = min(self.audio_s, self.video_s, self.imu_s)
        if not 0 <= self.overlap_s < shortest:
            raise ConfigError(
                f"overlap_s must be from 0 to less than a segment ({shortest} s), "
                f"not {self.overlap_s}"
            )


@dataclass(frozen=True, slots=True)
class Outline:
    """A file and its segments, in order; a span of None is the whole file."""

    info: MediaInfo
    spans: tuple[Span | None, ...]


def outline(path: Path, modality: Modality, options: MediaOptions, cutting: Cutting) -> Outline:
    """What the file is and where its segments lie; only text is read whole.

    A video outlined as audio is its soundtrack. Raises DecodeError.
    """
    with guarded(path):
        info = probe(path, modality, options)
        spans = tuple(_spans(path, info, cutting))
        if len(spans) > MAX_SEGMENTS:
            raise DecodeError(str(path), f"more than {MAX_SEGMENTS} segments; make them longer")
        return Outline(info, spans)


def _spans(path: Path, info: MediaInfo, cutting: Cutting) -> Iterator[Span | None]:
    lengths_s = {
        Modality.AUDIO: cutting.audio_s,
        Modality.VIDEO: cutting.video_s,
        Modality.IMU: cutting.imu_s,
    }
    if info.modality is Modality.TEXT:
        yield from passages(read_text(path), cutting.text_tokens * CHARACTERS_PER_TOKEN)
    elif info.modality in lengths_s and info.duration_s:
        yield from cut(info.duration_s, lengths_s[info.modality], cutting.overlap_s)
    else:
        yield None


def cut(duration_s: float, length_s: float, overlap_s: float) -> Iterator[Span | None]:
    """Spans of ``length_s`` that cover ``duration_s``; the last is up to a quarter longer."""
    if duration_s <= length_s * (1 + SLACK):
        yield None
        return
    step_s = length_s - overlap_s
    count = max(1, math.ceil((duration_s - length_s * (1 + SLACK)) / step_s) + 1)
    if count > MAX_SEGMENTS:
        count = MAX_SEGMENTS + 1  # enough to be refused
    for number in range(count):
        start_s = number * step_s
        yield Span(start_s, duration_s if number == count - 1 else start_s + length_s)


def passages(document: Document, length: int) -> Iterator[Span | None]:
    """About ``length`` characters each, ending where a sentence or a cue does.

    Subtitles give spans in seconds, other text in characters. Short text is one whole.
    """
    if document.cues:
        yield from _joined_cues(document.cues, length)
        return
    text = document.text
    if len(text.strip()) <= length * (1 + SLACK):
        yield None
        return
    start = 0
    for sentence in _sentences(text, length):
        if sentence.end - start > length and sentence.start > start:
            yield from _passage(text, start, int(sentence.start))
            start = int(sentence.start)
    yield from _passage(text, start, len(text))


def _passage(text: str, start: int, end: int) -> Iterator[Span]:
    """The span without the blanks around it, if anything is left."""
    part = text[start:end]
    if part.strip():
        first = start + len(part) - len(part.lstrip())
        yield Span(first, start + len(part.rstrip()), SpanUnit.CHARACTERS)


def _sentences(text: str, most: int) -> Iterator[Span]:
    """Sentences and paragraphs; one longer than ``most`` characters is cut between words."""
    start = 0
    for match in re.finditer(r"(?<=[.!?。！？])\s+|\n\s*\n", text):
        yield from _words(text, start, match.end(), most)
        start = match.end()
    yield from _words(text, start, len(text), most)


def _words(text: str, start: int, end: int, most: int) -> Iterator[Span]:
    while end - start > most:
        blank = text.rfind(" ", start + 1, start + most)
        stop = blank + 1 if blank > start else start + most
        yield Span(start, stop, SpanUnit.CHARACTERS)
        start = stop
    if end > start:
        yield Span(start, end, SpanUnit.CHARACTERS)


def _joined_cues(cues: Sequence[Cue], length: int) -> Iterator[Span]:
    """From the start of a cue until all that are joined to it are over."""
    first, end_s = cues[0], cues[0].end_s
    for cue in cues[1:]:
        # of cues that start at once none can be told from the others by its time
        if cue.end_char - first.start_char > length and cue.start_s > first.start_s:
            yield Span(first.start_s, max(min(end_s, cue.start_s), first.start_s + SHORTEST_CUE_S))
            first, end_s = cue, cue.end_s
        end_s = max(end_s, cue.end_s)
    yield Span(first.start_s, max(end_s, first.start_s + SHORTEST_CUE_S))
