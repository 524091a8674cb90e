"""``starter``: all seven kinds of media in one space, on a CPU, with weights that ship.

The space is that of a sentence encoder; pictures, sounds and readings of sensors lie where the
words for what they show lie. See docs/starter.md for what it can do and what it cannot.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from searchengine.encoders.encoder import Prepared
from searchengine.encoders.pool import pooled
from searchengine.errors import EncoderError
from searchengine.types import (
    DepthMap,
    FloatArray,
    Frames,
    ImuRecording,
    Media,
    MediaInfo,
    Modality,
    Sampling,
    Span,
    ThermalImage,
    Waveform,
)

#: Frames of a video segment that are looked at, evenly spread.
FRAMES = 4

#: Pictures, or windows of sound, that a network takes at a time: more is slower, measured on
#: two cores (32 pictures at a time 41 ms each, 4 or fewer 24 ms).
AT_ONCE = 4

#: Samples are to be within 1, though files of integers turned to floats are not; beyond this
#: the energy of a band overflows.
MAX_AMPLITUDE = 1e30

#: Digest of every weight and of the preprocessing; a test holds it to the files.
IDENTITY = "starter-5@c279105ca2eb"

#: Token ids, or an array (pieces, ...), to unit vectors float32 (n, 384).
Tower: TypeAlias = Callable[[Any], FloatArray]


class Starter:
    """See ``Encoder``. Each tower is loaded when it is first needed; none needs torch."""

    name = "starter"
    identity = IDENTITY
    dim = 384
    modalities = frozenset(Modality)

    def __init__(self) -> None:
        self._towers: dict[Modality, Tower] = {}
        self.centers: Mapping[Modality, FloatArray] = {}
        self._lock = threading.Lock()

    def sampling(self, info: MediaInfo, span: Span | None) -> Sampling:
        if info.modality is Modality.VIDEO and info.rate_hz:
            start_s, end_s = (span.start, span.end) if span else (0.0, info.duration_s or 0.0)
            times = [start_s + (end_s - start_s) * (i + 0.5) / FRAMES for i in range(FRAMES)]
            return Sampling(_side_px(), tuple(int(t * info.rate_hz) for t in times))
        if info.modality in (Modality.IMAGE, Modality.VIDEO):
            return Sampling(_side_px())
        return Sampling()

    def preprocess(self, media: Media, modality: Modality) -> Prepared:
        """Token ids (n,), or what a tower takes of each picture, window or frame (pieces, ...).

        Raises EncoderError for what holds nothing, or no numbers.
        """
        try:
            return _prepared(media, modality)
        except ValueError as error:
            raise EncoderError(str(error)) from error

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        if not batch:
            return np.empty((0, self.dim), np.float32)
        tower = self._tower(Modality.IMAGE if modality is Modality.VIDEO else modality)
        if modality is Modality.TEXT:
            return tower([one.tolist() for one in batch])
        pieces = np.concatenate(batch)
        starts = range(0, len(pieces), AT_ONCE)
        vectors = [tower(pieces[start : start + AT_ONCE]) for start in starts]
        return pooled(np.concatenate(vectors), batch)

    def _tower(self, modality: Modality) -> Tower:
        with self._lock:
            if modality not in self._towers:
                self._towers[modality] = _load(modality)
            return self._towers[modality]


def _side_px() -> int:
    from searchengine.models.starter.image import SIDE_PX

    return SIDE_PX


def _prepared(media: Media, modality: Modality) -> Prepared:
    match media:
        case str() if modality is Modality.TEXT:
            return _tokens(media)
        case Frames(pixels=pixels) if modality is Modality.VIDEO:
            return _pictures(pixels)
        case np.ndarray() if modality is Modality.IMAGE:
            return _pictures(media[None])
        case Waveform() if modality is Modality.AUDIO:
            return _log_mel(media)
        case DepthMap() if modality is Modality.DEPTH:
            from searchengine.models.starter import depth

            return depth.prepare(media)[None]
        case ThermalImage() if modality is Modality.THERMAL:
            from searchengine.models.starter import thermal

            return thermal.prepare(media)[None]
        case ImuRecording() if modality is Modality.IMU:
            from searchengine.models.starter import imu

            return imu.prepare(media)
    raise EncoderError(f"a {type(media).__name__} is not what {modality} is decoded to")


def _tokens(text: str) -> Prepared:
    from searchengine.models.starter.text import tokenize

    if not text.strip():
        raise EncoderError("the text is empty")
    return np.array(tokenize(text), np.int64)


def _pictures(pixels: Prepared) -> Prepared:
    from searchengine.models.starter.image import prepare

    if not pixels.size:
        raise EncoderError("there is no picture in it")
    chosen = np.linspace(0, len(pixels) - 1, min(len(pixels), FRAMES)).round().astype(int)
    return np.stack([prepare(pixels[index]) for index in chosen])


def _log_mel(sound: Waveform) -> Prepared:
    from searchengine.models.starter.audio import at_rate, log_mel

    if not sound.samples.size:
        raise EncoderError("there is no sound in it")
    mono = sound.samples.mean(axis=0, dtype=np.float64).astype(np.float32)  # huge ones may add up
    if not np.abs(mono).max() < MAX_AMPLITUDE:
        raise EncoderError("some of its samples are not numbers, or far beyond any sound")
    return log_mel(at_rate(mono, sound.rate_hz))


def _load(modality: Modality) -> Tower:
    match modality:
        case Modality.TEXT:
            from searchengine.models.starter.text import TextNet

            return TextNet()
        case Modality.IMAGE:
            from searchengine.models.starter.image import ImageNet

            return ImageNet()
        case Modality.AUDIO:
            from searchengine.models.starter.audio import load_audio

            return _first(load_audio())
        case Modality.DEPTH:
            from searchengine.models.starter.depth import load_depth

            return _first(load_depth())
        case Modality.THERMAL:
            from searchengine.models.starter.thermal import ThermalNet

            return _first(ThermalNet())
        case Modality.IMU:
            from searchengine.models.starter.imu import load_imu

            return _first(load_imu())
    raise AssertionError(modality)  # video has the tower of images


def _first(network: Callable[[FloatArray], Sequence[FloatArray]]) -> Tower:
    return lambda pieces: network(pieces)[0]
