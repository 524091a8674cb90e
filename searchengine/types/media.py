"""What files hold: media of seven modalities, decoded, and what is said of them before that.

Arrays are physical quantities with their units in the name.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float32]


class Modality(enum.StrEnum):
    """What the user has. Image and video may share a network; that is the encoder's business."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DEPTH = "depth"
    THERMAL = "thermal"
    IMU = "imu"


class ThermalUnit(enum.StrEnum):
    """Whether a thermal value is a temperature or only an ordering within its frame."""

    KELVIN = "kelvin"
    RELATIVE = "relative"


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """Sound: ``samples`` float32 (channels, n) in [-1, 1] at ``rate_hz``."""

    samples: FloatArray
    rate_hz: int

    @property
    def duration_s(self) -> float:
        return float(self.samples.shape[1] / self.rate_hz)


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Some frames of a video.

    ``pixels`` uint8 (t, h, w, 3) RGB; ``times_s`` float64 (t,) from the start of the file;
    ``rate_hz`` and ``frame_count`` describe the whole file, not only the frames kept.
    """

    pixels: npt.NDArray[np.uint8]
    times_s: npt.NDArray[np.float64]
    rate_hz: float
    frame_count: int


@dataclass(frozen=True, slots=True, eq=False)
class DepthMap:
    """Distance from the camera: ``metres`` float32 (h, w), 0 where not ``valid`` (bool (h, w))."""

    metres: FloatArray
    valid: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ThermalImage:
    """Infrared radiance: ``values`` float32 (h, w), in kelvin or relative in [0, 1]."""

    values: FloatArray
    unit: ThermalUnit


@dataclass(frozen=True, slots=True, eq=False)
class ImuRecording:
    """Motion: ``accel_m_s2`` and ``gyro_rad_s`` float32 (n, 3), xyz, gravity included."""

    accel_m_s2: FloatArray
    gyro_rad_s: FloatArray
    rate_hz: float

    @property
    def duration_s(self) -> float:
        return len(self.accel_m_s2) / self.rate_hz


#: Decoded media. ``str`` is text; a bare uint8 (h, w, 3) array is an RGB image. Never a path.
Media: TypeAlias = (
    str | npt.NDArray[np.uint8] | Waveform | Frames | DepthMap | ThermalImage | ImuRecording
)


class SpanUnit(enum.StrEnum):
    """What the numbers of a span count."""

    SECONDS = "s"
    CHARACTERS = "chars"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an item, ``start`` included and ``end`` not."""

    start: float
    end: float
    unit: SpanUnit = SpanUnit.SECONDS


@dataclass(frozen=True, slots=True)
class Sampling:
    """What an encoder needs of one segment, so that no more than that is decoded.

    ``short_side_px``: pictures and frames may be made smaller while decoding, but no smaller
    than this; None keeps every pixel. ``frame_indices``: the frames of the whole file that are
    wanted, ascending, repeats allowed; None takes all in the span.
    """

    short_side_px: int | None = None
    frame_indices: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file says of itself without being decoded whole.

    ``duration_s`` is None for pictures, maps and text; ``rate_hz`` is frames, samples or
    readings a second; ``count`` how many of those there are; ``has_sound`` is a video's
    soundtrack. ``metadata`` holds what the container knows (width, title, camera, ...).
    """

    modality: Modality
    mime_type: str
    duration_s: float | None = None
    rate_hz: float | None = None
    count: int | None = None
    has_sound: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
