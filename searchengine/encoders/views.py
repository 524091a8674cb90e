"""Media to what ImageBind's towers take, one or more views of each: the product's side of it."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from searchengine.errors import EncoderError
from searchengine.models.imagebind import preprocess, sensors
from searchengine.models.imagebind.options import Options
from searchengine.types import (
    DepthMap,
    FloatArray,
    Frames,
    ImuRecording,
    Media,
    MediaInfo,
    Modality,
    Span,
    ThermalImage,
    ThermalUnit,
    Waveform,
)

#: A film of which nearly all is there is whole: containers miscount their frames by a few.
WHOLE = 0.98

Array = TypeVar("Array", bound=npt.NDArray[Any])


def views(media: Media, modality: Modality, options: Options) -> FloatArray:
    """float32 (views, ...). Raises EncoderError for what holds nothing, or no numbers."""
    try:
        seen: FloatArray = _views(media, modality, options).numpy()
    except ValueError as error:
        raise EncoderError(str(error)) from error
    return seen


def film_frames(info: MediaInfo, span: Span | None, options: Options) -> tuple[int, ...]:
    """The frames of a video file that its views show, ascending, each once."""
    rate_hz = info.rate_hz or 0.0
    start_s, end_s = (span.start, span.end) if span else (0.0, info.duration_s or 0.0)
    first = math.ceil(start_s * rate_hz)
    count = max(1, round((end_s - start_s) * rate_hz))
    if span is None and info.count:
        count = info.count
    pairs = preprocess.film_indices(count, rate_hz, _clips(span is None, options))
    return tuple(sorted({first + index for pair in pairs for index in pair}))


def _views(media: Media, modality: Modality, options: Options) -> Tensor:
    match media:
        case np.ndarray() if modality is Modality.IMAGE:
            return preprocess.picture(_filled(media))[None]
        case Frames() if modality is Modality.VIDEO:
            return _film(media, options)
        case Waveform() if modality is Modality.AUDIO:
            return preprocess.sound(_finite(_filled(media.samples)), media.rate_hz)
        case DepthMap() if modality is Modality.DEPTH:
            metres = _filled(media.metres)
            return sensors.disparity(metres, media.valid, options)[None]
        case ThermalImage() if modality is Modality.THERMAL:
            is_kelvin = media.unit is ThermalUnit.KELVIN
            values = _finite(_filled(media.values))
            return sensors.radiance(values, options, kelvin=is_kelvin)[None]
        case ImuRecording() if modality is Modality.IMU:
            accel, gyro = (_finite(_filled(x)) for x in (media.accel_m_s2, media.gyro_rad_s))
            return sensors.motion(accel, gyro, media.rate_hz, options)[None]
    raise EncoderError(f"a {type(media).__name__} is not what {modality} is decoded to")


def _film(frames: Frames, options: Options) -> Tensor:
    """The views of a film, of which there may be all frames or those that were sampled."""
    times_s, rate_hz = _filled(frames.times_s), frames.rate_hz
    count = max(1, round((times_s[-1] - times_s[0]) * rate_hz) + 1)
    is_whole = count >= WHOLE * frames.frame_count
    pairs = preprocess.film_indices(count, rate_hz, _clips(is_whole, options))
    wanted_s = times_s[0] + np.array(pairs).ravel() / rate_hz
    nearest = np.abs(times_s[None] - wanted_s[:, None]).argmin(axis=1)
    crops = options.video_crops if is_whole else options.segment_crops
    return preprocess.film(frames.pixels[nearest], crops)


def _clips(is_whole: bool, options: Options) -> int:
    return options.video_clips if is_whole else options.segment_clips


def _filled(values: Array) -> Array:
    if not values.size:
        raise EncoderError("there is nothing in it")
    return values


def _finite(values: FloatArray) -> FloatArray:
    if not np.isfinite(values).all():
        raise EncoderError("some of its numbers are infinite or not numbers")
    return values
