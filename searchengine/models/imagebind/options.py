"""What may be chosen about preprocessing and precision, and which of it changes the vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from searchengine.errors import ConfigError

#: ``auto`` is bf16 where the hardware multiplies it, else fp32; ``int8`` has matrices in 8 bits.
PRECISIONS = ("auto", "bf16", "fp32", "int8")

#: Those whose vectors are taken for the same.
SAME_PRECISIONS = ("auto", "bf16", "fp32")

#: The order of channels that the motion tower is given.
IMU_ORDERS = ("accel,gyro", "gyro,accel")


@dataclass(frozen=True, slots=True)
class Options:
    """Defaults are the reference's where it has a rule, else what public evidence supports.

    A whole video is seen in ``video_clips`` x ``video_crops`` views, as the reference does; a
    segment of a longer one in at most ``segment_clips`` x ``segment_crops``, each view costing as
    much as a picture.

    The reference prepares no sensors. Depth becomes disparity, ``depth_baseline_m`` times
    ``depth_focal_px`` over metres between ``depth_min_m`` and ``depth_max_m``, normalised with
    ``depth_mean`` and ``depth_std``: an author's recipe and the constants of Omnivore
    (facebookresearch/omnivore issue 12; ImageBind issue 107, whose focal length of NYU's Kinect
    is the default). Thermal images are scaled to [0, 1] and not normalised (ImageBind pull
    request 73): relative ones are so already, temperatures run from ``thermal_low_k`` to
    ``thermal_high_k``, or from the frame's coldest to its hottest where those are None. Motion is
    resampled to ``imu_rate_hz`` (IMU2CLIP, Moon et al. 2022), so that 2,000 steps are 10 s.
    """

    video_clips: int = 5
    video_crops: int = 3
    segment_clips: int = 3
    segment_crops: int = 1
    depth_baseline_m: float = 0.075
    depth_focal_px: float = 518.857901
    depth_min_m: float = 0.01
    depth_max_m: float = 50.0
    depth_mean: float = 0.0418
    depth_std: float = 0.0295
    thermal_low_k: float | None = None
    thermal_high_k: float | None = None
    imu_rate_hz: float = 200.0
    imu_order: str = "accel,gyro"
    imu_standardise: bool = False
    precision: str = "auto"

    def __post_init__(self) -> None:
        """Raises ConfigError naming the option."""
        for name, value in asdict(self).items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if is_number and not 0 < value < math.inf:
                raise ConfigError(f"{name} must be greater than 0, not {value}")
        _choice("precision", self.precision, PRECISIONS)
        _choice("imu_order", self.imu_order, IMU_ORDERS)
        for name in ("video_crops", "segment_crops"):
            _choice(name, getattr(self, name), (1, 3))
        if self.depth_min_m >= self.depth_max_m:
            raise ConfigError("depth_min_m must be less than depth_max_m")
        if (self.thermal_low_k is None) != (self.thermal_high_k is None):
            raise ConfigError("thermal_low_k and thermal_high_k are given together or not at all")
        if self.thermal_low_k and self.thermal_high_k and self.thermal_low_k >= self.thermal_high_k:
            raise ConfigError("thermal_low_k must be less than thermal_high_k")

    @classmethod
    def from_text(cls, given: Mapping[str, str]) -> Options:
        """From words, such as those after an encoder's name. Raises ConfigError."""
        default = asdict(cls())
        read = {}
        for name, text in given.items():
            if name not in default:
                raise ConfigError(f"no option {name!r}; there are {', '.join(default)}")
            read[name] = _read(name, text, default[name])
        return cls(**read)

    def identity(self) -> str:
        """What differs from the defaults and decides the vectors, such as ``imu_rate_hz=100``."""
        default = asdict(Options())
        chosen = {k: v for k, v in asdict(self).items() if v != default[k]}
        if self.precision in SAME_PRECISIONS:
            chosen.pop("precision", None)
        return "&".join(f"{name}={value}" for name, value in sorted(chosen.items()))


def _choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        said = " or ".join(map(str, choices))
        raise ConfigError(f"{name} must be {said}, not {value!r}")


def _read(name: str, text: str, default: object) -> Any:
    """``text`` as what ``default`` is; None stands for a number that is not set."""
    kind: Any = float if default is None else type(default)
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise ConfigError(f"{name} must be {wanted}, not {text!r}") from None
