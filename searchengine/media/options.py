"""The choices a reader of media cannot make alone: scales, units, names of columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from searchengine.errors import ConfigError
from searchengine.media.imu_columns import NAMES

#: How pictures are read is the same for a whole collection; sensors differ by folder and file.
_SHARED = ("composite_alpha", "orient")


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """How files become numbers.

    ``orient`` applies a photo's EXIF orientation; ``composite_alpha`` lays transparent pixels
    on white. ``depth_scale_m`` is the metres of one unit in an integer depth file (1 mm, as
    Kinect and RealSense write). ``thermal_scale_k`` and ``thermal_offset_k`` turn a thermal file
    of more than 8 bits to kelvin, ``value * scale + offset``; see ``read_thermal``.
    ``imu_rate_hz`` is used where a recording has no time column. ``imu_columns`` names the
    columns of a recording in our terms, as ``(("accel_x_g", "AccX"), ...)``.
    """

    orient: bool = True
    composite_alpha: bool = True
    depth_scale_m: float = 0.001
    thermal_scale_k: float | None = None
    thermal_offset_k: float = 0.0
    imu_rate_hz: float | None = None
    imu_columns: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in ("depth_scale_m", "thermal_scale_k", "imu_rate_hz"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} must be greater than 0, not {value}")
        for ours, theirs in self.imu_columns:
            if ours not in NAMES or not isinstance(theirs, str):
                known = ", ".join(NAMES)
                raise ConfigError(f"imu_columns: {ours!r} = {theirs!r}; ours are {known}")

    def identity(self) -> str:
        """What all files of a collection, and its queries, must share, as canonical JSON."""
        return json.dumps({name: getattr(self, name) for name in _SHARED})

    def recipe(self) -> str:
        """Everything that decides the numbers of one file, as canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    def with_row(self, row: Mapping[str, Any]) -> MediaOptions:
        """These options, with those that a ``metadata.jsonl`` row sets for its one file.

        ``imu_columns`` in a row is an object, our name to the file's. Raises ConfigError for a
        value of the wrong kind.
        """
        given = of_row(row)
        if isinstance(given.get("imu_columns"), Mapping):
            given["imu_columns"] = tuple(given["imu_columns"].items())
        try:
            return replace(self, **given)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"metadata.jsonl: {error}") from error


def of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``metadata.jsonl`` row says of how its one file is read, by our names."""
    own = [f.name for f in fields(MediaOptions) if f.name not in _SHARED]
    return {name: row[name] for name in own if name in row}
