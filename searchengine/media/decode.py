"""Any file of any modality to media: one door, and one kind of error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from searchengine.errors import ConfigError, DecodeError, MediaError
from searchengine.media.audio import read_audio
from searchengine.media.depth import read_depth
from searchengine.media.files import check_file
from searchengine.media.image import read_image
from searchengine.media.imu import read_imu
from searchengine.media.options import MediaOptions
from searchengine.media.text import Document, read_text
from searchengine.media.thermal import read_thermal
from searchengine.media.video import read_frames
from searchengine.types import Media, Modality, Sampling, Span, SpanUnit


@dataclass(frozen=True, slots=True)
class Wanted:
    """A segment to decode, and how much of it."""

    span: Span | None = None
    sampling: Sampling = field(default_factory=Sampling)


def decode(
    path: Path, modality: Modality, wanted: Sequence[Wanted], options: MediaOptions
) -> list[Media]:
    """One Media for each segment wanted, in order. Raises MediaError, whatever happens."""
    with guarded(path):
        return [_decode_one(path, modality, one, options) for one in wanted]


def _decode_one(path: Path, modality: Modality, one: Wanted, options: MediaOptions) -> Media:
    match modality:
        case Modality.TEXT:
            return _passage(path, one.span)
        case Modality.IMAGE:
            return read_image(
                path,
                orient=options.orient,
                composite_alpha=options.composite_alpha,
                short_side_px=one.sampling.short_side_px,
            )
        case Modality.VIDEO:
            return read_frames(path, one.span, one.sampling)
        case Modality.AUDIO:
            return read_audio(path, one.span)
        case Modality.DEPTH:
            return read_depth(path, options)
        case Modality.THERMAL:
            return read_thermal(path, options)
        case Modality.IMU:
            return read_imu(path, options, one.span)


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn whatever reading a file raises into a MediaError that names it."""
    try:
        check_file(path)
        yield
    except (MediaError, ConfigError):
        raise
    except MemoryError as error:
        raise DecodeError(str(path), "needs more memory than it may have") from error
    except RecursionError as error:
        raise DecodeError(str(path), "nested too deeply") from error
    except OSError as error:
        raise DecodeError(str(path), f"cannot be read ({error.strerror or error})") from error
    except Exception as error:  # codecs raise all kinds on broken files
        raise DecodeError(str(path), f"broken ({type(error).__name__}: {error})") from error


def _passage(path: Path, span: Span | None) -> str:
    document = read_text(path)
    if span is None:
        return document.text.strip()
    if span.unit is SpanUnit.CHARACTERS:
        passage = document.text[int(span.start) : int(span.end)]
    elif document.cues:
        passage = " ".join(_lines(document, span))
    else:
        raise DecodeError(str(path), "has no times; ask for a part of it in characters")
    if not passage.strip():
        unit = "characters" if span.unit is SpanUnit.CHARACTERS else "seconds"
        raise DecodeError(str(path), f"no words in {unit} {span.start:.6g} to {span.end:.6g}")
    return passage


def _lines(document: Document, span: Span) -> list[str]:
    """What is shown in that time, even if for no time at all."""
    return [
        document.text[cue.start_char : cue.end_char]
        for cue in document.cues
        if cue.start_s < span.end and (cue.end_s > span.start or cue.start_s >= span.start)
    ]
