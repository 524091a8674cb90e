"""Which previews there are of which media, and the one door to drawing them."""

from __future__ import annotations

import enum

import numpy as np

from searchengine.errors import QueryError
from searchengine.server.previews.colour_map import draw_depth, draw_thermal
from searchengine.server.previews.passage import passage
from searchengine.server.previews.picture import draw_picture
from searchengine.server.previews.sheet import Preview
from searchengine.server.previews.spectrogram import draw_spectrogram
from searchengine.server.previews.strip import draw_strip
from searchengine.server.previews.traces import draw_traces
from searchengine.server.previews.waveform import draw_waveform
from searchengine.types import (
    DepthMap,
    Frames,
    ImuRecording,
    Media,
    Modality,
    ThermalImage,
    Waveform,
)

#: Pixels across.
SMALLEST_PX, USUAL_PX, LARGEST_PX = 32, 320, 1280


class Kind(enum.StrEnum):
    """``THUMB`` is what suits a modality best."""

    THUMB = "thumb"
    STRIP = "strip"
    WAVEFORM = "waveform"
    SPECTROGRAM = "spectrogram"
    MAP = "map"
    TRACES = "traces"
    TEXT = "text"


#: The first is what THUMB is. Of sounds that is the waveform without its axis.
KINDS: dict[Modality, tuple[Kind, ...]] = {
    Modality.TEXT: (Kind.TEXT,),
    Modality.IMAGE: (Kind.THUMB,),
    Modality.VIDEO: (Kind.THUMB, Kind.STRIP),
    Modality.AUDIO: (Kind.THUMB, Kind.WAVEFORM, Kind.SPECTROGRAM),
    Modality.DEPTH: (Kind.MAP,),
    Modality.THERMAL: (Kind.MAP,),
    Modality.IMU: (Kind.TRACES,),
}


def kind_for(modality: Modality, asked: str = Kind.THUMB) -> Kind:
    """What ``asked`` is of that modality. Raises QueryError when there is no such preview."""
    kinds = KINDS[modality]
    if asked == Kind.THUMB:
        return kinds[0]
    if asked not in kinds:
        known = ", ".join(dict.fromkeys((Kind.THUMB, *kinds)))
        raise QueryError(f"kind {asked!r}: of {modality} there is only {known}")
    return Kind(asked)


def draw(media: Media, kind: Kind, size_px: int, start_s: float = 0.0) -> Preview:
    """``media``, of a modality that has the ``kind``, ``size_px`` on its long side at most.

    ``start_s`` is where it begins in its file. Empty, constant and broken numbers are drawn
    as such.
    """
    match media:
        case str():
            return passage(media)
        case Frames() if kind is Kind.STRIP:
            return draw_strip(media, size_px)
        case Frames():
            return draw_picture(media.pixels[0] if len(media.pixels) else media.pixels, size_px)
        case Waveform() if kind is Kind.SPECTROGRAM:
            return draw_spectrogram(media, size_px, start_s)
        case Waveform():
            return draw_waveform(media, size_px, start_s, axis=kind is not Kind.THUMB)
        case DepthMap():
            return draw_depth(media, size_px)
        case ThermalImage():
            return draw_thermal(media, size_px)
        case ImuRecording():
            return draw_traces(media, size_px, start_s)
        case np.ndarray():
            return draw_picture(media, size_px)
