"""``imagebind-huge``: text, image, video, audio, depth, thermal and IMU by ImageBind.

The weights are Meta's, CC BY-NC-SA 4.0: for non-commercial use only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from searchengine.encoders.encoder import Prepared
from searchengine.errors import EncoderError, UnsupportedModality
from searchengine.models.imagebind import preprocess, sensors
from searchengine.models.imagebind.config import ImageBindConfig
from searchengine.models.imagebind.options import Options
from searchengine.models.imagebind.tokenizer import tokenize
from searchengine.models.imagebind.towers import Towers
from searchengine.models.imagebind.weights import require
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
    ThermalUnit,
    Waveform,
)

#: Which tower encodes what; all others are named as their modality.
TOWERS = {Modality.IMAGE: "vision", Modality.VIDEO: "vision"}

#: A film of which nearly all is there is whole: containers miscount their frames by a few.
WHOLE = 0.98

Array = TypeVar("Array", bound=npt.NDArray[Any])


class ImageBindEncoder:
    """See ``Encoder``. ``name`` is what the user types, with its options.

    ``folder`` is where the prepared weights are. Raises CheckpointError when they are not there,
    naming the commands that fetch them.
    """

    modalities = frozenset(Modality)

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "imagebind-huge",
        options: Options | None = None,
        config: ImageBindConfig | None = None,
        device: str = "auto",
    ) -> None:
        config = config or ImageBindConfig.huge()
        self._options = options or Options()
        weights = require(folder)
        self.name = name
        chosen = self._options.identity()
        self.identity = f"{weights.name}@{weights.identity}" + (f"?{chosen}" if chosen else "")
        self.dim = config.out_embed_dim
        self.towers = Towers(folder, config, device, self._options.precision)

    def sampling(self, info: MediaInfo, span: Span | None) -> Sampling:
        """Every pixel, as the reference has it; of a video only the frames that are seen."""
        if info.modality is not Modality.VIDEO or not info.rate_hz or not info.duration_s:
            return Sampling()
        start_s, end_s = (span.start, span.end) if span else (0.0, info.duration_s)
        first = math.ceil(start_s * info.rate_hz)
        count = max(1, round((end_s - start_s) * info.rate_hz))
        if span is None and info.count:
            count = info.count
        pairs = preprocess.film_indices(count, info.rate_hz, self._clips(span is None, count))
        return Sampling(frame_indices=tuple(sorted({first + i for pair in pairs for i in pair})))

    def preprocess(self, media: Media, modality: Modality) -> Prepared:
        """Token ids int64 (77,), or what the tower takes of one view, float32 (views, ...)."""
        if modality not in self.modalities:
            raise UnsupportedModality(f"{self.name} does not encode {modality}")
        try:
            prepared: Prepared = self._prepared(media, modality).numpy()
        except ValueError as error:
            raise EncoderError(str(error)) from error
        return prepared

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        if not batch:
            return np.empty((0, self.dim), np.float32)
        if modality is Modality.TEXT:
            return self._encode_texts(np.stack(batch))
        views = torch.from_numpy(np.concatenate(batch))
        if modality is Modality.VIDEO:
            views = views[:, None]  # the model takes videos of several clips: these have one
        vectors = self.towers.embed(TOWERS.get(modality, modality.value), views).numpy()
        parts = np.split(vectors, np.cumsum([len(one) for one in batch])[:-1])
        means = np.stack([part.mean(axis=0) for part in parts])
        unit: FloatArray = means / np.linalg.norm(means, axis=1, keepdims=True)
        return unit

    def scale(self, modality: Modality) -> float:
        """What the published model multiplies the unit vectors of a modality by."""
        tower = TOWERS.get(modality, modality.value)
        post = self.towers.load(tower).modality_postprocessors[tower]
        return float(post(torch.ones(1)))

    def _encode_texts(self, ids: npt.NDArray[np.int64]) -> FloatArray:
        """Texts of like length together: a batch is computed to its longest end."""
        order = np.argsort(ids.argmax(axis=1), kind="stable")
        vectors = np.empty((len(ids), self.dim), np.float32)
        vectors[order] = self.towers.embed("text", torch.from_numpy(ids[order])).numpy()
        return vectors

    def _prepared(self, media: Media, modality: Modality) -> Tensor:
        match media:
            case str() if modality is Modality.TEXT:
                return torch.from_numpy(tokenize([_words(media)])[0])
            case np.ndarray() if modality is Modality.IMAGE:
                return preprocess.picture(_filled(media))[None]
            case Frames() if modality is Modality.VIDEO:
                return self._film(media)
            case Waveform() if modality is Modality.AUDIO:
                return preprocess.sound(_finite(_filled(media.samples)), media.rate_hz)
            case DepthMap() if modality is Modality.DEPTH:
                metres = _filled(media.metres)
                return sensors.disparity(metres, media.valid, self._options)[None]
            case ThermalImage() if modality is Modality.THERMAL:
                is_kelvin = media.unit is ThermalUnit.KELVIN
                values = _finite(_filled(media.values))
                return sensors.radiance(values, self._options, kelvin=is_kelvin)[None]
            case ImuRecording() if modality is Modality.IMU:
                accel, gyro = (_finite(_filled(x)) for x in (media.accel_m_s2, media.gyro_rad_s))
                return sensors.motion(accel, gyro, media.rate_hz, self._options)[None]
        raise EncoderError(f"a {type(media).__name__} is not what {modality} is decoded to")

    def _film(self, frames: Frames) -> Tensor:
        """The views of a film, of which there may be all frames or those that were sampled."""
        times_s, rate_hz = _filled(frames.times_s), frames.rate_hz
        count = max(1, round((times_s[-1] - times_s[0]) * rate_hz) + 1)
        is_whole = count >= WHOLE * frames.frame_count
        pairs = preprocess.film_indices(count, rate_hz, self._clips(is_whole, count))
        wanted_s = times_s[0] + np.array(pairs).ravel() / rate_hz
        nearest = np.abs(times_s[None] - wanted_s[:, None]).argmin(axis=1)
        crops = self._options.video_crops if is_whole else self._options.segment_crops
        return preprocess.film(frames.pixels[nearest], crops)

    def _clips(self, is_whole: bool, count: int) -> int:
        return self._options.video_clips if is_whole else min(self._options.segment_clips, count)


def _words(text: str) -> str:
    if not text.strip():
        raise EncoderError("the text is empty")
    return text


def _filled(values: Array) -> Array:
    if not values.size:
        raise EncoderError("there is nothing in it")
    return values


def _finite(values: FloatArray) -> FloatArray:
    if not np.isfinite(values).all():
        raise EncoderError("some of its numbers are infinite or not numbers")
    return values
